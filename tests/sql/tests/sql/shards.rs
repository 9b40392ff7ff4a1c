//! Shards, stores and sessions for tests.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use arrow_cast::pretty::pretty_format_batches;
use async_trait::async_trait;
use datafusion::error::Result;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::stream::BoxStream;
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{Compression, NpzWriter, WriteOptions};
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

/// An array: its name, its dtype, its shape and its bytes.
pub(crate) type Member = (&'static str, &'static str, Vec<u64>, Vec<u8>);

/// Makes an archive of arrays.
pub(crate) fn archive(members: &[Member], compression: Compression) -> Vec<u8> {
    let options = WriteOptions::default().with_compression(compression);
    let mut writer = NpzWriter::try_new(Vec::new(), &options).unwrap();
    for (name, dtype, shape, bytes) in members {
        let dtype = Dtype::from_type_str(dtype).unwrap();
        let header = Header::try_new(&dtype, Order::C, &Shape::new(shape.clone())).unwrap();
        writer.add(name, &header, bytes).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn bytes_of<T, const N: usize>(
    values: impl Iterator<Item = T>,
    bytes: fn(T) -> [u8; N],
) -> Vec<u8> {
    values.flat_map(bytes).collect()
}

/// The arrays of rows `ids`: `id`, `label` (the id modulo ten) and the tensor `x` of shape (4, 4), whose elements are the
/// id and the numbers behind it.
pub(crate) fn members(ids: Range<i64>) -> Vec<Member> {
    let rows = u64::try_from(ids.end - ids.start).unwrap();
    let x = ids.clone().flat_map(|id| (0..16).map(move |k| (id + k) as f32));
    vec![
        ("id", "<i8", vec![rows], bytes_of(ids.clone(), i64::to_le_bytes)),
        ("label", "<i4", vec![rows], bytes_of(ids.map(|id| (id % 10) as i32), i32::to_le_bytes)),
        ("x", "<f4", vec![rows, 4, 4], bytes_of(x, f32::to_le_bytes)),
    ]
}

pub(crate) fn stored(ids: Range<i64>) -> Vec<u8> {
    archive(&members(ids), Compression::Stored)
}

pub(crate) fn deflated(ids: Range<i64>) -> Vec<u8> {
    archive(&members(ids), Compression::DEFLATED)
}

/// An archive with both kinds of members: `x` is deflated, the others are stored.
pub(crate) fn mixed(ids: Range<i64>) -> Vec<u8> {
    in_part_deflated(ids, &["id.npy", "label.npy"], &["x.npy"])
}

/// An archive of which the first members are stored, and the others deflated.
pub(crate) fn in_part_deflated(ids: Range<i64>, first: &[&str], others: &[&str]) -> Vec<u8> {
    use std::io::{Cursor, Write as _};
    let parts = [stored(ids.clone()), deflated(ids)];
    let mut target = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (bytes, names, method) in [
        (&parts[0], first, zip::CompressionMethod::Stored),
        (&parts[1], others, zip::CompressionMethod::Deflated),
    ] {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        for name in names {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut archive.by_name(name).unwrap(), &mut content).unwrap();
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            target.start_file(*name, options).unwrap();
            target.write_all(&content).unwrap();
        }
    }
    target.finish().unwrap().into_inner()
}

/// A session that knows NPZ, with so many partitions.
pub(crate) fn session(partitions: usize) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(partitions)
        .set_usize("datafusion.optimizer.repartition_file_min_size", 1);
    let context = SessionContext::new_with_config(config);
    npzarrow::datafusion::register(&context);
    context
}

/// A session with a store of the URL `memory://`, in which requests are counted.
pub(crate) async fn session_with(
    partitions: usize,
    objects: &[(&str, Vec<u8>)],
) -> (SessionContext, Arc<Counting>) {
    let context = session(partitions);
    let store = Arc::new(Counting::default());
    for (key, bytes) in objects {
        store.put(&Key::from(*key), bytes.clone().into()).await.unwrap();
    }
    let url = "memory://".try_into().unwrap();
    context.register_object_store(&url, Arc::clone(&store) as _);
    (context, store)
}

/// Runs a query and returns its rows.
pub(crate) async fn rows(context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    context.sql(sql).await?.collect().await
}

/// The rows of some batches.
pub(crate) fn count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// Runs a query and returns its table as text.
pub(crate) async fn text(context: &SessionContext, sql: &str) -> String {
    match rows(context, sql).await {
        Ok(batches) => pretty_format_batches(&batches).unwrap().to_string(),
        Err(error) => panic!("{sql}: {error}"),
    }
}

/// Runs a query that has one value, and returns it as text.
pub(crate) async fn value(context: &SessionContext, sql: &str) -> String {
    let table = text(context, sql).await;
    let line = table.lines().nth(3).unwrap_or_default();
    line.trim_matches(['|', ' ']).to_owned()
}

/// Runs a query that fails, and returns its error.
pub(crate) async fn error(context: &SessionContext, sql: &str) -> String {
    match rows(context, sql).await {
        Ok(batches) => panic!("{sql}: {}", pretty_format_batches(&batches).unwrap()),
        Err(error) => error.to_string(),
    }
}

/// The physical plan of a query, as text.
pub(crate) async fn plan(context: &SessionContext, sql: &str) -> String {
    let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    datafusion::physical_plan::displayable(plan.as_ref()).indent(true).to_string()
}

pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A store in memory that counts what is asked of it.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    inner: InMemory,
    gets: AtomicU64,
    bytes: AtomicU64,
}

impl Counting {
    /// The requests for bytes since the last call, and how many bytes these were.
    pub(crate) fn take(&self) -> (u64, u64) {
        (self.gets.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed))
    }
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counting({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put_opts(
        &self,
        key: &Key,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.inner.put_opts(key, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Key,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, options).await
    }

    async fn get_opts(&self, key: &Key, options: GetOptions) -> object_store::Result<GetResult> {
        let is_head = options.head;
        let result = self.inner.get_opts(key, options).await?;
        if !is_head {
            self.gets.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(result.range.end - result.range.start, Ordering::Relaxed);
        }
        Ok(result)
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, object_store::Result<Key>>,
    ) -> BoxStream<'static, object_store::Result<Key>> {
        self.inner.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
