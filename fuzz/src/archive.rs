//! `NpzArchive` over any bytes: nothing panics, memory is bounded by what is declared and plausible, every
//! array is valid Arrow, holds the payload's values, and shares memory exactly if it says so.

use arrow_array::Array as _;
use arrow_buffer::Buffer;
use npzarrow::arrow::{ArrowOptions, CopyMode, RowLayout, TensorLayout, Transfer};
use npzarrow::npy::{Dtype, Header};
use npzarrow::npz::{OpenOptions, ReadOptions, Unsupported};
use npzarrow::zip::Method;
use npzarrow::{Column, Error, Interrupt, NpyArray, NpzArchive};

use crate::memory::within;
use crate::model;

/// What deflated members may declare together.
const MAX_UNCOMPRESSED: u64 = 4 << 20;
/// Bytes for the windows and tables of decompressors, lists of a few elements, and names.
const STATE: u64 = 256 << 10;
/// Elements without bytes beyond this take long and show nothing new.
const MAX_WITHOUT_BYTES: u64 = 1 << 12;
/// Bytes that one byte of a payload may become: a view of 16 for `S1`, and copies of nested records.
const PER_PAYLOAD_BYTE: u64 = 64;
/// Bytes that one byte of a header may become: fields with names, types, metadata and buffers.
const PER_HEADER_BYTE: u64 = 256;
/// Bytes that one byte of a directory may become.
const PER_FILE_BYTE: u64 = 32;

/// Runs the target. The input is a whole file.
pub fn run(data: &[u8]) {
    let len = data.len() as u64;
    let bytes = Buffer::from(data);
    bare(&bytes, len);
    let limit = len.saturating_mul(PER_FILE_BYTE).saturating_add(4096);
    let open = || NpzArchive::with_options(bytes.clone(), &open_options());
    let archive = match within(limit, "opening", open) {
        Ok(archive) => archive,
        Err(error) => return check_error(&error),
    };
    let arrays: Vec<Option<NpyArray>> =
        (0..archive.len()).map(|index| member(&archive, index, &bytes)).collect();
    let headers: Vec<&Header> = arrays.iter().flatten().map(NpyArray::header).collect();
    if headers.iter().any(|header| without_bytes(header.dtype(), header) > MAX_WITHOUT_BYTES) {
        return;
    }
    let header_bytes: u64 = headers.iter().map(|header| header.payload_offset() as u64).sum();
    let payload_bytes: u64 = headers.iter().map(|header| header.payload_len()).sum();
    let declared: u64 = (0..archive.len()).filter_map(|index| archive.entry(index)).map(declared_size).sum();
    assert!(header_bytes + payload_bytes <= declared);
    let rows = headers.iter().map(|header| header.shape().rows()).max().unwrap_or(0);
    let budget = STATE
        + declared
        + PER_FILE_BYTE * len
        + PER_PAYLOAD_BYTE * payload_bytes
        + PER_HEADER_BYTE * header_bytes
        // Values without axes are repeated for every row.
        + rows.saturating_mul(PER_PAYLOAD_BYTE * payload_bytes.min(1 << 12));
    let all = payload_bytes < 1 << 14 && header_bytes < 1 << 14;
    for options in combinations().filter(|options| all || *options == ArrowOptions::default()) {
        let read = ReadOptions::default().with_arrow(options.clone()).with_unsupported(Unsupported::Skip);
        let columns = within(budget, "reading columns", || archive.columns(&read));
        let schema = archive.schema(&read);
        match columns {
            Ok((columns, rows)) => {
                let schema = schema.expect("what can be read has a schema");
                assert_eq!(schema.fields().len(), columns.len());
                for (column, field) in columns.iter().zip(schema.fields()) {
                    assert_eq!(&column.field, field, "the schema depends on the header alone");
                    assert_eq!(column.array.len(), rows);
                    check_column(column, &options, &bytes, &archive, &arrays, rows);
                }
                archive.record_batch(&read).expect("columns make a batch");
            }
            Err(error) => check_error(&error),
        }
    }
    for info in archive.info(&ArrowOptions::default()) {
        assert!(info.header.is_ok() || info.transfer.is_none());
    }
}

/// The bytes as a bare array.
fn bare(bytes: &Buffer, len: u64) {
    let limit = PER_HEADER_BYTE * len + 4096;
    if let Ok(array) = within(limit, "reading NPY data", || NpyArray::try_new(bytes.clone())) {
        if without_bytes(array.header().dtype(), array.header()) > MAX_WITHOUT_BYTES {
            return;
        }
        let (header, payload) = array.into_parts();
        let payload = payload.as_slice().to_vec();
        for options in combinations() {
            let array = NpyArray::try_new(bytes.clone()).expect("it was read before");
            let limit = (PER_HEADER_BYTE + PER_PAYLOAD_BYTE) * len + STATE;
            match within(limit, "converting", || array.into_column("x", &options)) {
                Ok(column) => {
                    valid(&column);
                    model::check(&header, &payload, &column.array, options.rows == RowLayout::Archive);
                }
                Err(error) => check_error(&error),
            }
        }
    }
}

