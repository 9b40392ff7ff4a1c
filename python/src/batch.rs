//! `read_npz`: an archive as one Arrow batch.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::Schema as ArrowSchema;
use npzarrow::Column;
use npzarrow::npz::ReadOptions;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyTuple};

use crate::archive::Archive;
use crate::capsule;
use crate::error::ToPy;
use crate::input::StorageOptions;
use crate::interrupt;
use crate::options::{ArrowArguments, names, open_options, unsupported, whole_number, whole_number_or_none};
use crate::schema::Schema;

/// One archive as one batch of columns: `pa.record_batch(x)`, `pl.DataFrame(x)`, `duckdb.sql("from x")`.
///
/// Made by `read_npz`. Consumers share its memory; it can be read any number of times. Where a consumer asks for a
/// schema, it gets the columns in question, half floats as floats and `arrow.bool8` as booleans; for the rest the
/// types stay.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import pyarrow as pa
///     >>> import npzarrow as nz
///     >>> file = io.BytesIO()
///     >>> np.savez(file, x=np.arange(3), y=np.zeros((3, 2), "f4"))
///     >>> batch = nz.read_npz(file.getvalue())
///     >>> batch
///     <npzarrow.NpzBatch: 3 rows>
///     x: Int64
///     y: FixedSizeList(2 x Float32), arrow.fixed_shape_tensor {"shape":[2]}
///     >>> pa.record_batch(batch).column("y").to_numpy_ndarray().shape
///     (3, 2)
#[pyclass(frozen, module = "npzarrow")]
pub(crate) struct NpzBatch {
    columns: Vec<Column>,
    batch: RecordBatch,
}

/// Read an archive as one batch of Arrow columns, for polars, pyarrow, DuckDB and arro3.
///
/// Each array is a column, its first axis counts the rows; arrays without axes are repeated for every row. Only the
/// selected members are touched. Columns share the memory of the source as the arrays of `read_npy` do; the others
/// are copied once, and `NpzBatch.transfers` tells why. Members of a path are read straight into their columns.
///
/// Follows the Arrow columnar format 1.5 with its canonical extensions `arrow.fixed_shape_tensor` and `arrow.bool8`.
///
/// Args:
///     source: A bytes-like object, a path, a URL, or a binary file, which is read to its end.
///     columns: The members to read, in this order, with or without `.npy`; None is every array.
///     rows: "axis0" makes each entry of the first axes a row, "archive" the whole archive one row, whose cells are
///         the arrays.
///     tensor: What the axes behind the rows become: "fixed_shape" is `arrow.fixed_shape_tensor` for integers and
///         floats and nested lists for all else, "nested" is one fixed-size list per axis, "flat" one of them all.
///     copy: None shares where possible; False shares or raises, saying why it cannot; True copies always.
///     verify: False skips the checksums.
///     mmap: True maps a path instead of reading it, so that its pages are shared. If the file is truncated
///         meanwhile, touching what is gone ends the process.
///     bool8: True makes booleans `arrow.bool8`, which shares their bytes, instead of packed bits.
///     string_view: True makes text and bytes views, which share strings of more than 12 bytes.
///     unsupported: "raise", or "skip" to leave out members whose dtype Arrow cannot hold.
///     max_uncompressed_bytes: The most bytes that all deflated members together may say they have, checked
///         when the archive is opened. Stored members do not count, since they cannot expand; 0 is legal.
///     threads: The most threads that the call may use; None is one per core.
///     storage_options: For URLs: keys, regions, endpoints and so on, as the crate `object_store` names them, beside
///         those of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`); `max_retries` and `retry_timeout_ms` bound what
///         one request may cost.
///
/// Returns:
///     The batch, for any number of consumers.
///
/// Raises:
///     FormatError: The data is no archive, or a member is broken.
///     UnsupportedDtypeError: Arrow has no type for a member, or it holds Python objects.
///     ChecksumError: The bytes of a member are not those that were written.
///     LimitError: A size exceeds its limit.
///     NpzarrowError: The arrays differ in length, `copy=False` is impossible, or a value has no place in its type.
///     KeyError: There is no array of a name in `columns`.
///     ValueError: An option has a word or a number that it does not take.
///     BufferError: The bytes of the buffer do not lie one behind the other.
///     TypeError: The source is none of the above.
///     OSError: The file cannot be read, or is a pipe or a device.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> file = io.BytesIO()
///     >>> np.savez(file, id=np.arange(2), image=np.zeros((2, 4, 3), "f4"), day=np.array("2024-06-07", "M8[D]"))
///     >>> batch = nz.read_npz(file.getvalue(), columns=["id", "day", "image"])
///     >>> batch.to_polars()
///     shape: (2, 3)
///     ┌─────┬────────────┬─────────────────────────────────┐
///     │ id  ┆ day        ┆ image                           │
///     │ --- ┆ ---        ┆ ---                             │
///     │ i64 ┆ date       ┆ array[f32, (4, 3)]              │
///     ╞═════╪════════════╪═════════════════════════════════╡
///     │ 0   ┆ 2024-06-07 ┆ [[0.0, 0.0, 0.0], [0.0, 0.0, 0… │
///     │ 1   ┆ 2024-06-07 ┆ [[0.0, 0.0, 0.0], [0.0, 0.0, 0… │
///     └─────┴────────────┴─────────────────────────────────┘
///     >>> batch.transfers["day"]
///     'copied: one value is repeated for every row'
#[pyfunction]
#[pyo3(signature = (
    source, *, columns=None, rows="axis0", tensor="fixed_shape", copy=None, verify=true, mmap=false, bool8=false,
    string_view=false, unsupported="raise", max_uncompressed_bytes=1_073_741_824, threads=None,
    storage_options=None,
))]
#[expect(
    clippy::too_many_arguments,
    clippy::fn_params_excessive_bools,
    reason = "keyword arguments of the Python function"
)]
pub(crate) fn read_npz(
    source: &Bound<'_, PyAny>,
    columns: Option<&Bound<'_, PyAny>>,
    rows: &str,
    tensor: &str,
    copy: Option<bool>,
    verify: bool,
    mmap: bool,
    bool8: bool,
    string_view: bool,
    unsupported: &str,
    #[pyo3(from_py_with = whole_number)] max_uncompressed_bytes: i128,
    #[pyo3(from_py_with = whole_number_or_none)] threads: Option<i128>,
    storage_options: StorageOptions,
) -> PyResult<NpzBatch> {
    let py = source.py();
    let mut options = ReadOptions::default()
        .with_arrow(ArrowArguments { copy, rows, tensor, bool8, string_view }.options()?)
        .with_unsupported(self::unsupported(unsupported)?);
    let open = open_options(max_uncompressed_bytes, verify, threads)?;
    let columns = columns.map(|columns| names("columns", columns)).transpose()?;
    let archive = Archive::open(source, storage_options, mmap, &open)?;
    let cost = match &columns {
        None => archive.total_cost(0..archive.len()),
        Some(columns) => {
            let found = columns.iter().map(|name| archive.find(name)).collect::<PyResult<Vec<_>>>()?;
            archive.total_cost(found.into_iter())
        }
    };
    // Names that were found are UTF-8.
    options.columns = columns.map(|columns| columns.iter().map(ToString::to_string).collect());
    let read = |interrupt: &npzarrow::Interrupt| {
        archive.npz.columns(&options.clone().with_interrupt(interrupt.clone()))
    };
    let (columns, rows) = interrupt::run(py, cost, read)?.or_raise_at(py, archive.path())?;
    NpzBatch::new(columns, rows)
}

