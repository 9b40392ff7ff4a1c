//! A flag that asks long work to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind, Result};

/// Asks work on other threads to stop; clones share the flag. The default is never asked.
///
/// Reading, checking and inflating look at it between blocks, so they stop within half a second.
///
/// ```
/// use npzarrow::Interrupt;
///
/// let interrupt = Interrupt::new();
/// let worker = interrupt.clone();
/// interrupt.request();
/// assert_eq!(worker.check().unwrap_err().to_string(), "interrupted");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Option<Arc<AtomicBool>>);

impl Interrupt {
    /// Makes a flag that is not set.
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Returns the flag, if it can be set at all: for handlers of signals.
    #[cfg(feature = "cli")]
    pub(crate) fn flag(&self) -> Option<&Arc<AtomicBool>> {
        self.0.as_ref()
    }

    /// Sets the flag for good.
    pub fn request(&self) {
        if let Some(flag) = &self.0 {
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// An error of kind [`ErrorKind::Interrupted`] if the flag is set.
    pub fn check(&self) -> Result<()> {
        match &self.0 {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::new(ErrorKind::Interrupted)),
            _ => Ok(()),
        }
    }
}
