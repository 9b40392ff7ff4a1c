//! `load_npy` and `read_npy`: one array.

use npzarrow::npy::{Header, Preamble};
use npzarrow::source::Source;
use npzarrow::{Column, NpyArray as Array};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyTuple};

use crate::capsule;
use crate::error::ToPy;
use crate::input::Input;
use crate::interrupt;
use crate::ndarray;
use crate::options::{ArrowArguments, default_threads};
use crate::owner::BufferOwner;
use crate::schema::Schema;
use crate::stream;

/// Load one array from NPY data.
#[pyfunction]
#[pyo3(signature = (source, *, copy=false))]
pub(crate) fn load_npy<'py>(source: &Bound<'py, PyAny>, copy: bool) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(bytes) = source.cast_exact::<PyBytes>() {
        load_bytes(bytes, copy)
    } else {
        load_other(source, copy)
    }
}

/// The fast path: `bytes` are the base of the array themselves.
fn load_bytes<'py>(bytes: &Bound<'py, PyBytes>, copy: bool) -> PyResult<Bound<'py, PyAny>> {
    let py = bytes.py();
    let header = Header::parse(bytes.as_bytes()).or_raise(py)?;
    if copy {
        return ndarray::copied(py, &header, header.payload(bytes.as_bytes()).or_raise(py)?);
    }
    ndarray::over_bytes(&header, bytes)?.or_raise(py)
}

fn load_other<'py>(source: &Bound<'py, PyAny>, copy: bool) -> PyResult<Bound<'py, PyAny>> {
    let py = source.py();
    match Input::of(source)? {
        Input::Buffer(object) => {
            let owner = BufferOwner::export(&object)?;
            let header = parse_copy(owner.get().as_slice()).or_raise(py)?;
            if copy {
                return ndarray::copied(py, &header, header.payload(owner.get().as_slice()).or_raise(py)?);
            }
            ndarray::over_export(&header, &owner)?.or_raise(py)
        }
        Input::Path(path) => {
            let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            let read = |interrupt: &npzarrow::Interrupt| {
                Array::read(&Source::open(&path)?, default_threads(), interrupt)
            };
            // Even a small file may lie on a slow disk.
            let array = interrupt::run(py, bytes.max(1 << 16), read)?.or_raise(py)?;
            let (header, payload) = array.into_parts();
            ndarray::of_payload(py, &header, payload, None)
        }
        // What was read belongs to nobody else, but `bytes` cannot be written to.
        Input::File(file) => load_bytes(&stream::read_array(&file)?, true),
    }
}

/// Parses a header from memory that others may write to: from a copy, so that each byte is read once.
fn parse_copy(bytes: &[u8]) -> npzarrow::Result<Header> {
    let mut copy = [0; 256];
    let len = bytes.len().min(copy.len());
    if let (Some(copy), Some(bytes)) = (copy.get_mut(..len), bytes.get(..len)) {
        copy.copy_from_slice(bytes);
        let preamble = Preamble::parse(copy)?;
        if preamble.header_end <= len {
            return Header::parse(copy);
        }
    }
    let end = Preamble::parse(&copy)?.header_end.min(bytes.len());
    Header::parse(&bytes.get(..end).unwrap_or_default().to_vec())
}

/// One NPY array as an Arrow array.
#[pyclass(frozen, module = "npzarrow")]
pub(crate) struct NpyArray {
    column: Column,
}

/// Read one array as an Arrow array.
#[pyfunction]
#[pyo3(signature = (source, *, copy=None, mmap=false, rows="axis0", tensor="fixed_shape", bool8=false, string_view=false, name=""))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of the Python function")]
pub(crate) fn read_npy(
    source: &Bound<'_, PyAny>,
    copy: Option<bool>,
    mmap: bool,
    rows: &str,
    tensor: &str,
    bool8: bool,
    string_view: bool,
    name: &str,
) -> PyResult<NpyArray> {
    let py = source.py();
    let options = ArrowArguments { copy, rows, tensor, bool8, string_view }.options()?;
    let input = match Input::of(source)? {
        Input::File(file) => Input::Buffer(stream::read_array(&file)?.into_any()),
        input => input,
    };
    let (_, source) = input.open(py, mmap)?;
    let bytes = source.len().max(if source.path().is_some() { 1 << 16 } else { 0 });
    let read = |interrupt: &npzarrow::Interrupt| {
        let column = Array::read(&source, default_threads(), interrupt)?.into_column(name, &options);
        column.map_err(|error| match source.path() {
            Some(path) => error.in_path(path),
            None => error,
        })
    };
    let column = interrupt::run(py, bytes, read)?.or_raise(py)?;
    Ok(NpyArray { column })
}

#[pymethods]
impl NpyArray {
    /// The Arrow type as a field, with its extension metadata.
    #[getter]
    fn field(&self) -> Schema {
        Schema::of_field(&self.column.field)
    }

    /// How the memory came about: "shared", or "copied: " and why.
    #[getter]
    fn transfer(&self) -> String {
        self.column.transfer.to_string()
    }

    fn __len__(&self) -> usize {
        self.column.array.len()
    }

    fn __repr__(&self) -> String {
        let (array, transfer) = (&self.column.array, &self.column.transfer);
        format!("<npzarrow.NpyArray: {} rows of {}, {transfer}>", array.len(), array.data_type())
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::field(py, &self.column.field)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        capsule::array(py, &self.column, requested_schema.as_ref())
    }

    /// Make a `polars.Series`; tensors keep their shape as nested arrays.
    fn to_polars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let nested = Self { column: self.column.with_nested_tensors() };
        capsule::engine(py, "polars")?.getattr("Series")?.call1((nested,))
    }

    /// Make a `pyarrow.Array`.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        capsule::engine(slf.py(), "pyarrow")?.getattr("array")?.call1((slf,))
    }

    /// Make an `arro3.core.Array`.
    fn to_arro3<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        capsule::engine(slf.py(), "arro3.core")?.getattr("Array")?.call_method1("from_arrow", (slf,))
    }
}
