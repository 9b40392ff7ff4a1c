//! What Python users pass as a destination: paths, URLs, and binary files.

use std::io::{self, Write};
use std::path::PathBuf;

use npzarrow::npz::WriteOptions;
use npzarrow::sink::Pending;
use npzarrow::source::remote::{is_url, local_path};
use npzarrow::{Error, Interrupt};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::error::ToPy;
use crate::input::path_of;

/// What a file object is handed at a time.
const PIECE_LEN: usize = 1 << 20;

/// A destination, opened.
pub(crate) enum Output {
    /// A path or a URL, at which a file or an object appears when it is committed.
    Path(Box<Pending>),
    /// An object with `write`.
    File(Py<PyAny>),
}

impl Output {
    /// Sorts a destination out: URLs, then `str` and `os.PathLike`, then anything with `write`.
    pub(crate) fn of(dest: &Bound<'_, PyAny>, options: &WriteOptions) -> PyResult<Self> {
        let py = dest.py();
        let text = dest.cast::<PyString>().ok().and_then(|text| text.to_str().ok());
        if let Some(url) = text.filter(|text| is_url(text) || local_path(text).is_some()) {
            return Ok(Self::Path(Box::new(options.create(url).or_raise(py)?)));
        }
        if let Some(path) = path_of(dest)? {
            return Ok(Self::Path(Box::new(options.create(path).or_raise(py)?)));
        }
        if dest.hasattr(intern!(py, "write"))? {
            return Ok(Self::File(dest.clone().unbind()));
        }
        let found = dest.get_type().name()?;
        Err(PyTypeError::new_err(format!("dest must be a path, a URL, or a binary file, not {found}")))
    }

    /// True if Ctrl-C must be looked for, however little is written.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Path(pending) if matches!(**pending, Pending::Object(_)))
    }

    /// Sets the flag that ends waiting.
    pub(crate) fn with_interrupt(self, interrupt: &Interrupt) -> Self {
        match self {
            Self::Path(pending) => Self::Path(Box::new(match *pending {
                Pending::Object(object) => {
                    Pending::Object(Box::new(object.with_interrupt(interrupt.clone())))
                }
                other => other,
            })),
            file @ Self::File(_) => file,
        }
    }

    /// The path as it was given.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Path(file) => Some(file.path().to_owned()),
            Self::File(_) => None,
        }
    }

    /// Where temporary files may be.
    pub(crate) fn folder(&self) -> PathBuf {
        match self {
            Self::Path(file) => file.folder(),
            Self::File(_) => std::env::temp_dir(),
        }
    }

    /// Gives a file its name.
    pub(crate) fn commit(self) -> Result<(), Error> {
        match self {
            Self::Path(file) => file.commit(false),
            Self::File(_) => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = match self {
            Self::Path(file) => return file.write(bytes),
            Self::File(file) => file,
        };
        let piece = bytes.get(..PIECE_LEN).unwrap_or(bytes);
        let write = |py: Python<'_>| -> PyResult<usize> {
            let written = file.bind(py).call_method1(intern!(py, "write"), (PyBytes::new(py, piece),))?;
            // Raw files say how much they took; what says nothing took all.
            Ok(if written.is_none() { piece.len() } else { written.extract::<usize>()?.min(piece.len()) })
        };
        Python::attach(write).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Path(file) => file.flush(),
            // Whose file it is flushes it.
            Self::File(_) => Ok(()),
        }
    }
}
