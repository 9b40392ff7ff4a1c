//! `scan_npz`: what it takes, and the table that it makes.

use std::sync::Arc;

use npzarrow::NpzDataset as Dataset;
use npzarrow::dataset::{DatasetOptions, OnError};
use npzarrow::source::RemoteOptions;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::dataset::NpzDataset;
use crate::error::ToPy;
use crate::input::{Input, StorageOptions};
use crate::options::{ArrowArguments, choose, open_options, unsupported, whole_number, whole_number_or_none};

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
