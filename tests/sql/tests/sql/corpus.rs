//! Every file of the corpus as a table: the rows of the crate's own reader, or its error.

use std::fs;
use std::path::{Path, PathBuf};

use arrow_cast::pretty::pretty_format_batches;
use npzarrow::NpzDataset;
use npzarrow::datafusion::{NpzOptions, NpzTable};
use npzarrow::dataset::DatasetOptions;
use object_store::ObjectStoreExt as _;
use object_store::path::Path as Key;

use crate::shards::{rows, session, session_with};

/// Arrays without bytes may have any number of rows: the first are enough.
const ROWS: u64 = 100;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|suffix| suffix == "npy" || suffix == "npz") {
            found.push(path);
        }
    }
}

/// What the crate itself reads, as text; or its error behind the path.
fn expected(path: &Path) -> Result<String, String> {
    let mut options = DatasetOptions::default();
    options.hive = false;
    let dataset = NpzDataset::new([path.to_str().unwrap()], options);
    let read = || {
        let batches = dataset.scan(None, Some(ROWS))?.collect::<Result<Vec<_>, _>>();
        let batches = batches.map_err(|error| error.to_string())?;
        Ok(pretty_format_batches(&batches).unwrap().to_string())
    };
    read().map_err(|error: Box<dyn std::error::Error>| message(&error.to_string()))
}

/// An error without what stands before the member or the fault: paths differ, and so do the words of the engine.
fn message(error: &str) -> String {
    let name = [".npz: ", ".npy: "].iter().filter_map(|suffix| error.find(suffix)).min();
    name.map_or_else(|| error.to_owned(), |place| error[place..].to_owned())
}

#[tokio::test]
async fn files_and_objects_are_read_as_the_crate_reads_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    let mut found = Vec::new();
    files(&root, &mut found);
    assert!(found.len() > 1000, "{}", found.len());
    let (mut values, mut errors) = (0, 0);
    for path in &found {
        let expected = expected(path);
        let (objects, store) = session_with(1, &[]).await;
        let name = path.file_name().unwrap().to_str().unwrap();
        store.put(&Key::from(name), fs::read(path).unwrap().into()).await.unwrap();
        let local = (session(1), path.to_str().unwrap().to_owned());
        // What stands for itself in paths is a pattern in locations.
        for (context, location) in [local, (objects, format!("memory:///{name}"))] {
            if location.contains(['*', '?', '[']) {
                continue;
            }
            let read = async {
                let table =
                    NpzTable::open(&context.state(), [location.clone()], NpzOptions::default()).await?;
                context.register_table("t", std::sync::Arc::new(table))?;
                rows(&context, &format!("SELECT * FROM t LIMIT {ROWS}")).await
            };
            match (read.await, &expected) {
                (Ok(batches), Ok(expected)) => {
                    values += 1;
                    let rows: usize = batches.iter().map(arrow_array::RecordBatch::num_rows).sum();
                    if rows > 0 {
                        assert_eq!(
                            pretty_format_batches(&batches).unwrap().to_string(),
                            *expected,
                            "{location}"
                        );
                    }
                }
                (Err(error), Err(expected)) => {
                    errors += 1;
                    let said = error.to_string();
                    assert!(message(&said).contains(expected.as_str()), "{location}: {said}, not {expected}");
                }
                (read, expected) => panic!("{location}: {read:?}, not {expected:?}"),
            }
        }
    }
    assert!(values > 700 && errors > 500, "{values} tables, {errors} errors");
}
