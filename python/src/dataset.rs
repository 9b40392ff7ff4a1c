//! `scan_npz`: many shards as one table.

use std::sync::Arc;

use npzarrow::dataset::{Columns, DatasetOptions, OnError, ScanReader};
use npzarrow::source::RemoteOptions;
use npzarrow::{Interrupt, NpzDataset as Dataset};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList, PyString, PyTuple};

use crate::capsule;
use crate::datafusion;
use crate::error::ToPy;
use crate::input::{Input, StorageOptions};
use crate::interrupt;
use crate::options::{ArrowArguments, choose, open_options, unsupported, whole_number, whole_number_or_none};
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
    source: Py<PyAny>,
    arguments: Py<PyDict>,
    progress: Option<Arc<Py<PyAny>>>,
}

/// See many shards as one table: files, globs, and directories with all below them.
///
/// Nothing is read before something is asked for. Members become columns as `read_npz` makes them; a column that is
/// missing in some shards is null there. Only the members of columns that are asked for are read, several shards at
/// once, and their rows come in order: shards by the bytes of their paths, in a list as it stands. What is read ahead
/// takes at most `threads` + 2 times `batch_bytes`, whatever the size of shards: larger members are read, or inflated, as
/// streams, and their checksums are verified at their end. Members in Fortran order that are deflated are held whole.
///
/// Args:
///     source: A path or a URL, a glob (`*`, `?`, `[ab]`; `**` for any directories), a directory, or a list of them. Below
///         directories, `.npz` and `.npy` files count whose names, and those of the directories between, begin neither
///         with `.` nor with `_`. A bare `.npy` file is one column, `data`, or one for each field of its records.
///     columns: The members to read, in this order, with or without `.npy`; None is every array.
///     rows: "axis0" makes each entry of the first axes a row, "archive" makes each archive one row, whose cells are the
///         arrays.
///     tensor: As for `read_npz`; `to_polars` makes nested lists of "fixed_shape". With "variable", archives may differ in
///         the shapes of their arrays.
///     batch_size: The most rows of a batch; None is as many as `batch_bytes` allow.
///     batch_bytes: The bytes that batches aim at: small shards are put together, large ones split.
///     hive: False takes directories named `key=value` for what they are, and makes no columns of them.
///     include_file_paths: The name of a column with the path of each row's shard.
///     row_index: The name of a column that counts the rows over all shards.
///     on_error: "raise", or "skip" to leave out shards that cannot be read; `NpzDataset.skipped` has them.
///     widen: True lets shards differ in the width of integers, or of floats; the column has the widest.
///     progress: Called with the rows that have been read and those there are, after every batch of `to_polars`,
///         `to_pyarrow` and iteration, on the thread that asked for it.
///     verify: False skips the checksums. Those of rows out of the middle of a member are never compared.
///     mmap: As for `read_npz`.
///     bool8: As for `read_npz`.
///     string_view: As for `read_npz`.
///     unsupported: As for `read_npz`.
///     max_uncompressed_bytes: The most bytes that one deflated member may say it has if it must be held whole.
///     threads: The most threads that read; None is one per core. They end with the stream that they read for.
///     storage_options: For URLs: keys, regions, endpoints and so on, as the crate `object_store` names them, beside
///         those of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`); `max_retries` and `retry_timeout_ms` bound what
///         one request may cost.
///
/// Returns:
///     The table.
///
/// Raises:
///     ValueError: An option has a word or a number that it does not take.
///     TypeError: A source is no path.
///
/// Example:
///     >>> import tempfile
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> import pyarrow as pa
///     >>> folder = tempfile.mkdtemp()
///     >>> for i in range(3):
///     ...     np.savez(f"{folder}/{i}.npz", id=np.arange(2) + i * 2, image=np.zeros((2, 4, 4, 3), "u1"))
///     >>> dataset = nz.scan_npz(f"{folder}/*.npz", columns=["id"], row_index="row")
///     >>> dataset.num_rows
///     6
///     >>> pa.table(dataset).to_pydict()
///     {'id': [0, 1, 2, 3, 4, 5], 'row': [0, 1, 2, 3, 4, 5]}
#[pyfunction]
#[pyo3(signature = (
    source, *, columns=None, rows="axis0", tensor="fixed_shape", batch_size=None, batch_bytes=33_554_432, hive=true,
    include_file_paths=None, row_index=None, on_error="raise", widen=false, progress=None, verify=true, mmap=false,
    bool8=false, string_view=false, unsupported="raise", max_uncompressed_bytes=1_073_741_824, threads=None,
    storage_options=None,
))]
#[expect(
    clippy::too_many_arguments,
    clippy::fn_params_excessive_bools,
    reason = "keyword arguments of the Python function"
)]
pub(crate) fn scan_npz(
    source: &Bound<'_, PyAny>,
    columns: Option<Vec<String>>,
    rows: &str,
    tensor: &str,
    batch_size: Option<usize>,
    batch_bytes: u64,
    hive: bool,
    include_file_paths: Option<String>,
    row_index: Option<String>,
    on_error: &str,
    widen: bool,
    progress: Option<Py<PyAny>>,
    verify: bool,
    mmap: bool,
    bool8: bool,
    string_view: bool,
    unsupported: &str,
    #[pyo3(from_py_with = whole_number)] max_uncompressed_bytes: i128,
    #[pyo3(from_py_with = whole_number_or_none)] threads: Option<i128>,
    storage_options: StorageOptions,
) -> PyResult<NpzDataset> {
    let py = source.py();
    let arguments = PyDict::new(py);
    arguments.set_item("columns", &columns)?;
    arguments.set_item("rows", rows)?;
    arguments.set_item("tensor", tensor)?;
    arguments.set_item("batch_size", batch_size)?;
    arguments.set_item("batch_bytes", batch_bytes)?;
    arguments.set_item("hive", hive)?;
    arguments.set_item("include_file_paths", &include_file_paths)?;
    arguments.set_item("row_index", &row_index)?;
    arguments.set_item("on_error", on_error)?;
    arguments.set_item("widen", widen)?;
    arguments.set_item("verify", verify)?;
    arguments.set_item("mmap", mmap)?;
    arguments.set_item("bool8", bool8)?;
    arguments.set_item("string_view", string_view)?;
    arguments.set_item("unsupported", unsupported)?;
    arguments.set_item("max_uncompressed_bytes", max_uncompressed_bytes)?;
    arguments.set_item("threads", threads)?;
    arguments.set_item("storage_options", &storage_options)?;

    if batch_size == Some(0) || batch_bytes == 0 {
        return Err(PyValueError::new_err("batch_size and batch_bytes must be at least 1"));
    }
    let mut options = DatasetOptions::default();
    options.columns = columns;
    options.arrow = ArrowArguments { copy: None, rows, tensor, bool8, string_view }.options()?;
    options.open = open_options(max_uncompressed_bytes, verify, threads)?;
    options.on_error = choose("on_error", on_error, [("raise", OnError::Raise), ("skip", OnError::Skip)])?;
    options.unsupported = self::unsupported(unsupported)?;
    (options.batch_rows, options.batch_bytes) = (batch_size, batch_bytes);
    (options.hive, options.widen, options.mmap) = (hive, widen, mmap);
    (options.include_file_paths, options.row_index) = (include_file_paths, row_index);
    options.remote = RemoteOptions::try_from_storage(storage_options.unwrap_or_default()).or_raise(py)?;
    let sources = sources(source)?;
    let given = PyList::new(py, &sources)?.into_any().unbind();
    let dataset = Dataset::new(sources, options);
    Ok(NpzDataset { dataset, source: given, arguments: arguments.unbind(), progress: progress.map(Arc::new) })
}

/// The paths of a source, which may be a list.
fn sources(source: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let one = |source: &Bound<'_, PyAny>| {
        let path = match Input::of(source, None)? {
            Input::Path(path) => path,
            Input::Url(url, _) => return Ok(url),
            _ => {
                let found = source.get_type().name()?;
                let text =
                    format!("sources of a scan are paths, not {found}; read_npz reads memory and files");
                return Err(PyTypeError::new_err(text));
            }
        };
        path.into_os_string()
            .into_string()
            .map_err(|path| PyValueError::new_err(format!("{} is not valid Unicode", path.display())))
    };
    if source.is_instance_of::<PyList>() || source.is_instance_of::<PyTuple>() {
        return source.try_iter()?.map(|source| one(&source?)).collect();
    }
    Ok(vec![one(source)?])
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
