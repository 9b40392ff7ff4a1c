//! `load_npz`: an archive as a mapping of NumPy arrays.

use std::sync::atomic::{AtomicBool, Ordering};

use npzarrow::arrow::ArrowOptions;
use npzarrow::npz::MemberInfo;
use npzarrow::zip::Method;
use npzarrow::{ErrorKind, Interrupt, NpyArray, NpzArchive};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::dtype;
use crate::error::{ToPy, in_member};
use crate::input::{StorageOptions, open_archive};
use crate::interrupt;
use crate::ndarray;
use crate::options::open_options;
use crate::owner::Owner;
use crate::views::{NpzItems, NpzIterator, NpzValues, Part};

/// Reading from a file may block, however little it is.
const FILE_MIN: u64 = 64 << 10;

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
    archive: NpzArchive,
    owner: Option<Owner>,
    closed: AtomicBool,
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
///
/// Returns:
///     A mapping from names to arrays.
///
/// Raises:
///     FormatError: The data is no archive, or one that readers could disagree about.
///     LimitError: The deflated members say that they have more than `max_uncompressed_bytes`.
///     ValueError: `max_uncompressed_bytes` is negative, or `threads` is 0.
///     BufferError: The bytes of the buffer do not lie one behind the other.
///     TypeError: The source is none of the above.
///     OSError: The file cannot be read; `FileNotFoundError` if there is none.
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
#[pyo3(signature = (source, *, max_uncompressed_bytes=1_073_741_824, verify=true, threads=None, mmap=false, storage_options=None))]
pub(crate) fn load_npz(
    source: &Bound<'_, PyAny>,
    max_uncompressed_bytes: i128,
    verify: bool,
    threads: Option<usize>,
    mmap: bool,
    storage_options: StorageOptions,
) -> PyResult<NpzFile> {
    let options = open_options(max_uncompressed_bytes, verify, threads)?;
    let (owner, archive) = open_archive(source, storage_options, mmap, &options)?;
    Ok(NpzFile { archive, owner, closed: AtomicBool::new(false) })
}

impl NpzFile {
    pub(crate) fn len(&self) -> usize {
        self.archive.len()
    }

    pub(crate) fn name(&self, index: usize) -> &str {
        self.archive.name(index).unwrap_or_default()
    }

    /// Reads the member at a place.
    pub(crate) fn array<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        self.check_open()?;
        let read = |interrupt: &Interrupt| self.archive.array_at(index, interrupt);
        let array = interrupt::run(py, self.cost(index), read)?.or_raise(py)?;
        self.wrap(py, array, index)
    }

    fn wrap<'py>(&self, py: Python<'py>, array: NpyArray, index: usize) -> PyResult<Bound<'py, PyAny>> {
        let (header, payload) = array.into_parts();
        ndarray::of_payload(py, &header, payload, self.owner.as_ref())
            .map_err(|error| in_member(py, error, self.name(index)))
    }

    /// How many bytes reading a member touches.
    fn cost(&self, index: usize) -> u64 {
        let declared = self.archive.entry(index).map_or(0, npzarrow::zip::Entry::declared_size);
        match &self.owner {
            Some(_) => declared,
            None if self.archive.is_remote() => interrupt::NETWORK,
            None => declared.max(FILE_MIN),
        }
    }

    fn check_open(&self) -> PyResult<()> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(PyValueError::new_err("the archive is closed"));
        }
        Ok(())
    }

    fn find(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<usize> {
        match key.cast::<PyString>() {
            Ok(key) => self.archive.index_of(key.to_str()?).or_raise(py),
            Err(_) => Err(PyKeyError::new_err(format!("{} is not a file in the archive", key.str()?))),
        }
    }
}

#[pymethods]
impl NpzFile {
    /// The names of all entries in the order of the archive, arrays or not, without `.npy`.
    #[getter]
    fn files(&self) -> Vec<&str> {
        self.archive.names().collect()
    }

