//! A local file that is read at positions, straight into the buffers of arrays.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crc32fast::Hasher;

use crate::checksum::combine_crc32;
use crate::convert::to_u64;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::limits::BLOCK_LEN;
use crate::parallel;

/// One thread reads this much in the time that it takes to start another one a few times over.
const MIN_PER_THREAD: usize = 2 << 20;

/// An open file with its length, which is taken once: a file that shrinks later gives an error.
#[derive(Debug)]
pub struct LocalFile {
    file: File,
    path: PathBuf,
    len: u64,
    modified: Option<SystemTime>,
}

impl LocalFile {
    /// Opens a regular file; pipes and devices have no length, and opening or reading them may wait for ever.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || {
            check_regular(&fs::metadata(path)?)?;
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            check_regular(&metadata)?;
            if metadata.len() == 0 && read_at(&file, &mut [0], 0)? > 0 {
                return Err(io::Error::other("is a file with contents, but without a length"));
            }
            let modified = metadata.modified().ok();
            Ok(Self { file, path: path.to_owned(), len: metadata.len(), modified })
        };
        open().map_err(|error: io::Error| Error::from(error).in_path(path))
    }

    /// Returns the path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the length that the file had when it was opened.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns when the file had last been written to when it was opened, if the system knows.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// True if the file was empty when it was opened.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads exactly as many bytes as the buffer has, from a position on.
    pub fn read_exact_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let wanted = buffer.len();
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match read_at(&self.file, rest, position.saturating_add(to_u64(done))) {
                Ok(0) => {
                    let reached = position.saturating_add(to_u64(done));
                    let end = self.file.metadata().map_or(reached, |metadata| metadata.len().min(reached));
                    let text =
                        format!("file ends at byte {end} while {wanted} bytes were read at byte {position}");
                    return Err(Error::from(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
                }
                Ok(read) => done = done.saturating_add(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::from(error)),
            }
        }
        Ok(())
    }

    /// Fills a buffer from a position on and returns the CRC-32 of what was read if `verify` asks for it,
    /// block by block, so that each byte is in the cache when it is checked.
    pub(crate) fn read_with_crc32(
        &self,
        position: u64,
        buffer: &mut [u8],
        verify: bool,
        threads: usize,
        interrupt: &Interrupt,
    ) -> Result<u32> {
        let threads = threads.min(buffer.len().checked_div(MIN_PER_THREAD).unwrap_or(1)).max(1);
        // Shares are whole blocks, so that huge pages are not shared between threads more than once.
        let share = buffer.len().div_ceil(threads).next_multiple_of(BLOCK_LEN).max(1);
        if share >= buffer.len() {
            return self.read_blocks(position, buffer, verify, interrupt);
        }
        let starts = (0..).map(|index: u64| position.saturating_add(index.saturating_mul(to_u64(share))));
        let checksums = parallel::at_once(starts.zip(buffer.chunks_mut(share)).map(|(start, chunk)| {
            let len = to_u64(chunk.len());
            move || self.read_blocks(start, chunk, verify, interrupt).map(|checksum| (checksum, len))
        }));
        checksums.into_iter().try_fold(0, |checksum, next| {
            let (next, len) = next?;
            Ok(combine_crc32(checksum, next, len))
        })
    }

    fn read_blocks(&self, start: u64, buffer: &mut [u8], verify: bool, interrupt: &Interrupt) -> Result<u32> {
        let mut hasher = Hasher::new();
        let mut position = start;
        for block in buffer.chunks_mut(BLOCK_LEN) {
            interrupt.check()?;
            self.read_exact_at(position, block)?;
            if verify {
                hasher.update(block);
            }
            position = position.saturating_add(to_u64(block.len()));
        }
        Ok(hasher.finalize())
    }
}

fn check_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    if metadata.is_file() { Ok(()) } else { Err(io::Error::other("is not a regular file")) }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    use std::os::unix::fs::FileExt as _;
    file.read_at(buffer, position)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    use std::os::windows::fs::FileExt as _;
    file.seek_read(buffer, position)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn threads_and_blocks_do_not_show() {
        let bytes: Vec<u8> = (0_u32..5 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let file = LocalFile::open(file.path()).unwrap();
        for range in [0..0, 5..6, 0..BLOCK_LEN + 7, 11..bytes.len()] {
            let expected = &bytes[range.clone()];
            for threads in [1, 2, 5] {
                let mut buffer = vec![0; range.len()];
                let position = to_u64(range.start);
                let crc32 = file.read_with_crc32(position, &mut buffer, true, threads, &Interrupt::default());
                assert_eq!(crc32.unwrap(), crc32fast::hash(expected));
                assert!(buffer == expected);
            }
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_has_no_length_is_refused() {
        for (path, text) in [
            ("/dev/zero", "/dev/zero: is not a regular file"),
            ("/dev/null", "/dev/null: is not a regular file"),
            ("/proc/self/status", "/proc/self/status: is a file with contents, but without a length"),
        ] {
            let error = LocalFile::open(Path::new(path)).unwrap_err();
            assert!(error.is_io());
            assert_eq!(error.to_string(), text);
        }
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(LocalFile::open(empty.path()).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_ends_too_soon() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[7; 100]).unwrap();
        let file = LocalFile::open(file.path()).unwrap();
        assert_eq!(
            file.read_exact_at(90, &mut [0; 20]).unwrap_err().to_string(),
            "file ends at byte 100 while 20 bytes were read at byte 90"
        );
        let error = LocalFile::open(Path::new("no/such/file")).unwrap_err();
        assert!(error.is_io() && error.to_string().starts_with("no/such/file: "), "{error}");
    }
}
