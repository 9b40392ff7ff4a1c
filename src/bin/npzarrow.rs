//! The program `npzarrow`; see `npzarrow --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(npzarrow::cli::run_in_terminal(std::env::args_os()))
}
