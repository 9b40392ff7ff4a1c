//! Running in a terminal: colours, and Ctrl-C.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write as _};
use std::sync::Arc;

use signal_hook::consts::SIGINT;
use signal_hook::flag;

use super::{INTERRUPTED, Shell};
use crate::interrupt::Interrupt;

/// Runs the program on the standard output, as `main` does, and returns its exit code. Ctrl-C ends the work, with
/// nothing half done; a second one ends the process at once.
pub fn run_in_terminal<I>(arguments: I) -> u8
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let interrupt = Interrupt::new();
    if let Some(requested) = interrupt.flag() {
        // Where there are no signals, the system's own way of ending remains.
        let second = flag::register_conditional_shutdown(SIGINT, INTERRUPTED.into(), Arc::clone(requested));
        let _registered = second.and_then(|_| flag::register(SIGINT, Arc::clone(requested)));
    }
    let colours = shows_colours(&io::stdout());
    let mut output = io::BufWriter::new(io::stdout());
    let code = Shell::new(&mut output).with_interrupt(interrupt).with_colours(colours).run(arguments);
    // A reader that has gone has seen enough.
    let _gone = output.flush();
    code
}

/// True for a terminal, unless `NO_COLOR` is set or it says that it is dumb.
pub(super) fn shows_colours(stream: &impl IsTerminal) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