    /// True once the archive was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn __len__(&self) -> usize {
        self.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let index = self.find(py, key)?;
        self.array(py, index)
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        match key.cast::<PyString>() {
            // A name that several entries have is there, although reading it is an error.
            Ok(key) => Ok(match self.archive.index_of(key.to_str()?) {
                Ok(_) => true,
                Err(error) => matches!(error.kind(), ErrorKind::DuplicateEntry { .. }),
            }),
            Err(_) => Ok(false),
        }
    }

    fn __iter__(slf: Bound<'_, Self>) -> NpzIterator {
        NpzIterator::new(slf.unbind(), Part::Name)
    }

    fn __repr__(&self) -> String {
        format!("NpzFile object with {} entries.", self.len())
    }

    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        slf.get().check_open()?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        self.close();
    }

    /// Refuse further reads; arrays that were read stay as they are.
    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Get the array of this name, or a default if there is none.
    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.find(py, key) {
            Ok(index) => self.array(py, index),
            Err(error) if error.is_instance_of::<PyKeyError>(py) => {
                Ok(default.unwrap_or_else(|| py.None().into_bound(py)))
            }
            Err(error) => Err(error),
        }
    }

    /// View the names.
    fn keys<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let views = PyModule::import(slf.py(), intern!(slf.py(), "collections.abc"))?;
        views.getattr(intern!(slf.py(), "KeysView"))?.call1((slf,))
    }

    /// View the arrays; each is read when it is reached.
    fn values(slf: Bound<'_, Self>) -> NpzValues {
        NpzValues::new(slf.unbind())
    }

    /// View the names with their arrays; each is read when it is reached.
    fn items(slf: Bound<'_, Self>) -> NpzItems {
        NpzItems::new(slf.unbind())
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
    ///     NpzarrowError: Something is wrong with a member.
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
    #[expect(clippy::needless_pass_by_value, reason = "the list is made for this call")]
    fn load<'py>(&self, py: Python<'py>, names: Option<Vec<String>>) -> PyResult<Bound<'py, PyDict>> {
        self.check_open()?;
        let indices: Vec<usize> = match &names {
            Some(names) => {
                let found = names.iter().map(|name| self.archive.index_of(name).or_raise(py));
                found.collect::<PyResult<_>>()?
            }
            None => py.detach(|| (0..self.len()).filter(|&index| self.archive.is_array(index)).collect()),
        };
        let cost = indices.iter().fold(0_u64, |sum, &index| sum.saturating_add(self.cost(index)));
        let arrays = interrupt::run(py, cost, |interrupt| self.archive.arrays(&indices, interrupt))?;
        let loaded = PyDict::new(py);
        for (position, (array, index)) in arrays.into_iter().zip(indices).enumerate() {
            let name = names.as_ref().and_then(|names| names.get(position));
            let array = self.wrap(py, array.or_raise(py)?, index)?;
            loaded.set_item(name.map_or_else(|| self.name(index), String::as_str), array)?;
        }
        Ok(loaded)
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
        self.check_open()?;
        let indices: Vec<usize> = (0..self.len()).collect();
        let cost = if self.archive.is_remote() { interrupt::NETWORK } else { FILE_MIN };
        let members = interrupt::run(py, cost, |interrupt| {
            // If this fails, each member says so itself.
            let _fetched = self.archive.prepare_headers(&indices, interrupt);
            self.archive.info(&ArrowOptions::default())
        })?;
        let described = members.iter().map(|member| describe(py, member)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, described)
    }
}

/// One entry as a dictionary (`MemberInfo` in the stubs).
fn describe<'py>(py: Python<'py>, member: &MemberInfo) -> PyResult<Bound<'py, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("name", &member.name)?;
    let header = member.header.as_ref().ok();
    // A dtype that NumPy refuses is no reason not to describe the others.
    let dtype = header.and_then(|header| dtype::object(py, header.dtype()).ok());
    info.set_item("dtype", dtype)?;
    let shape = header.map(|header| PyTuple::new(py, header.shape().iter())).transpose()?;
    info.set_item("shape", shape)?;
    info.set_item("order", header.map(|header| header.order().to_string()))?;
    let method = match member.method {
        Method::STORED => "stored".to_owned(),
        Method::DEFLATED => "deflated".to_owned(),
        Method(number) => format!("method {number}"),
    };
    info.set_item("method", method)?;
    info.set_item("compressed_size", member.compressed_size)?;
    info.set_item("size", member.declared_size)?;
    info.set_item("offset", member.payload_offset)?;
    info.set_item("aligned", member.is_aligned())?;
    let transfer = member.transfer.as_ref().and_then(|transfer| transfer.as_ref().ok());
    info.set_item("transfer", transfer.map(ToString::to_string))?;
    let unreadable = member.header.as_ref().err();
    let error = unreadable.or_else(|| member.transfer.as_ref().and_then(|transfer| transfer.as_ref().err()));
    info.set_item("error", error.map(ToString::to_string))?;
    Ok(info)
}
