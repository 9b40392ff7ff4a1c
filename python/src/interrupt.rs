//! Work off the interpreter's lock, and Ctrl-C while it lasts.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use npzarrow::Interrupt;
use pyo3::prelude::*;

/// Work on fewer bytes than this is over before another thread could use the lock.
pub(crate) const DETACH_MIN: u64 = 64 << 10;
/// Work on more bytes than this may last long enough for a person to want to stop it.
const POLL_MIN: u64 = 64 << 20;
/// What waits for another machine lasts as long as that takes.
pub(crate) const NETWORK: u64 = u64::MAX;
/// How often signals are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs work that reads, checks or inflates about `bytes` bytes: attached if that is little, detached if it
/// is more, and on a thread of its own, with this one waiting for signals, if it is much.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    bytes: u64,
    work: impl FnOnce(&Interrupt) -> T + Send,
) -> PyResult<T> {
    if bytes < DETACH_MIN {
        return Ok(work(&Interrupt::default()));
    }
    if bytes < POLL_MIN {
        return Ok(py.detach(|| work(&Interrupt::default())));
    }
    py.detach(|| {
        let interrupt = Interrupt::new();
        let (sender, receiver) = channel::<()>();
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let result = work(&interrupt);
                drop(sender);
                result
            });
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
                (Ok(result), None) => Ok(result),
                (Err(panic), None) => std::panic::resume_unwind(panic),
            }
        })
    })
}
