//! Getting what several members need before it is read, in few requests. Nothing happens where bytes are at hand:
//! in memory and in files.

use super::archive::NpzArchive;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::source::Source;

impl NpzArchive {
    /// True if reading waits for another machine, however little is read.
    pub fn is_remote(&self) -> bool {
        !matches!(self.source, Source::Memory(_) | Source::File(_))
    }

    /// Fetches whole members of an object into memory of their own, close ones by one request; each stays until
    /// it is read. Does nothing if the archive is in memory or in a file.
    ///
    /// [`array_at`](Self::array_at), [`arrays`](Self::arrays) and [`record_batch`](Self::record_batch) do this
    /// themselves.
    pub fn prepare(&self, indices: &[usize], interrupt: &Interrupt) -> Result<()> {
        #[cfg(feature = "object-store")]
        if let Source::Remote(remote) = &self.source {
            return self.fetch(remote, indices, interrupt);
        }
        let _ = (indices, interrupt);
        Ok(())
    }

    /// Fetches what [`header_at`](Self::header_at) reads of several members of an object. Does nothing if the
    /// archive is in memory or in a file.
    pub fn prepare_headers(&self, indices: &[usize], interrupt: &Interrupt) -> Result<()> {
        #[cfg(feature = "object-store")]
        if let Source::Remote(remote) = &self.source {
            return self.fetch_headers(remote, indices, interrupt);
        }
        let _ = (indices, interrupt);
        Ok(())
    }
}
