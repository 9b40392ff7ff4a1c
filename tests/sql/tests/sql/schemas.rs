//! One schema for shards that differ.

use npzarrow::npz::Compression;
use tempfile::TempDir;

use crate::shards::{Member, archive, bytes_of, error, rows, session, text, value, write};

fn shard(members: &[Member]) -> Vec<u8> {
    archive(members, Compression::Stored)
}

fn f4(name: &'static str, shape: &[u64]) -> Member {
    let len = shape.iter().product::<u64>();
    (name, "<f4", shape.to_vec(), bytes_of((0..len).map(|i| i as f32), f32::to_le_bytes))
}

fn f8(name: &'static str, rows: u64) -> Member {
    (name, "<f8", vec![rows], bytes_of((0..rows).map(|i| i as f64 + 0.25), f64::to_le_bytes))
}

#[tokio::test]
async fn a_member_that_a_shard_does_not_have_is_null() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a.npz", &shard(&[f4("x", &[2]), f4("t", &[2, 3])]));
    write(folder.path(), "b.npz", &shard(&[f4("x", &[3]), f4("y", &[3])]));
    let context = session(1);
    let create = format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{}'", folder.path().display());
    rows(&context, &create).await.unwrap();
    let expected = "\
+-----+-----------------+-----+
| x   | t               | y   |
+-----+-----------------+-----+
| 0.0 | [0.0, 1.0, 2.0] |     |
| 1.0 | [3.0, 4.0, 5.0] |     |
| 0.0 |                 | 0.0 |
| 1.0 |                 | 1.0 |
| 2.0 |                 | 2.0 |
+-----+-----------------+-----+";
    assert_eq!(text(&context, "SELECT * FROM t").await, expected);
    assert_eq!(value(&context, "SELECT count(y) FROM t").await, "3");
    assert_eq!(value(&context, "SELECT count(*) FROM t WHERE t IS NULL").await, "3");
}

#[tokio::test]
async fn types_that_differ_are_an_error_or_are_widened() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a.npz", &shard(&[f4("x", &[2])]));
    write(folder.path(), "b.npz", &shard(&[f8("x", 3)]));
    let context = session(2);
    let create = |options: &str| {
        format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{}' {options}", folder.path().display())
    };
    let said = error(&context, &create("")).await;
    assert!(said.contains("b.npz: x: column is Float64, but Float32 in "), "{said}");
    rows(&context, &create("OPTIONS (widen 'true')")).await.unwrap();
    assert_eq!(value(&context, "SELECT sum(x) FROM t").await, "4.75");
    assert_eq!(value(&context, "SELECT arrow_typeof(x) FROM t LIMIT 1").await, "Float64");
}

#[tokio::test]
async fn shapes_that_differ_are_an_error_that_names_both_shards() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a.npz", &shard(&[f4("x", &[2, 2, 3])]));
    write(folder.path(), "b.npz", &shard(&[f4("x", &[2, 3, 2])]));
    let context = session(2);
    let create = format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{}'", folder.path().display());
    let said = error(&context, &create).await;
    assert!(said.contains("b.npz: x: column is"), "{said}");
    assert!(said.contains("[3,2]") && said.contains("[2,3]") && said.contains("a.npz"), "{said}");
    let flat = format!("{create} OPTIONS (tensor 'flat')");
    rows(&context, &flat).await.unwrap();
    assert_eq!(value(&context, "SELECT count(*) FROM t WHERE x IS NOT NULL").await, "4");
}

#[tokio::test]
async fn a_declared_schema_is_what_the_table_has() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a.npz", &shard(&[f4("x", &[3]), f4("t", &[3, 2])]));
    let context = session(2);
    let create = format!(
        "CREATE EXTERNAL TABLE t (t FLOAT[], x DOUBLE, missing INT) STORED AS NPZ LOCATION '{}'",
        folder.path().display()
    );
    rows(&context, &create).await.unwrap();
    let expected = "\
+------------+-----+---------+
| t          | x   | missing |
+------------+-----+---------+
| [0.0, 1.0] | 0.0 |         |
| [2.0, 3.0] | 1.0 |         |
| [4.0, 5.0] | 2.0 |         |
+------------+-----+---------+";
    assert_eq!(text(&context, "SELECT * FROM t").await, expected);
    assert_eq!(value(&context, "SELECT arrow_typeof(x) FROM t LIMIT 1").await, "Float64");
    // A value that does not fit is an error, not a null.
    let create = format!(
        "CREATE EXTERNAL TABLE u (x TINYINT) STORED AS NPZ LOCATION '{}/big'",
        folder.path().display()
    );
    write(folder.path(), "big/a.npz", &shard(&[("x", "<i4", vec![1], 300_i32.to_le_bytes().to_vec())]));
    rows(&context, &create).await.unwrap();
    let said = error(&context, "SELECT x FROM u").await;
    assert!(said.contains("300"), "{said}");
}

#[tokio::test]
async fn archives_that_are_one_row_each() {
    let folder = TempDir::new().unwrap();
    for index in 0..7_u64 {
        let label = ("label", "<i8", vec![], index.to_le_bytes().to_vec());
        write(folder.path(), &format!("{index}.npz"), &shard(&[f4("image", &[2, 3]), label]));
    }
    let context = session(3);
    let create = format!(
        "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{}' OPTIONS (rows 'archive')",
        folder.path().display()
    );
    rows(&context, &create).await.unwrap();
    assert_eq!(value(&context, "SELECT count(*) FROM t").await, "7");
    assert_eq!(value(&context, "SELECT sum(label) FROM t").await, "21");
    assert_eq!(
        value(&context, "SELECT image FROM t WHERE label = 3").await,
        "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]"
    );
}

#[tokio::test]
async fn rows_that_differ_within_a_shard_and_members_that_cannot_be_columns() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a/a.npz", &shard(&[f4("x", &[2]), f4("y", &[3])]));
    let object = ("o", "|V3", vec![2], vec![0; 6]);
    write(folder.path(), "b/a.npz", &shard(&[f4("x", &[2]), object]));
    let context = session(2);
    let root = folder.path().display();
    let said = error(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{root}/a'")).await;
    assert!(said.contains("members differ in rows: x has 2, y has 3"), "{said}");
    let chosen = format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{root}/a' OPTIONS (columns 'y')");
    rows(&context, &chosen).await.unwrap();
    assert_eq!(value(&context, "SELECT sum(y) FROM t").await, "3.0");
    rows(&context, &format!("CREATE EXTERNAL TABLE u STORED AS NPZ LOCATION '{root}/b'")).await.unwrap();
    assert_eq!(value(&context, "SELECT arrow_typeof(o) FROM u LIMIT 1").await, "FixedSizeBinary(3)");
}
