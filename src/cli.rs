//! The program `npzarrow`: look at archives and arrays, check them, align them, convert them, from the shell.
//!
//! Use this module to run it from another program, as the Python package does. Files are paths, globs, folders, and with
//! the feature `object-store` URLs. Results go to the output, as tables or, with `--json`, as one JSON object per line;
//! errors go to the standard error, one line each; a bar shows progress there, if that is a terminal.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | all went well |
//! | 1 | a file is bad or cannot be read or written, or files disagree |
//! | 2 | the arguments make no sense |
//! | 130 | it was interrupted; what was being written is not there |

mod align;
mod args;
mod array_stats;
mod bins;
mod context;
mod convert;
mod files;
mod format;
mod head;
mod json;
mod ls;
mod numbers;
mod plot;
mod progress;
mod scan;
mod schema;
mod signal;
mod stat;
mod table;
mod tables;
mod verify;

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io::{self, Write};

use clap::Parser as _;
pub use signal::run_in_terminal;

use self::args::{Arguments, Command};
use self::context::{Access, Context, Paint};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
#[cfg(feature = "object-store")]
use crate::source::RemoteOptions;

/// All went well.
const DONE: u8 = 0;
/// A file is bad, or cannot be read.
const FAILED: u8 = 1;
/// The arguments make no sense.
const MISUSED: u8 = 2;
/// Somebody pressed Ctrl-C: 128 and the number of the signal, as shells have it.
const INTERRUPTED: u8 = 130;

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
    Shell::new(output).run(arguments)
}

/// What the program runs in.
pub struct Shell<'a> {
    output: &'a mut dyn Write,
    interrupt: Interrupt,
    colours: bool,
}

impl fmt::Debug for Shell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell").field("colours", &self.colours).finish_non_exhaustive()
    }
}

impl<'a> Shell<'a> {
    /// Results go to this output, without colours.
    pub fn new(output: &'a mut dyn Write) -> Self {
        Self { output, interrupt: Interrupt::default(), colours: false }
    }

    /// Sets the flag that ends the work.
    #[must_use]
    pub fn with_interrupt(self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self }
    }

    /// Sets whether results have the colours of a terminal.
    #[must_use]
    pub fn with_colours(self, colours: bool) -> Self {
        Self { colours, ..self }
    }

    /// Runs the program with arguments, of which the first is its name, and returns its exit code.
    pub fn run<I>(self, arguments: I) -> u8
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
                let _printed = write!(self.output, "{}", error.render());
                return DONE;
            }
        };
        let interrupt = self.interrupt.clone();
        let result = self.context(&arguments).and_then(|mut context| {
            let result = dispatch(&arguments, &mut context)?;
            // A disk that is full is told of here or nowhere.
            context.output.flush()?;
            Ok(result)
        });
        match result {
            _ if interrupt.check().is_err() => {
                complain("interrupted");
                INTERRUPTED
            }
            Ok(true) => DONE,
            Ok(false) => FAILED,
            Err(error) if is_broken_pipe(&error) => DONE,
            Err(error) => {
                complain(&error);
                if is_misuse(&error) { MISUSED } else { FAILED }
            }
        }
    }

    #[cfg_attr(
        not(feature = "object-store"),
        expect(clippy::unnecessary_wraps, reason = "options can be wrong")
    )]
    fn context(self, arguments: &Arguments) -> Result<Context<'a>> {
        let Self { output, interrupt, colours } = self;
        #[cfg(feature = "object-store")]
        let remote = RemoteOptions::try_from_storage(arguments.storage_option.iter().cloned())?
            .with_interrupt(interrupt.clone());
        let access = Access {
            interrupt,
            #[cfg(feature = "object-store")]
            remote,
        };
        Ok(Context { output, json: arguments.json, colours, access })
    }
}

fn dispatch(arguments: &Arguments, context: &mut Context<'_>) -> Result<bool> {
    match &arguments.command {
        Command::Ls(ls) => ls::run(ls, context),
        Command::Schema(schema) => schema::run(schema, context),
        Command::Head(head) => head::run(head, context),
        Command::Stat(stat) => stat::run(stat, context),
        Command::Verify(verify) => verify::run(verify, context),
        Command::Align(align) => align::run(align, context),
        Command::Convert(convert) => convert::run(convert, context),
        Command::Plot(plot) => plot::run(plot, context),
    }
}

/// Tells of an error, in one line.
fn complain(error: impl Display) {
    let name = Paint::Bad.on("npzarrow:", signal::shows_colours(&io::stderr()));
    let error = error.to_string();
    let _told = writeln!(io::stderr(), "{name} {}", format::visible(&error));
}

/// True if it is not the files that are wrong.
fn is_misuse(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Option { .. })
}

fn is_broken_pipe(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Runs a job for each file; tells of those that fail and goes on, unless it is interrupted. False if any did.
fn each<T>(
    context: &mut Context<'_>,
    items: impl IntoIterator<Item = T>,
    mut job: impl FnMut(&mut Context<'_>, T) -> Result<()>,
) -> Result<bool> {
    let mut all_good = true;
    for item in items {
        match job(context, item) {
            Err(error) if is_broken_pipe(&error) || is_misuse(&error) => return Err(error),
            Err(error) => {
                context.interrupt.check()?;
                complain(&error);
                all_good = false;
            }
            Ok(()) => {}
        }
    }
    Ok(all_good)
}
