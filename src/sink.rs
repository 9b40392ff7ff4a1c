//! Where files and objects are written to, so that a path or a URL has the whole of it or what it had before.
//!
//! The bytes go to a file without a name, or where the file system has none, to a hidden one beside the destination;
//! it takes its place by a rename when all is written. What is no regular file (a pipe, `/dev/null`) is written as
//! it comes. An object is sent in parts, which become an object when all are there.

#[cfg(feature = "object-store")]
mod object;
mod pending;

use std::fs::{self, File};
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[cfg(feature = "object-store")]
pub use object::PendingObject;
pub use pending::Pending;
use tempfile::NamedTempFile;

use crate::convert::to_u64;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// What is handed to an output at a time, so that it can be interrupted in between.
const PIECE_LEN: usize = 8 << 20;

/// A file that appears at its path when it is committed, and leaves nothing behind otherwise.
///
/// ```
/// use std::io::Write;
/// use npzarrow::sink::PendingFile;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("x.npz");
/// let mut file = PendingFile::create(&path)?;
/// file.write_all(b"half of it")?;
/// assert!(!path.exists());
/// file.commit(false)?;
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PendingFile {
    file: Storage,
    /// What errors name: the path as it was given.
    path: PathBuf,
    /// What is replaced: the path, or what it links to.
    target: PathBuf,
}

#[derive(Debug)]
enum Storage {
    /// A file without a name.
    #[cfg(target_os = "linux")]
    Unnamed(File),
    /// A hidden file beside the destination, which is removed unless it is renamed.
    Named(NamedTempFile),
    /// No regular file.
    Direct(File),
}

impl PendingFile {
    /// Begins a file. The path is not touched, but its directory must be there and be writable.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let create = || {
            // A link stays, and what it leads to is replaced.
            let target = match fs::symlink_metadata(path) {
                Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path)?,
                _ => path.to_owned(),
            };
            let file = match fs::metadata(&target) {
                Ok(metadata) if metadata.is_dir() => {
                    return Err(io::Error::from(io::ErrorKind::IsADirectory));
                }
                Ok(metadata) if !metadata.is_file() => {
                    Storage::Direct(File::options().write(true).open(&target)?)
                }
                Ok(metadata) if metadata.permissions().readonly() => {
                    return Err(io::Error::from(io::ErrorKind::PermissionDenied));
                }
                _ => Storage::create(folder_of(&target))?,
            };
            Ok(Self { file, path: path.to_owned(), target })
        };
        create().map_err(|error: io::Error| Error::from(error).in_path(path))
    }

    /// Returns the path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder in which the file will stand; there is room for temporary files there.
    pub fn folder(&self) -> &Path {
        folder_of(&self.target)
    }

    /// Gives the file its name, in place of what had it. With `sync` its bytes are on the disk before that.
    pub fn commit(self, sync: bool) -> Result<()> {
        let Self { file, path, target } = self;
        let commit = || match file {
            #[cfg(target_os = "linux")]
            Storage::Unnamed(file) => {
                sync_if(&file, sync)?;
                unnamed::persist(&file, &target)
            }
            Storage::Named(file) => {
                sync_if(file.as_file(), sync)?;
                file.persist(&target).map(drop).map_err(|error| error.error)
            }
            Storage::Direct(_) => Ok(()),
        };
        commit().map_err(|error: io::Error| Error::from(error).in_path(path))
    }

    fn file(&mut self) -> &mut File {
        match &mut self.file {
            #[cfg(target_os = "linux")]
            Storage::Unnamed(file) => file,
            Storage::Named(file) => file.as_file_mut(),
            Storage::Direct(file) => file,
        }
    }
}

impl Write for PendingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Storage {
    fn create(folder: &Path) -> io::Result<Self> {
        // The error of the system, if there is no such folder.
        fs::metadata(folder)?;
        #[cfg(target_os = "linux")]
        match unnamed::create(folder) {
            Ok(file) => return Ok(Self::Unnamed(file)),
            // Not every file system has such files, nor every kernel.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Unsupported | io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput
                ) => {}
            Err(error) => return Err(error),
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".npzarrow-").suffix(".tmp");
        // As any new file: what the umask leaves.
        #[cfg(unix)]
        builder.permissions(PermissionsExt::from_mode(0o666));
        Ok(Self::Named(builder.tempfile_in(folder)?))
    }
}

fn sync_if(file: &File, sync: bool) -> io::Result<()> {
    if sync { file.sync_all() } else { Ok(()) }
}

