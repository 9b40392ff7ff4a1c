//! `npzarrow align`: archives that can be mapped.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::args::Align;
use super::files::expand;
use super::{each, format, progress};
use crate::error::{Error, ErrorKind, Result};
use crate::npz::{WriteOptions, align_file};

pub(super) fn run(arguments: &Align, json: bool, output: &mut dyn Write) -> Result<bool> {
    let files = expand(&arguments.source)?;
    if arguments.output.is_some() && files.len() > 1 {
        let (option, value) = ("--output", format!("one file for {} archives", files.len()));
        return Err(Error::new(ErrorKind::Option { option, value, expected: "--in-place" }));
    }
    let options = WriteOptions::default().with_align(arguments.multiple);
    let bar = progress::bar(files.len());
    let all_good = each(&files, |source: &PathBuf| {
        let dest = arguments.output.as_ref().unwrap_or(source);
        align_file(source, dest, &options)?;
        bar.inc(1);
        if json {
            writeln!(output, "{}", json!({ "path": format::path(dest), "align": arguments.multiple }))?;
        }
        Ok(())
    });
    bar.finish_and_clear();
    all_good
}
