//! What `CREATE EXTERNAL TABLE` takes.

use tempfile::TempDir;

use crate::shards::{count, deflated, error, rows, session, session_with, stored, text, value, write};

#[tokio::test]
async fn files_directories_and_patterns() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    write(root, "a/1.npz", &stored(0..5));
    write(root, "a/2.npz", &deflated(5..12));
    write(root, "a/deep/3.npz", &stored(12..20));
    write(root, "a/README.md", b"no shard");
    write(root, "a/_SUCCESS", b"");
    write(root, "a/.tmp.npz", b"half a shard");
    let root = root.to_str().unwrap();
    for (location, expected) in [
        (format!("'{root}/a/'"), 20),
        (format!("'{root}/a'"), 20),
        (format!("'file://{root}/a/'"), 20),
        (format!("'{root}/a/1.npz'"), 5),
        (format!("'file://{root}/a/2.npz'"), 7),
        (format!("'{root}/a/*.npz'"), 12),
        (format!("'file://{root}/a/[12].npz'"), 12),
        (format!("'{root}/a/**/*.npz'"), 20),
        (format!("'{root}/a/?.npz'"), 12),
        (format!("('{root}/a/1.npz', '{root}/a/deep/')"), 13),
        (format!("('{root}/a/1.npz', '{root}/a/')"), 20),
    ] {
        let context = session(2);
        rows(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION {location}")).await.unwrap();
        assert_eq!(value(&context, "SELECT count(*) FROM t").await, expected.to_string(), "{location}");
        assert_eq!(
            value(&context, "SELECT count(id) FROM t WHERE id >= 0").await,
            expected.to_string(),
            "{location}"
        );
    }
}

