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
use crate::error::ToPy;
use crate::input::Input;
use crate::interrupt;
use crate::ndarray;
use crate::options::open_options;
use crate::owner::Owner;
use crate::views::{NpzItems, NpzIterator, NpzValues, Part};

/// Reading from a file may block, however little it is.
const FILE_MIN: u64 = 64 << 10;

/// The arrays of an archive by name; each is read on access.
#[pyclass(frozen, mapping, module = "npzarrow")]
pub(crate) struct NpzFile {
    archive: NpzArchive,
    owner: Option<Owner>,
    closed: AtomicBool,
}

/// Open an archive of NumPy arrays.
#[pyfunction]
#[pyo3(signature = (source, *, max_uncompressed_bytes=None, verify=true, threads=None, mmap=false))]
pub(crate) fn load_npz(
    source: &Bound<'_, PyAny>,
    max_uncompressed_bytes: Option<&Bound<'_, PyAny>>,
    verify: bool,
    threads: Option<usize>,
    mmap: bool,
) -> PyResult<NpzFile> {
    let py = source.py();
    let options = open_options(max_uncompressed_bytes, verify, threads)?;
    let (owner, source) = Input::of(source)?.open(py, mmap)?;
    let archive = NpzArchive::with_options(source, &options).or_raise(py)?;
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
        self.wrap(py, array)
    }

    fn wrap<'py>(&self, py: Python<'py>, array: NpyArray) -> PyResult<Bound<'py, PyAny>> {
        let (header, payload) = array.into_parts();
        ndarray::of_payload(py, &header, payload, self.owner.as_ref())
    }

    /// How many bytes reading a member touches.
    fn cost(&self, index: usize) -> u64 {
        let declared = self.archive.entry(index).map_or(0, npzarrow::zip::Entry::declared_size);
        if self.owner.is_none() { declared.max(FILE_MIN) } else { declared }
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
    /// The names of all entries in the order of the archive, without `.npy`.
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

    /// The array of this name, or a default if there is none.
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

    /// The names, as a view.
    fn keys<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let views = PyModule::import(slf.py(), intern!(slf.py(), "collections.abc"))?;
        views.getattr(intern!(slf.py(), "KeysView"))?.call1((slf,))
    }

    /// The arrays, as a view; each is read when it is reached.
    fn values(slf: Bound<'_, Self>) -> NpzValues {
        NpzValues::new(slf.unbind())
    }

    /// The names with their arrays, as a view; each is read when it is reached.
    fn items(slf: Bound<'_, Self>) -> NpzItems {
        NpzItems::new(slf.unbind())
    }

    /// Read several arrays at once, in parallel.
    #[pyo3(signature = (names=None))]
    fn load<'py>(&self, py: Python<'py>, names: Option<Vec<String>>) -> PyResult<Bound<'py, PyDict>> {
        self.check_open()?;
        let indices: Vec<usize> = match &names {
            Some(names) => {
                let found = names.iter().map(|name| self.archive.index_of(name).or_raise(py));
                found.collect::<PyResult<_>>()?
            }
            None => (0..self.len()).filter(|&index| self.archive.is_array(index)).collect(),
        };
        let cost = indices.iter().fold(0_u64, |sum, &index| sum.saturating_add(self.cost(index)));
        let arrays = interrupt::run(py, cost, |interrupt| self.archive.arrays(&indices, interrupt))?;
        let loaded = PyDict::new(py);
        for (position, (array, index)) in arrays.into_iter().zip(indices).enumerate() {
            let name = names.as_ref().and_then(|names| names.get(position));
            let array = self.wrap(py, array.or_raise(py)?)?;
            loaded.set_item(name.map_or_else(|| self.name(index), String::as_str), array)?;
        }
        Ok(loaded)
    }

    /// Describe every entry, from the directory and the headers alone.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.check_open()?;
        let members = py.detach(|| self.archive.info(&ArrowOptions::default()));
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
