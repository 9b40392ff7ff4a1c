//! What Python users pass as a source: bytes-like objects, paths, URLs, and binary files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use npzarrow::Interrupt;
use npzarrow::source::remote::{is_url, local_path};
use npzarrow::source::{RemoteOptions, Source};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};

use crate::error::ToPy;
use crate::interrupt;
use crate::owner::{MemoryOwner, Owner, has_buffer};

/// The argument `storage_options`.
pub(crate) type StorageOptions = Option<BTreeMap<String, String>>;

/// A source, sorted out.
pub(crate) enum Input<'py> {
    /// Memory of the object.
    Buffer(Bound<'py, PyAny>),
    /// A path.
    Path(PathBuf),
    /// A URL of an object store or a server, and how to reach it.
    Url(String, RemoteOptions),
    /// An object with `read`.
    File(Bound<'py, PyAny>),
}

impl<'py> Input<'py> {
    /// Sorts a source out: `bytes`, then URLs, then `str` and `os.PathLike`, then anything with a buffer, then
    /// anything with `read`.
    pub(crate) fn of(source: &Bound<'py, PyAny>, storage: StorageOptions) -> PyResult<Self> {
        let py = source.py();
        if source.is_instance_of::<PyBytes>() {
            return Ok(Self::Buffer(source.clone()));
        }
        let text = source.cast::<PyString>().ok().and_then(|text| text.to_str().ok());
        if let Some(url) = text.filter(|text| text.contains("://")) {
            if is_url(url) {
                let options = RemoteOptions::try_from_storage(storage.unwrap_or_default()).or_raise(py)?;
                return Ok(Self::Url(url.to_owned(), options));
            }
            if let Some(path) = local_path(url) {
                return Ok(Self::Path(path));
            }
        }
        if let Some(path) = path_of(source)? {
            return Ok(Self::Path(path));
        }
        if has_buffer(source) {
            return Ok(Self::Buffer(source.clone()));
        }
        if source.hasattr(intern!(py, "read"))? {
            return Ok(Self::File(source.clone()));
        }
        let found = source.get_type().name()?;
        Err(PyTypeError::new_err(format!(
            "source must be a bytes-like object, a path, a URL, or a binary file, not {found}"
        )))
    }

    /// Opens the source for an archive; a file is read to its end, a path is opened or mapped.
    pub(crate) fn open(self, py: Python<'py>, mmap: bool) -> PyResult<(Option<Owner>, Source)> {
        match self {
            Self::Buffer(object) => {
                let (owner, memory) = Owner::of(&object)?;
                Ok((Some(owner), Source::from(memory)))
            }
            Self::Path(path) if mmap => {
                // Opening refuses what is no regular file; mapping would wait for the writer of a pipe.
                let open = || Source::open(&path).and_then(|_| Source::map(&path));
                let source = py.detach(open).or_raise_at(py, Some(&path))?;
                let owner = match &source {
                    Source::Memory(memory) => {
                        Some(Owner::Memory(Py::new(py, MemoryOwner { memory: memory.clone() })?))
                    }
                    _ => None,
                };
                Ok((owner, source))
            }
            Self::Path(path) => Ok((None, py.detach(|| Source::open(&path)).or_raise_at(py, Some(&path))?)),
            Self::Url(..) if mmap => Err(PyValueError::new_err("mmap=True needs a path, not a URL")),
            Self::Url(url, options) => {
                let open = |interrupt: &Interrupt| {
                    Source::open_url(&url, &options.with_interrupt(interrupt.clone()))
                };
                Ok((None, interrupt::run(py, interrupt::NETWORK, open)?.or_raise(py)?))
            }
            Self::File(file) => {
                let content = file.call_method0(intern!(py, "read"))?;
                if !has_buffer(&content) {
                    return Err(not_binary(&content));
                }
                let (owner, memory) = Owner::of(&content)?;
                Ok((Some(owner), Source::from(memory)))
            }
        }
    }
}

/// The source, which may be given by the name that it has in SPDL.
pub(crate) fn source_or_data<'a, 'py>(
    py: Python<'py>,
    source: Option<&'a Bound<'py, PyAny>>,
    data: Option<&'a Bound<'py, PyAny>>,
) -> PyResult<Cow<'a, Bound<'py, PyAny>>> {
    match (source, data) {
        (Some(source), None) | (None, Some(source)) => Ok(Cow::Borrowed(source)),
        (None, None) => Ok(Cow::Owned(py.None().into_bound(py))),
        (Some(_), Some(_)) => Err(PyTypeError::new_err("source and data are one argument; give one of them")),
    }
}

/// A `str` or `os.PathLike` as a path; an error if it is a URL.
pub(crate) fn path_of(object: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    static FSDECODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = object.py();
    if !object.is_instance_of::<PyString>() && !object.hasattr(intern!(py, "__fspath__"))? {
        return Ok(None);
    }
    let path: PathBuf = FSDECODE.import(py, "os", "fsdecode")?.call1((object,))?.extract()?;
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(PyValueError::new_err("embedded null byte"));
    }
    match path.to_str().and_then(|path| path.split_once("://")) {
        Some((scheme, _)) if !path.exists() => {
            Err(PyValueError::new_err(format!("{}: {scheme} URLs cannot be opened here", path.display())))
        }
        _ => Ok(Some(path)),
    }
}

/// The error for a file that was opened in text mode.
pub(crate) fn not_binary(content: &Bound<'_, PyAny>) -> PyErr {
    let found = content.get_type().name().map_or_else(|_| String::new(), |name| name.to_string());
    PyTypeError::new_err(format!("read() gave {found} instead of bytes; open the file in binary mode"))
}
