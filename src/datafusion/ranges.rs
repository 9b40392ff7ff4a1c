//! Which rows a range of a file's bytes stands for: engines split files by bytes, whatever is in them.

use std::ops::Range;

use datafusion_datasource::FileRange;

/// Returns the rows that belong to a range of bytes of a shard. Ranges that tile the file give rows that tile the
/// shard: none is missing, none is there twice. A shard that cannot be split belongs to the range with its first byte.
pub(super) fn rows_of(range: Option<&FileRange>, file_len: u64, rows: u64, can_split: bool) -> Range<u64> {
    let Some(range) = range else { return 0..rows };
    let start = u64::try_from(range.start).unwrap_or(0);
    let end = u64::try_from(range.end).unwrap_or(0);
    if !can_split || file_len == 0 {
        return if start == 0 && end > 0 { 0..rows } else { 0..0 };
    }
    let at = |byte: u64| {
        let row = (u128::from(byte.min(file_len)) * u128::from(rows)).checked_div(u128::from(file_len));
        row.and_then(|row| u64::try_from(row).ok()).unwrap_or(rows)
    };
    at(start)..at(end).max(at(start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tilings_of_bytes_are_tilings_of_rows(
            file_len in 1_u64..5000,
            rows in prop_oneof![0_u64..5, 0_u64..100_000, Just(u64::MAX)],
            mut cuts in prop::collection::vec(0_i64..6000, 0..8),
            can_split: bool,
        ) {
            cuts.extend([0, i64::try_from(file_len).unwrap()]);
            cuts.sort_unstable();
            let mut next = 0;
            for pair in cuts.windows(2) {
                let range = FileRange { start: pair[0], end: pair[1] };
                let part = rows_of(Some(&range), file_len, rows, can_split);
                prop_assert!(part.is_empty() || part.start == next, "{part:?} behind {next}");
                next = next.max(part.end);
            }
            prop_assert_eq!(next, rows);
        }
    }

    #[test]
    fn without_a_range_it_is_all() {
        assert_eq!(rows_of(None, 10, 7, false), 0..7);
        assert_eq!(rows_of(Some(&FileRange { start: -5, end: -1 }), 10, 7, true), 0..0);
    }
}
