//! What the program says while it runs, on stderr: notes and warnings, and progress bars only on a terminal; and how a run ends.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::output::{escape_control, width_of, wrapped_line};
use crate::progress::{Interrupted, Progress, Unit};

/// The outcome of a run, as reported to the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything succeeded.
    Done,
    /// Done, but some inputs could not be read.
    SomeUnreadable,
    /// It failed.
    Failed,
    /// `doctor` found a problem with this code.
    Diagnosed(u8),
    /// The arguments are invalid, or the failure would recur if tried again.
    Usage,
    /// A signal with this number ended it.
    Signal(usize),
}

impl Exit {
    /// Done, with or without unreadable inputs.
    pub(crate) fn done(any_unreadable: bool) -> Self {
        if any_unreadable { Self::SomeUnreadable } else { Self::Done }
    }
}

impl Exit {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            // The same as clap's.
            Self::Usage => 2,
            Self::SomeUnreadable => 3,
            Self::Diagnosed(code) => code,
            // The shells' convention: 130 for Ctrl-C, 143 for kill.
            Self::Signal(number) => u8::try_from(128 + number).unwrap_or(1),
        }
    }
}

/// Where progress goes, and whether the user asked to stop.
pub(crate) struct Terminal {
    style: Output,
    stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
    task: Arc<Mutex<Option<Task>>>,
    /// Starts the thread that shows tasks which rarely report progress.
    watch: Once,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    /// A progress bar.
    Bars,
    /// A line every few seconds, for logs.
    Lines,
    /// Warnings only.
    Quiet,
}

/// Tasks shorter than this show no progress.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// The interval between lines in a log.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The interval at which tasks that report nothing are redrawn.
const WATCH_EVERY: Duration = Duration::from_millis(250);

struct Task {
    name: String,
    unit: Unit,
    total: Option<u64>,
    done: u64,
    started: Instant,
    next_line: Instant,
    bar: Option<ProgressBar>,
}

impl Terminal {
    /// Takes over SIGINT and SIGTERM: the first stops the work cleanly, the second ends the process immediately.
    pub(crate) fn new(quiet: bool) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(number, 128 + number, Arc::clone(&stop))?;
            signal_hook::flag::register(number, Arc::clone(&stop))?;
            signal_hook::flag::register_usize(number, Arc::clone(&signal), usize::try_from(number).unwrap_or(0))?;
        }
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let style = match (quiet, io::stderr().is_terminal() && !dumb) {
            (true, _) => Output::Quiet,
            (false, true) => Output::Bars,
            (false, false) => Output::Lines,
        };
        Ok(Self { style, stop, signal, task: Arc::default(), watch: Once::new() })
    }

    /// The exit of a run that stopped because the user asked.
    pub(crate) fn interrupted_exit(&self) -> Exit {
        Exit::Signal(self.signal.load(Ordering::Relaxed))
    }

    /// Whether only results, warnings and errors are shown.
    pub(crate) fn is_quiet(&self) -> bool {
        self.style == Output::Quiet
    }

    /// A flag that becomes true when the user asks to stop, for threads that only wait.
    pub(crate) fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Prints a line on stderr, above the progress bar if there is one.
    fn say(&self, prefix: Option<(&str, AnsiColor)>, message: &str) {
        let message = escape_control(message);
        let line = match prefix {
            Some((word, color)) => {
                let style = Style::new().bold().fg_color(Some(color.into()));
                let line = format!("{word}: {message}");
                let line = wrapped_line(&line);
                format!("{style}{word}{style:#}{}\n", line.strip_prefix(word).unwrap_or(&line))
            }
            None => wrapped_line(&message).into_owned() + "\n",
        };
        let print = || {
            // If stderr is closed, there is nowhere to report it.
            let _ = anstream::stderr().write_all(line.as_bytes());
        };
        self.above_bar(print);
    }

    /// Runs `print` with the progress bar, if any, out of the way.
    pub(crate) fn above_bar<T>(&self, print: impl FnOnce() -> T) -> T {
        match self.task().as_ref().and_then(|task| task.bar.as_ref()) {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn task(&self) -> MutexGuard<'_, Option<Task>> {
        locked(&self.task)
    }

    /// Shows tasks with long steps, or none, from a thread. If it cannot be started, they are shown at each step.
    fn watch(&self) {
        let (task, style) = (Arc::downgrade(&self.task), self.style);
        let look = move || {
            while let Some(task) = task.upgrade() {
                if let Some(task) = locked(&task).as_mut() {
                    task.show(style);
                }
                drop(task);
                std::thread::sleep(WATCH_EVERY);
            }
        };
        let _ = std::thread::Builder::new().name("progress".to_owned()).spawn(look);
    }
}

