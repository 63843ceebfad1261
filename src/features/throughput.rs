//! Measures whether decoding or the device limited the throughput of a run, and by how much.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The minimum duration for a verdict; a shorter run consists mostly of its start and end.
const MIN: Duration = Duration::from_secs(1);

/// The waiting time of all workers and the busy time of all devices, from the first batch on.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    started: OnceLock<Instant>,
    /// Microseconds from `started` to the end of the last batch.
    span: AtomicU64,
    /// Microseconds, summed over all workers.
    workers_waited: AtomicU64,
    /// Microseconds, summed over all devices.
    devices_busy: AtomicU64,
}

impl Throughput {
    /// Starts the clock with the first batch: what came before, such as loading the network, is not counted.
    pub(super) fn start(&self) {
        self.started.get_or_init(Instant::now);
    }

    /// Adds the time for which a device was busy with a batch.
    pub(super) fn batch(&self, busy: Duration) {
        self.devices_busy.fetch_add(micros(busy), Ordering::Relaxed);
        if let Some(started) = self.started.get() {
            self.span.fetch_max(micros(started.elapsed()), Ordering::Relaxed);
        }
    }

    /// Runs `wait` and adds its duration to the workers' waiting time.
    pub(super) fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        let from = Instant::now();
        let result = wait();
        if let Some(started) = self.started.get() {
            self.workers_waited.fetch_add(micros(from.elapsed().min(started.elapsed())), Ordering::Relaxed);
        }
        result
    }

    /// A sentence for the user after the run; `devices` is the name of the devices, `feeders` their number.
    pub(super) fn verdict(&self, workers: usize, devices: &str, feeders: usize) -> Option<String> {
        let [span, waited, busy] = [&self.span, &self.workers_waited, &self.devices_busy]
            .map(|time| Duration::from_micros(time.load(Ordering::Relaxed)));
        if span < MIN {
            return None;
        }
        let share = |part: Duration, of: usize| (part.as_secs_f64() / (span.as_secs_f64() * of as f64)).clamp(0.0, 1.0);
        let (decoding, device) = (1.0 - share(waited, workers), share(busy, feeders));
        let threads = if workers == 1 { "thread" } else { "threads" };
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        Some(if device < decoding {
            format!(
                "decoding was the limit: its {workers} {threads} worked {} of the time, {devices} {} of it",
                percent(decoding),
                percent(device)
            )
        } else {
            format!(
                "{devices} was the limit: at work {} of the time, the {workers} decoding {threads} {} of it",
                percent(device),
                percent(decoding)
            )
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(span: u64, waited: u64, busy: u64) -> Throughput {
        let clock = Throughput::default();
        for (time, seconds) in [(&clock.span, span), (&clock.workers_waited, waited), (&clock.devices_busy, busy)] {
            time.store(seconds * 1_000_000, Ordering::Relaxed);
        }
        clock
    }

    #[test]
    fn the_limit_is_who_had_less_time_to_wait() {
        let said = clock(10, 2, 4).verdict(4, "cuda:0", 1).unwrap();
        assert_eq!(said, "decoding was the limit: its 4 threads worked 95 % of the time, cuda:0 40 % of it");
        let said = clock(10, 30, 19).verdict(4, "cuda:0,1", 2).unwrap();
        assert_eq!(said, "cuda:0,1 was the limit: at work 95 % of the time, the 4 decoding threads 25 % of it");
        assert_eq!(clock(0, 0, 0).verdict(4, "cuda:0", 1), None);
    }

    #[test]
    fn waiting_counts_from_the_first_batch_on() {
        let clock = Throughput::default();
        assert_eq!(clock.waiting(|| 7), 7);
        assert_eq!(clock.workers_waited.load(Ordering::Relaxed), 0);
        clock.start();
        clock.waiting(|| std::thread::sleep(Duration::from_millis(2)));
        assert!(clock.workers_waited.load(Ordering::Relaxed) >= 2000);
    }
}
