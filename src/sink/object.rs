//! Objects that are written to a store.

use std::io::{self, Write};
use std::mem;

use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::source::remote::{Object, RemoteOptions, Upload};

/// The bytes of one part. S3 asks for 5 MiB at least, and what is shorter than one part is sent by one request.
const PART_LEN: usize = 8 << 20;
/// Parts double after so many: S3 takes ten thousand at most, which are 8 TiB this way.
const PARTS_OF_ONE_LEN: u32 = 1000;

/// An object that appears in its store when it is committed, whole, and leaves nothing behind otherwise: what was sent
/// is taken back when it is dropped, after an error or a panic, too.
///
/// At most [`RemoteOptions::concurrency`] parts of 8 MiB are under way at once. If the process is killed, parts
/// stay in the store; buckets have rules that remove them after some time.
#[derive(Debug)]
pub struct PendingObject {
    upload: Upload,
    /// The part that is being filled.
    buffer: Vec<u8>,
    /// How many parts were sent.
    parts: u32,
    /// True after an error: the object has a hole.
    is_broken: bool,
    interrupt: Interrupt,
}

impl PendingObject {
    /// Begins an object of `s3`, `gs`, `az` or `abfs[s]`. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// An I/O error of kind `InvalidInput` for other URLs, and for those that name no object.
    pub fn create(url: &str, options: &RemoteOptions) -> Result<Self> {
        Ok(Self::new(Object::parse_new(url, options)?, options))
    }

    /// Begins an object of a store that is handed over.
    pub fn new(object: Object, options: &RemoteOptions) -> Self {
        let upload = Upload::new(object, options);
        Self { upload, buffer: Vec::new(), parts: 0, is_broken: false, interrupt: options.interrupt.clone() }
    }

    /// Sets the flag that asks to stop waiting for the store.
    #[must_use]
    pub fn with_interrupt(self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self }
    }

    /// Returns the URL, without what may be secret.
    pub fn name(&self) -> &str {
        self.upload.name()
    }

    /// Makes the object, in place of what had its name.
    pub fn commit(mut self) -> Result<()> {
        let bytes = mem::take(&mut self.buffer);
        let commit = || {
            if self.is_broken {
                return Err(broken().into());
            }
            if self.parts == 0 {
                return self.upload.put(bytes, &self.interrupt);
            }
            if !bytes.is_empty() {
                self.upload.put_part(bytes, &self.interrupt)?;
            }
            self.upload.complete(&self.interrupt)
        };
        commit().map_err(|error| error.in_path(self.upload.name()))
    }

    /// Sends the part that is full.
    fn send(&mut self) -> io::Result<()> {
        let bytes = mem::take(&mut self.buffer);
        self.upload.put_part(bytes, &self.interrupt).map_err(|error| {
            self.is_broken = true;
            into_io(error)
        })?;
        self.parts = self.parts.saturating_add(1);
        Ok(())
    }
}

impl Write for PendingObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_broken {
            return Err(broken());
        }
        let len = part_len(self.parts);
        if self.buffer.len() >= len {
            self.send()?;
        }
        let taken = bytes.get(..len.saturating_sub(self.buffer.len())).unwrap_or(bytes);
        self.buffer.try_reserve(taken.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.buffer.extend_from_slice(taken);
        Ok(taken.len())
    }

    /// Does nothing: only whole parts are sent.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes of a part, by the number of those before.
fn part_len(number: u32) -> usize {
    let doublings = number.checked_div(PARTS_OF_ONE_LEN).unwrap_or(0).min(16);
    PART_LEN.checked_shl(doublings).unwrap_or(usize::MAX)
}

fn broken() -> io::Error {
    io::Error::other("a part of the object could not be sent before")
}

/// An error as `Write` has it: its kind and its text, but never the kind that asks to try again.
fn into_io(error: Error) -> io::Error {
    match error.kind() {
        ErrorKind::Io(cause) if cause.kind() != io::ErrorKind::Interrupted => {
            io::Error::new(cause.kind(), cause.to_string())
        }
        _ => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_parts_are_enough() {
        let sum: u64 = (0..10_000).map(|number| part_len(number) as u64).sum();
        assert!(sum > 5 << 40, "{sum}");
        assert_eq!((part_len(0), part_len(999), part_len(1000)), (8 << 20, 8 << 20, 16 << 20));
    }
}
