//! `NpzDataset`: many shards as one table.

use std::sync::Arc;

use npzarrow::dataset::{Columns, OnError, ScanReader};
use npzarrow::{Interrupt, NpzDataset as Dataset};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList, PyString, PyTuple};

use crate::capsule;
use crate::datafusion;
use crate::error::ToPy;
use crate::interrupt;
use crate::scan::{NpzScan, Selection};
use crate::schema::Schema;
use crate::task::NpzTask;

/// Reading headers may take long, however few there are.
const LONG: u64 = u64::MAX;

/// Many shards as one table: for polars, pyarrow, DuckDB, and whatever else takes an Arrow stream.
///
/// Made by `scan_npz`. Nothing is read until something is asked for; the schema, the number of rows and the plan then
/// come from headers alone, which are read once. Each stream reads the shards anew. It can be pickled, and is then made
/// of the same sources elsewhere; `progress` is left behind.
///
/// Example:
///     >>> import tempfile
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> folder = tempfile.mkdtemp()
///     >>> for i in range(3):
///     ...     np.savez(f"{folder}/{i}.npz", id=np.arange(2) + i * 2, x=np.full((2, 3), i, "f4"))
///     >>> dataset = nz.scan_npz(folder)
///     >>> dataset
///     <npzarrow.NpzDataset: 3 shards, 6 rows>
///     id: Int64
///     x: FixedSizeList(3 x Float32), arrow.fixed_shape_tensor {"shape":[3]}
///     >>> import polars as pl
///     >>> dataset.to_polars().filter(pl.col("id") > 3).select(pl.col("x").arr.sum()).collect()["x"].to_list()
///     [6.0, 6.0]
///     >>> import datafusion
///     >>> session = datafusion.SessionContext()
///     >>> session.register_table("shards", dataset)
///     >>> session.sql("SELECT id, x[2] AS x FROM shards WHERE id > 3 ORDER BY id").to_pydict()
///     {'id': [4, 5], 'x': [2.0, 2.0]}
#[pyclass(frozen, module = "npzarrow")]
pub(crate) struct NpzDataset {
    pub(crate) dataset: Dataset,
    /// What `scan_npz` was called with, to do so again elsewhere.
    pub(crate) source: Py<PyAny>,
    pub(crate) arguments: Py<PyDict>,
    pub(crate) progress: Option<Arc<Py<PyAny>>>,
}

impl NpzDataset {
    /// Reads the headers, once, while Ctrl-C is looked for.
    pub(crate) fn look(&self, py: Python<'_>) -> PyResult<()> {
        interrupt::run(py, LONG, |interrupt: &Interrupt| self.dataset.look(interrupt))?.or_raise(py)
    }

    /// Begins a scan.
    pub(crate) fn reader(&self, py: Python<'_>, selection: &Selection) -> PyResult<ScanReader> {
        let names: Option<Vec<&str>> =
            selection.columns.as_ref().map(|names| names.iter().map(String::as_str).collect());
        let begin = |interrupt: &Interrupt| {
            if let Some(task) = &selection.task {
                return self.dataset.read(task, names.as_deref());
            }
            self.dataset.look(interrupt)?;
            match &selection.shards {
                Some(shards) => self.dataset.scan_shards(shards, names.as_deref(), selection.limit),
                None => self.dataset.scan(names.as_deref(), selection.limit),
            }
        };
        Ok(interrupt::run(py, LONG, begin)?.or_raise(py)?.in_background())
    }

    pub(crate) fn progress(&self) -> Option<Arc<Py<PyAny>>> {
        self.progress.as_ref().map(Arc::clone)
    }
}

#[pymethods]
impl NpzDataset {
    /// The names and types of the columns.
    #[getter]
    pub(crate) fn schema(&self, py: Python<'_>) -> PyResult<Schema> {
        if self.dataset.columns_if_known().is_none() {
            self.look(py)?;
        }
        Ok(Schema::new(self.dataset.schema().or_raise(py)?))
    }

    /// The number of rows, from headers alone.
    #[getter]
    fn num_rows(&self, py: Python<'_>) -> PyResult<u64> {
        self.look(py)?;
        self.dataset.num_rows().or_raise(py)
    }

