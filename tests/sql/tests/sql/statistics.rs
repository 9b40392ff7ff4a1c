//! What is answered by headers.

use tempfile::TempDir;

use crate::shards::{deflated, error, plan, rows, session, session_with, stored, text, value, write};

#[tokio::test]
async fn counting_reads_no_payload() {
    let shards = [
        ("split=a/1.npz", stored(0..10)),
        ("split=a/2.npz", deflated(10..30)),
        ("split=b/3.npz", stored(30..35)),
    ];
    let (context, store) = session_with(2, &shards).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    let _headers = store.take();
    for (sql, expected) in [
        ("SELECT count(*) FROM t", "35"),
        ("SELECT count(1) FROM t", "35"),
        ("SELECT count(x) FROM t", "35"),
        ("SELECT count(*) FROM t WHERE split = 'b'", "5"),
        ("SELECT max(split) FROM t", "b"),
    ] {
        assert!(!plan(&context, sql).await.contains("DataSourceExec"), "{sql}");
        assert_eq!(value(&context, sql).await, expected, "{sql}");
    }
    assert_eq!(store.take(), (0, 0));
}

#[tokio::test]
async fn columns_of_directories_need_no_payload() {
    let shards = [("split=a/1.npz", stored(0..10)), ("split=b/3.npz", stored(30..35))];
    let (context, store) = session_with(2, &shards).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    let _headers = store.take();
    let expected = "\
+-------+----+
| split | n  |
+-------+----+
| a     | 10 |
| b     | 5  |
+-------+----+";
    assert_eq!(
        text(&context, "SELECT split, count(*) AS n FROM t GROUP BY split ORDER BY split").await,
        expected
    );
    assert_eq!(store.take(), (0, 0));
    let expected = "\
+---------------+----+
| file          | n  |
+---------------+----+
| split=a/1.npz | 10 |
| split=b/3.npz | 5  |
+---------------+----+";
    let sql = "SELECT input_file_name() AS file, count(*) AS n FROM t GROUP BY 1 ORDER BY 1";
    assert_eq!(text(&context, sql).await, expected);
    assert_eq!(store.take(), (0, 0));
}

#[tokio::test]
async fn a_payload_that_is_cut_off_is_an_error_not_fewer_rows() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    write(root, "a.npz", &stored(0..1000));
    let context = session(2);
    let create = format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{}'", root.display());
    rows(&context, &create).await.unwrap();
    assert_eq!(value(&context, "SELECT count(*) FROM t").await, "1000");
    // One byte of a payload is another one; the headers are as they were.
    let mut bytes = stored(0..1000);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    write(root, "a.npz", &bytes);
    let single = session(1);
    rows(&single, &create).await.unwrap();
    let said = error(&single, "SELECT sum(id), max(x) FROM t").await;
    assert!(said.contains("a.npz: x.npy: checksum is "), "{said}");
    // A shard that loses its end between the plan and its execution.
    write(root, "a.npz", &stored(0..1000));
    let frame = context.sql("SELECT id FROM t").await.unwrap();
    let planned = frame.create_physical_plan().await.unwrap();
    write(root, "a.npz", &stored(0..1000)[..5000]);
    let said = datafusion::physical_plan::collect(planned, context.task_ctx()).await.unwrap_err().to_string();
    assert!(said.contains("a.npz: shard has changed since it was planned: its size is 5000, was "), "{said}");
    // One that is gone.
    write(root, "a.npz", &stored(0..1000));
    let frame = context.sql("SELECT id FROM t").await.unwrap();
    let planned = frame.create_physical_plan().await.unwrap();
    std::fs::remove_file(root.join("a.npz")).unwrap();
    let said = datafusion::physical_plan::collect(planned, context.task_ctx()).await.unwrap_err().to_string();
    assert!(said.contains("a.npz: No such file or directory"), "{said}");
}

#[tokio::test]
async fn statistics_can_be_turned_off() {
    let (context, store) = session_with(2, &[("a.npz", stored(0..10)), ("b.npz", stored(10..30))]).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    rows(&context, "SET datafusion.execution.collect_statistics = false").await.unwrap();
    let _headers = store.take();
    assert!(plan(&context, "SELECT count(*) FROM t").await.contains("DataSourceExec"));
    assert_eq!(store.take(), (0, 0));
    assert_eq!(value(&context, "SELECT count(*) FROM t").await, "30");
}

#[tokio::test]
async fn missing_times_are_nulls_that_headers_do_not_count() {
    use npzarrow::npz::Compression;
    let times = [0_i64, i64::MIN, 86_400].map(i64::to_le_bytes).concat();
    let bytes = crate::shards::archive(&[("time", "<M8[s]", vec![3], times)], Compression::Stored);
    let (context, _) = session_with(1, &[("a.npz", bytes)]).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    assert_eq!(value(&context, "SELECT count(time) FROM t").await, "2");
    assert_eq!(value(&context, "SELECT max(time) FROM t").await, "1970-01-02T00:00:00");
}
