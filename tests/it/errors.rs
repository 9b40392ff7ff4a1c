//! The text of every kind of error, in whole.

use std::io;

use arrow_schema::{ArrowError, DataType};
use npzarrow::error::KeyProblem;
use npzarrow::{Error, ErrorKind};

#[test]
fn an_error_goes_through_arrow_and_back() {
    let error = npzarrow::npy::Header::parse(b"nothing").unwrap_err().in_entry("x.npy").in_path("a.npz");
    let text = error.to_string();
    let arrow = ArrowError::from(error);
    assert!(arrow.to_string().ends_with(&text));
    let ArrowError::ExternalError(cause) = arrow else { panic!("{arrow}") };
    assert!(cause.downcast_ref::<Error>().is_some_and(Error::is_malformed));
}

#[test]
fn texts() {
    use ErrorKind as K;
    let shape = || vec![5, 5];
    let descr = || "\"<f4\"".to_owned();
    let kinds = [
        K::Io(io::Error::from(io::ErrorKind::NotFound)),
        K::Interrupted,
        K::Panicked { message: "on\npurpose".to_owned() },
        K::BadMagic { found: b"PK\x03\x04\0\0".to_vec() },
        K::Truncated { part: "header", expected: 128, actual: 100 },
        K::UnsupportedVersion { major: 4, minor: 0 },
        K::HeaderTooLarge { len: 3_000_000_000, limit: 1 << 20 },
        K::HeaderSyntax { expected: "a string", found: Some('x') },
        K::HeaderSyntax { expected: "a string", found: None },
        K::HeaderKey { key: "descr".to_owned(), problem: KeyProblem::Missing },
        K::UnsupportedDtype { descr: descr(), reason: "has no Arrow type" },
        K::ObjectDtype { descr: "\"|O\"".to_owned() },
        K::ShapeOverflow { shape: shape(), item_size: 4 },
        K::PayloadSize { shape: shape(), descr: descr(), expected: 100, actual: 96 },
        K::EntryNotFound { name: "x".to_owned() },
        K::DuplicateEntry { name: "x".to_owned(), count: 2 },
        K::Encrypted,
        K::UnsupportedCompression { method: 12 },
        K::ChecksumMismatch { expected: 1, actual: 0xdead_beef },
        K::EntrySize { expected: 10, actual: 9 },
        K::LimitExceeded { what: "dimension", value: 65, limit: 64 },
        K::Allocation { len: 1 << 40 },
        K::RowCountMismatch { members: vec![("a".to_owned(), 3), ("b".to_owned(), 2)] },
        K::CopyRequired { reason: "the member is deflated".to_owned() },
        K::RepeatedColumn { name: "x".to_owned() },
        K::SchemaMismatch {
            field: "x".to_owned(),
            expected: Box::new(DataType::Int8),
            actual: Box::new(DataType::Int16),
        },
        K::Value { index: 3, reason: "is no code point" },
        K::Arrow(ArrowError::ComputeError("overflow".to_owned())),
    ];
    let texts: Vec<_> = kinds.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(texts.join("\n"), @r##"
    entity not found
    interrupted
    a bug of npzarrow, please report it: panicked: on\npurpose
    not NPY data: begins with "PK\x03\x04\x00\x00", not with "\x93NUMPY"
    data ends inside the header: 128 bytes expected, 100 present
    NPY version 4.0 is not one of 1.0, 2.0 and 3.0
    header length 3000000000 exceeds the limit of 1048576
    header: a string expected, found 'x'
    header: a string expected, found the end
    header: key "descr" is missing
    dtype "<f4" has no Arrow type
    dtype "|O" holds pickled Python objects, which are never loaded
    shape (5, 5) with 4 bytes per element overflows
    payload has 96 bytes, but shape (5, 5) of "<f4" needs 100
    x is not a file in the archive
    x names 2 members of the archive, so it names none
    member is encrypted
    compression method 12 (bzip2) is not supported, only stored (0) and deflated (8)
    checksum is deadbeef, but the directory says 00000001
    inflates to 9 bytes, but the directory says 10
    dimension 65 exceeds the limit of 64
    cannot allocate 1099511627776 bytes
    members differ in rows: a has 3, b has 2; name members of equal length with columns=, or read each archive as one row with rows="archive"
    cannot share memory with the input: the member is deflated
    column "x" is asked for twice
    column "x" is Int16, but the schema says Int8
    element 3: is no code point
    Compute error: overflow
    "##);
}

#[test]
fn texts_of_archives() {
    use npzarrow::error::ZipProblem as P;
    let problems = [
        P::NotZip,
        P::NoEndRecord,
        P::TwoEndRecords { first: 100, second: 200 },
        P::MultiDisk { field: "disk number", expected: 0, actual: 1 },
        P::Disagreement { field: "number of entries in the directory", expected: 2, actual: 1 },
        P::Signature { record: "local file header", expected: 0x0403_4b50, actual: 0 },
        P::MissingZip64 { field: "compressed size" },
        P::TwoZip64 { field: "compressed size" },
        P::OutOfBounds { part: "member", start: 10, len: 20, limit: 25 },
        P::Overlap { first: "a.npy".to_owned(), second: "b.npy".to_owned(), offset: 10 },
        P::LocalName { expected: "a.npy".to_owned(), found: "b.npy".to_owned() },
        P::NameEncoding { index: 3 },
        P::Deflate,
        P::DeflateTail { consumed: 10, compressed: 12 },
    ];
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(texts.join("\n"), @r##"
    The data is not a valid zip file.
    Failed to locate the end of the central directory.
    two end records fit the file, at byte 100 and at byte 200
    archive spans several disks: disk number is 1, expected 0
    number of entries in the directory is 1, expected 2
    local file header begins with 00000000, not with 04034b50
    compressed size is to be found in the zip64 extra field, which does not have it
    compressed size is to be found in the zip64 extra field, of which there are two
    member at byte 10 of 20 bytes does not end before byte 25
    "a.npy" and "b.npy" overlap at byte 10
    local header says "b.npy", not "a.npy"
    name of member 3 is not valid UTF-8
    invalid deflate data
    deflate stream ends after 10 of 12 bytes
    "##);
}
