//! One error type, whose text stands alone: it names the file, the member, the byte and both numbers.
//!
//! Only the text of an error crosses Arrow's C stream interface, so nothing may hide in
//! [`source()`](std::error::Error::source). Lower modules know an offset; the module that knows the member
//! or the path adds it with [`Error::in_entry`] or [`Error::in_path`].

use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::ArrowError;

mod export;
mod kind;
mod zip;

pub use export::ExportProblem;
pub(crate) use kind::ShapeDisplay;
pub use kind::{ErrorKind, KeyProblem};
pub use zip::ZipProblem;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Anything that can go wrong between bytes and arrays: what ([`Error::kind`]) and where
/// ([`Error::location`]).
///
/// One word wide, so that results stay small.
///
/// ```
/// let error = npzarrow::npy::Header::parse(b"\x89PNG\r\n").unwrap_err();
/// assert!(error.is_malformed());
/// assert_eq!(error.to_string(), r#"not NPY data: begins with "\x89PNG\r\n", not with "\x93NUMPY""#);
/// assert_eq!(
///     error.in_entry("x.npy").in_path("train-0003.npz").to_string(),
///     r#"train-0003.npz: x.npy: not NPY data: begins with "\x89PNG\r\n", not with "\x93NUMPY""#,
/// );
/// ```
pub struct Error(Box<Inner>);

const _: () = assert!(size_of::<Error>() == size_of::<usize>());

struct Inner {
    kind: ErrorKind,
    location: Location,
}

/// Where in the input an error was found. Every part may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location {
    /// The file or URL, as the caller gave it.
    pub path: Option<Arc<str>>,
    /// The member of the archive, with its `.npy`.
    pub entry: Option<Arc<str>>,
    /// The byte, counted from the beginning of the member if there is one, else of the file.
    pub offset: Option<u64>,
}

impl Error {
    /// Makes an error that does not know yet where it happened.
    #[cold]
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, location: Location::default() }))
    }

    /// Makes an error at a byte.
    #[cold]
    pub(crate) fn at(offset: u64, kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, location: Location { offset: Some(offset), ..Location::default() } }))
    }

    /// Returns an error that says the same, for another part of the work that failed with this one.
    pub(crate) fn again(&self) -> Self {
        let kind = match self.kind() {
            ErrorKind::Io(cause) => ErrorKind::Io(io::Error::new(cause.kind(), cause.to_string())),
            ErrorKind::ObjectChanged { field, expected, actual } => {
                let (expected, actual) = (expected.clone(), actual.clone());
                ErrorKind::ObjectChanged { field, expected, actual }
            }
            ErrorKind::Interrupted => ErrorKind::Interrupted,
            ErrorKind::Panicked { message } => ErrorKind::Panicked { message: message.clone() },
            ErrorKind::Allocation { len } => ErrorKind::Allocation { len: *len },
            other => ErrorKind::Io(io::Error::other(other.to_string())),
        };
        Self(Box::new(Inner { kind, location: self.location().clone() }))
    }

    /// Returns what went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Returns where it went wrong.
    pub fn location(&self) -> &Location {
        &self.0.location
    }

    /// Adds the member, unless it is known already.
    #[must_use]
    pub fn in_entry(mut self, entry: &str) -> Self {
        self.0.location.entry.get_or_insert_with(|| Arc::from(entry));
        self
    }

    /// Adds the path or URL, unless it is known already.
    #[must_use]
    pub fn in_path(mut self, path: impl AsRef<Path>) -> Self {
        self.0.location.path.get_or_insert_with(|| Arc::from(path.as_ref().to_string_lossy()));
        self
    }

    /// Adds the byte, unless it is known already.
    #[must_use]
    pub(crate) fn at_offset(mut self, offset: u64) -> Self {
        self.0.location.offset.get_or_insert(offset);
        self
    }

    /// Moves the byte forward: the caller knows where the slice that was parsed begins.
    #[must_use]
    pub(crate) fn shifted(mut self, by: u64) -> Self {
        if let Some(offset) = &mut self.0.location.offset {
            *offset = offset.saturating_add(by);
        }
        self
    }

    /// True if reading failed, rather than what was read.
    pub fn is_io(&self) -> bool {
        matches!(self.kind(), ErrorKind::Io(_) | ErrorKind::ObjectChanged { .. })
    }

    /// True if a limit refused the input; a higher one may accept it.
    pub fn is_limit(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::LimitExceeded { .. } | ErrorKind::HeaderTooLarge { .. } | ErrorKind::Allocation { .. }
        )
    }

    /// True if the input is well-formed but of a kind that is not read.
    pub fn is_unsupported(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::UnsupportedDtype { .. }
                | ErrorKind::ObjectDtype { .. }
                | ErrorKind::UnsupportedVersion { .. }
                | ErrorKind::UnsupportedCompression { .. }
                | ErrorKind::Encrypted
        )
    }

    /// True if the bytes are not what the formats allow.
    pub fn is_malformed(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::BadMagic { .. }
                | ErrorKind::Truncated { .. }
                | ErrorKind::HeaderSyntax { .. }
                | ErrorKind::HeaderKey { .. }
                | ErrorKind::ShapeOverflow { .. }
                | ErrorKind::PayloadSize { .. }
                | ErrorKind::Zip(_)
                | ErrorKind::DuplicateEntry { .. }
                | ErrorKind::ChecksumMismatch { .. }
                | ErrorKind::EntrySize { .. }
        )
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location { path, entry, offset } = self.location();
        if let Some(path) = path {
            write!(f, "{path}: ")?;
        }
        if let Some(entry) = entry {
            write!(f, "{}: ", entry.escape_debug())?;
        }
        if let Some(offset) = offset {
            write!(f, "byte {offset}: ")?;
        }
        Display::fmt(self.kind(), f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", self.kind()).field("location", self.location()).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.kind().source()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::new(ErrorKind::Io(error))
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Self::new(ErrorKind::Arrow(error))
    }
}

impl From<Error> for ArrowError {
    fn from(error: Error) -> Self {
        Self::ExternalError(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of one work that fails tell of it in the same words, and as the same kind where callers ask for it.
    #[test]
    fn said_again() {
        let changed = || {
            let (expected, actual) = ("a".to_owned(), "b".to_owned());
            ErrorKind::ObjectChanged { field: "etag", expected, actual }
        };
        for kind in [
            ErrorKind::Io(io::Error::new(io::ErrorKind::TimedOut, "too late")),
            changed(),
            ErrorKind::Interrupted,
            ErrorKind::Panicked { message: "at last".to_owned() },
            ErrorKind::Allocation { len: 5 },
            ErrorKind::Encrypted,
        ] {
            let error = Error::at(7, kind).in_entry("x.npy").in_path("a.npz");
            let again = error.again();
            assert_eq!(again.to_string(), error.to_string());
            assert_eq!(again.location(), error.location());
            let same_kind = std::mem::discriminant(again.kind()) == std::mem::discriminant(error.kind());
            assert!(same_kind || again.is_io(), "{again:?}");
            if let (ErrorKind::Io(again), ErrorKind::Io(error)) = (again.kind(), error.kind()) {
                assert_eq!(again.kind(), error.kind());
            }
        }
    }

    #[test]
    fn causes() {
        let error = Error::from(io::Error::from(io::ErrorKind::NotFound));
        assert!(error.source().is_some() && error.is_io());
        assert!(Error::new(ErrorKind::Encrypted).source().is_none());
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert!(format!("{error:?}").starts_with("Error { kind: Io("));
    }
}
