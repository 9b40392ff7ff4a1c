//! `npzarrow verify`: every checksum, header and size of many files, several at a time.

use indicatif::ProgressBar;
use serde_json::json;

use super::args::Verify;
use super::context::{Access, Context, Paint};
use super::files::{expand, open, size_of};
use super::{format, progress};
use crate::dataset::{Found, is_npy as begins_as_npy};
use crate::error::{Error, ErrorKind, Result};
use crate::npz::stream::MemberStream;
use crate::npz::{NpzArchive, OpenOptions};
use crate::parallel::{self, default_threads};
use crate::zip::Entry;

/// Longer members are checked piece by piece, so that they take no memory and a bar can move.
const WHOLE_BELOW: u64 = 64 << 20;
/// What of a long member is checked at a time.
const PIECE_LEN: u64 = 8 << 20;

/// What was found in one file.
struct Report {
    arrays: usize,
    bytes: u64,
    problems: Vec<Error>,
}

/// How files are checked.
struct Checking {
    options: OpenOptions,
    access: Access,
    bar: ProgressBar,
}

pub(super) fn run(arguments: &Verify, context: &mut Context<'_>) -> Result<bool> {
    let files = expand(&arguments.files.files, context)?;
    let bar = progress::bytes(files.iter().map(size_of).sum());
    // Files count alike; each is worth a thread.
    let costs = vec![1 << 20; files.len()];
    let threads = arguments.threads.unwrap_or_else(default_threads);
    let inner = if files.len() < threads { threads } else { 1 };
    let options =
        OpenOptions::default().with_max_uncompressed(arguments.max_uncompressed).with_threads(inner);
    let checking = Checking { options, access: context.access.clone(), bar: bar.clone() };
    let reports =
        parallel::map(&costs, threads, |index| files.get(index).map(|found| checking.verify(found)));
    bar.finish_and_clear();
    context.interrupt.check()?;
    let (mut arrays, mut bytes, mut bad) = (0, 0_u64, 0);
    for (Found { path, .. }, report) in files.iter().zip(reports.into_iter().flatten()) {
        arrays += report.arrays;
        bytes = bytes.saturating_add(report.bytes);
        bad += usize::from(!report.problems.is_empty());
        if context.json {
            let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
            let (path, ok) = (format::path(path), problems.is_empty());
            context.line(json!({
                "path": path, "ok": ok, "arrays": report.arrays, "bytes": report.bytes, "problems": problems,
            }))?;
        } else {
            if report.problems.is_empty() {
                let ok = Paint::Good.on("ok", context.colours);
                let (arrays, size) = (plural(report.arrays, "array"), format::size(report.bytes));
                let path = path.display().to_string();
                context.line(format!("{}: {ok}, {arrays}, {size}", format::visible(&path)))?;
            }
            for problem in &report.problems {
                context.line(Paint::Bad.on(&format::visible(&problem.to_string()), context.colours))?;
            }
        }
    }
    if !context.json {
        let size = format::size(bytes);
        let count = files.len();
        let (files, arrays) = (plural(count, "file"), plural(arrays, "array"));
        let verdict = match bad {
            0 => Paint::Good.on("all is well", context.colours),
            bad => Paint::Bad.on(&format!("{} bad", plural(bad, "file")), context.colours),
        };
        context.line(format!("{files}, {arrays}, {size}: {verdict}"))?;
    }
    Ok(bad == 0)
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl Checking {
    fn verify(&self, found: &Found) -> Report {
        let mut report = Report { arrays: 0, bytes: 0, problems: Vec::new() };
        if let Err(error) = self.check(found, &mut report) {
            report.problems.push(error.in_path(&found.path));
        }
        report
    }

    fn check(&self, found: &Found, report: &mut Report) -> Result<()> {
        self.access.interrupt.check()?;
        let source = open(found, &self.access)?;
        if size_of(found) == 0 {
            self.bar.inc_length(source.len());
        }
        if begins_as_npy(&source, &found.path)? {
            // NPY has no checksum: that the payload is there is all that can be said.
            let header = crate::array::read_header(&source, 0..source.len())?;
            report.bytes = header.payload_len();
            report.arrays = 1;
            self.bar.inc(source.len());
            return header.payload_range(source.len()).map(drop);
        }
        let archive = NpzArchive::with_options(source, &self.options)?;
        for index in 0..archive.len() {
            self.access.interrupt.check()?;
            match self.member(&archive, index) {
                Ok(bytes) => {
                    report.arrays += 1;
                    report.bytes = report.bytes.saturating_add(bytes);
                }
                // What is no array and is not called one is none of our business.
                Err(error)
                    if matches!(error.kind(), ErrorKind::BadMagic { .. }) && !is_npy(&archive, index) => {}
                Err(error) => report.problems.push(error),
            }
        }
        Ok(())
    }

    /// Reads a member, and returns the bytes of its payload.
    fn member(&self, archive: &NpzArchive, index: usize) -> Result<u64> {
        let len = archive.entry(index).map_or(0, Entry::compressed_size);
        let declared = archive.entry(index).map_or(0, Entry::declared_size);
        if declared < WHOLE_BELOW {
            let checked = archive.array_at(index, &self.access.interrupt);
            self.bar.inc(len);
            return checked.map(|array| array.header().payload_len());
        }
        let (header, place) = archive.survey(index)?;
        let locate = |error| archive.locate_error(error, Some(index));
        let mut stream = MemberStream::try_new(&archive.source, &place, &header, true).map_err(locate)?;
        let step = PIECE_LEN.checked_div(header.row_len()).unwrap_or(PIECE_LEN).max(1);
        let mut rows = header.shape().rows();
        loop {
            // Behind the last row, sizes and the checksum are compared.
            let now = rows.min(step);
            stream.next_rows(now, &self.access.interrupt).map_err(locate)?;
            rows = rows.saturating_sub(now);
            let share = u128::from(len) * u128::from(now.saturating_mul(header.row_len()));
            let share = share.checked_div(u128::from(declared)).unwrap_or(0);
            self.bar.inc(u64::try_from(share).unwrap_or(0));
            if rows == 0 {
                return Ok(header.payload_len());
            }
        }
    }
}

fn is_npy(archive: &NpzArchive, index: usize) -> bool {
    archive.entry_name(index).is_some_and(|name| name.to_ascii_lowercase().ends_with(".npy"))
}
