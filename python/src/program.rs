//! The program `npzarrow`.

use std::io::{self, BufWriter, Write as _};

use pyo3::prelude::*;

/// Run the program with arguments, of which the first is its name, and return its exit code.
#[pyfunction]
#[pyo3(name = "_run")]
pub(crate) fn run(py: Python<'_>, arguments: Vec<String>) -> u8 {
    py.detach(|| {
        let mut output = BufWriter::new(io::stdout());
        let code = npzarrow::cli::run(arguments, &mut output);
        // A reader that has gone has seen enough.
        let _gone = output.flush();
        code
    })
}
