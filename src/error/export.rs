//! Why a column of Arrow cannot become an array of NumPy.

use arrow_schema::DataType;

/// What a column has that no dtype can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportProblem {
    /// The type has no counterpart.
    #[error("{data_type} has no NumPy dtype{hint}")]
    NoDtype {
        /// The type, or that of its innermost values.
        data_type: Box<DataType>,
        /// What can be done about it.
        hint: &'static str,
    },
    /// There are nulls, and nothing to put in their place.
    #[error("has {count} nulls, which dtype {descr} cannot hold")]
    Nulls {
        /// How many of the values of the batch.
        count: u64,
        /// The dtype.
        descr: String,
    },
    /// A list of no certain length is missing.
    #[error("has {count} lists that are null, whose length nobody knows")]
    NullLists {
        /// How many of the batch.
        count: u64,
    },
    /// Two lists differ in length.
    #[error("list {row} has {actual} elements, those before it {expected}: ragged lists have no NumPy dtype")]
    Ragged {
        /// The place of the list.
        row: u64,
        /// The length of the first list.
        expected: u64,
        /// The length of this one.
        actual: u64,
    },
    /// NumPy cuts NULs at the end of values.
    #[error("value {index} ends in NUL, which NumPy would take for padding")]
    TrailingNul {
        /// The place of the value.
        index: u64,
    },
    /// A value lies between two steps of the dtype that the metadata asks for.
    #[error("value {index} is no whole step of dtype {descr}, which the metadata npzarrow:dtype asks for")]
    Step {
        /// The place of the value.
        index: u64,
        /// The dtype.
        descr: String,
    },
    /// The metadata asks for elements without bytes.
    #[error("value {index} has bytes, but the metadata npzarrow:dtype says that none has")]
    NotEmpty {
        /// The place of the value.
        index: u64,
    },
    /// The problem of a field of a structured dtype.
    #[error("field {field:?}: {problem}")]
    Field {
        /// The field.
        field: String,
        /// Its problem.
        problem: Box<Self>,
    },
}

impl ExportProblem {
    /// Adds the field that has the problem.
    pub(crate) fn within(self, field: &str) -> Self {
        Self::Field { field: field.to_owned(), problem: Box::new(self) }
    }
}
