//! The division of an output among threads.
//!
//! Guarantee: the parts consist of whole units and are computed independently, so the result is the same to the bit for
//! any number of parts.

use rayon::prelude::*;

/// Cuts `output` into nearly equal parts of whole units and calls `work` with the offset of each part and the part, on
/// rayon's pool or, if there is only one, on this thread. `start` gives the offset of a unit.
pub(super) fn run(
    output: &mut [f32],
    (threads, units): (usize, usize),
    start: impl Fn(usize) -> usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    if output.is_empty() {
        return;
    }
    let parts = threads.min(units);
    match parts {
        0 | 1 => work(0, output),
        _ => {
            let mut rest = output;
            let mut cut = Vec::with_capacity(parts);
            for part in 0..parts {
                let [from, to] = [part, part + 1].map(|part| start(units * part / parts));
                let (own, later) = rest.split_at_mut(to - from);
                cut.push((from, own));
                rest = later;
            }
            cut.into_par_iter().for_each(|(from, output)| work(from, output));
        }
    }
}
