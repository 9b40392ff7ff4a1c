//! `load_npz`: an archive as a mapping of NumPy arrays.

use pyo3::exceptions::PyKeyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::archive::Archive;
use crate::closable::Closable;
use crate::error;
use crate::info::describe;
use crate::input::{StorageOptions, source_or_data};
use crate::options::{names, open_options, whole_number, whole_number_or_none};
use crate::views::{NpzIterator, Part, view};

/// The arrays of an archive by name, with or without `.npy`: a `Mapping[str, np.ndarray]`.
///
/// Made by `load_npz`. An array is read on each access; a stored member in memory is shared each time. Any number of
/// threads may use one archive, and a child after a fork, too. A context manager, which closes it.
///
/// Raises:
///     KeyError: There is no array of the name, on access.
///     FormatError: The member is no array, several members have its name, or its data is broken.
///     UnsupportedDtypeError: The array holds Python objects, which are never loaded.
///     ChecksumError: The member's bytes are not those that were written.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> file = io.BytesIO()
///     >>> np.savez_compressed(file, x=np.arange(3), y=np.ones(2))
///     >>> with nz.load_npz(file.getvalue()) as archive:
///     ...     print(len(archive), "x" in archive, "x.npy" in archive, archive["x"].sum())
///     2 True True 3
#[pyclass(frozen, mapping, module = "npzarrow")]
pub(crate) struct NpzFile {
    pub(crate) archive: Closable,
}

/// Open an archive of arrays, as `np.savez` and `np.savez_compressed` write it.
///
/// Reads the directory only; each array is read, checked or inflated when it is asked for. Arrays of stored members
/// share the memory of a bytes-like source as those of `load_npy` do; those of deflated members, and of paths, own
/// writable memory. A binary file is read to its end, and what `read` gave is shared.
///
/// Follows APPNOTE 6.3.10 (ZIP) within strict bounds, and `spdl.io.load_npz` of SPDL 0.8, of which it takes the place.
///
/// Args:
///     source: A bytes-like object whose bytes lie one behind the other, a path, a URL, or a binary file.
///     max_uncompressed_bytes: The most bytes that all deflated members together may say they have, checked
///         when the archive is opened. Stored members do not count, since they cannot expand; 0 is legal.
///     verify: False skips the checksums. Each is verified once, when its member is first read.
///     threads: The most threads that one call may use; None is one per core. None outlives its call.
///     mmap: True maps a path instead of reading it, so that arrays share its pages. If the file is truncated
///         meanwhile, touching what is gone ends the process.
///     storage_options: For URLs: keys, regions, endpoints and so on, as the crate `object_store` names them, beside
///         those of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`); `max_retries` and `retry_timeout_ms` bound what
///         one request may cost.
///     data: The name that `source` has in SPDL, of which it takes the place.
///
/// Returns:
///     A mapping from names to arrays.
///
/// Raises:
///     FormatError: The data is no archive, or one that readers could disagree about.
///     LimitError: The deflated members say that they have more than `max_uncompressed_bytes`.
///     ValueError: `max_uncompressed_bytes` is negative, or `threads` is less than 1.
///     BufferError: The bytes of the buffer do not lie one behind the other.
///     TypeError: The source is none of the above.
///     OSError: The file cannot be read, or is a pipe or a device; `FileNotFoundError` if there is none.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> file = io.BytesIO()
///     >>> np.savez(file, x=np.arange(3), y=np.ones(2))
///     >>> archive = nz.load_npz(file.getvalue())
///     >>> archive.files
///     ['x', 'y']
///     >>> archive["x"]
///     array([0, 1, 2])
#[pyfunction]
#[pyo3(signature = (source=None, *, max_uncompressed_bytes=1_073_741_824, verify=true, threads=None, mmap=false, storage_options=None, data=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of the Python function")]
pub(crate) fn load_npz(
    py: Python<'_>,
    source: Option<&Bound<'_, PyAny>>,
    #[pyo3(from_py_with = whole_number)] max_uncompressed_bytes: i128,
    verify: bool,
    #[pyo3(from_py_with = whole_number_or_none)] threads: Option<i128>,
    mmap: bool,
    storage_options: StorageOptions,
    data: Option<&Bound<'_, PyAny>>,
) -> PyResult<NpzFile> {
    let source = source_or_data(py, source, data)?;
    let options = open_options(max_uncompressed_bytes, verify, threads)?;
    Ok(NpzFile { archive: Closable::new(Archive::open(&source, storage_options, mmap, &options)?) })
}

fn find(archive: &Archive, key: &Bound<'_, PyAny>) -> PyResult<usize> {
    match key.cast::<PyString>() {
        Ok(name) => archive.find(name),
        Err(_) => Err(error::not_found(key)),
    }
}

