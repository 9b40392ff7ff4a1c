//! Writing whole files: arrays and batches in, an `.npy` or `.npz` out, which appears whole or not at all.
//!
//! Use this module when the destination is a path, or with the feature `object-store` a URL: see [`WriteOptions::create`]. [`NpzWriter`] writes archives member by member and to any output,
//! [`npy_to`] and [`npy_column_to`] single arrays to any output.

use std::io::Write;
use std::path::Path;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, Field};

use crate::arrow::export::export_column;
use crate::error::{Error, Result};
use crate::npy::Header;
use crate::npz::{NpzWriter, WriteOptions, check_payload, put_content};
use crate::sink::{Counted, Pending};

/// Writes one array to a path, bit for bit as `np.save` does: the payload is written as it is.
///
/// ```
/// use npzarrow::NpyArray;
/// use npzarrow::npy::{Dtype, Header, Order, Shape};
/// use npzarrow::npz::WriteOptions;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("x.npy");
/// let dtype = Dtype::from_type_str("<i2").ok_or("no dtype")?;
/// let header = Header::try_new(&dtype, Order::C, &Shape::new(vec![2]))?;
/// npzarrow::write::npy(&path, &header, &[1, 0, 2, 0], &WriteOptions::default())?;
/// assert_eq!(NpyArray::open(&path)?.payload().as_slice(), [1, 0, 2, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::PayloadSize`](crate::ErrorKind::PayloadSize) if the payload is not what the header says; what the
/// file system gives. The path then has what it had before.
pub fn npy(path: impl AsRef<Path>, header: &Header, payload: &[u8], options: &WriteOptions) -> Result<()> {
    to_path(path.as_ref(), options, |file| npy_to(file, header, payload, options))
}

/// Writes one column of Arrow arrays to a path; see [`arrow::export`](crate::arrow::export) for the types.
pub fn npy_column(
    path: impl AsRef<Path>,
    field: &Field,
    arrays: impl IntoIterator<Item = Result<ArrayRef, ArrowError>>,
    options: &WriteOptions,
) -> Result<()> {
    to_path(path.as_ref(), options, |file| npy_column_to(file, field, arrays, options))
}

/// Writes each column of a batch as a member of an archive. Copies no numbers without nulls.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Float32Array, RecordBatch};
/// use npzarrow::NpzArchive;
/// use npzarrow::npz::WriteOptions;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("x.npz");
/// let batch = RecordBatch::try_from_iter([("x", Arc::new(Float32Array::from(vec![1.5, 2.5])) as _)])?;
/// npzarrow::write::npz(&path, &batch, &WriteOptions::default())?;
/// assert_eq!(NpzArchive::open(&path)?.record_batch(&Default::default())?.num_rows(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`NpzWriter::add_batch`]. The path then has what it had before.
pub fn npz(path: impl AsRef<Path>, batch: &RecordBatch, options: &WriteOptions) -> Result<()> {
    let mut writer = NpzWriter::create(path, options)?;
    writer.add_batch(batch)?;
    writer.commit()
}

/// Writes each column of a stream of batches as a member of an archive, holding one batch at a time.
///
/// # Errors
///
/// As [`NpzWriter::add_batches`]. The path then has what it had before.
pub fn npz_batches(
    path: impl AsRef<Path>,
    reader: impl RecordBatchReader,
    options: &WriteOptions,
) -> Result<()> {
    let mut writer = NpzWriter::create(path, options)?;
    writer.add_batches(reader)?;
    writer.commit()
}

/// Writes one array to any output, and returns that.
pub fn npy_to<W: Write>(output: W, header: &Header, payload: &[u8], options: &WriteOptions) -> Result<W> {
    check_payload(header, payload)?;
    let mut output = Counted::new(output, options.interrupt.clone());
    output.put(&header.to_bytes())?;
    output.put(payload)?;
    output.finish()
}

/// Writes one column of Arrow arrays to any output, and returns that. Nulls have no mask here.
pub fn npy_column_to<W: Write>(
    output: W,
    field: &Field,
    arrays: impl IntoIterator<Item = Result<ArrayRef, ArrowError>>,
    options: &WriteOptions,
) -> Result<W> {
    let arrays = arrays.into_iter().map(|array| {
        options.interrupt.check()?;
        array.map_err(Error::from)
    });
    let exported = export_column(field, arrays, options.nulls, &std::env::temp_dir())?;
    let mut output = Counted::new(output, options.interrupt.clone());
    output.put(&exported.header.to_bytes())?;
    put_content(&exported.payload, &mut output)?;
    output.finish()
}

fn to_path(
    path: &Path,
    options: &WriteOptions,
    write: impl FnOnce(Pending) -> Result<Pending>,
) -> Result<()> {
    let output = options.create(path)?;
    let path = output.path().to_owned();
    write(output).map_err(|error| error.in_path(path))?.commit(options.sync)
}
