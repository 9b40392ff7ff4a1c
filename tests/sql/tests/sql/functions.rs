//! What SQL does with tensors: the spellings that the documentation gives.

use npzarrow::npz::Compression;

use crate::shards::{archive, bytes_of, rows, session_with, value};

#[tokio::test]
async fn tensors_in_sql() {
    let x = (0..20).flat_map(|id: u8| (id..id + 4).map(f32::from));
    let members = [
        ("id", "<i8", vec![20], bytes_of(0..20, i64::to_le_bytes)),
        ("x", "<f4", vec![20, 2, 2], bytes_of(x, f32::to_le_bytes)),
    ];
    let (context, _) = session_with(1, &[("a.npz", archive(&members, Compression::Stored))]).await;
    rows(&context, "CREATE EXTERNAL TABLE flat STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    rows(
        &context,
        "CREATE EXTERNAL TABLE nested STORED AS NPZ LOCATION 'memory:///' OPTIONS (tensor 'nested')",
    )
    .await
    .unwrap();
    for (sql, expected) in [
        ("SELECT x FROM flat WHERE id = 7", "[7.0, 8.0, 9.0, 10.0]"),
        ("SELECT x[2] FROM flat WHERE id = 7", "8.0"),
        ("SELECT array_element(x, 4) FROM flat WHERE id = 7", "10.0"),
        ("SELECT array_length(x) FROM flat LIMIT 1", "4"),
        ("SELECT cardinality(x) FROM flat LIMIT 1", "4"),
        ("SELECT array_distance(x, [8.0, 9.0, 10.0, 11.0]) FROM flat WHERE id = 7", "2.0"),
        ("SELECT array_max(x) FROM flat WHERE id = 7", "10.0"),
        ("SELECT array_has(x, 9) FROM flat WHERE id = 7", "true"),
        ("SELECT array_to_string(x, '-') FROM flat WHERE id = 1", "1-2-3-4"),
        ("SELECT sum(v) FROM (SELECT unnest(x) AS v FROM flat WHERE id < 2)", "16.0"),
        ("SELECT max(x[1]) FROM flat", "19.0"),
        ("SELECT x FROM nested WHERE id = 7", "[[7.0, 8.0], [9.0, 10.0]]"),
        ("SELECT x[2][1] FROM nested WHERE id = 7", "9.0"),
        ("SELECT array_length(x, 2) FROM nested LIMIT 1", "2"),
        ("SELECT flatten(x) FROM nested WHERE id = 7", "[7.0, 8.0, 9.0, 10.0]"),
        ("SELECT arrow_cast(x, 'List(Float64)') FROM flat WHERE id = 7", "[7.0, 8.0, 9.0, 10.0]"),
    ] {
        assert_eq!(value(&context, sql).await, expected, "{sql}");
    }
}
