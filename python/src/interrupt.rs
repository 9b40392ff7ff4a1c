//! Work off the interpreter's lock, and Ctrl-C while it lasts.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use npzarrow::Interrupt;
use npzarrow::source::Source;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Work on fewer bytes than this is over before another thread could use the lock.
pub(crate) const DETACH_MIN: u64 = 64 << 10;
/// Work on more bytes than this may last long enough for a person to want to stop it.
const POLL_MIN: u64 = 64 << 20;
/// What waits for another machine lasts as long as that takes.
pub(crate) const NETWORK: u64 = u64::MAX;
/// How often signals are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// What reading from a source costs at least: a file may lie on a slow disk, however little is read of it.
pub(crate) fn least(source: &Source) -> u64 {
    match source {
        Source::Memory(_) | Source::File(_) if source.path().is_some() => DETACH_MIN,
        Source::Memory(_) | Source::File(_) => 0,
        _ => NETWORK,
    }
}

/// Runs work on about `bytes` bytes: attached if that is little, detached if it is more.
#[inline]
pub(crate) fn detach<T: Send>(py: Python<'_>, bytes: u64, work: impl FnOnce() -> T + Send) -> T {
    if bytes < DETACH_MIN { work() } else { py.detach(work) }
}

/// Runs work that reads, checks or inflates about `bytes` bytes, which Ctrl-C ends if they are many.
#[inline]
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    bytes: u64,
    work: impl FnOnce(&Interrupt) -> T + Send,
) -> PyResult<T> {
    if bytes < POLL_MIN {
        return Ok(detach(py, bytes, || work(&Interrupt::default())));
    }
    py.detach(|| watched(work))
}

/// Runs work on a thread of its own, while this one waits for signals; on this one if no thread can be started,
/// so that signals wait.
#[cold]
fn watched<T: Send>(work: impl FnOnce(&Interrupt) -> T + Send) -> PyResult<T> {
    let interrupt = Interrupt::new();
    // A thread that cannot be started takes its closure with it, but not what lies here.
    let work = Mutex::new(Some(work));
    let run = || {
        let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
        let work = work.ok_or_else(|| PyRuntimeError::new_err("the work was begun twice"));
        work.map(|work| work(&interrupt))
    };
    let (sender, receiver) = channel::<()>();
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, || {
            let result = run();
            drop(sender);
            result
        });
        let Ok(worker) = worker else { return run() };
        let mut raised = None;
        while receiver.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if raised.is_some() {
                continue;
            }
            if let Err(error) = Python::attach(|py: Python<'_>| py.check_signals()) {
                interrupt.request();
                raised = Some(error);
            }
        }
        match (worker.join(), raised) {
            (_, Some(error)) => Err(error),
            (Ok(result), None) => result,
            (Err(panic), None) => std::panic::resume_unwind(panic),
        }
    })
}
