//! The program `npzarrow`: look at archives and arrays, check them, align them, convert them, from the shell.
//!
//! Use this module to run it from another program, as the Python package does. Results go to the standard output, as
//! tables or, with `--json`, as one JSON object per line; errors go to the standard error, one line each; progress is
//! shown there, too, if that is a terminal. The exit code is 0 if all went well, 1 if a file is bad or cannot be read,
//! and 2 if the arguments make no sense.

mod align;
mod args;
mod convert;
mod files;
mod format;
mod head;
mod ls;
mod numbers;
mod plot;
mod progress;
mod schema;
mod stat;
mod table;
mod verify;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Parser as _;

use self::args::{Arguments, Command};
use crate::error::{Error, Result};

/// All went well.
const DONE: u8 = 0;
/// A file is bad, or cannot be read.
const FAILED: u8 = 1;
/// The arguments make no sense.
const MISUSED: u8 = 2;

/// Runs the program with arguments, of which the first is its name, and returns its exit code.
///
/// ```
/// let mut output = Vec::new();
/// let code = npzarrow::cli::run(["npzarrow", "ls", "--json", "tests/data/golden/numpy-2.4.6/savez.npz"], &mut output);
/// assert_eq!(code, 0);
/// assert!(output.starts_with(b"{\"path\":"));
/// ```
pub fn run<I>(arguments: I, output: &mut dyn Write) -> u8
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let _printed = error.print();
            return MISUSED;
        }
        // Help and version.
        Err(error) => {
            let _printed = write!(output, "{}", error.render());
            return DONE;
        }
    };
    let json = arguments.json;
    let result = match arguments.command {
        Command::Ls(ls) => ls::run(&ls, json, output),
        Command::Schema(schema) => schema::run(&schema, json, output),
        Command::Head(head) => head::run(&head, json, output),
        Command::Stat(stat) => stat::run(&stat, json, output),
        Command::Verify(verify) => verify::run(&verify, json, output),
        Command::Align(align) => align::run(&align, json, output),
        Command::Convert(convert) => convert::run(&convert, json, output),
        Command::Plot(plot) => plot::run(&plot, json, output),
    };
    match result {
        Ok(true) => DONE,
        Ok(false) => FAILED,
        Err(error) if is_broken_pipe(&error) => DONE,
        Err(error) => {
            complain(&error);
            FAILED
        }
    }
}

/// Tells of an error, in one line.
fn complain(error: &Error) {
    let _told = writeln!(io::stderr(), "npzarrow: {error}");
}

fn is_broken_pipe(error: &Error) -> bool {
    matches!(error.kind(), crate::ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Runs a job for each file; tells of those that fail and goes on. False if any did.
fn each<T>(items: impl IntoIterator<Item = T>, mut job: impl FnMut(T) -> Result<()>) -> Result<bool> {
    let mut all_good = true;
    for item in items {
        match job(item) {
            Err(error) if is_broken_pipe(&error) => return Err(error),
            Err(error) => {
                complain(&error);
                all_good = false;
            }
            Ok(()) => {}
        }
    }
    Ok(all_good)
}
