//! `read_npz`: an archive as one Arrow batch.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::Schema as ArrowSchema;
use npzarrow::npz::ReadOptions;
use npzarrow::{Column, NpzArchive};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyTuple};

use crate::capsule;
use crate::error::ToPy;
use crate::input::Input;
use crate::interrupt;
use crate::options::{ArrowArguments, open_options, unsupported};
use crate::schema::Schema;

/// Reading from a file may block, however little it is.
const FILE_MIN: u64 = 64 << 10;

/// One archive as one batch of columns.
#[pyclass(frozen, module = "npzarrow")]
pub(crate) struct NpzBatch {
    columns: Vec<Column>,
    batch: RecordBatch,
}

/// Read an archive as one batch of Arrow columns.
#[pyfunction]
#[pyo3(signature = (
    source, *, columns=None, rows="axis0", tensor="fixed_shape", copy=None, verify=true, mmap=false, bool8=false,
    string_view=false, unsupported="raise", max_uncompressed_bytes=None, threads=None,
))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of the Python function")]
pub(crate) fn read_npz(
    source: &Bound<'_, PyAny>,
    columns: Option<Vec<String>>,
    rows: &str,
    tensor: &str,
    copy: Option<bool>,
    verify: bool,
    mmap: bool,
    bool8: bool,
    string_view: bool,
    unsupported: &str,
    max_uncompressed_bytes: Option<&Bound<'_, PyAny>>,
    threads: Option<usize>,
) -> PyResult<NpzBatch> {
    let py = source.py();
    let mut options = ReadOptions::default()
        .with_arrow(ArrowArguments { copy, rows, tensor, bool8, string_view }.options()?)
        .with_unsupported(self::unsupported(unsupported)?);
    options.columns = columns;
    let open = open_options(max_uncompressed_bytes, verify, threads)?;
    let (_, source) = Input::of(source)?.open(py, mmap)?;
    let in_file = source.path().is_some();
    let archive = NpzArchive::with_options(source, &open).or_raise(py)?;
    let cost = cost(&archive, options.columns.as_deref()).max(if in_file { FILE_MIN } else { 0 });
    let read =
        |interrupt: &npzarrow::Interrupt| archive.columns(&options.clone().with_interrupt(interrupt.clone()));
    let (columns, rows) = interrupt::run(py, cost, read)?.or_raise(py)?;
    NpzBatch::new(columns, rows)
}

/// How many bytes reading the members touches.
fn cost(archive: &NpzArchive, columns: Option<&[String]>) -> u64 {
    let declared = |index: usize| archive.entry(index).map_or(0, npzarrow::zip::Entry::declared_size);
    let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(0_u64, u64::saturating_add);
    match columns {
        None => sum(&mut (0..archive.len()).map(declared)),
        Some(names) => sum(&mut names.iter().filter_map(|name| archive.index_of(name).ok()).map(declared)),
    }
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
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        capsule::batch(py, &self.batch, requested_schema.as_ref())
    }

    /// Make a `polars.DataFrame`; tensors keep their shape as nested arrays.
    fn to_polars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let columns = self.columns.iter().map(Column::with_nested_tensors).collect();
        let nested = Self::new(columns, self.num_rows())?;
        capsule::engine(py, "polars")?.getattr("DataFrame")?.call1((nested,))
    }

    /// Make a `pyarrow.RecordBatch`.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        capsule::engine(slf.py(), "pyarrow")?.getattr("record_batch")?.call1((slf,))
    }

    /// Make an `arro3.core.RecordBatch`.
    fn to_arro3<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let module = capsule::engine(slf.py(), "arro3.core")?;
        module.getattr("RecordBatch")?.call_method1("from_arrow", (slf,))
    }
}
