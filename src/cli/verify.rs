//! `npzarrow verify`: every checksum, header and size of many files, several at a time.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::args::Verify;
use super::files::expand;
use super::{format, progress};
use crate::array::NpyArray;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::npy::MAGIC_PREFIX;
use crate::npz::{NpzArchive, OpenOptions};
use crate::parallel::{self, default_threads};
use crate::source::Source;

/// What was found in one file.
struct Report {
    arrays: usize,
    bytes: u64,
    problems: Vec<Error>,
}

pub(super) fn run(arguments: &Verify, json: bool, output: &mut dyn Write) -> Result<bool> {
    let files = expand(&arguments.files.files)?;
    let bar = progress::bar(files.len());
    // Files count alike; each is worth a thread.
    let costs = vec![1 << 20; files.len()];
    let threads = arguments.threads.unwrap_or_else(default_threads);
    let inner = if files.len() < threads { threads } else { 1 };
    let reports = parallel::map(&costs, threads, |index| {
        let report = files.get(index).map(|path| verify(path, arguments.max_uncompressed, inner));
        bar.inc(1);
        report
    });
    bar.finish_and_clear();
    let (mut arrays, mut bytes, mut bad) = (0, 0_u64, 0);
    for (path, report) in files.iter().zip(reports.into_iter().flatten()) {
        arrays += report.arrays;
        bytes = bytes.saturating_add(report.bytes);
        bad += usize::from(!report.problems.is_empty());
        if json {
            let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
            let (path, ok) = (format::path(path), problems.is_empty());
            let report = json!({
                "path": path, "ok": ok, "arrays": report.arrays, "bytes": report.bytes, "problems": problems,
            });
            writeln!(output, "{report}")?;
        } else {
            for problem in &report.problems {
                writeln!(output, "{problem}")?;
            }
        }
    }
    if !json {
        let size = format::size(bytes);
        let count = files.len();
        let (files, arrays) = (plural(count, "file"), plural(arrays, "array"));
        match bad {
            0 => writeln!(output, "{files}, {arrays}, {size}: all is well")?,
            bad => writeln!(output, "{files}, {arrays}, {size}: {} bad", plural(bad, "file"))?,
        }
    }
    Ok(bad == 0)
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn verify(path: &Path, max_uncompressed: u64, threads: usize) -> Report {
    let mut report = Report { arrays: 0, bytes: 0, problems: Vec::new() };
    if let Err(error) = check(path, max_uncompressed, threads, &mut report) {
        report.problems.push(error.in_path(path));
    }
    report
}

fn check(path: &Path, max_uncompressed: u64, threads: usize, report: &mut Report) -> Result<()> {
    let source = Source::open(path)?;
    if *source.peek(0..source.len().min(6))? == MAGIC_PREFIX {
        // NPY has no checksum: that the payload is there is all that can be said.
        let header = crate::array::read_header(&source, 0..source.len())?;
        report.bytes = header.payload_len();
        report.arrays = 1;
        return header.payload_range(source.len()).map(drop);
    }
    let options = OpenOptions::default().with_max_uncompressed(max_uncompressed).with_threads(threads);
    let archive = NpzArchive::with_options(source, &options)?;
    for index in 0..archive.len() {
        match archive.array_at(index, &Interrupt::default()) {
            Ok(array) => {
                report.arrays += 1;
                report.bytes = report.bytes.saturating_add(size_of(&array));
            }
            // What is no array and is not called one is none of our business.
            Err(error) if matches!(error.kind(), ErrorKind::BadMagic { .. }) && !is_npy(&archive, index) => {}
            Err(error) => report.problems.push(error),
        }
    }
    Ok(())
}

fn size_of(array: &NpyArray) -> u64 {
    array.header().payload_len()
}

fn is_npy(archive: &NpzArchive, index: usize) -> bool {
    archive.entry_name(index).is_some_and(|name| name.to_ascii_lowercase().ends_with(".npy"))
}