/// The folder of a path; that of a bare name is the current one.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Files that have no name until they are complete, so that even a process that is killed leaves nothing behind.
#[cfg(target_os = "linux")]
mod unnamed {
    use std::fs::{self, File};
    use std::io;
    use std::os::fd::AsRawFd as _;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
    use rustix::io::Errno;

    /// Names that are taken are skipped this often.
    const ATTEMPTS: u32 = 1000;

    /// Where the kernel shows the files of this process, of which one gets a name.
    const FILES: &str = "/proc/self/fd";

    pub(super) fn create(folder: &Path) -> io::Result<File> {
        if !Path::new(FILES).exists() {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        }
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        Ok(File::from(openat(CWD, folder, flags, Mode::from_raw_mode(0o666))?))
    }

    /// Gives the file a name that nobody has, and then that of the target, whose file it replaces.
    pub(super) fn persist(file: &File, target: &Path) -> io::Result<()> {
        let source = format!("{FILES}/{}", file.as_raw_fd());
        for attempt in 0..ATTEMPTS {
            let name = format!(".npzarrow-{}-{attempt}.tmp", std::process::id());
            let temporary = super::folder_of(target).join(name);
            match linkat(CWD, &source, CWD, &temporary, AtFlags::SYMLINK_FOLLOW) {
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    return fs::rename(&temporary, target).inspect_err(|_| {
                        // The first error is the one to tell.
                        let _gone = fs::remove_file(&temporary);
                    });
                }
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }
}

/// An output that counts its bytes and can be interrupted.
#[derive(Debug)]
pub(crate) struct Counted<W> {
    output: W,
    position: u64,
    interrupt: Interrupt,
}

impl<W: Write> Counted<W> {
    pub(crate) fn new(output: W, interrupt: Interrupt) -> Self {
        Self { output, position: 0, interrupt }
    }

    /// How many bytes were written.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Writes all bytes, unless it is interrupted in between.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(PIECE_LEN) {
            self.interrupt.check()?;
            self.output.write_all(piece)?;
            self.position = self.position.saturating_add(to_u64(piece.len()));
        }
        Ok(())
    }

    /// Flushes the output and gives it back.
    pub(crate) fn finish(mut self) -> Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn storages(folder: &TempDir) -> Vec<Storage> {
        vec![
            Storage::create(folder.path()).unwrap(),
            Storage::Named(NamedTempFile::new_in(folder.path()).unwrap()),
        ]
    }

    #[test]
    fn whole_or_not_at_all() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x");
        for index in 0..2 {
            let pending = |bytes: &[u8]| {
                let file = storages(&folder).remove(index);
                let mut file = PendingFile { file, path: path.clone(), target: path.clone() };
                file.write_all(bytes).unwrap();
                file
            };
            drop(pending(b"given up"));
            assert_eq!(names(&folder).len(), usize::from(index > 0));
            for content in [&b"first"[..], b"second"] {
                let file = pending(content);
                file.commit(true).unwrap();
                assert_eq!(
                    (fs::read(&path).unwrap().as_slice(), names(&folder)),
                    (content, vec!["x".to_owned()])
                );
            }
        }
    }

    #[test]
    fn two_at_a_time() {
        let folder = TempDir::new().unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        let mut files = paths.each_ref().map(|path| PendingFile::create(path).unwrap());
        for file in &mut files {
            file.write_all(b"x").unwrap();
        }
        for file in files {
            file.commit(false).unwrap();
        }
        assert_eq!(names(&folder), ["a", "b"]);
    }

    #[test]
    fn what_cannot_be_written() {
        let folder = TempDir::new().unwrap();
        for path in [folder.path().join("no/such/folder"), folder.path().to_owned()] {
            let error = PendingFile::create(&path).unwrap_err();
            assert!(error.is_io() && error.to_string().starts_with(path.to_str().unwrap()), "{error}");
        }
        assert!(names(&folder).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_modes_and_devices() {
        use std::os::unix::fs::symlink;

        let folder = TempDir::new().unwrap();
        let (path, link, plain) =
            (folder.path().join("x"), folder.path().join("link"), folder.path().join("plain"));
        fs::write(&path, b"old").unwrap();
        fs::write(&plain, b"").unwrap();
        symlink(&path, &link).unwrap();
        let mut file = PendingFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.commit(false).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), mode(&plain), "as any file of this process");
        let mut null = PendingFile::create("/dev/null").unwrap();
        null.write_all(b"new").unwrap();
        null.commit(false).unwrap();
    }
}
