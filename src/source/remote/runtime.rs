//! The threads and connections of this process, and waiting for them.
//!
//! A fork copies neither threads nor what they hold. Both are therefore kept by the id of the process: a child
//! makes its own, and its parent's are forgotten there, never dropped, since dropping would wait for threads
//! that do not exist.

#[cfg(feature = "table-provider")]
use std::cell::Cell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{mem, process, thread};

use object_store::ObjectStore;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout;

use super::store::{self, StoreKey};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::parallel::default_threads;

/// How often a thread that waits looks at its interrupts.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// More stores than this are a sign of keys that change with time: they are made anew.
const MAX_STORES: usize = 64;
/// Threads move bytes from sockets and decrypt them.
const MAX_THREADS: usize = 4;

/// What one process has.
pub(super) struct Process {
    id: u32,
    runtime: Runtime,
    stores: Mutex<HashMap<StoreKey, Arc<dyn ObjectStore>>>,
}

static CURRENT: Mutex<Option<Arc<Process>>> = Mutex::new(None);

impl Process {
    /// Returns what this process has, and makes it first if need be.
    pub(super) fn current() -> Result<Arc<Self>> {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        let id = process::id();
        if let Some(process) = current.as_ref().filter(|process| process.id == id) {
            return Ok(Arc::clone(process));
        }
        mem::forget(current.take());
        let runtime = Builder::new_multi_thread()
            .worker_threads(default_threads().clamp(1, MAX_THREADS))
            .thread_name("npzarrow-fetch")
            .enable_all()
            .build()
            .map_err(Error::from)?;
        let process = Arc::new(Self { id, runtime, stores: Mutex::default() });
        *current = Some(Arc::clone(&process));
        Ok(process)
    }

    /// Returns the store of a key, and makes it first if need be.
    pub(super) fn store(&self, key: &StoreKey) -> Result<Arc<dyn ObjectStore>> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(key) {
            return Ok(Arc::clone(store));
        }
        let store = store::build(key)?;
        if stores.len() >= MAX_STORES {
            stores.clear();
        }
        stores.insert(key.clone(), Arc::clone(&store));
        Ok(store)
    }
}

#[cfg(feature = "table-provider")]
thread_local! {
    static IS_BLOCKING: Cell<bool> = const { Cell::new(false) };
}

/// Calls something that may wait, on a thread of a runtime that is there for blocking.
#[cfg(feature = "table-provider")]
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let before = IS_BLOCKING.replace(true);
    let result = work();
    IS_BLOCKING.set(before);
    result
}

fn may_wait() -> bool {
    #[cfg(feature = "table-provider")]
    if IS_BLOCKING.get() {
        return true;
    }
    Handle::try_current().is_err()
}

/// Waits for a future on this thread, unless one of the interrupts asks it to stop.
pub(super) fn block_on<T: Send>(
    future: impl Future<Output = Result<T>> + Send,
    interrupts: [&Interrupt; 2],
) -> Result<T> {
    let process = Process::current()?;
    let wait = async {
        let mut future = pin!(future);
        loop {
            for interrupt in interrupts {
                interrupt.check()?;
            }
            if let Ok(result) = timeout(POLL_INTERVAL, &mut future).await {
                return result;
            }
        }
    };
    if may_wait() {
        return process.runtime.block_on(wait);
    }
    // Within a runtime nobody may wait for another one; a thread of its own is outside.
    thread::scope(|scope| match scope.spawn(|| process.runtime.block_on(wait)).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Makes a future one that any executor can poll: its timers and connections are those of this process.
pub(super) async fn within<T>(future: impl Future<Output = Result<T>> + Send) -> Result<T> {
    entered(future).await?
}

/// As `within`, of a future that fails in its own way.
pub(crate) async fn entered<F: Future + Send>(future: F) -> Result<F::Output> {
    let process = Process::current()?;
    let mut future = Box::pin(future);
    let polled = poll_fn(move |context| {
        let _entered = process.runtime.enter();
        future.as_mut().poll(context)
    });
    Ok(polled.await)
}

/// The runtime of this process, for streams that another library polls.
#[cfg(feature = "table-provider")]
pub(crate) fn handle() -> Result<Handle> {
    Ok(Process::current()?.runtime.handle().clone())
}
