//! What stands in for `datafusion` in a build without it.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::dataset::NpzDataset;
use crate::factory::NpzTableFactory;

/// An error: there are no tables.
pub(crate) fn table<'py>(
    _: &Bound<'py, NpzDataset>,
    _: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyCapsule>> {
    Err(absent())
}

/// An error: there are no factories.
pub(crate) fn factory<'py>(
    _: &Bound<'py, NpzTableFactory>,
    _: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyCapsule>> {
    Err(absent())
}

fn absent() -> PyErr {
    PyImportError::new_err("npzarrow was built without DataFusion: build it with the feature datafusion")
}
