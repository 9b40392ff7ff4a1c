//! Every way in which bytes reach the crate.

use std::fs;

use arrow_buffer::Buffer;
use npzarrow::source::{Memory, Source};
use tempfile::TempDir;

/// The same bytes as memory that cannot change, memory that can, memory at an odd address, a file, and a map.
pub(crate) fn sources(bytes: &[u8], folder: &TempDir) -> Vec<(&'static str, Source)> {
    let path = folder.path().join("case");
    fs::write(&path, bytes).unwrap();
    let odd = Buffer::from(["?".as_bytes(), bytes].concat()).slice(1);
    let mut sources = vec![
        ("memory", Source::from(Buffer::from(bytes.to_vec()))),
        ("mutable memory", Source::from(Memory::mutable(Buffer::from(bytes.to_vec())))),
        ("memory at an odd address", Source::from(odd)),
        ("file", Source::open(&path).unwrap()),
    ];
    #[cfg(feature = "mmap")]
    if !bytes.is_empty() {
        sources.push(("map", Source::map(&path).unwrap()));
    }
    sources
}

/// An honest archive with one member, by the `zip` crate.
pub(crate) fn archive(member: &[u8], deflated: bool) -> Vec<u8> {
    use std::io::{Cursor, Write as _};
    use zip::CompressionMethod::{Deflated, Stored};
    let options = zip::write::SimpleFileOptions::default();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = options.compression_method(if deflated { Deflated } else { Stored });
    writer.start_file("x.npy", options).unwrap();
    writer.write_all(member).unwrap();
    writer.finish().unwrap().into_inner()
}
