//! How many threads work: what the process may use, and no more than a scheduler gave it.

use std::ffi::OsString;
use std::num::NonZeroUsize;

use resnet_binary::progress::Progress;

use super::terminal::Terminal;

/// What Slurm gave the task, or else the whole job on this machine: it need not hold the process to it. The first is not
/// there without `--cpus-per-task`.
const BOUNDS: [&str; 2] = ["SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"];

/// How many threads work: as many as were asked for, at most those that the process may use at once, for more only get in
/// each other's way; where nobody asked, at most those that a scheduler gave. Loading the network and fitting the head keep to
/// it too, whatever the environment says.
///
/// # Errors
/// If the system does not start them.
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
        terminal.warn(&format!("`--threads {given}`: this process may use {cores} at once, so {threads} are started"));
    }
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        // A pool that was made before stays.
        Err(error) if std::error::Error::source(&error).is_some() => Err(anyhow::anyhow!(
            "cannot start {threads} threads: {error}; give fewer with `--threads`, or raise the limits that `ulimit -a` shows"
        )),
        _ => Ok(threads),
    }
}

/// The scheduler's word, and the variable that has it.
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
    fn the_cores_of_the_task_count_before_those_of_the_job() {
        let of = |per_task: Option<&str>, on_node: Option<&str>| {
            bound(|name| if name == BOUNDS[0] { per_task } else { on_node }.map(OsString::from))
        };
        assert_eq!(of(Some("4"), Some("16")), Some((BOUNDS[0], 4)));
        assert_eq!(of(None, Some("16")), Some((BOUNDS[1], 16)));
        assert_eq!(of(Some("many"), Some("0")), None);
        assert_eq!(of(None, None), None);
    }
}
