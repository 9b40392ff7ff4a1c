//! Arrow data as PyCapsules of the C data interface, and the engines that take them.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StructArray};
use arrow_schema::{DataType, Field, FieldRef, Schema};
use npzarrow::Column;
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};
use pyo3_arrow::PySchema;
use pyo3_arrow::ffi::{to_array_pycapsules, to_schema_pycapsule};

use crate::error::refused;

/// A field as a capsule.
pub(crate) fn field<'py>(py: Python<'py>, field: &Field) -> PyResult<Bound<'py, PyCapsule>> {
    to_schema_pycapsule(py, field).map_err(|refusal| refused(py, refusal))
}

/// A schema as a capsule.
pub(crate) fn schema<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    to_schema_pycapsule(py, schema).map_err(|refusal| refused(py, refusal))
}

/// A column as two capsules, in the requested type if that is one of the conversions that are offered.
pub(crate) fn array<'py>(
    py: Python<'py>,
    column: &Column,
    requested: Option<&Bound<'py, PyCapsule>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let (mut array, mut field) = (Arc::clone(&column.array), Arc::clone(&column.field));
    // A field is a schema only if it is a struct; the consumer converts all else itself.
    if let Some(schema) = requested.and_then(|capsule| PySchema::from_arrow_pycapsule(capsule).ok())
        && let Some(batch) = array.as_any().downcast_ref::<StructArray>()
        && let Some(batch) = negotiate(&RecordBatch::from(batch), &schema.into_inner())
    {
        array = Arc::new(StructArray::from(batch));
        field = Arc::new(field.as_ref().clone().with_data_type(array.data_type().clone()));
    }
    to_array_pycapsules(py, field, &array, None).map_err(|refusal| refused(py, refusal))
}

/// A batch as two capsules, with the columns and types that were requested as far as they are offered.
pub(crate) fn batch<'py>(
    py: Python<'py>,
    batch: &RecordBatch,
    requested: Option<&Bound<'py, PyCapsule>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let schema = requested.and_then(|capsule| PySchema::from_arrow_pycapsule(capsule).ok());
    let negotiated = schema.and_then(|schema| negotiate(batch, &schema.into_inner()));
    let batch = negotiated.unwrap_or_else(|| batch.clone());
    let fields = DataType::Struct(batch.schema_ref().fields().clone());
    let field = Field::new("", fields, false).with_metadata(batch.schema_ref().metadata().clone());
    to_array_pycapsules(py, Arc::new(field), &StructArray::from(batch), None)
        .map_err(|refusal| refused(py, refusal))
}

/// The columns of a requested schema, if we have all of them. Half floats become floats and `bool8` becomes
/// bool where that is asked for; other types stay ours, for the consumer to convert.
pub(crate) fn negotiate(batch: &RecordBatch, requested: &Schema) -> Option<RecordBatch> {
    let columns = requested.fields().iter().map(|wanted| {
        let (index, field) = batch.schema_ref().column_with_name(wanted.name())?;
        let array = Arc::clone(batch.columns().get(index)?);
        Some(convert(array, &Arc::new(field.clone()), wanted.data_type()))
    });
    let (arrays, fields): (Vec<_>, Vec<_>) = columns.collect::<Option<Vec<_>>>()?.into_iter().unzip();
    let schema = Schema::new_with_metadata(fields, batch.schema_ref().metadata().clone());
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options).ok()
}

fn convert(array: ArrayRef, field: &FieldRef, wanted: &DataType) -> (ArrayRef, FieldRef) {
    let bool8 = field.metadata().get("ARROW:extension:name").is_some_and(|name| name == "arrow.bool8");
    let offered = match (field.data_type(), wanted) {
        (DataType::Float16, DataType::Float32) => true,
        (DataType::Int8, DataType::Boolean) => bool8,
        _ => false,
    };
    match arrow_cast::cast(&array, wanted) {
        Ok(array) if offered => {
            (array, Arc::new(Field::new(field.name(), wanted.clone(), field.is_nullable())))
        }
        _ => (array, Arc::clone(field)),
    }
}

/// Imports an optional engine; without it the error names the command that installs it.
pub(crate) fn engine<'py>(py: Python<'py>, module: &str) -> PyResult<Bound<'py, PyModule>> {
    PyModule::import(py, module).map_err(|error| {
        let package = module.replace('.', "-");
        let missing = PyImportError::new_err(format!("{module} is needed for this: pip install {package}"));
        missing.set_cause(py, Some(error));
        missing
    })
}
