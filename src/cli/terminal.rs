//! The one place that speaks to people: results on stdout, everything else on stderr, bars only on a terminal.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal, Write};
#[cfg(unix)]
use std::os::fd::AsFd as AsStream;
#[cfg(windows)]
use std::os::windows::io::AsHandle as AsStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use resnet_binary::progress::{Interrupted, Progress, Unit};
use signal_hook::consts::{SIGINT, SIGTERM};

/// How a run ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done,
    /// Done, but some inputs could not be read.
    SomeUnreadable,
    /// It failed.
    Failed,
    /// `doctor` found something wrong, of this kind.
    Diagnosed(u8),
    /// What was asked for cannot be.
    Usage,
    /// A signal of this number ended it.
    Signal(usize),
}

impl Exit {
    /// Done, with or without unreadable inputs.
    pub(crate) fn done(any_unreadable: bool) -> Self {
        if any_unreadable { Self::SomeUnreadable } else { Self::Done }
    }
}

impl Exit {
    /// The number that the shell gets.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            // As clap's own.
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
    /// Looks at the task now and then, for those that say nothing for long.
    watch: Once,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    /// A moving bar.
    Bars,
    /// A line now and then, for logs.
    Lines,
    /// Warnings only.
    Quiet,
}

/// A bar or a line for something that is over in a moment is noise.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// In a log, a further sign of life this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How often a task that says nothing is looked at.
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
    /// Takes over SIGINT and SIGTERM: the first asks the work to stop cleanly, the second ends the process at once.
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

    /// Whether nothing but results is wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.style == Output::Quiet
    }

    /// A flag that becomes true when the user asks to stop, for threads that only wait.
    pub(crate) fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// A line for people, above the bar if there is one.
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
            // Nobody is left to be told that stderr is closed.
            let _ = anstream::stderr().write_all(line.as_bytes());
        };
        self.above_bar(print);
    }

    /// Prints something, above the bar if there is one.
    pub(crate) fn above_bar<T>(&self, print: impl FnOnce() -> T) -> T {
        match self.task().as_ref().and_then(|task| task.bar.as_ref()) {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn task(&self) -> MutexGuard<'_, Option<Task>> {
        locked(&self.task)
    }

    /// Shows tasks that take long between two steps, or have none. Without the thread they are shown at their steps.
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
            // The mean since the start: indicatif's own rate is wild until a dozen batches have come.
            Unit::Images => "{pos}/{len} images  {mean_rate}  {mean_eta} left",
            Unit::Steps => "{pos}/{len}  {eta} left",
        };
        let template = match (self.total, self.unit) {
            (None, Unit::Steps) => "{msg}  {spinner}".to_owned(),
            // Neither an end nor a time left is known.
            (None, Unit::Images) => "{msg}  {spinner}  {pos} images  {mean_rate}".to_owned(),
            // The bar takes what is left of a line, at this moment.
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
            _ if self.done == 0 => "at work".to_owned(),
            Unit::Bytes => format!("{:.0} MB, {:.1} MB/s", self.done as f64 / 1e6, rate / 1e6),
            Unit::Images => format!("{} images, {rate:.1} images/s", self.done),
            Unit::Steps => format!("{} steps", self.done),
        };
        let share = self.total.filter(|&total| total > 0 && self.done > 0).map(|total| self.done * 100 / total);
        let share = share.map(|share| format!(" ({share} %)")).unwrap_or_default();
        let _ = writeln!(io::stderr(), "{}: {amount}{share}", self.name);
    }
}

/// What stands beside a task's name at most: counts, rate and time left.
const BESIDE_NAME: usize = 40;

/// A task's name, cut where its line would be broken.
fn shortened(name: &str, width: Option<usize>) -> Cow<'_, str> {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(BESIDE_NAME).max(8));
    if name.chars().count() <= room {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.chars().take(room - 1).chain(['…']).collect())
}

/// Nothing can be done about a terminal that is gone, so the results of writing to it are not looked at.
fn mean_rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    let _ = write!(out, "{:.1}/s", state.pos() as f64 / state.elapsed().as_secs_f64());
}

fn mean_eta(state: &ProgressState, out: &mut dyn fmt::Write) {
    let left = state.len().unwrap_or(0).saturating_sub(state.pos());
    let seconds = state.elapsed().as_secs_f64() * left as f64 / state.pos().max(1) as f64;
    let _ = write!(out, "{:#}", HumanDuration(Duration::from_secs_f64(seconds.min(1e9))));
}

/// Text in which no character moves the cursor, changes the colour or ends the line: names of files are anybody's.
pub(crate) fn escape_control(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() { shown.extend(character.escape_default()) } else { shown.push(character) }
    }
    Cow::Owned(shown)
}

/// Prints what went wrong and what to do, the way every message of this program looks.
pub(crate) fn print_error(message: &dyn fmt::Display, hint: Option<&str>) {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
    let mut stderr = anstream::stderr();
    let message = message.to_string();
    let message = format!("error: {}", escape_control(&message));
    let _ = writeln!(stderr, "{red}error{red:#}{}", wrapped_line(&message).strip_prefix("error").unwrap_or_default());
    if let Some(hint) = hint {
        let lines: Vec<_> = hint.lines().map(escape_control).collect();
        let hint = format!("hint: {}", lines.join("\n"));
        let _ = writeln!(stderr, "{cyan}hint{cyan:#}{}", wrapped_line(&hint).strip_prefix("hint").unwrap_or_default());
    }
}

/// Writes a result to stdout and flushes it, so that a pipe sees it at once.
///
/// # Errors
/// The system's, [`io::ErrorKind::BrokenPipe`] among them: `main` ends quietly on that one.
pub(crate) fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// [`print`] for a summary: its first line stands out, and on a terminal lines end at words.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_summary(text: &str) -> io::Result<()> {
    let bold = Style::new().bold();
    let text = wrapped(text, width_of(&io::stdout()), SUMMARY_INDENT);
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let rest = rest.replace("\nwarning:", &format!("\n{WARNING}warning:{WARNING:#}"));
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(format!("{bold}{first}{bold:#}\n{rest}").as_bytes())?;
    stdout.flush()
}

/// Under which column of a summary the text of a line goes on.
const SUMMARY_INDENT: &str = "            ";

/// How a warning begins.
const WARNING: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));

/// The columns of a terminal; `None` for anything else, whose lines stay as they are.
fn width_of(stream: &impl AsStream) -> Option<usize> {
    terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0).max(NARROWEST))
}

/// Text is not broken to fewer columns than this.
const NARROWEST: usize = 40;

/// A message for people, broken where the terminal is.
fn wrapped_line(message: &str) -> Cow<'_, str> {
    wrapped(message, width_of(&io::stderr()), "  ")
}

/// Each line broken at words to so many columns.
fn wrapped<'a>(text: &'a str, width: Option<usize>, indent: &str) -> Cow<'a, str> {
    let Some(width) = width else { return Cow::Borrowed(text) };
    let options = textwrap::Options::new(width)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    // A command to copy stays in one piece.
    let fill = |line: &'a str| if line.starts_with("next ") { line.to_owned() } else { textwrap::fill(line, &options) };
    let lines = text.split('\n').map(fill);
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// [`print`] for results that need not be text, as paths need not be.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_file_moves_the_cursor() {
        assert_eq!(escape_control("café, 犬.jpg"), "café, 犬.jpg");
        assert_eq!(escape_control("a\u{1b}[2J\nb\u{9b}31m"), "a\\u{1b}[2J\\nb\\u{9b}31m");
    }

    #[test]
    fn the_name_of_a_task_leaves_room_on_its_line() {
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
