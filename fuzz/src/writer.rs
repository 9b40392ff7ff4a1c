//! What we write, `zip` and we read back.
//!
//! The input is a recipe: how to write, then arrays of many dtypes and shapes, and the bytes that fill them.

use std::io::{Cursor, Read as _};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use npzarrow::arrow::{ArrowOptions, RowLayout, TensorLayout};
use npzarrow::npy::{Header, Shape};
use npzarrow::npz::{Compression, NpzWriter, ReadOptions, Unsupported, WriteOptions, align};
use npzarrow::{ErrorKind, Interrupt, NpyArray, NpzArchive};
use zip::ZipArchive;

/// What `descr` may be. Records are in the seeds of the target `differential`.
const DTYPES: [&str; 32] = [
    "'|b1'",
    "'|i1'",
    "'<i2'",
    "'>i4'",
    "'<i8'",
    "'|u1'",
    "'>u2'",
    "'<u4'",
    "'<u8'",
    "'<f2'",
    "'>f4'",
    "'<f8'",
    "'<c8'",
    "'>c16'",
    "'<M8[ns]'",
    "'<M8[D]'",
    "'>M8[h]'",
    "'<M8[25us]'",
    "'<M8[Y]'",
    "'<m8[s]'",
    "'<m8[W]'",
    "'<m8[M]'",
    "'|S3'",
    "'|S0'",
    "'<U2'",
    "'>U1'",
    "'<U0'",
    "'|V5'",
    "'|V0'",
    "[('x', '<f4'), ('', '|V3'), ('y', '>i2', (2,))]",
    "[('a', [('b', '|S2'), ('c', '<M8[s]')]), ('d', '|b1')]",
    "[(('A title', 'é'), '<U1'), ('z', '<c8')]",
];
/// Arrays longer than this show nothing new.
const MAX_PAYLOAD: u64 = 1 << 12;

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut recipe = Recipe(data);
    let (flags, align) = (recipe.byte(), 1 << (recipe.byte() % 16));
    let compression = match flags % 4 {
        0 | 1 => Compression::Stored,
        2 => Compression::DEFLATED,
        _ => Compression::Deflated { level: Some(u32::from(flags >> 4) % 9 + 1) },
    };
    let options = WriteOptions::default().with_threads(1).with_compression(compression).with_align(align);
    let arrays = recipe.arrays(usize::from(flags >> 2) % 4 + 1);
    let mut writer = NpzWriter::try_new(Vec::new(), &options).expect("a power of two");
    let mut written: Vec<&Array> = Vec::new();
    for array in &arrays {
        match writer.add(&array.name, &array.header, &array.payload) {
            Ok(()) => written.push(array),
            Err(error) => {
                // Such a name, or the same one twice.
                assert!(matches!(error.kind(), ErrorKind::Name { .. }), "{error}");
            }
        }
    }
    let bytes = writer.finish().expect("memory");
    check(&bytes, &written, &options);

    let archive = NpzArchive::try_new(Buffer::from(&bytes[..])).expect("what we write we open");
    let aligned = npzarrow::npz::align(&archive, Vec::new(), &options).expect("memory");
    check(&aligned, &written, &options);
    let archive = NpzArchive::try_new(Buffer::from(&aligned[..])).expect("what we write we open");
    assert!(self::align(&archive, Vec::new(), &options).expect("memory") == aligned, "a fixed point");
    for rows in [RowLayout::Axis0, RowLayout::Archive] {
        columns(&archive, rows, &options);
    }
}

struct Array {
    name: String,
    header: Header,
    payload: Vec<u8>,
}

/// The rest of the input; zeros behind its end.
struct Recipe<'a>(&'a [u8]);

