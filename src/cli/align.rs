//! `npzarrow align`: archives that can be mapped.

use std::path::PathBuf;

use serde_json::json;

use super::args::Align;
use super::context::{Access, Context};
use super::files::{expand, open, size_of, source_of};
use super::progress::{self, Counting};
use super::{each, format};
use crate::dataset::Found;
use crate::error::{Error, ErrorKind, Result};
use crate::npz::{NpzArchive, WriteOptions, align};

pub(super) fn run(arguments: &Align, context: &mut Context<'_>) -> Result<bool> {
    let files = expand(&arguments.source, context)?;
    if arguments.output.is_some() && files.len() > 1 {
        let (option, value) = ("--output", format!("one file for {} archives", files.len()));
        return Err(Error::new(ErrorKind::Option { option, value, expected: "--in-place" }));
    }
    let options = context.write_options().with_align(arguments.multiple);
    let bar = progress::bytes(files.iter().map(size_of).sum());
    let all_good = each(context, &files, |context, source| {
        let dest = arguments.output.clone().unwrap_or_else(|| PathBuf::from(source_of(source)));
        let path = one(source, &dest, &options, &bar, context)?;
        if context.json {
            context.line(json!({ "path": format::path(&path), "align": arguments.multiple }))?;
        }
        Ok(())
    });
    bar.finish_and_clear();
    all_good
}

/// Aligns an archive; returns the name of the result.
fn one(
    source: &Found,
    dest: &PathBuf,
    options: &WriteOptions,
    bar: &indicatif::ProgressBar,
    access: &Access,
) -> Result<PathBuf> {
    let archive = NpzArchive::with_options(open(source, access)?, &Access::open_options())?;
    let output = options.create(dest)?;
    let path = output.path().to_owned();
    let output = Counting { output, bar: bar.clone() };
    let written = align(&archive, output, options).map_err(|error| error.in_path(&path))?;
    written.output.commit(options.sync)?;
    Ok(path)
}