#[pymethods]
impl NpzFile {
    /// The names of all entries in the order of the archive, arrays or not, without `.npy`.
    #[getter]
    fn files<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let names = (0..self.archive.len())
            .map(|index| self.archive.with_name(index, |name| PyString::new(py, name)));
        PyList::new(py, names)
    }

    /// True once the archive was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.archive.is_closed()
    }

    fn __len__(&self) -> usize {
        self.archive.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.archive.open(|archive| archive.array(py, find(archive, key)?))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> bool {
        let name = key.cast::<PyString>().ok().and_then(|name| name.to_str().ok());
        name.is_some_and(|name| self.archive.contains(name))
    }

    fn __iter__(slf: Bound<'_, Self>) -> NpzIterator {
        NpzIterator::new(slf.unbind(), Part::Name)
    }

    fn __repr__(&self) -> String {
        format!("NpzFile object with {} entries.", self.archive.len())
    }

    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        slf.get().archive.open(|_| Ok(()))?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        self.close();
    }

    /// Release the source and refuse further reads; arrays that were read stay as they are.
    fn close(&self) {
        self.archive.close();
    }

    /// Get the array of this name, or a default if there is none.
    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.archive.open(|archive| match find(archive, key) {
            Ok(index) => archive.array(py, index),
            Err(error) if error.is_instance_of::<PyKeyError>(py) => {
                Ok(default.unwrap_or_else(|| py.None().into_bound(py)))
            }
            Err(error) => Err(error),
        })
    }

    /// View the names.
    fn keys<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let views = PyModule::import(slf.py(), intern!(slf.py(), "collections.abc"))?;
        views.getattr(intern!(slf.py(), "KeysView"))?.call1((slf,))
    }

    /// View the arrays; each is read when it is reached.
    fn values<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, intern!(slf.py(), "NpzValues"))
    }

    /// View the names with their arrays; each is read when it is reached.
    fn items<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, intern!(slf.py(), "NpzItems"))
    }

    /// Iterate over the arrays.
    fn _arrays(slf: Bound<'_, Self>) -> NpzIterator {
        NpzIterator::new(slf.unbind(), Part::Array)
    }

    /// Iterate over the names with their arrays.
    fn _pairs(slf: Bound<'_, Self>) -> NpzIterator {
        NpzIterator::new(slf.unbind(), Part::Both)
    }

    /// Read several arrays at once, in parallel where that pays.
    ///
    /// Shares and copies as single access does.
    ///
    /// Args:
    ///     names: The names, with or without `.npy`, which become the keys; None is every entry that is an array.
    ///
    /// Returns:
    ///     The arrays by name, in the order of `names` or of the archive.
    ///
    /// Raises:
    ///     KeyError: There is no array of one of the names.
    ///     NpzarrowError: Something is wrong with a member, or several members have one name.
    ///     ValueError: The archive is closed.
    ///
    /// Example:
    ///     >>> import io
    ///     >>> import numpy as np
    ///     >>> import npzarrow as nz
    ///     >>> file = io.BytesIO()
    ///     >>> np.savez(file, x=np.arange(3), y=np.ones(2), z=np.zeros(1))
    ///     >>> nz.load_npz(file.getvalue()).load(["z", "x"])
    ///     {'z': array([0.]), 'x': array([0, 1, 2])}
    #[pyo3(signature = (names=None))]
    fn load<'py>(&self, py: Python<'py>, names: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyDict>> {
        let names = names.map(|names| self::names("names", names)).transpose()?;
        self.archive.open(|archive| match &names {
            Some(names) => archive.load(py, names),
            None => archive.load_all(py),
        })
    }

    /// Describe every entry, from the directory and the headers alone.
    ///
    /// Returns:
    ///     For each entry, in the order of the archive, a `MemberInfo`: dtype and shape, sizes in bytes, where its payload
    ///     begins, and what reading it into Arrow with the default options copies, or why it cannot be read.
    ///
    /// Raises:
    ///     ValueError: The archive is closed.
    ///
    /// Example:
    ///     >>> import io
    ///     >>> import numpy as np
    ///     >>> import npzarrow as nz
    ///     >>> file = io.BytesIO()
    ///     >>> np.savez_compressed(file, x=np.zeros((2, 3), "f4"))
    ///     >>> [info] = nz.load_npz(file.getvalue()).info()
    ///     >>> info["name"], info["dtype"], info["shape"], info["transfer"]
    ///     ('x', dtype('float32'), (2, 3), 'copied: the member is deflated')
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let members = self.archive.open(|archive| archive.info(py))?;
        let described = members.iter().map(|member| describe(py, member)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, described)
    }
}
