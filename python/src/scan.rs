//! A scan of a dataset as an Arrow stream, and batch by batch for polars.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader as _, StructArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema as ArrowSchema, SchemaRef};
use npzarrow::arrow::nest_tensors;
use npzarrow::dataset::{ScanReader, Task, Waited};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};
use pyo3_arrow::PySchema;
use pyo3_arrow::ffi::{ArrayReader, to_stream_pycapsule};

use crate::capsule;
use crate::dataset::NpzDataset;
use crate::error::{ToPy, refused};
use crate::schema::Schema;

/// How often signals are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// What is read of a dataset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) limit: Option<u64>,
    pub(crate) shards: Option<Vec<usize>>,
    pub(crate) task: Option<Task>,
    /// Tensors become nested lists.
    pub(crate) nested: bool,
}

/// Rows of a dataset, for any consumer of Arrow streams, any number of times.
///
/// Made by `NpzDataset.head` and `NpzDataset.read`. Each stream reads anew.
///
/// Example:
///     >>> import tempfile
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> import pyarrow as pa
///     >>> folder = tempfile.mkdtemp()
///     >>> np.savez(f"{folder}/a.npz", id=np.arange(1000))
///     >>> rows = nz.scan_npz(folder).head(3)
///     >>> rows.schema.names
///     ['id']
///     >>> pa.table(rows)["id"].to_pylist()
///     [0, 1, 2]
#[pyclass(frozen, module = "npzarrow")]
pub(crate) struct NpzScan {
    dataset: Py<NpzDataset>,
    selection: Selection,
}

impl NpzScan {
    pub(crate) fn new(dataset: &Bound<'_, NpzDataset>, selection: Selection) -> Self {
        Self { dataset: dataset.clone().unbind(), selection }
    }

    pub(crate) fn stream<'py>(
        &self,
        py: Python<'py>,
        requested: Option<&Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let requested = requested.and_then(|capsule| PySchema::from_arrow_pycapsule(capsule).ok());
        let requested = requested.map(PySchema::into_inner);
        let mut selection = self.selection.clone();
        if let Some(requested) = &requested {
            // Columns that nobody asked for need not be read.
            let known = self.arrow_schema(py)?;
            let names: Vec<_> = requested.fields().iter().map(|field| field.name().clone()).collect();
            if names.iter().all(|name| known.column_with_name(name).is_some()) {
                selection.columns = Some(names);
            }
        }
        let scan = Self { dataset: self.dataset.clone_ref(py), selection };
        let mut reader = scan.reader(py, requested)?;
        // The stream may be released by a thread without the interpreter.
        reader.progress = None;
        to_stream_pycapsule(py, Box::new(reader), None).map_err(|refusal| refused(py, refusal))
    }

    fn reader(&self, py: Python<'_>, requested: Option<SchemaRef>) -> PyResult<Reader> {
        let dataset = self.dataset.get();
        let scan = dataset.reader(py, &self.selection)?;
        let schema = scan.schema();
        let mut reader = Reader {
            scan,
            nested: self.selection.nested,
            requested,
            field: Arc::new(Field::new("", DataType::Null, false)),
            progress: dataset.progress(),
            rows: 0,
            total: 0,
        };
        if reader.progress.is_some() {
            reader.total = match (&self.selection.task, &self.selection.limit) {
                (Some(task), _) => task.num_rows,
                (None, limit) => limit.unwrap_or(u64::MAX).min(dataset.dataset.num_rows().or_raise(py)?),
            };
        }
        let empty = reader.shape(&RecordBatch::new_empty(schema));
        let fields = DataType::Struct(empty.schema_ref().fields().clone());
        reader.field = Arc::new(Field::new("", fields, false));
        Ok(reader)
    }

    /// The schema of the selected columns.
    fn arrow_schema(&self, py: Python<'_>) -> PyResult<SchemaRef> {
        let all = self.dataset.get().schema(py)?.arrow();
        let Some(columns) = &self.selection.columns else { return Ok(all) };
        let fields =
            columns.iter().filter_map(|name| all.fields().find(name).map(|(_, field)| Arc::clone(field)));
        Ok(Arc::new(ArrowSchema::new(fields.collect::<Vec<FieldRef>>())))
    }
}

#[pymethods]
impl NpzScan {
    /// The names and types of the columns.
    #[getter]
    fn schema(&self, py: Python<'_>) -> PyResult<Schema> {
        Ok(Schema::new(self.arrow_schema(py)?))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::schema(py, self.arrow_schema(py)?.as_ref())
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.stream(py, requested_schema)
    }

