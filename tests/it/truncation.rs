//! Files cut at every length, and with a flipped bit in every byte: never a panic, never other values.

use arrow_buffer::Buffer;
use npzarrow::{NpyArray, NpzArchive};

use crate::manifest::{self, Expected};

fn arrays(bytes: Vec<u8>, npz: bool) -> Vec<Option<Expected>> {
    let buffer = Buffer::from(bytes);
    if !npz {
        return vec![NpyArray::try_new(buffer).ok().map(|array| manifest::describe("", &array))];
    }
    let Ok(archive) = NpzArchive::try_new(buffer) else { return Vec::new() };
    let names: Vec<_> = archive.names().map(str::to_owned).collect();
    names.iter().map(|name| archive.array(name).ok().map(|array| manifest::describe(name, &array))).collect()
}

#[test]
fn cut_at_every_length() {
    for (file, expected) in manifest::golden() {
        let bytes = std::fs::read(manifest::data("golden").join(&file)).unwrap();
        let npz = file.ends_with("npz");
        // Cutting off nothing leaves a whole file.
        let empty = |(array, _): &(Expected, bool)| array.shape.contains(&0) || array.dtype.ends_with('0');
        let payload_is_empty = !npz && expected.iter().all(empty);
        for len in 0..bytes.len() {
            let found = arrays(bytes[..len].to_vec(), npz);
            let refused = found.iter().all(Option::is_none);
            assert!(refused || payload_is_empty, "{file} cut to {len} bytes gives {found:?}");
        }
    }
}

#[test]
fn a_flipped_bit_in_every_byte() {
    for (file, expected) in manifest::golden() {
        // NPY has no checksum, so that its values may change; an archive's may not.
        let npz = file.ends_with("npz");
        let bytes = std::fs::read(manifest::data("golden").join(&file)).unwrap();
        for position in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[position] ^= 1 << (position % 8);
            for found in arrays(bytes, npz).into_iter().flatten().filter(|_| npz) {
                // Names stand in both headers, so that one flip cannot change them unnoticed.
                let known = expected.iter().any(|(array, _)| *array == found);
                assert!(known, "{file} with byte {position} changed gives {found:?}");
            }
        }
    }
}