    /// What the headers of each shard say, as a list of `ShardInfo`.
    #[getter]
    fn shards<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.look(py)?;
        let shards = self.dataset.shards().or_raise(py)?.iter().map(|shard| {
            let info = PyDict::new(py);
            info.set_item("path", shard.path.as_os_str())?;
            info.set_item("num_rows", shard.rows)?;
            info.set_item("size", shard.size)?;
            info.set_item("num_bytes", shard.payload_len())?;
            let names = shard.columns.iter().map(|column| column.field.name());
            info.set_item("columns", PyList::new(py, names.collect::<Vec<_>>())?)?;
            Ok(info)
        });
        PyList::new(py, shards.collect::<PyResult<Vec<_>>>()?)
    }

    /// Why shards were left out under `on_error="skip"`: in the schema, and by the scans so far.
    #[getter]
    fn skipped(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.look(py)?;
        self.dataset.skipped().or_raise(py)
    }

    /// True if shards that cannot be read are left out.
    #[getter]
    fn _skips_errors(&self) -> bool {
        self.dataset.options().on_error == OnError::Skip
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (py, dataset) = (slf.py(), slf.get());
        let schema = dataset.schema(py)?.__repr__();
        let (rows, shards) = (dataset.num_rows(py)?, dataset.dataset.shards().or_raise(py)?.len());
        Ok(format!("<npzarrow.NpzDataset: {shards} shards, {rows} rows>\n{schema}"))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::schema(py, self.schema(py)?.arrow().as_ref())
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        slf: &Bound<'py, Self>,
        requested_schema: Option<&Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        NpzScan::new(slf, Selection::default()).stream(slf.py(), requested_schema)
    }

    /// Select the first rows, for any consumer of Arrow streams.
    ///
    /// Only the shards that have them are read, and of stored members only these rows.
    ///
    /// Args:
    ///     n: How many rows.
    ///     columns: The columns; None is all.
    #[pyo3(signature = (n=5, *, columns=None))]
    fn head(slf: &Bound<'_, Self>, n: u64, columns: Option<Vec<String>>) -> NpzScan {
        NpzScan::new(slf, Selection { columns, limit: Some(n), ..Selection::default() })
    }

    /// Cut the table into tasks that can be pickled and read anywhere: one for each shard.
    ///
    /// Args:
    ///     target_bytes: The size that tasks aim at, in bytes of payload: larger shards are split by rows if none of
    ///         their members is deflated, smaller shards are put together.
    ///
    /// Returns:
    ///     The tasks, in the order of the rows.
    #[pyo3(signature = (target_bytes=None))]
    fn plan(&self, py: Python<'_>, target_bytes: Option<u64>) -> PyResult<Vec<NpzTask>> {
        self.look(py)?;
        let tasks = self.dataset.plan(target_bytes).or_raise(py)?;
        Ok(tasks.into_iter().map(NpzTask::from).collect())
    }

    /// Read one task, of this dataset or of one that was pickled with it, for any consumer of Arrow streams.
    ///
    /// Args:
    ///     task: One of those that `plan` made.
    ///     columns: The columns; None is all.
    #[pyo3(signature = (task, *, columns=None))]
    fn read(slf: &Bound<'_, Self>, task: &NpzTask, columns: Option<Vec<String>>) -> NpzScan {
        NpzScan::new(slf, Selection { columns, task: Some(task.task.clone()), ..Selection::default() })
    }

    /// Make a `polars.LazyFrame`, in which tensors keep their shape as nested arrays.
    ///
    /// Queries read only the columns that they need, and stop where they have enough rows. The other columns are read
    /// only from shards in which a row passes the filter.
    ///
    /// Raises:
    ///     ImportError: Polars is not installed.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        capsule::engine(slf.py(), "polars")?;
        PyModule::import(slf.py(), "npzarrow._polars")?.getattr("scan")?.call1((slf,))
    }

    /// Make a table provider, when `datafusion.SessionContext.register_table` asks for it.
    ///
    /// The shards are found anew for every query, the columns are those of this dataset. The session must live as long as its queries do.
    ///
    /// Raises:
    ///     ImportError: The package `datafusion` is not installed, or is of another major version.
    #[pyo3(signature = (session=None))]
    fn __datafusion_table_provider__<'py>(
        slf: &Bound<'py, Self>,
        session: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        datafusion::table(slf, session)
    }

    /// Make a `pyarrow.RecordBatchReader`.
    ///
    /// Raises:
    ///     ImportError: PyArrow is not installed.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let scan = Bound::new(slf.py(), NpzScan::new(slf, Selection::default()))?;
        NpzScan::to_pyarrow(&scan)
    }

    /// Select columns and shards, for the polars plugin.
    #[pyo3(signature = (*, columns=None, limit=None, shards=None, nested=false))]
    fn _scan(
        slf: &Bound<'_, Self>,
        columns: Option<Vec<String>>,
        limit: Option<u64>,
        shards: Option<Vec<usize>>,
        nested: bool,
    ) -> NpzScan {
        NpzScan::new(slf, Selection { columns, limit, shards, nested, task: None })
    }

    /// Take the columns of the dataset that was pickled.
    fn _set_columns(&self, columns: &str) -> PyResult<()> {
        let columns: Columns =
            serde_json::from_str(columns).map_err(|error| PyValueError::new_err(error.to_string()))?;
        self.dataset.set_columns(columns);
        Ok(())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let restore = PyModule::import(py, "npzarrow._dataset")?.getattr("restore")?;
        let columns = self.dataset.columns_if_known().map(serde_json::to_string).transpose();
        let columns = columns.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let columns = columns.map(|columns| PyString::new(py, &columns));
        let arguments = (self.source.clone_ref(py), self.arguments.clone_ref(py), columns);
        (restore, arguments).into_pyobject(py)
    }
}
