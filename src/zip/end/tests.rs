//! Archives that end in every way.

use super::*;

fn end(entries: u16, size: u32, start: u32, comment: &[u8]) -> Vec<u8> {
    let mut record = END_SIGNATURE.to_le_bytes().to_vec();
    record.extend([0; 4]);
    record.extend(entries.to_le_bytes());
    record.extend(entries.to_le_bytes());
    record.extend(size.to_le_bytes());
    record.extend(start.to_le_bytes());
    record.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    record.extend(comment);
    record
}

#[test]
fn comments_of_every_length() {
    for len in (0..600).chain([65_535]) {
        let file = [vec![7; 100], end(1, 60, 40, &vec![b'c'; len])].concat();
        let record = EndRecord::locate(&file, 0).unwrap();
        assert_eq!((record.directory_range(), record.entry_count()), (40..100, 1), "{len}");
    }
}

#[test]
fn the_tail_alone_is_enough() {
    let file = [vec![7; 100_000], end(1, 60, 99_940, b"comment")].concat();
    let len = usize::try_from(tail_len(file.len() as u64)).unwrap();
    let start = file.len() - len;
    let record = EndRecord::locate(&file[start..], start as u64).unwrap();
    assert_eq!(record, EndRecord::locate(&file, 0).unwrap());
    // The longest comment, the three records, and some data behind the zip64 one.
    assert_eq!((tail_len(100), tail_len(u64::MAX)), (100, 65_535 + END_LEN as u64 + 20 + 56 + 403));
    assert_eq!(tail_len(u64::MAX), 66_036);
}

/// Any one sentinel in the end record says that there is another one, which a locator before it must find.
#[test]
fn a_locator_must_find_what_sentinels_ask_for() {
    let mut locator = LOCATOR_SIGNATURE.to_le_bytes().to_vec();
    locator.extend([0; 16]);
    for record in [end(u16::MAX, 60, 40, b""), end(1, u32::MAX, 40, b""), end(1, 60, u32::MAX, b"")] {
        let file = [vec![7; 100], locator.clone(), record].concat();
        assert_eq!(
            EndRecord::locate(&file, 0).unwrap_err().to_string(),
            "byte 100: zip64 end record begins with 07070707, not with 06064b50"
        );
    }
    // Without sentinels it is the end of somebody's comment.
    let file = [vec![7; 100], locator, end(1, 60, 60, b"")].concat();
    assert_eq!(EndRecord::locate(&file, 0).unwrap().directory_range(), 60..120);
}

#[test]
fn prefixes_are_measured() {
    let file = [vec![7; 110], end(1, 60, 40, b"")].concat();
    let record = EndRecord::locate(&file, 0).unwrap();
    assert_eq!((record.directory_range(), record.prefix_len), (50..110, 10));
}

#[test]
fn what_fits_not() {
    let inner = end(0, 0, 0, b"");
    for (file, text) in [
        (vec![], "The data is not a valid zip file."),
        (vec![0; 21], "The data is not a valid zip file."),
        (vec![0; 22], "Failed to locate the end of the central directory."),
        ([end(1, 0, 0, b""), vec![0]].concat(), "Failed to locate the end of the central directory."),
        (
            [vec![7; 10], end(1, 60, 40, b"")].concat(),
            "central directory at byte 40 of 60 bytes does not end before byte 10",
        ),
        (
            [vec![7; 10], end(0, 0, 0, b"")].concat(),
            "byte 10: offset of a directory without entries is 10, expected 0",
        ),
        (
            [vec![7; 100], end(1, 60, 40, &end(1, 60, 40, b""))].concat(),
            "two end records fit the file, at byte 100 and at byte 122",
        ),
    ] {
        assert_eq!(EndRecord::locate(&file, 0).unwrap_err().to_string(), text);
    }
    let file = [vec![7; 100], end(1, 60, 40, &inner)].concat();
    assert_eq!(EndRecord::locate(&file, 0).unwrap().directory_range(), 40..100);
}
