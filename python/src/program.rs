//! The program `npzarrow`.

use pyo3::prelude::*;

/// Run the program with arguments, of which the first is its name, and return its exit code.
#[pyfunction]
#[pyo3(name = "_run")]
pub(crate) fn run(py: Python<'_>, arguments: Vec<String>) -> u8 {
    py.detach(|| npzarrow::cli::run_in_terminal(arguments))
}
