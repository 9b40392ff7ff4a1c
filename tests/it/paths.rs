//! Every way in which bytes reach the crate.

use std::fs;

use arrow_buffer::Buffer;
use npzarrow::source::{Memory, Source};
use tempfile::TempDir;

/// The same bytes as memory that cannot change, memory that can, memory at an odd address, a file, a map, and an
/// object that is fetched range by range.
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
    #[cfg(feature = "object-store")]
    sources.push(("object", object(bytes, &path)));
    sources
}

/// An object in a store, of which no more than a thousand bytes come at once.
#[cfg(feature = "object-store")]
fn object(bytes: &[u8], path: &std::path::Path) -> Source {
    use npzarrow::source::{Object, RemoteOptions};
    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt as _};
    let store: std::sync::Arc<dyn ObjectStore> = std::sync::Arc::new(InMemory::new());
    let path = object_store::path::Path::from(path.display().to_string());
    crate::remote::block_on(store.put(&path, bytes.to_vec().into())).unwrap();
    let options = RemoteOptions::default().with_whole_below(0).with_request_len(1000);
    Source::open_object(Object::new(store, path), &options).unwrap()
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
