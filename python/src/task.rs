//! Tasks: parts of a dataset that travel.

use npzarrow::dataset::Task;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A part of a dataset: rows of one shard or of several, to be read anywhere with `NpzDataset.read`.
///
/// Made by `NpzDataset.plan`. It can be pickled, and knows the size and the age of its shards, so that reading another
/// file than the one that was planned is an error.
///
/// Example:
///     >>> import tempfile
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> import pyarrow as pa
///     >>> folder = tempfile.mkdtemp()
///     >>> for i in range(3):
///     ...     np.savez(f"{folder}/{i}.npz", id=np.arange(2) + i * 2)
///     >>> dataset = nz.scan_npz(folder)
///     >>> tasks = dataset.plan()
///     >>> [(task.first_row, task.num_rows, task.num_bytes) for task in tasks]
///     [(0, 2, 16), (2, 2, 16), (4, 2, 16)]
///     >>> pa.table(dataset.read(tasks[1]))["id"].to_pylist()
///     [2, 3]
#[pyclass(frozen, eq, hash, module = "npzarrow")]
#[derive(PartialEq, Eq)]
pub(crate) struct NpzTask {
    pub(crate) task: Task,
}

impl std::hash::Hash for NpzTask {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.task.first_row.hash(state);
        self.task.num_rows.hash(state);
        for shard in &self.task.shards {
            shard.path.hash(state);
        }
    }
}

impl From<Task> for NpzTask {
    fn from(task: Task) -> Self {
        Self { task }
    }
}

#[pymethods]
impl NpzTask {
    /// The shards, in order.
    #[getter]
    fn paths(&self) -> Vec<String> {
        self.task.shards.iter().map(|shard| shard.path.to_string_lossy().into_owned()).collect()
    }

    /// The number of the first row over all shards.
    #[getter]
    fn first_row(&self) -> u64 {
        self.task.first_row
    }

    /// The number of rows.
    #[getter]
    fn num_rows(&self) -> u64 {
        self.task.num_rows
    }

    /// The bytes of the payloads of all columns.
    #[getter]
    fn num_bytes(&self) -> u64 {
        self.task.bytes
    }

    fn __repr__(&self) -> String {
        let Task { shards, first_row, num_rows, bytes, .. } = &self.task;
        let end = first_row.saturating_add(*num_rows);
        format!("<npzarrow.NpzTask: rows {first_row} to {end} of {} shards, {bytes} bytes>", shards.len())
    }

    #[staticmethod]
    fn _restore(text: &str) -> PyResult<Self> {
        let task = serde_json::from_str(text);
        Ok(Self { task: task.map_err(|error| PyValueError::new_err(error.to_string()))? })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let text = serde_json::to_string(&slf.get().task);
        let text = text.map_err(|error| PyValueError::new_err(error.to_string()))?;
        (slf.get_type().getattr("_restore")?, (text,)).into_pyobject(slf.py())
    }
}
