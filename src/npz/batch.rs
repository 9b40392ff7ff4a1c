//! One archive becomes columns of equal length, or one row.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{Array as _, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};

use super::archive::NpzArchive;
use super::options::{ReadOptions, Unsupported};
use crate::array::Column;
use crate::arrow::{self, CopyMode, CopyReason, RowLayout, Transfer};
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{MAX_REPEATED, MAX_REPEATED_RATIO, MAX_WITHOUT_BYTES};

impl NpzArchive {
    /// Reads the archive as one batch: its arrays are columns, their first axes are the rows.
    ///
    /// Only the selected members are touched. Members share `bytes` where Arrow allows it; see
    /// [`columns`](Self::columns) for which did.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::RowCountMismatch`] if the first axes differ, [`ErrorKind::ObjectDtype`] and
    /// [`ErrorKind::UnsupportedDtype`] unless those are skipped, and whatever is wrong with a member.
    pub fn record_batch(&self, options: &ReadOptions) -> Result<RecordBatch> {
        let (columns, rows) = self.columns(options)?;
        let fields: Vec<_> = columns.iter().map(|column| Arc::clone(&column.field)).collect();
        let arrays = columns.into_iter().map(|column| column.array).collect();
        let batch_options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &batch_options);
        batch.map_err(|error| self.locate_error(Error::from(error), None))
    }

    /// Reads the columns of the batch, each with how its memory came about, and the number of rows.
    ///
    /// # Errors
    ///
    /// As [`record_batch`](Self::record_batch).
    pub fn columns(&self, options: &ReadOptions) -> Result<(Vec<Column>, usize)> {
        let indices = self.select(options)?;
        let declared = self.declared(&indices);
        let without_bytes = AtomicU64::new(0);
        self.prepare(&indices, &options.interrupt)?;
        let read = self.for_each(&indices, |index, threads| {
            options.interrupt.check()?;
            let column = self.read_column(index, threads, options).and_then(|column| {
                let before = without_bytes.fetch_add(column.without_bytes, Ordering::Relaxed);
                let value = before.saturating_add(column.without_bytes);
                let limit = MAX_WITHOUT_BYTES.max(declared);
                at_most("elements without bytes of one batch:", value, limit)?;
                Ok(column)
            });
            if column.as_ref().is_err_and(|error| skippable(error, options)) {
                // One flipped bit of a header can make a dtype an unsupported one: that is no reason to skip.
                self.verify_stored(index, &options.interrupt)
                    .map_err(|error| self.locate_error(error, Some(index)))?;
            }
            column.map_err(|error| self.locate_error(error, Some(index)))
        });
        #[cfg(feature = "object-store")]
        self.forget_fetched(&indices);
        let mut columns = Vec::with_capacity(read.len());
        let mut lengths = Vec::with_capacity(read.len());
        for (column, &index) in read.into_iter().zip(&indices) {
            match column {
                Err(error) if skippable(&error, options) => {}
                column => {
                    let column = column?;
                    let one_row = options.arrow.rows == RowLayout::Archive;
                    lengths.push((index, if one_row { Some(1) } else { column.first_axis }));
                    columns.push(column);
                }
            }
        }
        let rows = self.agree_on_rows(&lengths)?;
        let mut repeated = 0_u64;
        for (column, (index, length)) in columns.iter_mut().zip(&lengths) {
            if length.is_none() && rows != 1 {
                let mut repeat = || {
                    let size = column.array.to_data().get_slice_memory_size()?;
                    repeated = repeated.saturating_add(to_u64(size).saturating_mul(to_u64(rows)));
                    let limit = MAX_REPEATED.max(declared.saturating_mul(MAX_REPEATED_RATIO));
                    at_most("bytes of values repeated for every row:", repeated, limit)?;
                    repeat(column, rows, options)
                };
                repeat().map_err(|error| self.locate_error(error, Some(*index)))?;
            }
        }
        Ok((columns, rows))
    }

    /// Returns the schema of the batch, from the headers of the selected members alone.
    ///
    /// # Errors
    ///
    /// As [`record_batch`](Self::record_batch), except for what only the payloads tell.
    pub fn schema(&self, options: &ReadOptions) -> Result<Schema> {
        let mut fields: Vec<Field> = Vec::new();
        let indices = self.select(options)?;
        self.prepare_headers(&indices, &options.interrupt)?;
        for index in indices {
            let name = self.name(index).unwrap_or_default();
            let field = self.header_at(index).and_then(|header| {
                let field = arrow::schema_field(name, &header, &options.arrow);
                field.map_err(|error| self.locate_error(error, Some(index)))
            });
            match field {
                Err(error) if skippable(&error, options) => {}
                field => fields.push(field?),
            }
        }
        Ok(Schema::new(fields))
    }

    /// The members that are columns: those that are named, else every array.
    fn select(&self, options: &ReadOptions) -> Result<Vec<usize>> {
        let indices: Vec<usize> = match &options.columns {
            Some(names) => names.iter().map(|name| self.index_of(name)).collect::<Result<_>>()?,
            None => (0..self.len()).filter(|&index| self.is_array(index)).collect(),
        };
        let mut seen = HashSet::with_capacity(indices.len());
        for name in indices.iter().filter_map(|&index| self.name(index)) {
            if !seen.insert(name) {
                let (name, count) = (
                    name.to_owned(),
                    indices.iter().filter(|&&index| self.name(index) == Some(name)).count(),
                );
                let is_asked = options.columns.is_some();
                let kind = if is_asked {
                    ErrorKind::RepeatedColumn { name }
                } else {
                    ErrorKind::DuplicateEntry { name, count }
                };
                return Err(self.locate_error(Error::new(kind), None));
            }
        }
        Ok(indices)
    }

    /// The bytes that members say they have, as far as that is plausible.
    fn declared(&self, indices: &[usize]) -> u64 {
        let entries = indices.iter().filter_map(|&index| self.entry(index));
        let entries = entries.filter(|entry| entry.check_ratio().is_ok());
        entries.fold(0, |sum, entry| sum.saturating_add(entry.declared_size()))
    }

    /// The one length that all members have.
    fn agree_on_rows(&self, lengths: &[(usize, Option<u64>)]) -> Result<usize> {
        let mut known = lengths.iter().filter_map(|(_, rows)| *rows);
        let Some(rows) = known.next() else {
            // Values without an axis make one row; nothing makes none.
            return Ok(usize::from(!lengths.is_empty()));
        };
        if known.all(|other| other == rows) {
            return usize::try_from(rows).map_err(|_| Error::new(ErrorKind::Allocation { len: rows }));
        }
        let members = lengths.iter().filter_map(|&(index, rows)| {
            rows.map(|rows| (self.name(index).unwrap_or_default().to_owned(), rows))
        });
        let kind = ErrorKind::RowCountMismatch { members: members.collect() };
        Err(self.locate_error(Error::new(kind), None))
    }
}