impl Recipe<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn arrays(&mut self, count: usize) -> Vec<Array> {
        (0..count).map(|_| self.array()).collect()
    }

    fn array(&mut self) -> Array {
        let name_len = self.byte() % 8;
        let name: Vec<u8> = (0..name_len).map(|_| self.byte()).collect();
        let descr = DTYPES.get(usize::from(self.byte()) % DTYPES.len()).expect("one of them");
        let shape = self.byte();
        let dims: Vec<u64> = (0..shape % 4).map(|_| u64::from(self.byte() % 20)).collect();
        let fortran = if shape & 0x10 == 0 { "False" } else { "True" };
        let shape = Shape::new(dims);
        let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}");
        let mut bytes = b"\x93NUMPY\x03\x00".to_vec();
        bytes.extend(u32::try_from(text.len()).expect("short").to_le_bytes());
        bytes.extend(text.as_bytes());
        let mut header = Header::parse(&bytes).expect("dtypes and shapes are right");
        if header.payload_len() > MAX_PAYLOAD {
            header = header.with_rows(1).expect("it fits");
        }
        let len = usize::try_from(header.payload_len()).expect("it is short");
        let (given, period) = (usize::from(self.byte()), usize::from(self.byte() % 16) + 1);
        // The first bytes as they come, then the last few again and again, so that there is something to compress.
        let mut payload: Vec<u8> = (0..given.min(len)).map(|_| self.byte()).collect();
        while payload.len() < len {
            let before = payload.len().checked_sub(period).and_then(|at| payload.get(at));
            payload.push(before.copied().unwrap_or(0));
        }
        let name = String::from_utf8_lossy(&name).into_owned();
        Array { name, header, payload }
    }
}

/// Both readers find every array, bit for bit and at its place.
fn check(bytes: &[u8], arrays: &[&Array], options: &WriteOptions) {
    let archive = NpzArchive::try_new(Buffer::from(bytes)).expect("what we write we open");
    let mut theirs = ZipArchive::new(Cursor::new(bytes)).expect("what we write zip opens");
    assert_eq!((archive.len(), theirs.len()), (arrays.len(), arrays.len()));
    let info = archive.info(&ArrowOptions::default());
    for (index, array) in arrays.iter().enumerate() {
        let found = archive.array_at(index, &Interrupt::default()).expect("what we write we read");
        let (theirs_name, content) = {
            let mut theirs = theirs.by_index(index).expect("what we write zip reads");
            let mut content = Vec::new();
            theirs.read_to_end(&mut content).expect("what we write zip inflates");
            (theirs.name().expect("names are UTF-8").into_owned(), content)
        };
        assert_eq!(theirs_name, format!("{}.npy", array.name));
        assert_eq!(archive.name(index), Some(&*array.name));
        let bare = NpyArray::try_new(Buffer::from(content)).expect("an NPY file");
        for found in [&found, &bare] {
            let header = found.header();
            assert_eq!(
                (header.dtype(), header.order(), header.shape()),
                (array.header.dtype(), array.header.order(), array.header.shape())
            );
            assert!(found.payload().as_slice() == array.payload, "{}", array.name);
        }
        let info = info.get(index).expect("every member");
        if options.compression == Compression::Stored {
            let offset = info.payload_offset.expect("it is stored");
            assert_eq!(offset % u64::from(options.align), 0, "{info:?}");
        }
    }
}

/// What becomes columns is written as columns and read back as the same, or is refused.
fn columns(archive: &NpzArchive, rows: RowLayout, options: &WriteOptions) {
    let read = |rows| {
        let arrow = ArrowOptions::default().with_rows(rows).with_tensor(TensorLayout::FixedShape);
        ReadOptions::default().with_arrow(arrow).with_unsupported(Unsupported::Skip)
    };
    let Ok(batch) = archive.record_batch(&read(rows)) else { return };
    let mut writer = NpzWriter::try_new(Vec::new(), options).expect("the options were good before");
    if let Err(error) = writer.add_batch(&batch) {
        assert!(matches!(error.kind(), ErrorKind::Export { .. }), "{error}");
        return;
    }
    let bytes = writer.finish().expect("memory");
    assert!(ZipArchive::new(Cursor::new(&bytes)).is_ok_and(|theirs| theirs.len() == batch.num_columns()));
    let again = NpzArchive::try_new(Buffer::from(bytes)).expect("what we write we open");
    let again: RecordBatch = again.record_batch(&read(RowLayout::Axis0)).expect("what we write we read");
    assert_eq!((again.num_columns(), again.num_rows()), (batch.num_columns(), batch.num_rows()));
    for (index, column) in batch.columns().iter().enumerate() {
        again.column(index).to_data().validate_full().expect("valid Arrow");
        assert_eq!(again.column(index), column);
    }
}