impl NpzBatch {
    fn new(columns: Vec<Column>, rows: usize) -> PyResult<Self> {
        let schema =
            ArrowSchema::new(columns.iter().map(|column| Arc::clone(&column.field)).collect::<Vec<_>>());
        let arrays = columns.iter().map(|column| Arc::clone(&column.array)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options);
        let batch = batch.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(Self { columns, batch })
    }
}

#[pymethods]
impl NpzBatch {
    /// The names and types of the columns.
    #[getter]
    fn schema(&self) -> Schema {
        Schema::new(self.batch.schema())
    }

    /// The number of rows.
    #[getter]
    fn num_rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The number of columns.
    #[getter]
    fn num_columns(&self) -> usize {
        self.batch.num_columns()
    }

    /// For each column how its memory came about: "shared", or "copied: " and why.
    #[getter]
    fn transfers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let transfers = PyDict::new(py);
        for column in &self.columns {
            transfers.set_item(column.field.name(), column.transfer.to_string())?;
        }
        Ok(transfers)
    }

    fn __len__(&self) -> usize {
        self.num_rows()
    }

    fn __repr__(&self) -> String {
        let schema = self.schema().__repr__();
        format!("<npzarrow.NpzBatch: {} rows>\n{schema}", self.num_rows())
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::schema(py, self.batch.schema_ref())
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        capsule::batch(py, &self.batch, requested_schema)
    }

    /// Make a `polars.DataFrame`, in which tensors keep their shape as nested arrays.
    ///
    /// `pl.DataFrame(batch)` shows tensors as extension types over flat arrays instead. Shares memory; polars copies
    /// text and what it has no type for.
    ///
    /// Raises:
    ///     ImportError: Polars is not installed.
    fn to_polars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let columns = self.columns.iter().map(Column::with_nested_tensors).collect();
        let nested = Self::new(columns, self.num_rows())?;
        capsule::engine(py, "polars")?.getattr("DataFrame")?.call1((nested,))
    }

    /// Make a `pyarrow.RecordBatch`. Shares memory.
    ///
    /// Raises:
    ///     ImportError: PyArrow is not installed.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        capsule::engine(slf.py(), "pyarrow")?.getattr("record_batch")?.call1((slf,))
    }

    /// Make an `arro3.core.RecordBatch`. Shares memory.
    ///
    /// Raises:
    ///     ImportError: arro3-core is not installed.
    fn to_arro3<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let module = capsule::engine(slf.py(), "arro3.core")?;
        module.getattr("RecordBatch")?.call_method1("from_arrow", (slf,))
    }
}
