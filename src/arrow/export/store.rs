//! Where the values of a column wait for its end: the only batch is shared, many are collected.

use std::path::Path;

use arrow_buffer::Buffer;

use crate::error::Result;
use crate::spool::{Content, Spool};

/// Columns of a stream stay in memory up to this size, each.
pub(crate) const MEMORY_LIMIT: usize = 1 << 20;

/// How many batches there will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// One, whose memory may be shared.
    OneBatch,
    /// Any number, of which only one is held.
    Stream,
}

/// Values of one kind.
#[derive(Debug)]
pub(super) enum Store {
    /// The values of the only batch.
    One(Option<Buffer>),
    /// Those of many.
    Many(Spool),
}

impl Store {
    pub(super) fn new(storage: Storage, folder: &Path) -> Self {
        match storage {
            Storage::OneBatch => Self::One(None),
            Storage::Stream => Self::Many(Spool::new(MEMORY_LIMIT, folder)),
        }
    }

    /// Adds the values of a batch.
    pub(super) fn push(&mut self, values: Buffer, folder: &Path) -> Result<()> {
        match self {
            Self::One(slot @ None) => *slot = Some(values),
            Self::One(Some(first)) => {
                let mut spool = Spool::new(MEMORY_LIMIT, folder);
                spool.push(first)?;
                spool.push(&values)?;
                *self = Self::Many(spool);
            }
            Self::Many(spool) => spool.push(&values)?,
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Content<'static> {
        match self {
            Self::One(values) => Content::Owned(values.unwrap_or_else(|| Buffer::from(&[]))),
            Self::Many(spool) => spool.finish(),
        }
    }
}
