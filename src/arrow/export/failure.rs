//! Why values cannot be encoded: what they are, which the column's name is added to, or anything else.

use crate::error::{Error, ExportProblem};

/// A problem of the column, or an error of memory or files.
pub(super) enum Failure {
    Problem(ExportProblem),
    Error(Error),
}

impl From<ExportProblem> for Failure {
    fn from(problem: ExportProblem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}