fn locked(task: &Mutex<Option<Task>>) -> MutexGuard<'_, Option<Task>> {
    task.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress for Terminal {
    fn start(&self, name: &str, unit: Unit, total: Option<u64>) {
        let now = Instant::now();
        let next_line = now + SHOWN_AFTER;
        let task = Task { name: name.to_owned(), unit, total, done: 0, started: now, next_line, bar: None };
        *self.task() = Some(task);
        if self.style != Output::Quiet {
            self.watch.call_once(|| self.watch());
        }
    }

    fn advance(&self, units: u64) {
        if let Some(task) = self.task().as_mut() {
            task.done = task.done.saturating_add(units);
            task.show(self.style);
        }
    }

    fn finish(&self) {
        let Some(task) = self.task().take() else { return };
        let (name, time) = (&task.name, task.started.elapsed());
        if let Some(bar) = task.bar {
            bar.finish_and_clear();
        } else if self.style == Output::Lines && time >= SHOWN_AFTER {
            let _ = writeln!(io::stderr(), "{name}: done after {:.1} s", time.as_secs_f64());
        }
    }

    fn note(&self, message: &str) {
        if self.style != Output::Quiet {
            self.say(None, message);
        }
    }

    fn warn(&self, message: &str) {
        self.say(Some(("warning", AnsiColor::Yellow)), message);
    }

    fn check(&self) -> Result<(), Interrupted> {
        if self.stop.load(Ordering::Relaxed) { Err(Interrupted) } else { Ok(()) }
    }
}

impl Task {
    fn show(&mut self, style: Output) {
        match style {
            Output::Bars => self.draw(),
            Output::Lines => self.log(),
            Output::Quiet => {}
        }
    }

    fn draw(&mut self) {
        if self.bar.is_none() && self.started.elapsed() >= SHOWN_AFTER {
            self.bar = Some(self.new_bar());
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
            bar.tick();
        }
    }

    fn new_bar(&self) -> ProgressBar {
        let count = match self.unit {
            Unit::Bytes => "{bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
            // The mean since the start, because indicatif's own rate fluctuates for the first dozen batches.
            Unit::Images => "{pos}/{len} images  {mean_rate}  {mean_eta} left",
            Unit::Steps => "{pos}/{len}  {eta} left",
        };
        let template = match (self.total, self.unit) {
            (None, Unit::Steps) => "{msg}  {spinner}".to_owned(),
            // Neither the total nor the remaining time is known.
            (None, Unit::Images) => "{msg}  {spinner}  {pos} images  {mean_rate}".to_owned(),
            // The bar fills the rest of the line.
            _ => format!("{{msg}}  {{wide_bar}}  {count}"),
        };
        let bar = ProgressBar::with_draw_target(self.total, ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.with_key("mean_rate", mean_rate).with_key("mean_eta", mean_eta);
        bar.set_style(style.progress_chars("━╸─"));
        bar.set_elapsed(self.started.elapsed());
        bar.set_message(shortened(&self.name, width_of(&io::stderr())).into_owned());
        bar
    }

    fn log(&mut self) {
        let now = Instant::now();
        if now < self.next_line {
            return;
        }
        self.next_line = now + LINE_EVERY;
        let rate = self.done as f64 / self.started.elapsed().as_secs_f64();
        let amount = match self.unit {
            _ if self.done == 0 => "working".to_owned(),
            Unit::Bytes => format!("{:.0} MB, {:.1} MB/s", self.done as f64 / 1e6, rate / 1e6),
            Unit::Images => format!("{} images, {rate:.1} images/s", self.done),
            Unit::Steps => format!("{} steps", self.done),
        };
        let share = self.total.filter(|&total| total > 0 && self.done > 0).map(|total| self.done * 100 / total);
        let share = share.map(|share| format!(" ({share} %)")).unwrap_or_default();
        let _ = writeln!(io::stderr(), "{}: {amount}{share}", self.name);
    }
}

/// Columns reserved beside a task's name for counts, rate and remaining time.
const BESIDE_NAME: usize = 40;

/// A task's name, truncated to keep its line within the terminal.
fn shortened(name: &str, width: Option<usize>) -> Cow<'_, str> {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(BESIDE_NAME).max(8));
    if name.chars().count() <= room {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.chars().take(room - 1).chain(['…']).collect())
}

/// Writes the mean rate. Write errors are ignored: nothing can be done about a closed terminal.
fn mean_rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    let _ = write!(out, "{:.1}/s", state.pos() as f64 / state.elapsed().as_secs_f64());
}

fn mean_eta(state: &ProgressState, out: &mut dyn fmt::Write) {
    let left = state.len().unwrap_or(0).saturating_sub(state.pos());
    let seconds = state.elapsed().as_secs_f64() * left as f64 / state.pos().max(1) as f64;
    let _ = write!(out, "{:#}", HumanDuration(Duration::from_secs_f64(seconds.min(1e9))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_names_are_truncated_to_fit_the_line() {
        assert_eq!(shortened("borders of the photos", Some(80)), "borders of the photos");
        assert_eq!(shortened("borders of the photos", Some(60)), "borders of the phot…");
        assert_eq!(shortened("borders of the photos", Some(40)), "borders…");
    }

    #[test]
    fn unreadable_inputs_are_code_3_and_signals_follow_the_shell() {
        assert_eq!(Exit::done(false), Exit::Done);
        assert_eq!(Exit::done(true), Exit::SomeUnreadable);
        assert_eq!(Exit::Signal(2).code(), 130);
        assert_eq!(Exit::Signal(15).code(), 143);
        assert_eq!(Exit::Failed.code(), 1);
    }
}
