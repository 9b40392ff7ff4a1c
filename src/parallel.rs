//! Threads for the length of one call; none outlives it, so that a fork never meets one.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use crate::limits::{MAX_THREADS, PARALLEL_MIN};

/// Returns how many threads a call uses unless told otherwise: one per core that this process may use.
///
/// Asked once: the answer lies in files of the kernel, and reading them takes 25 µs.
pub fn default_threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

/// Runs a job for each cost (in bytes of a cached file that are read in the same time) and returns the results
/// in order. The costliest begin first; this thread takes part. Little work is done on this thread alone.
pub(crate) fn map<T: Send>(costs: &[u64], threads: usize, job: impl Fn(usize) -> T + Sync) -> Vec<T> {
    map_with(costs, threads, || (), |(), index| job(index))
}

/// As [`map`]; each thread has a state of its own that its jobs use one after the other.
pub(crate) fn map_with<T: Send, S>(
    costs: &[u64],
    threads: usize,
    state: impl Fn() -> S + Sync,
    job: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let total: u64 = costs.iter().fold(0, |sum, &cost| sum.saturating_add(cost));
    if threads < 2 || costs.len() < 2 || total < PARALLEL_MIN {
        let mut state = state();
        return (0..costs.len()).map(|index| job(&mut state, index)).collect();
    }
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(costs.get(index)));
    spread(&order, threads, state, job)
}

/// Runs jobs that are worth a thread each and returns their results in order.
pub(crate) fn at_once<T: Send, F: FnOnce() -> T + Send>(jobs: impl Iterator<Item = F>) -> Vec<T> {
    let jobs: Vec<Mutex<Option<F>>> = jobs.map(|job| Mutex::new(Some(job))).collect();
    let order: Vec<usize> = (0..jobs.len()).collect();
    let take = |index: usize| jobs.get(index)?.lock().unwrap_or_else(PoisonError::into_inner).take();
    spread(&order, jobs.len(), || (), |(), index| take(index).map(|job| job()))
        .into_iter()
        .flatten()
        .collect()
}

/// Runs a job for each index, the first of the order first, on as many threads as can be started.
fn spread<T: Send, S>(
    order: &[usize],
    threads: usize,
    state: impl Fn() -> S + Sync,
    job: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut done, mut state) = (Vec::new(), state());
        while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((index, job(&mut state, index)));
        }
        done
    };
    let mut results = thread::scope(|scope| {
        let others = 1..threads.min(order.len()).min(MAX_THREADS);
        // Where no more threads may be started, those that were do the work.
        let others = others.map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok());
        let others: Vec<_> = others.collect();
        let mut results = work();
        for other in others {
            match other.join() {
                Ok(done) => results.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order() {
        for (cost, threads) in [(1, 4), (PARALLEL_MIN, 1), (PARALLEL_MIN, 4), (PARALLEL_MIN, 100)] {
            let costs: Vec<u64> = (0..50).map(|index| cost + index).collect();
            assert_eq!(map(&costs, threads, |index| index * 2), (0..50).map(|i| i * 2).collect::<Vec<_>>());
        }
        assert_eq!(map(&[], 4, |index| index), [0; 0]);
        assert_eq!(at_once((0..50).map(|index| move || index)), (0..50).collect::<Vec<_>>());
        assert_eq!(at_once((0..0).map(|index| move || index)), [0; 0]);
    }
}
