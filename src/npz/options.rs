//! What a caller may choose; the defaults are the safe choices.

use crate::arrow::ArrowOptions;
use crate::interrupt::Interrupt;
use crate::limits::DEFAULT_MAX_UNCOMPRESSED;
use crate::parallel::default_threads;

/// How an archive is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpenOptions {
    /// The most bytes that all deflated members together may declare. Default: 1 GiB. Stored members do not
    /// count, since they cannot expand.
    pub max_uncompressed: u64,
    /// Whether the checksum of each member is verified when it is first read. Default: yes.
    pub verify: bool,
    /// The most threads that one call may use. Default: one per core.
    pub threads: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { max_uncompressed: DEFAULT_MAX_UNCOMPRESSED, verify: true, threads: default_threads() }
    }
}

impl OpenOptions {
    /// Sets the most bytes that all deflated members together may declare.
    #[must_use]
    pub fn with_max_uncompressed(self, max_uncompressed: u64) -> Self {
        Self { max_uncompressed, ..self }
    }

    /// Sets whether checksums are verified.
    #[must_use]
    pub fn with_verify(self, verify: bool) -> Self {
        Self { verify, ..self }
    }

    /// Sets the most threads that one call may use; 0 counts as 1.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.max(1), ..self }
    }
}

/// What happens to members whose dtype Arrow cannot hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// They are an error that names them.
    #[default]
    Raise,
    /// They are left out.
    Skip,
}

/// What is read from an archive, and what becomes of it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The members to read, in this order, with or without their `.npy`; default: every array. The others
    /// are not touched.
    pub columns: Option<Vec<String>>,
    /// Rows, tensors, strings, and whether to share or copy.
    pub arrow: ArrowOptions,
    /// What happens to pickled objects and long doubles.
    pub unsupported: Unsupported,
    /// Asks the work to stop.
    pub interrupt: Interrupt,
}

impl ReadOptions {
    /// Selects members by name.
    #[must_use]
    pub fn with_columns<S: Into<String>>(self, columns: impl IntoIterator<Item = S>) -> Self {
        Self { columns: Some(columns.into_iter().map(Into::into).collect()), ..self }
    }

    /// Sets what the arrays become.
    #[must_use]
    pub fn with_arrow(self, arrow: ArrowOptions) -> Self {
        Self { arrow, ..self }
    }

    /// Sets what happens to members whose dtype Arrow cannot hold.
    #[must_use]
    pub fn with_unsupported(self, unsupported: Unsupported) -> Self {
        Self { unsupported, ..self }
    }

    /// Sets the flag that asks the work to stop.
    #[must_use]
    pub fn with_interrupt(self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self }
    }
}