fn at_most(what: &'static str, value: u64, limit: u64) -> Result<()> {
    if value <= limit { Ok(()) } else { Err(Error::new(ErrorKind::LimitExceeded { what, value, limit })) }
}

/// Repeats a value without axes for every row.
fn repeat(column: &mut Column, rows: usize, options: &ReadOptions) -> Result<()> {
    let reason = "one value is repeated for every row";
    if options.arrow.copy == CopyMode::Never {
        return Err(Error::new(ErrorKind::CopyRequired { reason: reason.to_owned() }));
    }
    column.array = arrow::repeat(&column.array, rows)?;
    column.transfer = Transfer::Copied(CopyReason::Converted(reason));
    Ok(())
}

fn skippable(error: &Error, options: &ReadOptions) -> bool {
    let dtype = matches!(error.kind(), ErrorKind::ObjectDtype { .. } | ErrorKind::UnsupportedDtype { .. });
    dtype && options.unsupported == Unsupported::Skip
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use arrow_buffer::Buffer;
    use zip::write::SimpleFileOptions;

    use super::super::options::OpenOptions;
    use super::*;
    use crate::npy::{Dtype, Header, Order, Shape};
    use crate::source::Source;

    fn archive(members: impl Iterator<Item = (String, &'static str, Vec<u64>)>) -> NpzArchive {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, type_str, shape) in members {
            let dtype = Dtype::from_type_str(type_str).unwrap();
            let header = Header::try_new(&dtype, Order::C, &Shape::new(shape)).unwrap();
            writer.start_file(name, options).unwrap();
            writer.write_all(&header.to_bytes()).unwrap();
            writer.write_all(&vec![1; usize::try_from(header.payload_len()).unwrap()]).unwrap();
        }
        NpzArchive::try_new(Buffer::from(writer.finish().unwrap().into_inner())).unwrap()
    }

    fn text(archive: &NpzArchive) -> String {
        archive.record_batch(&ReadOptions::default()).unwrap_err().to_string()
    }

    #[test]
    fn a_corrupt_header_is_not_skipped() {
        let good = archive([("x.npy".to_owned(), "<i8", vec![3])].into_iter());
        let Source::Memory(memory) = &good.source else { panic!("{good:?}") };
        let place = memory.bytes().windows(3).position(|bytes| bytes == b"<i8").unwrap() + 1;
        for (letter, unsupported) in
            [(b'm', "no unit"), (b'q', "no type string"), (b'O', "pickled"), (b'M', "no unit")]
        {
            let mut bytes = memory.bytes().to_vec();
            bytes[place] = letter;
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&bytes).unwrap();
            for source in [Source::from(Buffer::from(bytes)), Source::open(file.path()).unwrap()] {
                for (verify, skip) in [(true, true), (true, false), (false, true)] {
                    let options = OpenOptions::default().with_verify(verify);
                    let archive = NpzArchive::with_options(source.clone(), &options).unwrap();
                    let policy = if skip { Unsupported::Skip } else { Unsupported::Raise };
                    let read = ReadOptions::default().with_unsupported(policy);
                    match archive.record_batch(&read) {
                        Ok(batch) => assert_eq!((batch.num_columns(), verify), (0, false), "{unsupported}"),
                        Err(error) if skip => {
                            assert!(error.to_string().contains("checksum is"), "{unsupported}: {error}");
                        }
                        Err(_) => assert!(!skip),
                    }
                }
            }
        }
    }

    #[test]
    fn elements_without_bytes_are_bounded_per_batch() {
        let rows = MAX_WITHOUT_BYTES / 16;
        let members = |count: u64| archive((0..count).map(|i| (format!("{i}.npy"), "|V0", vec![rows])));
        assert_eq!(members(16).record_batch(&ReadOptions::default()).unwrap().num_columns(), 16);
        let text = text(&members(100));
        let expected = "elements without bytes of one batch: 17825792 exceeds the limit of 16777216";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn repeated_values_are_bounded_per_batch() {
        let rows = || ("rows.npy".to_owned(), "|i1", vec![1 << 20]);
        let (short, long) =
            (("short.npy".to_owned(), "<c16", vec![]), ("long.npy".to_owned(), "|V1024", vec![]));
        let short_only = archive([rows(), short.clone()].into_iter());
        assert_eq!(short_only.record_batch(&ReadOptions::default()).unwrap().num_rows(), 1 << 20);
        let text = text(&archive([rows(), short, long].into_iter()));
        let expected =
            "long.npy: bytes of values repeated for every row: 1090519040 exceeds the limit of 1073741824";
        assert_eq!(text, expected);
    }
}