/// Reads one member in every way that needs no Arrow.
fn member(archive: &NpzArchive, index: usize, bytes: &Buffer) -> Option<NpyArray> {
    let entry = archive.entry(index).expect("within the directory");
    let limit = STATE + declared_size(entry).saturating_mul(2) + PER_FILE_BYTE * bytes.len() as u64;
    // A header may be as long as a MiB before that is known to be too much for its member.
    let header_limit = limit.saturating_add(2 << 20).saturating_add(64 * declared_size(entry));
    let header = within(header_limit, "reading a header", || archive.header_at(index));
    let result = within(header_limit, "reading a member", || archive.array_at(index, &Interrupt::default()));
    let array = match result {
        Ok(array) => array,
        Err(error) => {
            check_error(&error);
            return None;
        }
    };
    assert_eq!(Some(array.header()), header.ok().as_ref(), "the header alone says the same");
    let payload = array.payload().as_slice();
    assert_eq!(payload.len() as u64, array.header().payload_len());
    let is_within = is_within(payload, bytes);
    assert_eq!(is_within || payload.is_empty(), entry.method() == Method::STORED || payload.is_empty());
    let again = archive.array_at(index, &Interrupt::default()).expect("it was read before");
    assert!(again.payload().as_slice() == payload);
    Some(array)
}

fn check_column(
    column: &Column,
    options: &ArrowOptions,
    bytes: &Buffer,
    archive: &NpzArchive,
    arrays: &[Option<NpyArray>],
    rows: usize,
) {
    valid(column);
    if options.copy == CopyMode::Never {
        assert_eq!(column.transfer, Transfer::Shared);
    }
    // No two columns have the same name; a look-up would prefer an entry that is called `x.npy` as a whole.
    let name = archive.names().position(|name| name == column.field.name());
    let index = name.expect("columns have the names of members");
    let array = arrays.get(index).and_then(Option::as_ref).expect("a column was read as an array, too");
    let payload = array.payload().as_slice();
    let in_one_row = options.rows == RowLayout::Archive;
    if in_one_row || column.first_axis.is_some() || rows == 1 {
        model::check(array.header(), payload, &column.array, in_one_row);
    }
    let nested = column.with_nested_tensors();
    valid(&nested);
    let mut data = column.array.to_data();
    while let Some(child) = data.child_data().first() {
        data = child.clone();
    }
    // Whether it says so or not, memory is shared with the input or it is not.
    let shares = data.buffers().iter().any(|buffer| !buffer.is_empty() && is_within(buffer, bytes));
    match column.transfer {
        Transfer::Shared => {
            assert!(shares || payload.is_empty() || options.string_view, "{column:?}");
        }
        Transfer::Copied(_) => assert!(!shares, "{column:?}"),
    }
}

fn valid(column: &Column) {
    column.array.to_data().validate_full().expect("valid Arrow");
    assert_eq!(column.array.data_type(), column.field.data_type());
    assert!(column.field.is_nullable() || column.array.null_count() == 0);
}

/// Every error stands alone on one line and has a kind that a caller can ask for.
pub(crate) fn check_error(error: &Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
    assert!(!error.is_io(), "{text}");
}

fn is_within(part: &[u8], bytes: &[u8]) -> bool {
    let start = bytes.as_ptr().addr();
    (start..start + bytes.len()).contains(&part.as_ptr().addr())
}

fn declared_size(entry: &npzarrow::zip::Entry) -> u64 {
    // What is neither stored nor deflated, or not plausible, is not read.
    let is_stored = entry.method() == Method::STORED;
    let size = if is_stored { entry.compressed_size() } else { entry.declared_size() };
    if entry.check_ratio().is_ok() { size } else { 0 }
}

/// How many values take no byte of the payload.
pub(crate) fn without_bytes(dtype: &Dtype, header: &Header) -> u64 {
    let fields = match dtype {
        Dtype::Record(record) => record.fields().len() as u64,
        _ => 1,
    };
    if header.payload_len() > 0 && !has_empty_parts(dtype) {
        return 0;
    }
    header.shape().iter().fold(fields.max(1), |product, &dim| product.saturating_mul(dim.max(1)))
}

fn has_empty_parts(dtype: &Dtype) -> bool {
    match dtype {
        Dtype::Record(record) => record.fields().iter().any(|field| has_empty_parts(&field.dtype)),
        dtype => dtype.item_size() == 0,
    }
}

pub(crate) fn open_options() -> OpenOptions {
    OpenOptions::default().with_threads(1).with_max_uncompressed(MAX_UNCOMPRESSED)
}

/// All 72 choices.
pub(crate) fn combinations() -> impl Iterator<Item = ArrowOptions> {
    let tensors = [TensorLayout::FixedShape, TensorLayout::Nested, TensorLayout::Flat];
    let copies = [CopyMode::Auto, CopyMode::Never, CopyMode::Always];
    (0..72_usize).map(move |choice| {
        let pick = |divisor: usize| (choice / divisor) % 2 == 1;
        ArrowOptions::default()
            .with_tensor(*tensors.get(choice % 3).expect("three layouts"))
            .with_copy(*copies.get(choice / 3 % 3).expect("three modes"))
            .with_bool8(pick(9))
            .with_string_view(pick(18))
            .with_rows(if pick(36) { RowLayout::Archive } else { RowLayout::Axis0 })
    })
}
