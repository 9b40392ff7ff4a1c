//! What a caller may choose when writing; the defaults make archives that can be mapped.

use std::path::Path;

use crate::arrow::export::Nulls;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::parallel::default_threads;
#[cfg(feature = "object-store")]
use crate::sink::PendingObject;
use crate::sink::{Pending, PendingFile};
#[cfg(feature = "object-store")]
use crate::source::RemoteOptions;
#[cfg(feature = "object-store")]
use crate::source::remote::{is_url, local_path};
use crate::zip::MAX_ALIGNMENT;

/// How members are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// As they are, at aligned places, so that they can be mapped.
    #[default]
    Stored,
    /// DEFLATE, as `np.savez_compressed` does.
    Deflated {
        /// From 1 (fast) to 9 (small); `None` chooses for each block, so that files are as small as those of
        /// `np.savez_compressed`.
        level: Option<u32>,
    },
}

impl Compression {
    /// DEFLATE at the levels that fit the data.
    pub const DEFLATED: Self = Self::Deflated { level: None };
}

/// How arrays and archives are written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WriteOptions {
    /// Stored or deflated. Default: stored.
    pub compression: Compression,
    /// Payloads of stored members begin at multiples of this many bytes in the file, a power of two. Default: 64,
    /// what Arrow recommends. 1 leaves no gaps.
    pub align: u32,
    /// What becomes of nulls that NumPy cannot hold. Default: an error.
    pub nulls: Nulls,
    /// Whether the bytes are on the disk before a file gets its name. Default: no, as `np.savez`.
    pub sync: bool,
    /// The most threads that compress and check. Default: one per core.
    pub threads: usize,
    /// Asks the work to stop.
    pub interrupt: Interrupt,
    /// How stores are reached, if the destination is a URL.
    #[cfg(feature = "object-store")]
    pub remote: RemoteOptions,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            compression: Compression::default(),
            align: 64,
            nulls: Nulls::default(),
            sync: false,
            threads: default_threads(),
            interrupt: Interrupt::default(),
            #[cfg(feature = "object-store")]
            remote: RemoteOptions::default(),
        }
    }
}

impl WriteOptions {
    /// Sets how members are kept.
    #[must_use]
    pub fn with_compression(self, compression: Compression) -> Self {
        Self { compression, ..self }
    }

    /// Sets the multiple at which payloads begin.
    #[must_use]
    pub fn with_align(self, align: u32) -> Self {
        Self { align, ..self }
    }

    /// Sets what becomes of nulls.
    #[must_use]
    pub fn with_nulls(self, nulls: Nulls) -> Self {
        Self { nulls, ..self }
    }

    /// Sets whether a file is on the disk before it gets its name.
    #[must_use]
    pub fn with_sync(self, sync: bool) -> Self {
        Self { sync, ..self }
    }

    /// Sets the most threads; 0 counts as 1.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.max(1), ..self }
    }

    /// Sets the flag that asks the work to stop.
    #[must_use]
    pub fn with_interrupt(self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self }
    }

    /// Sets how stores are reached.
    #[cfg(feature = "object-store")]
    #[must_use]
    pub fn with_remote(self, remote: RemoteOptions) -> Self {
        Self { remote, ..self }
    }

    /// Begins what will appear at a path, or with the feature `object-store` at a URL (`s3://`, `gs://`, `az://`,
    /// `abfs[s]://`, `file://`), when it is [committed](Pending::commit).
    ///
    /// # Errors
    ///
    /// There is no such folder, or it may not be written to; the URL is of no store that can be written to.
    pub fn create(&self, dest: impl AsRef<Path>) -> Result<Pending> {
        let dest = dest.as_ref();
        #[cfg(feature = "object-store")]
        if let Some(url) = dest.to_str().filter(|dest| dest.contains("://")) {
            if let Some(path) = local_path(url) {
                return PendingFile::create(path).map(Pending::File);
            }
            // A folder may be called like that, too. What is of no known service is an error that says so.
            if is_url(url) || !dest.parent().is_some_and(Path::exists) {
                let object = PendingObject::create(url, &self.remote)?;
                return Ok(Pending::Object(Box::new(object.with_interrupt(self.interrupt.clone()))));
            }
        }
        PendingFile::create(dest).map(Pending::File)
    }

    /// Refuses numbers that mean nothing.
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |option, value: u32, expected| {
            Err(Error::new(ErrorKind::Option { option, value: value.to_string(), expected }))
        };
        if !self.align.is_power_of_two() || self.align > u32::from(MAX_ALIGNMENT) {
            return invalid("align", self.align, "a power of two from 1 to 32768");
        }
        match self.compression {
            Compression::Deflated { level: Some(level) } if !(1..=9).contains(&level) => {
                invalid("level", level, "a number from 1 to 9")
            }
            _ => Ok(()),
        }
    }

    /// The alignment as the headers have it.
    pub(super) fn multiple(&self) -> u16 {
        u16::try_from(self.align).unwrap_or(MAX_ALIGNMENT)
    }
}
