//! The program `npzarrow`; see `npzarrow --help`.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let code = npzarrow::cli::run(std::env::args_os(), &mut stdout);
    // A reader that has gone has seen enough.
    let _gone = stdout.flush();
    ExitCode::from(code)
}
