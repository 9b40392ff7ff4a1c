//! Errors of the crate as Python exceptions; the classes are defined in `npzarrow._errors`.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use npzarrow::error::ExportProblem;
use npzarrow::npy::Dtype;
use npzarrow::{Error, ErrorKind};
use pyo3::exceptions::{
    PyConnectionError, PyKeyError, PyKeyboardInterrupt, PyOSError, PyTimeoutError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Error numbers that are the same on every platform.
const ENOENT: i32 = 2;
const EACCES: i32 = 13;
const EISDIR: i32 = 21;

/// Turns an error into the exception that a Python user expects. Texts have no bytes that are no Unicode, but
/// `OSError.filename` has, if the path is known.
#[cold]
pub(crate) fn to_py(py: Python<'_>, error: &Error, path: Option<&Path>) -> PyErr {
    let text = error.to_string();
    let class = match error.kind() {
        ErrorKind::Io(cause) => {
            // What a file object raised is raised again.
            if let Some(raised) = cause.get_ref().and_then(|cause| cause.downcast_ref::<PyErr>()) {
                return raised.clone_ref(py);
            }
            let path = path.map(Path::as_os_str);
            let path = path.or_else(|| error.location().path.as_deref().map(OsStr::new));
            return match (cause.raw_os_error(), path) {
                // With these arguments OSError becomes FileNotFoundError, PermissionError and so on.
                (Some(code), Some(path)) => PyOSError::new_err((code, strerror(cause), path.to_owned())),
                (Some(code), None) => PyOSError::new_err((code, strerror(cause))),
                (None, Some(path)) if cause.kind() == io::ErrorKind::IsADirectory => {
                    PyOSError::new_err((EISDIR, "Is a directory", path.to_owned()))
                }
                (None, path) => without_number(cause, path, text),
            };
        }
        ErrorKind::ObjectChanged { .. } => return PyOSError::new_err(text),
        ErrorKind::Interrupted => return PyKeyboardInterrupt::new_err(()),
        ErrorKind::EntryNotFound { name } => return not_in_archive(name),
        ErrorKind::UnsupportedDtype { .. }
        | ErrorKind::ObjectDtype { .. }
        | ErrorKind::Export { problem: ExportProblem::NoDtype { .. }, .. } => "UnsupportedDtypeError",
        ErrorKind::LimitExceeded { .. } | ErrorKind::HeaderTooLarge { .. } | ErrorKind::Allocation { .. } => {
            "LimitError"
        }
        ErrorKind::ChecksumMismatch { .. } => "ChecksumError",
        _ if error.is_malformed() || error.is_unsupported() => "FormatError",
        _ => "NpzarrowError",
    };
    exception(py, class, text).unwrap_or_else(|error| error)
}

/// The exception for a failure that has no number, as those of networks have not.
fn without_number(cause: &io::Error, path: Option<&OsStr>, text: String) -> PyErr {
    use io::ErrorKind as Kind;
    match (cause.kind(), path) {
        // With these arguments OSError becomes FileNotFoundError or PermissionError.
        (Kind::NotFound, Some(path)) => PyOSError::new_err((ENOENT, cause.to_string(), path.to_owned())),
        (Kind::PermissionDenied, Some(path)) => {
            PyOSError::new_err((EACCES, cause.to_string(), path.to_owned()))
        }
        (Kind::TimedOut, _) => PyTimeoutError::new_err(text),
        (Kind::NotConnected | Kind::ConnectionAborted, _) => PyConnectionError::new_err(text),
        (Kind::InvalidInput, _) => PyValueError::new_err(text),
        _ => PyOSError::new_err(text),
    }
}

/// The error for a key that is no name in the archive, and perhaps no name at all.
pub(crate) fn not_found(key: &Bound<'_, PyAny>) -> PyErr {
    let text = || -> PyResult<String> {
        match key.str()?.to_str() {
            Ok(text) => Ok(text.to_owned()),
            // Lone surrogates.
            Err(_) => Ok(key.repr()?.to_str()?.to_owned()),
        }
    };
    text().map_or_else(|error| error, |name| not_in_archive(&name))
}

fn not_in_archive(name: &str) -> PyErr {
    PyKeyError::new_err(format!("{name} is not a file in the archive"))
}

/// The exception for what is found wrong here, not in the crate.
pub(crate) fn of_kind(py: Python<'_>, kind: &ErrorKind, path: Option<&Path>) -> PyErr {
    let text = path.map_or_else(|| kind.to_string(), |path| format!("{}: {kind}", path.display()));
    let class =
        if matches!(kind, ErrorKind::DuplicateEntry { .. }) { "FormatError" } else { "NpzarrowError" };
    exception(py, class, text).unwrap_or_else(|error| error)
}

/// The system's words for an error, without the number that Rust appends.
fn strerror(cause: &io::Error) -> String {
    let text = cause.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Turns NumPy's refusal of a dtype into an exception: some exist on other machines only.
#[cold]
pub(crate) fn unknown_dtype(py: Python<'_>, dtype: &Dtype, refusal: &PyErr) -> PyErr {
    let quoted = dtype.to_string().replace('\'', "\"");
    let text = format!("dtype {quoted} is refused by NumPy: {}", refusal.value(py));
    let error = exception(py, "UnsupportedDtypeError", text).unwrap_or_else(|error| error);
    error.set_cause(py, Some(refusal.clone_ref(py)));
    error
}

/// The error for arrays of Python objects.
#[cold]
pub(crate) fn no_objects(py: Python<'_>, dtype: &Bound<'_, PyAny>) -> PyErr {
    let text = format!("dtype {dtype} holds Python objects, which are never written");
    exception(py, "UnsupportedDtypeError", text).unwrap_or_else(|error| error)
}

/// Adds the member to an exception that does not know it.
#[cold]
pub(crate) fn in_member(py: Python<'_>, error: PyErr, member: &str) -> PyErr {
    let text = format!("{}: {}", member.escape_debug(), error.value(py));
    match error.get_type(py).call1((text,)) {
        Ok(located) => {
            let located = PyErr::from_value(located);
            located.set_cause(py, error.cause(py));
            located
        }
        Err(_) => error,
    }
}

/// Makes an exception for what Arrow's C interface refuses.
#[cold]
pub(crate) fn refused(py: Python<'_>, refusal: impl Into<PyErr>) -> PyErr {
    let refusal = refusal.into();
    exception(py, "NpzarrowError", refusal.value(py).to_string()).unwrap_or_else(|error| error)
}

/// Makes an exception of `npzarrow._errors`.
fn exception(py: Python<'_>, class: &str, text: String) -> PyResult<PyErr> {
    static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let errors =
        ERRORS.get_or_try_init(py, || PyModule::import(py, "npzarrow._errors").map(Bound::unbind))?;
    let instance = errors.bind(py).getattr(class)?.call1((text,))?;
    Ok(PyErr::from_value(instance))
}

/// `?` for results of the crate.
pub(crate) trait ToPy<T> {
    /// Turns the error into an exception.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>
    where
        Self: Sized,
    {
        self.or_raise_at(py, None)
    }

    /// Turns the error into an exception that knows the path as it was given.
    fn or_raise_at(self, py: Python<'_>, path: Option<&Path>) -> PyResult<T>;
}

impl<T> ToPy<T> for Result<T, Error> {
    #[inline]
    fn or_raise_at(self, py: Python<'_>, path: Option<&Path>) -> PyResult<T> {
        self.map_err(|error| to_py(py, &error, path))
    }
}
