//! The number of threads: what the process may use, capped by what a scheduler allocated.

use std::ffi::OsString;
use std::num::NonZeroUsize;

use super::terminal::Terminal;
use crate::progress::Progress;

/// The CPUs that Slurm allocated to the task, or else to the whole job on this node; Slurm does not always enforce them. The
/// first is set only with `--cpus-per-task`.
const BOUNDS: [&str; 2] = ["SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"];

/// The number of threads: `given`, capped at the cores that the process may use, because more would only compete; without
/// `given`, capped at what a scheduler allocated. Loading the network and fitting the head use the same number, whatever the
/// environment says.
///
/// # Errors
/// If the system cannot start them.
pub(crate) fn threads(given: Option<NonZeroUsize>, terminal: &Terminal) -> anyhow::Result<usize> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let bound = bound(|name| std::env::var_os(name)).filter(|(_, bound)| *bound < cores);
    let threads = match (given, bound) {
        (Some(given), _) => given.get().min(cores),
        (None, Some((name, bound))) => {
            terminal.note(&format!("threads: {bound} of {cores}, by {name}"));
            bound
        }
        (None, None) => cores,
    };
    if let Some(given) = given.filter(|given| given.get() > threads) {
        terminal.warn(&format!(
            "`--threads {given}`: this process may use {cores} cores, so {threads} threads are started"
        ));
    }
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        // An existing pool is kept.
        Err(error) if std::error::Error::source(&error).is_some() => Err(anyhow::anyhow!(
            "cannot start {threads} threads: {error}; give fewer with `--threads`, or raise the limits that `ulimit -a` shows"
        )),
        _ => Ok(threads),
    }
}

/// The scheduler's limit, and the variable that sets it.
fn bound(variable: impl Fn(&str) -> Option<OsString>) -> Option<(&'static str, usize)> {
    BOUNDS.into_iter().find_map(|name| {
        let number: NonZeroUsize = variable(name)?.to_str()?.trim().parse().ok()?;
        Some((name, number.get()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cores_of_the_task_take_precedence_over_those_of_the_job() {
        let of = |per_task: Option<&str>, on_node: Option<&str>| {
            bound(|name| if name == BOUNDS[0] { per_task } else { on_node }.map(OsString::from))
        };
        assert_eq!(of(Some("4"), Some("16")), Some((BOUNDS[0], 4)));
        assert_eq!(of(None, Some("16")), Some((BOUNDS[1], 16)));
        assert_eq!(of(Some("many"), Some("0")), None);
        assert_eq!(of(None, None), None);
    }
}