#[tokio::test]
async fn a_relative_path_is_one_of_the_current_directory() {
    let folder = TempDir::new_in(".").unwrap();
    write(folder.path(), "x.npz", &stored(0..3));
    let context = session(2);
    let path = folder.path().to_str().unwrap().trim_start_matches("./").to_owned();
    rows(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{path}'")).await.unwrap();
    assert_eq!(value(&context, "SELECT sum(id) FROM t").await, "3");
}

#[tokio::test]
async fn object_stores_with_foreign_objects() {
    let (context, _) = session_with(
        3,
        &[
            ("data/a.npz", stored(0..4)),
            ("data/b.npz", deflated(4..6)),
            ("data/README", b"text".to_vec()),
            ("data/_old/c.npz", b"no zip".to_vec()),
            ("other/d.npz", stored(6..7)),
        ],
    )
    .await;
    for (location, expected) in [
        ("memory:///data/", "6"),
        ("memory:///data", "6"),
        ("memory:///*/[ad].npz", "5"),
        ("memory:///data/a.npz", "4"),
        ("memory:///", "7"),
    ] {
        rows(&context, "DROP TABLE IF EXISTS t").await.unwrap();
        rows(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{location}'"))
            .await
            .unwrap();
        assert_eq!(value(&context, "SELECT count(*) FROM t").await, expected, "{location}");
        assert_eq!(
            value(&context, "SELECT count(*) FROM t WHERE x IS NOT NULL").await,
            expected,
            "{location}"
        );
    }
}

#[tokio::test]
async fn directories_named_by_keys() {
    let folder = TempDir::new().unwrap();
    for (name, ids) in [
        ("split=train/day=2026-01-31/a.npz", 0..3),
        ("split=train/day=2026-02-01/a.npz", 3..7),
        ("split=a%2Fb/day=2026-02-01/a.npz", 7..9),
        ("split=__HIVE_DEFAULT_PARTITION__/day=2026-02-02/a.npz", 9..10),
    ] {
        write(folder.path(), name, &stored(ids));
    }
    let root = folder.path().to_str().unwrap();
    let context = session(2);
    rows(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{root}'")).await.unwrap();
    let expected = "\
+-------+------------+---+
| split | day        | n |
+-------+------------+---+
| a/b   | 2026-02-01 | 2 |
| train | 2026-01-31 | 3 |
| train | 2026-02-01 | 4 |
|       | 2026-02-02 | 1 |
+-------+------------+---+";
    let sql = "SELECT split, day, count(*) AS n FROM t GROUP BY split, day ORDER BY split NULLS LAST, day";
    assert_eq!(text(&context, sql).await, expected);
    assert_eq!(value(&context, "SELECT max(day) FROM t").await, "2026-02-02");
    assert_eq!(value(&context, "SELECT count(*) FROM t WHERE day >= DATE '2026-02-01'").await, "7");
    assert_eq!(value(&context, "SELECT sum(id) FROM t WHERE split IS NULL").await, "9");
    assert_eq!(value(&context, "SELECT count(*) FROM t WHERE split = 'train' AND id > 4").await, "2");

    // Named: only these are columns, in this order; declared: of these types.
    let create = format!("CREATE EXTERNAL TABLE named STORED AS NPZ PARTITIONED BY (day) LOCATION '{root}'");
    rows(&context, &create).await.unwrap();
    assert_eq!(value(&context, "SELECT count(DISTINCT day) FROM named").await, "3");
    assert!(error(&context, "SELECT split FROM named").await.contains("No field named split"));
    let create = format!(
        "CREATE EXTERNAL TABLE declared (id BIGINT, split VARCHAR, day VARCHAR) STORED AS NPZ \
         PARTITIONED BY (split, day) LOCATION '{root}'"
    );
    rows(&context, &create).await.unwrap();
    assert_eq!(value(&context, "SELECT max(day) || '!' FROM declared").await, "2026-02-02!");
    let create = format!("CREATE EXTERNAL TABLE e STORED AS NPZ PARTITIONED BY (nokey) LOCATION '{root}'");
    let said = error(&context, &create).await;
    assert!(said.contains("no shard lies in a directory named nokey=…; the keys are split, day"), "{said}");
}

#[tokio::test]
async fn what_is_refused() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().to_str().unwrap();
    write(folder.path(), "a/a.npz", &stored(0..3));
    write(folder.path(), "id=1/a.npz", &stored(0..3));
    write(folder.path(), "bad/a.npz", b"PK no zip at all, only its first bytes");
    let context = session(2);
    for (clause, expected) in [
        (format!("LOCATION '{root}/none/'"), "no .npz or .npy below"),
        (format!("LOCATION '{root}/a/*.npx'"), "no .npz or .npy below"),
        ("LOCATION 'nowhere://bucket/a'".to_owned(), "No suitable object store found for nowhere://bucket"),
        (
            format!("LOCATION '{root}/a/' OPTIONS (colums 'id')"),
            r#"NPZ has no option "colums", only rows, tensor"#,
        ),
        (
            format!("LOCATION '{root}/a/' OPTIONS ('rows' 'cols')"),
            r#"NPZ option rows is "cols", expected axis0 or archive"#,
        ),
        (
            format!("LOCATION ('{root}/a/', 'memory:///a')"),
            "all locations of a table must be in one object store",
        ),
        (format!("LOCATION ('{root}/a', '{root}/a')"), "location 2 is the same as another one"),
        (
            format!("LOCATION '{root}/id=1/'"),
            "column id is both a member of shards and the key of a directory",
        ),
        (format!("LOCATION '{root}/bad/'"), "bad/a.npz: Failed to locate the end of the central directory."),
    ] {
        let said = error(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ {clause}")).await;
        assert!(said.contains(expected), "{clause}: {said}");
    }
    let said =
        error(&context, &format!("CREATE UNBOUNDED EXTERNAL TABLE t STORED AS NPZ LOCATION '{root}/a'"))
            .await;
    assert!(said.contains("not unbounded"), "{said}");
}

#[tokio::test]
async fn a_shard_that_is_added_later_is_seen_and_one_that_is_replaced_too() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().to_str().unwrap();
    write(folder.path(), "a.npz", &stored(0..3));
    let context = session(2);
    rows(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{root}'")).await.unwrap();
    assert_eq!(value(&context, "SELECT count(*) FROM t").await, "3");
    write(folder.path(), "b.npz", &stored(3..10));
    assert_eq!(value(&context, "SELECT count(*) FROM t").await, "10");
    assert_eq!(value(&context, "SELECT sum(id) FROM t").await, "45");
    write(folder.path(), "a.npz", &stored(0..2));
    assert_eq!(value(&context, "SELECT count(*) FROM t").await, "9");
    std::fs::remove_file(folder.path().join("b.npz")).unwrap();
    assert_eq!(value(&context, "SELECT sum(id) FROM t").await, "1");
    std::fs::remove_file(folder.path().join("a.npz")).unwrap();
    assert_eq!(value(&context, "SELECT count(*) FROM t").await, "0");
    assert_eq!(count(&rows(&context, "SELECT * FROM t").await.unwrap()), 0);
}

#[tokio::test]
async fn an_order_that_is_declared_is_not_sorted_again() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().to_str().unwrap();
    write(folder.path(), "a.npz", &stored(0..30));
    let context = session(1);
    let create =
        |name, order| format!("CREATE EXTERNAL TABLE {name} STORED AS NPZ {order} LOCATION '{root}/a.npz'");
    rows(&context, &create("t", "")).await.unwrap();
    rows(&context, &create("u", "WITH ORDER (id ASC)")).await.unwrap();
    for (table, sorts) in [("t", true), ("u", false)] {
        let plan = text(&context, &format!("EXPLAIN SELECT id FROM {table} ORDER BY id")).await;
        assert_eq!(plan.contains("SortExec"), sorts, "{plan}");
    }
}
