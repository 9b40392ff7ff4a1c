//! `load_npy` and `read_npy`: one array.

use npzarrow::default_threads;
use npzarrow::npy::{Header, Preamble};
use npzarrow::source::Source;
use npzarrow::{Column, NpyArray as Array};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyTuple};

use crate::capsule;
use crate::error::ToPy;
use crate::input::{Input, StorageOptions, source_or_data};
use crate::interrupt;
use crate::ndarray;
use crate::options::ArrowArguments;
use crate::owner::BufferOwner;
use crate::schema::{Schema, on_one_line};
use crate::stream::ReadArray;

/// Load one array from NPY data, as `np.save` writes it.
///
/// The array shares the memory of a bytes-like source, aligned or not, and keeps it alive. It is writable if the
/// source is, and a `bytearray` cannot be resized as long as the array lives. A path or a binary file is read into
/// memory of the array's own, which is writable; a binary file is left where the array ends. The dtype (its byte
/// order included), the shape and the order of the axes are those of the data; bytes behind the array are ignored.
///
/// Follows the format of `numpy.lib.format`, versions 1.0 to 3.0, and `spdl.io.load_npy` of SPDL 0.8.
///
/// Args:
///     source: A bytes-like object whose bytes lie one behind the other, a path, a URL, or a binary file.
///     copy: True for an array that is independent of the source, and writable.
///     storage_options: For URLs: keys, regions, endpoints and so on, as the crate `object_store` names them, beside
///         those of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`); `max_retries` and `retry_timeout_ms` bound what
///         one request may cost.
///     data: The name that `source` has in SPDL, of which it takes the place.
///
/// Returns:
///     The array.
///
/// Raises:
///     FormatError: The data is no NPY data, or ends too soon.
///     UnsupportedDtypeError: The dtype holds Python objects, which are never loaded.
///     LimitError: The header is longer than 1 MiB.
///     BufferError: The bytes of the buffer do not lie one behind the other.
///     TypeError: The source is none of the above.
///     OSError: The file cannot be read, or is a pipe or a device; `FileNotFoundError` if there is none.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> file = io.BytesIO()
///     >>> np.save(file, np.arange(6.0).reshape(2, 3))
///     >>> array = nz.load_npy(file.getvalue())
///     >>> array
///     array([[0., 1., 2.],
///            [3., 4., 5.]])
///     >>> array.flags.writeable
///     False
#[pyfunction]
#[pyo3(signature = (source=None, *, copy=false, storage_options=None, data=None))]
pub(crate) fn load_npy<'py>(
    py: Python<'py>,
    source: Option<&Bound<'py, PyAny>>,
    copy: bool,
    storage_options: StorageOptions,
    data: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let source = source_or_data(py, source, data)?;
    if let Ok(bytes) = source.cast_exact::<PyBytes>() {
        load_bytes(bytes, copy)
    } else {
        load_other(&source, copy, storage_options)
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

fn load_other<'py>(
    source: &Bound<'py, PyAny>,
    copy: bool,
    storage_options: StorageOptions,
) -> PyResult<Bound<'py, PyAny>> {
    let py = source.py();
    match Input::of(source, storage_options)? {
        Input::Buffer(object) => {
            let owner = BufferOwner::export(&object)?;
            let header = parse_copy(owner.get().as_slice()).or_raise(py)?;
            if copy {
                return ndarray::copied(py, &header, header.payload(owner.get().as_slice()).or_raise(py)?);
            }
            ndarray::over_export(&header, &owner)?.or_raise(py)
        }
        Input::Path(path) => {
            let source = py.detach(|| Source::open(&path)).or_raise_at(py, Some(&path))?;
            let cost = source.len().max(interrupt::least(&source));
            let read = |interrupt: &npzarrow::Interrupt| Array::read(&source, default_threads(), interrupt);
            let array = interrupt::run(py, cost, read)?.or_raise_at(py, Some(&path))?;
            let (header, payload) = array.into_parts();
            ndarray::of_payload(py, &header, payload, None)
        }
        Input::Url(url, options) => {
            let read = |interrupt: &npzarrow::Interrupt| {
                let source = Source::open_url(&url, &options.with_interrupt(interrupt.clone()))?;
                Array::read(&source, default_threads(), interrupt)
            };
            let (header, payload) = interrupt::run(py, interrupt::NETWORK, read)?.or_raise(py)?.into_parts();
            ndarray::of_payload(py, &header, payload, None)
        }
        Input::File(file) => {
            let ReadArray { header, data, payload } = ReadArray::of(&file)?;
            ndarray::over_read(py, &header, data, payload)
        }
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
    let copy = bytes.get(..end).unwrap_or_default().to_vec();
    Header::parse(&copy)
}

/// One NPY array as an Arrow array: `pa.array(x)`, `pl.Series(x)`, and all else that takes Arrow arrays.
///
/// Made by `read_npy`. Consumers share its memory; it can be read any number of times.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import pyarrow as pa
///     >>> import npzarrow as nz
///     >>> file = io.BytesIO()
///     >>> np.save(file, np.arange(3, dtype="i4"))
///     >>> array = nz.read_npy(file.getvalue())
///     >>> len(array)
///     3
///     >>> pa.array(array).to_pylist()
///     [0, 1, 2]
#[pyclass(frozen, module = "npzarrow")]
pub(crate) struct NpyArray {
    column: Column,
}