    /// Make a `pyarrow.RecordBatchReader`.
    ///
    /// Raises:
    ///     ImportError: PyArrow is not installed.
    pub(crate) fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        capsule::engine(slf.py(), "pyarrow")?;
        PyModule::import(slf.py(), "npzarrow._pyarrow")?.getattr("reader")?.call1((slf,))
    }

    /// Make a `polars.DataFrame`, in which tensors keep their shape as nested arrays.
    ///
    /// Raises:
    ///     ImportError: Polars is not installed.
    fn to_polars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let selection = Selection { nested: true, ..self.selection.clone() };
        let scan = Self { dataset: self.dataset.clone_ref(py), selection };
        capsule::engine(py, "polars")?;
        PyModule::import(py, "npzarrow._polars")?.getattr("frame")?.call1((Bound::new(py, scan)?,))
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<NpzBatches> {
        Ok(NpzBatches(Mutex::new(self.reader(py, None)?)))
    }
}

/// An iterator over the batches of a scan, each of which is a `RecordBatch` for any consumer of Arrow arrays.
#[pyclass(frozen, module = "npzarrow")]
pub(crate) struct NpzBatches(Mutex<Reader>);

#[pymethods]
impl NpzBatches {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<RecordBatchExport>> {
        loop {
            // The lock is let go of before the interpreter is asked for again.
            let wait = || {
                let mut reader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = reader.scan.wait(Some(POLL_INTERVAL));
                waited.map(|waited| match waited {
                    Waited::Batch(batch) => (Waited::Batch(reader.shape(&batch)), reader.counted(&batch)),
                    other => (other, None),
                })
            };
            match py.detach(wait).or_raise(py)? {
                (Waited::Batch(batch), report) => {
                    if let Some(report) = report {
                        report.call(py)?;
                    }
                    return Ok(Some(RecordBatchExport(batch)));
                }
                (Waited::End, _) => return Ok(None),
                (Waited::Timeout, _) => py.check_signals()?,
            }
        }
    }
}

/// One batch.
#[pyclass(frozen, module = "npzarrow", name = "RecordBatch")]
pub(crate) struct RecordBatchExport(RecordBatch);

#[pymethods]
impl RecordBatchExport {
    /// The number of rows.
    #[getter]
    fn num_rows(&self) -> usize {
        self.0.num_rows()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::schema(py, self.0.schema_ref())
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        capsule::batch(py, &self.0, requested_schema)
    }
}

/// The stream behind a capsule.
struct Reader {
    scan: ScanReader,
    nested: bool,
    requested: Option<SchemaRef>,
    field: FieldRef,
    progress: Option<Arc<Py<PyAny>>>,
    rows: u64,
    total: u64,
}

impl Reader {
    /// Nests tensors, and converts what was requested.
    fn shape(&self, batch: &RecordBatch) -> RecordBatch {
        let nested = if self.nested { nest(batch) } else { None };
        let batch = nested.unwrap_or_else(|| batch.clone());
        let negotiated = self.requested.as_ref().and_then(|schema| capsule::negotiate(&batch, schema));
        negotiated.unwrap_or(batch)
    }

    /// Counts the rows of a batch; returns what the callback is to be told, if there is one.
    fn counted(&mut self, batch: &RecordBatch) -> Option<Report> {
        self.rows = self.rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
        let callback = Arc::clone(self.progress.as_ref()?);
        Some(Report { callback, rows: self.rows, total: self.total })
    }
}

/// A call of the callback.
struct Report {
    callback: Arc<Py<PyAny>>,
    rows: u64,
    total: u64,
}

impl Report {
    fn call(self, py: Python<'_>) -> PyResult<()> {
        self.callback.call1(py, (self.rows, self.total)).map(drop)
    }
}

fn arrow_error(error: npzarrow::Error) -> ArrowError {
    if error.is_io() {
        return ArrowError::IoError(error.to_string(), io::Error::other("read"));
    }
    ArrowError::from(error)
}

fn nest(batch: &RecordBatch) -> Option<RecordBatch> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    let (arrays, fields): (Vec<ArrayRef>, Vec<FieldRef>) =
        columns.map(|(field, array)| nest_tensors(Arc::clone(array), Arc::clone(field))).unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), arrays, &options).ok()
}

impl Iterator for Reader {
    type Item = Result<ArrayRef, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        // The consumer may have let go of the interpreter's lock or not, and there is no way to ask: nothing is done
        // here that needs it, nor are signals looked at.
        let next = || {
            let batch = self.scan.next_batch().map_err(arrow_error).transpose()?;
            Some(batch.map(|batch| Arc::new(StructArray::from(self.shape(&batch))) as ArrayRef))
        };
        // Nor can a panic pass: it would end the process.
        let panicked = |_| Some(Err(ArrowError::ComputeError("a bug of npzarrow: it panicked".to_owned())));
        catch_unwind(AssertUnwindSafe(next)).unwrap_or_else(panicked)
    }
}

impl ArrayReader for Reader {
    fn field(&self) -> FieldRef {
        Arc::clone(&self.field)
    }
}
