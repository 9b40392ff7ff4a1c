//! Reading wide columns row by row as a filter on narrow ones leaves them.

use std::collections::VecDeque;
use std::ops::Range;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::SlicesIterator;
use datafusion_common::Result;

use crate::Interrupt;
use crate::convert::{to_u64, to_usize};
use crate::dataset::ScanReader;

/// A reader of columns that a filter does not need, from which rows are taken in order.
#[derive(Debug)]
pub(super) struct Wide {
    reader: ScanReader,
    /// What was read and is still wanted.
    batch: Option<RecordBatch>,
    /// The number of the next row in the shard.
    next: u64,
}

impl Wide {
    /// Takes a reader, and the number of its first row.
    pub(super) fn new(reader: ScanReader, next: u64) -> Self {
        Self { reader, batch: None, next }
    }

    /// Reads the next of some rows, and passes over those before them; `None` if they have ended.
    pub(super) fn next_of(&mut self, wanted: &Range<u64>) -> Result<Option<(Range<u64>, RecordBatch)>> {
        while self.next < wanted.end {
            let batch = match self.batch.take() {
                Some(batch) => batch,
                None => match self.reader.next_batch()? {
                    Some(batch) => batch,
                    None => return Ok(None),
                },
            };
            let end = self.next.saturating_add(to_u64(batch.num_rows()));
            let rows = self.next.max(wanted.start)..end.min(wanted.end);
            let at = |row: u64| to_usize(row.saturating_sub(self.next));
            let found =
                (!rows.is_empty()).then(|| batch.slice(at(rows.start), at(rows.end) - at(rows.start)));
            if rows.end < end {
                self.batch = Some(batch.slice(at(rows.end), at(end) - at(rows.end)));
            }
            self.next = rows.end;
            if let Some(found) = found {
                return Ok(Some((rows, found)));
            }
        }
        Ok(None)
    }

    /// Reads what is left, down to the checksum of what was inflated.
    pub(super) fn read_to_end(mut self, interrupt: &Interrupt) -> Result<()> {
        while self.reader.next_batch()?.is_some() {
            interrupt.check()?;
        }
        Ok(())
    }
}

/// The rows to read, of which the first has this number: those that are left, and short gaps between them.
pub(super) fn runs(mask: &BooleanArray, gap: usize, first: u64) -> VecDeque<Range<u64>> {
    let mut runs: VecDeque<Range<usize>> = VecDeque::new();
    for (start, end) in SlicesIterator::new(mask) {
        match runs.back_mut() {
            Some(last) if start.saturating_sub(last.end) <= gap => last.end = end,
            _ => runs.push_back(start..end),
        }
    }
    let number = |row: usize| first.saturating_add(to_u64(row));
    runs.into_iter().map(|run| number(run.start)..number(run.end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_close_together_are_read_together() {
        let mask = |rows: &[usize]| (0..100).map(|row| Some(rows.contains(&row))).collect::<BooleanArray>();
        for (rows, gap, expected) in [
            (&[][..], 9, &[][..]),
            (&[3, 4, 90], 85, &[(3, 91)]),
            (&[3, 4, 90], 84, &[(3, 5), (90, 91)]),
            (&[3, 5, 90], 1, &[(3, 6), (90, 91)]),
            (&[3, 5, 90], 0, &[(3, 4), (5, 6), (90, 91)]),
            (&[0, 99], usize::MAX, &[(0, 100)]),
        ] {
            let found: Vec<_> = runs(&mask(rows), gap, 1000).iter().map(|run| (run.start, run.end)).collect();
            let expected: Vec<_> = expected.iter().map(|(start, end)| (start + 1000, end + 1000)).collect();
            assert_eq!(found, expected, "{rows:?}");
        }
    }
}
