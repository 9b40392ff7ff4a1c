//! `CREATE EXTERNAL TABLE … STORED AS NPZ`.

use npzarrow::source::RemoteOptions;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::datafusion;
use crate::error::ToPy;
use crate::input::StorageOptions;

/// Makes tables of `CREATE EXTERNAL TABLE … STORED AS NPZ` in DataFusion, once it is registered under that name.
///
/// `LOCATION` takes what `scan_npz` takes; directories named `key=value` become columns, of which `PARTITIONED BY` chooses
/// some. `OPTIONS` are `rows`, `tensor`, `columns`, `string_view`, `bool8`, `unsupported`, `widen`, `verify` and
/// `max_uncompressed_bytes`, with the values that `scan_npz` takes. Columns that are declared are cast to their types, and
/// null where shards do not have them. The shards are listed for every query. The table is read-only.
/// The session must live as long as its queries do.
///
/// Args:
///     storage_options: For URLs, as for `scan_npz`; the object stores of the session are not asked.
///
/// Example:
///     >>> import tempfile
///     >>> import datafusion
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> folder = tempfile.mkdtemp()
///     >>> for i in range(3):
///     ...     np.savez(f"{folder}/{i}.npz", id=np.arange(2) + i * 2, x=np.full((2, 3), i, "f4"))
///     >>> session = datafusion.SessionContext()
///     >>> session.register_table_factory("NPZ", nz.NpzTableFactory())
///     >>> table = session.sql(f"CREATE EXTERNAL TABLE shards STORED AS NPZ LOCATION '{folder}/*.npz'")
///     >>> session.sql("SELECT sum(id) AS total FROM shards WHERE array_sum(x) > 1").to_pydict()
///     {'total': [14]}
#[pyclass(frozen, module = "npzarrow")]
pub(crate) struct NpzTableFactory {
    pub(crate) remote: RemoteOptions,
}

#[pymethods]
impl NpzTableFactory {
    #[new]
    #[pyo3(signature = (storage_options=None))]
    fn new(py: Python<'_>, storage_options: StorageOptions) -> PyResult<Self> {
        let remote = RemoteOptions::try_from_storage(storage_options.unwrap_or_default()).or_raise(py)?;
        Ok(Self { remote })
    }

    /// Make a factory of table providers, when `datafusion.SessionContext.register_table_factory` asks for it.
    ///
    /// Raises:
    ///     ImportError: The package `datafusion` is not installed, or is of another major version.
    #[pyo3(signature = (session=None))]
    fn __datafusion_table_provider_factory__<'py>(
        slf: &Bound<'py, Self>,
        session: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        datafusion::factory(slf, session)
    }
}
