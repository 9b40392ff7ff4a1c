//! How little is asked of a store.

use crate::shards::{archive, bytes_of, count, members, plan, rows, session_with, stored, value};
use npzarrow::npz::Compression;

/// A shard of several MiB: a narrow member, a wide one, and another narrow one.
fn large() -> Vec<u8> {
    const ROWS: u64 = 4096;
    let numbers = || bytes_of(0..ROWS.cast_signed(), i64::to_le_bytes);
    let x = vec![7; ROWS as usize * 512];
    archive(
        &[
            ("id", "<i8", vec![ROWS], numbers()),
            ("x", "<f4", vec![ROWS, 128], x),
            ("n", "<i8", vec![ROWS], numbers()),
        ],
        Compression::Stored,
    )
}

#[tokio::test]
async fn headers_are_read_once_and_only_selected_members_afterwards() {
    let shards: Vec<(String, Vec<u8>)> = (0..4).map(|index| (format!("{index}.npz"), large())).collect();
    let shards: Vec<(&str, Vec<u8>)> =
        shards.iter().map(|(key, bytes)| (key.as_str(), bytes.clone())).collect();
    let (context, store) = session_with(2, &shards).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    let (requests, bytes) = store.take();
    // The end, and the two headers that are not near it.
    assert!(requests <= 12, "{requests} requests for the headers of four shards");
    assert!(bytes < 4 * 80_000, "{bytes} bytes of headers");
    assert_eq!(value(&context, "SELECT sum(n) FROM t").await, (4 * 4096 * 4095 / 2).to_string());
    let (requests, bytes) = store.take();
    assert_eq!(requests, 4);
    assert!((4 * 32_768..4 * 40_000).contains(&bytes), "{bytes}");
    assert_eq!(value(&context, "SELECT count(*) FROM t WHERE id >= 0").await, (4 * 4096).to_string());
    let (_, bytes) = store.take();
    assert!(bytes < 4 * 40_000, "{bytes}");
    // A second table over the same shards finds their headers in the session.
    rows(&context, "CREATE EXTERNAL TABLE u STORED AS NPZ LOCATION 'memory:///0.npz'").await.unwrap();
    assert_eq!(store.take(), (0, 0));
}

#[tokio::test]
async fn a_limit_opens_as_few_shards_and_rows_as_it_needs() {
    let shards: Vec<(String, Vec<u8>)> = (0..20).map(|index| (format!("{index:02}.npz"), large())).collect();
    let shards: Vec<(&str, Vec<u8>)> =
        shards.iter().map(|(key, bytes)| (key.as_str(), bytes.clone())).collect();
    let (context, store) = session_with(2, &shards).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    let _headers = store.take();
    let batches = rows(&context, "SELECT id, x FROM t LIMIT 10").await.unwrap();
    assert_eq!(count(&batches), 10);
    let (requests, bytes) = store.take();
    assert!(requests <= 2, "{requests} requests");
    assert!(bytes < 40_000, "{bytes} bytes for ten rows");
    assert!(plan(&context, "SELECT id FROM t LIMIT 10").await.contains("00.npz"));
    let batches = rows(&context, "SELECT id FROM t LIMIT 5000").await.unwrap();
    assert_eq!(count(&batches), 5000);
    assert!(store.take().0 <= 4);
}

#[tokio::test]
async fn a_limit_reads_the_headers_of_as_many_shards_as_it_needs() {
    let shards: Vec<(String, Vec<u8>)> =
        (0..200).map(|i| (format!("{i:03}.npz"), stored(i..i + 1))).collect();
    let shards: Vec<(&str, Vec<u8>)> =
        shards.iter().map(|(key, bytes)| (key.as_str(), bytes.clone())).collect();
    let (context, store) = session_with(2, &shards).await;
    let create = "CREATE EXTERNAL TABLE t (id BIGINT) STORED AS NPZ LOCATION 'memory:///'";
    rows(&context, create).await.unwrap();
    assert_eq!(store.take(), (0, 0), "a declared table looks at no shard");
    let batches = rows(&context, "SELECT id FROM t LIMIT 3").await.unwrap();
    assert_eq!(count(&batches), 3);
    let (requests, _) = store.take();
    assert!(requests <= 40, "{requests} requests for three rows of 200 shards");
}

#[tokio::test]
async fn rows_that_a_filter_leaves_out_are_not_fetched() {
    let (context, store) = session_with(1, &[("a.npz", large()), ("b.npz", large())]).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    let _headers = store.take();
    let batches = rows(&context, "SELECT x FROM t WHERE id BETWEEN 1000 AND 1009").await.unwrap();
    assert_eq!(count(&batches), 20);
    let (requests, bytes) = store.take();
    assert!(requests <= 4, "{requests}");
    assert!(bytes < 2 * 45_000, "{bytes}: 32 KiB of ids and ten rows of a shard");
    let batches = rows(&context, "SELECT x FROM t WHERE id < 0").await.unwrap();
    assert_eq!(count(&batches), 0);
    assert!(store.take().1 < 2 * 40_000);
}

#[tokio::test]
async fn an_object_that_is_replaced_by_one_of_the_same_size_is_looked_at_again() {
    use object_store::{ObjectStoreExt as _, path::Path};
    let (context, store) = session_with(1, &[("a.npz", stored(0..10))]).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    assert_eq!(value(&context, "SELECT sum(id) FROM t").await, "45");
    let frame = context.sql("SELECT sum(id) FROM t").await.unwrap();
    let planned = frame.create_physical_plan().await.unwrap();
    store.put(&Path::from("a.npz"), stored(10..20).into()).await.unwrap();
    let said = datafusion::physical_plan::collect(planned, context.task_ctx()).await.unwrap_err().to_string();
    assert!(said.contains("memory:///a.npz: object has changed: its etag was "), "{said}");
    assert_eq!(value(&context, "SELECT sum(id) FROM t").await, "145");
    assert!(store.get(&Path::from("a.npz")).await.is_ok());
    assert_eq!(members(0..1).len(), 3);
}
