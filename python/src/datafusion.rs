//! Tables for the package `datafusion`, by the C interface that both are built with.
#![expect(unsafe_code, reason = "the capsule of a session is a pointer")]

use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::Arc;

use datafusion_ffi::proto::logical_extension_codec::FFI_LogicalExtensionCodec;
use datafusion_ffi::table_provider::FFI_TableProvider;
use datafusion_ffi::table_provider_factory::FFI_TableProviderFactory;
use npzarrow::datafusion::{ExportedTable, ExportedTableFactory};
use pyo3::exceptions::{PyImportError, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::dataset::NpzDataset;
use crate::factory::NpzTableFactory;

const CODEC: &CStr = c"datafusion_logical_extension_codec";
const TABLE: &CStr = c"datafusion_table_provider";
const FACTORY: &CStr = c"datafusion_table_provider_factory";

/// A dataset as a table provider.
pub(crate) fn table<'py>(
    dataset: &Bound<'py, NpzDataset>,
    session: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let py = dataset.py();
    check_version(py)?;
    let codec = codec(py, session)?;
    dataset.get().look(py)?;
    let table = ExportedTable::new(dataset.get().dataset.clone()).map_err(failed)?;
    let runtime = ExportedTable::runtime().map_err(failed)?;
    let table = FFI_TableProvider::new_with_ffi_codec(Arc::new(table), true, Some(runtime), codec);
    PyCapsule::new_with_value(py, table, TABLE)
}

/// A factory of tables as a factory of table providers.
pub(crate) fn factory<'py>(
    factory: &Bound<'py, NpzTableFactory>,
    session: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let py = factory.py();
    check_version(py)?;
    let codec = codec(py, session)?;
    let runtime = ExportedTable::runtime().map_err(failed)?;
    let factory = Arc::new(ExportedTableFactory::new(factory.get().remote.clone()));
    let factory = FFI_TableProviderFactory::new_with_ffi_codec(factory, Some(runtime), codec);
    PyCapsule::new_with_value(py, factory, FACTORY)
}

fn failed(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

/// An error unless the package is of the major version whose interface this is: another one would read other structs.
fn check_version(py: Python<'_>) -> PyResult<()> {
    let wanted = datafusion_ffi::version();
    let pip = format!("pip install 'datafusion=={wanted}.*'");
    let metadata = PyModule::import(py, intern!(py, "importlib.metadata"))?;
    let version = metadata.call_method1(intern!(py, "version"), (intern!(py, "datafusion"),));
    let version: String = match version {
        Ok(version) => version.extract()?,
        Err(error) if error.is_instance_of::<PyImportError>(py) => {
            let missing = PyImportError::new_err(format!("datafusion is needed for this: {pip}"));
            missing.set_cause(py, Some(error));
            return Err(missing);
        }
        Err(error) => return Err(error),
    };
    let major = version.split('.').next().and_then(|major| major.parse().ok());
    if major == Some(wanted) {
        return Ok(());
    }
    Err(PyImportError::new_err(format!("datafusion {version} is installed, {wanted} is needed: {pip}")))
}

/// What decodes the expressions of a session; without one, of the package's global session.
fn codec(py: Python<'_>, session: Option<&Bound<'_, PyAny>>) -> PyResult<FFI_LogicalExtensionCodec> {
    let session = match session {
        Some(session) => session.clone(),
        None => PyModule::import(py, intern!(py, "datafusion"))?
            .getattr(intern!(py, "SessionContext"))?
            .call_method0(intern!(py, "global_ctx"))?,
    };
    let name = intern!(py, "__datafusion_logical_extension_codec__");
    // Some hand over the capsule itself.
    let capsule = if session.hasattr(name)? { session.call_method0(name)? } else { session };
    let pointer: NonNull<FFI_LogicalExtensionCodec> =
        capsule.cast::<PyCapsule>()?.pointer_checked(Some(CODEC))?.cast();
    // SAFETY: the name of the capsule says what it points to, its library has our version, and it is alive.
    Ok(unsafe { pointer.as_ref() }.clone())
}
