//! How long work talks to whoever waits for it, and how they stop it.
//!
//! The library never prints and never installs a signal handler: it reports through [`Progress`], which the command
//! line implements with bars or log lines, and it asks [`Progress::check`] between units of work whether to go on.

/// What one step of a task is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Images, shown as images/s.
    Images,
    /// Bytes, shown as MB/s.
    Bytes,
    /// Anything else, shown as a count.
    Steps,
}

/// The waiting party asked to stop (Ctrl-C); nothing half-written is left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Receives the progress of one task at a time.
pub trait Progress: Sync {
    /// A task of `total` units begins; `None` where the total is not known.
    fn start(&self, task: &str, unit: Unit, total: Option<u64>);
    /// `units` more are done.
    fn advance(&self, units: u64);
    /// The task is over.
    fn finish(&self);
    /// A fact worth a line now, such as a batch size that was halved.
    fn note(&self, message: &str);
    /// Something the user should act on.
    fn warn(&self, message: &str);
    /// Whether to go on.
    ///
    /// # Errors
    /// [`Interrupted`] once the user asked to stop.
    fn check(&self) -> Result<(), Interrupted>;
}

/// Says nothing and never stops: for tests and library users.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _: &str, _: Unit, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
    fn note(&self, _: &str) {}
    fn warn(&self, _: &str) {}
    fn check(&self) -> Result<(), Interrupted> {
        Ok(())
    }
}
