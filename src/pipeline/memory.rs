//! Whether features will fit in memory, said before hours of work and not after.

use crate::backbone::layout::FEATURES;
use crate::progress::Progress;

/// Times that training and evaluation hold every row: splits and folds name the rows that they are of.
pub(super) const COPIES_IN_TRAINING: u64 = 1;

/// As [`COPIES_IN_TRAINING`].
pub(super) const COPIES_IN_EVALUATION: u64 = 1;

/// Warns if rows of `width` numbers for so many photos need more memory than is free.
pub(super) fn warn_if_short(photos: usize, width: usize, copies: u64, progress: &dyn Progress) {
    if let Some(warning) = available().and_then(|free| shortage(photos, width, copies, free)) {
        progress.warn(&warning);
    }
}

fn shortage(photos: usize, width: usize, copies: u64, free: u64) -> Option<String> {
    let needed = (photos as u64).saturating_mul(width as u64).saturating_mul(4 * copies);
    let [gigabytes, free_gigabytes] = [needed, free].map(|bytes| bytes as f64 / 1e9);
    let remedy =
        if width > FEATURES { ", a smaller `--image-size`, or `--head gap`, which needs a fraction" } else { "" };
    (needed > free).then(|| {
        format!(
            "{photos} rows of {width} numbers need {gigabytes:.1} GB of memory and {free_gigabytes:.1} GB are free: use \
             fewer photos{remedy}"
        )
    })
}

/// Bytes that this process can still take, where the system says so: of the machine, and of its container.
fn available() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").as_deref().and_then(available_of);
    let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
    let container = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(limit, used)| limit.saturating_sub(used));
    machine.into_iter().chain(container).min()
}

/// `MemAvailable` of `/proc/meminfo`.
fn available_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_number_is_read_in_bytes() {
        assert_eq!(available_of("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"), Some(2 << 20));
        assert_eq!(available_of("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn rows_that_do_not_fit_are_warned_of_with_what_they_need_and_others_are_not() {
        let free = 4_000_000_000;
        assert_eq!(shortage(1000, 100_352, COPIES_IN_TRAINING, free), None);
        let warning = shortage(10_000, 100_352, COPIES_IN_TRAINING, free).unwrap();
        assert!(warning.contains("need 4.0 GB of memory and 4.0 GB are free") && warning.contains("`--head gap`"));
        assert!(shortage(usize::MAX, 2048, 2, free).unwrap().ends_with("use fewer photos"));
    }
}
