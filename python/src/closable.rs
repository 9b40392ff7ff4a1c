//! An archive until it is closed, and its names afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::archive::Archive;

/// An archive that can be closed, on any thread and at any time.
pub(crate) struct Closable {
    len: usize,
    closed: AtomicBool,
    state: RwLock<State>,
}

enum State {
    Open(Box<Archive>),
    /// The names are kept; the source is released.
    Closed(Vec<Box<str>>),
}

impl Closable {
    pub(crate) fn new(archive: Archive) -> Self {
        let (len, state) = (archive.len(), State::Open(Box::new(archive)));
        Self { len, closed: AtomicBool::new(false), state: RwLock::new(state) }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Uses the archive, unless it was closed.
    pub(crate) fn open<T>(&self, work: impl FnOnce(&Archive) -> PyResult<T>) -> PyResult<T> {
        self.with(|state| match state {
            State::Open(archive) if !self.is_closed() => work(archive),
            _ => Err(PyValueError::new_err("the archive is closed")),
        })
    }

    /// Refuses further work, and releases the source as soon as nobody uses the archive.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.release();
    }

    /// Looks at the name of the entry at a place, without `.npy`.
    pub(crate) fn with_name<T>(&self, index: usize, look: impl FnOnce(&str) -> T) -> T {
        self.with(|state| match state {
            State::Open(archive) => look(archive.name(index)),
            State::Closed(names) => look(names.get(index).map_or("", AsRef::as_ref)),
        })
    }

    /// True if a name is there, with or without `.npy`.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.with(|state| match state {
            State::Open(archive) => archive.contains(name),
            State::Closed(names) => {
                let without = name.strip_suffix(".npy").unwrap_or(name);
                names.iter().any(|known| **known == *name || **known == *without)
            }
        })
    }

    #[inline]
    fn with<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        let result = look(&self.state.read().unwrap_or_else(PoisonError::into_inner));
        // It may have been closed meanwhile, here or elsewhere.
        if self.is_closed() {
            self.release();
        }
        result
    }

    /// Releases the source, unless somebody uses the archive, who then does so. Waits for nobody: this very thread
    /// may be using the archive further up, where anything may happen when Python collects garbage.
    #[cold]
    fn release(&self) {
        let Ok(mut state) = self.state.try_write() else { return };
        if let State::Open(archive) = &*state {
            let names = archive.npz.names().map(Box::from).collect();
            let open = std::mem::replace(&mut *state, State::Closed(names));
            // What is released may run code that asks for the names.
            drop(state);
            drop(open);
        }
    }
}
