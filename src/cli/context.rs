//! What all commands need to know of the shell that calls them.

use std::fmt::Display;
use std::io::Write;
use std::ops::Deref;

use crate::dataset::{DatasetOptions, Lengths, OnError};
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::npz::{OpenOptions, Unsupported, WriteOptions};
#[cfg(feature = "object-store")]
use crate::source::RemoteOptions;

/// Where results go.
pub(super) struct Context<'a> {
    pub(super) output: &'a mut dyn Write,
    pub(super) json: bool,
    /// Whether a terminal shows the output.
    pub(super) colours: bool,
    pub(super) access: Access,
}

/// How files are reached, and what ends the work.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) interrupt: Interrupt,
    #[cfg(feature = "object-store")]
    pub(super) remote: RemoteOptions,
}

/// What a piece of text says, and thereby its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Heading,
    Good,
    Bad,
}

impl Paint {
    /// Text in its colour, if there are colours.
    pub(super) fn on(self, text: &str, colours: bool) -> String {
        let code = match self {
            Self::Heading => "1",
            Self::Good => "32",
            Self::Bad => "31",
        };
        if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl Context<'_> {
    /// Writes a line.
    pub(super) fn line(&mut self, text: impl Display) -> Result<()> {
        Ok(writeln!(self.output, "{text}")?)
    }
}

impl Deref for Context<'_> {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl Access {
    /// Archives of any size are opened: a person asked for each.
    pub(super) fn open_options() -> OpenOptions {
        OpenOptions::default().with_max_uncompressed(u64::MAX)
    }

    /// Files as one table: their own arrays and no others, of any length; files that cannot be read are told of.
    #[cfg_attr(
        not(feature = "object-store"),
        expect(clippy::unused_self, reason = "it says how stores are reached")
    )]
    pub(super) fn dataset_options(&self, columns: &[String]) -> DatasetOptions {
        DatasetOptions {
            columns: (!columns.is_empty()).then(|| columns.to_vec()),
            open: Self::open_options(),
            hive: false,
            lengths: Lengths::Any,
            on_error: OnError::Skip,
            unsupported: if columns.is_empty() { Unsupported::Skip } else { Unsupported::Raise },
            #[cfg(feature = "object-store")]
            remote: self.remote.clone(),
            ..DatasetOptions::default()
        }
    }

    pub(super) fn write_options(&self) -> WriteOptions {
        let options = WriteOptions::default().with_interrupt(self.interrupt.clone());
        #[cfg(feature = "object-store")]
        let options = options.with_remote(self.remote.clone());
        options
    }
}