/// Read one array as an Arrow array, for `pa.array`, `pl.Series` and whatever else takes Arrow arrays.
///
/// Arrow shares the memory of the source if the elements lie at multiples of their size, in the byte order of
/// this machine and in C order, and if nobody can write to the source: `bytes`, read-only maps, pyarrow buffers
/// that say so, and arrays and views that are read-only down to one of these. Otherwise there is one copy, aligned
/// to 64 bytes; `NpyArray.transfer` tells why. A binary file is read once, and left where the array ends.
///
/// Follows the Arrow columnar format 1.5 with its canonical extensions `arrow.fixed_shape_tensor` and `arrow.bool8`.
///
/// Args:
///     source: A bytes-like object, a path, a URL, or a binary file.
///     copy: None shares where possible; False shares or raises, saying why it cannot; True copies always.
///     mmap: True maps a path instead of reading it, so that its pages are shared. If the file is truncated
///         meanwhile, touching what is gone ends the process.
///     rows: "axis0" makes each entry of the first axis a row, "archive" the whole array one row.
///     tensor: What the axes behind the rows become: "fixed_shape" is `arrow.fixed_shape_tensor` for integers and
///         floats and nested lists for all else, "nested" is one fixed-size list per axis, "flat" one of them all.
///     bool8: True makes booleans `arrow.bool8`, which shares their bytes, instead of packed bits.
///     string_view: True makes text and bytes views, which share strings of more than 12 bytes.
///     name: The name of the field.
///     storage_options: For URLs: keys, regions, endpoints and so on, as the crate `object_store` names them, beside
///         those of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`); `max_retries` and `retry_timeout_ms` bound what
///         one request may cost.
///
/// Returns:
///     The array, for any number of consumers.
///
/// Raises:
///     FormatError: The data is no NPY data, or ends too soon.
///     UnsupportedDtypeError: Arrow has no such type, or the dtype holds Python objects.
///     LimitError: The header is longer than 1 MiB, or Arrow's offsets cannot reach as far.
///     NpzarrowError: `copy=False` is impossible, or a value has no place in its Arrow type.
///     BufferError: The bytes of the buffer do not lie one behind the other.
///     TypeError: The source is none of the above.
///     OSError: The file cannot be read, or is a pipe or a device.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> file = io.BytesIO()
///     >>> np.save(file, np.array(["a", "b"]))
///     >>> array = nz.read_npy(file.getvalue())
///     >>> array.to_polars().to_list()
///     ['a', 'b']
///     >>> array.transfer
///     'copied: four bytes per code point become UTF-8'
#[pyfunction]
#[pyo3(signature = (source, *, copy=None, mmap=false, rows="axis0", tensor="fixed_shape", bool8=false, string_view=false, name="", storage_options=None))]
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
    storage_options: StorageOptions,
) -> PyResult<NpyArray> {
    let py = source.py();
    let options = ArrowArguments { copy, rows, tensor, bool8, string_view }.options()?;
    let input = match Input::of(source, storage_options)? {
        Input::File(file) => {
            let column = ReadArray::of(&file)?.into_column(py, name, options)?;
            return Ok(NpyArray { column });
        }
        input => input,
    };
    let (_, source) = input.open(py, mmap)?;
    let cost = source.len().max(interrupt::least(&source));
    let read = |interrupt: &npzarrow::Interrupt| {
        let column = Array::read(&source, default_threads(), interrupt)?.into_column(name, &options);
        column.map_err(|error| match source.path() {
            Some(path) => error.in_path(path),
            None => error,
        })
    };
    let column = interrupt::run(py, cost, read)?.or_raise_at(py, source.path())?;
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
        let data_type = on_one_line(&array.data_type().to_string());
        format!("<npzarrow.NpyArray: {} rows of {data_type}, {transfer}>", array.len())
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::field(py, &self.column.field)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        capsule::array(py, &self.column, requested_schema)
    }

    /// Make a `polars.Series`, in which tensors keep their shape as nested arrays.
    ///
    /// Shares memory; polars copies text and what it has no type for.
    ///
    /// Raises:
    ///     ImportError: Polars is not installed.
    fn to_polars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let nested = Self { column: self.column.with_nested_tensors() };
        capsule::engine(py, "polars")?.getattr("Series")?.call1((nested,))
    }

    /// Make a `pyarrow.Array`. Shares memory.
    ///
    /// Raises:
    ///     ImportError: PyArrow is not installed.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        capsule::engine(slf.py(), "pyarrow")?.getattr("array")?.call1((slf,))
    }

    /// Make an `arro3.core.Array`. Shares memory.
    ///
    /// Raises:
    ///     ImportError: arro3-core is not installed.
    fn to_arro3<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        capsule::engine(slf.py(), "arro3.core")?.getattr("Array")?.call_method1("from_arrow", (slf,))
    }
}
