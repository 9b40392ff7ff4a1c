//! An Arrow schema for Python.

use std::sync::Arc;

use arrow_schema::{Field, FieldRef, Schema as ArrowSchema, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::capsule;

/// Names and types of columns, for whatever takes Arrow schemas, such as `pa.schema`.
///
/// The attribute `schema` of `NpzBatch` and `field` of `NpyArray`; the latter is a field alone, for `pa.field`.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import pyarrow as pa
///     >>> import npzarrow as nz
///     >>> file = io.BytesIO()
///     >>> np.savez(file, x=np.arange(3), t=np.zeros(3, "M8[ms]"))
///     >>> schema = nz.read_npz(file.getvalue()).schema
///     >>> schema.names
///     ['x', 't']
///     >>> pa.schema(schema).field("t").type
///     TimestampType(timestamp[ms])
#[pyclass(frozen, module = "npzarrow")]
pub(crate) struct Schema(Content);

enum Content {
    Schema(SchemaRef),
    Field(FieldRef),
}

impl Schema {
    pub(crate) fn new(schema: SchemaRef) -> Self {
        Self(Content::Schema(schema))
    }

    /// The schema, or one of the field alone.
    pub(crate) fn arrow(&self) -> SchemaRef {
        match &self.0 {
            Content::Schema(schema) => Arc::clone(schema),
            Content::Field(field) => Arc::new(ArrowSchema::new(vec![Arc::clone(field)])),
        }
    }

    pub(crate) fn of_field(field: &FieldRef) -> Self {
        Self(Content::Field(Arc::clone(field)))
    }

    fn fields(&self) -> &[FieldRef] {
        match &self.0 {
            Content::Schema(schema) => schema.fields(),
            Content::Field(field) => std::slice::from_ref(field),
        }
    }
}

#[pymethods]
impl Schema {
    /// The names of the columns.
    #[getter]
    fn names(&self) -> Vec<&str> {
        self.fields().iter().map(|field| field.name().as_str()).collect()
    }

    fn __len__(&self) -> usize {
        self.fields().len()
    }

    pub(crate) fn __repr__(&self) -> String {
        self.fields().iter().map(|field| line(field)).collect::<Vec<_>>().join("\n")
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        match &self.0 {
            Content::Schema(schema) => capsule::schema(py, schema),
            Content::Field(field) => capsule::field(py, field),
        }
    }
}

/// A field on one line: `x: FixedSizeList(6 x Float32), arrow.fixed_shape_tensor {"shape":[2,3]}`.
fn line(field: &Field) -> String {
    let mut line = format!("{}: {}", field.name(), field.data_type());
    if let Some(extension) = field.metadata().get("ARROW:extension:name") {
        line.push_str(", ");
        line.push_str(extension);
        if let Some(metadata) =
            field.metadata().get("ARROW:extension:metadata").filter(|text| !text.is_empty())
        {
            line.push(' ');
            line.push_str(metadata);
        }
    }
    on_one_line(&line)
}

/// Escapes what would break a line or move the cursor: names are those of the file.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}
