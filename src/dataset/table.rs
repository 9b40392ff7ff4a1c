//! The dataset itself: sources and options, and what the headers of all shards say together.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::discover::discover;
use super::hive::{self, KeyType};
use super::merge::merge;
use super::options::{DatasetOptions, OnError};
use super::plan::{Task, plan};
use super::scan::{ScanReader, TaskReader};
use super::shard::{Shard, ShardInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::parallel;

/// What reading the headers of one shard counts as, so that a few of them are worth a thread.
const HEADERS_COST: u64 = 64 << 10;

/// Many shards as one table. Cheap to clone; what was learnt from the headers is shared.
///
/// ```no_run
/// use npzarrow::NpzDataset;
/// use npzarrow::dataset::DatasetOptions;
///
/// let dataset = NpzDataset::new(["train/*.npz"], DatasetOptions::default());
/// println!("{} rows of {}", dataset.num_rows()?, dataset.schema()?);
/// for batch in dataset.scan(Some(&["label"]), None)? {
///     println!("{} rows", batch?.num_rows());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct NpzDataset {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) sources: Vec<String>,
    pub(super) options: DatasetOptions,
    state: OnceLock<State>,
    /// Shards that failed while they were read.
    failed: AtomicU64,
}

/// What the headers say.
#[derive(Debug)]
struct State {
    shards: Vec<ShardInfo>,
    skipped: Vec<Error>,
    columns: Vec<(FieldRef, Origin)>,
    schema: SchemaRef,
}

/// Where a column of the table comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Member,
    Hive(KeyType),
    Path,
    RowIndex,
}

impl NpzDataset {
    /// Makes a dataset of files, directories and globs. Nothing is looked at yet.
    pub fn new<S: Into<String>>(sources: impl IntoIterator<Item = S>, options: DatasetOptions) -> Self {
        let sources = sources.into_iter().map(Into::into).collect();
        Self {
            inner: Arc::new(Inner { sources, options, state: OnceLock::new(), failed: AtomicU64::new(0) }),
        }
    }

    /// Returns the sources.
    pub fn sources(&self) -> &[String] {
        &self.inner.sources
    }

    /// Returns the options.
    pub fn options(&self) -> &DatasetOptions {
        &self.inner.options
    }

    /// Returns the schema of all shards together, after reading the headers of each once.
    ///
    /// # Errors
    ///
    /// No shard is found, one cannot be read, or two differ in the type of a column.
    pub fn schema(&self) -> Result<SchemaRef> {
        self.inner.state(&Interrupt::default()).map(|state| Arc::clone(&state.schema))
    }

    /// As [`schema`](Self::schema), unless it is interrupted.
    pub fn schema_with(&self, interrupt: &Interrupt) -> Result<SchemaRef> {
        self.inner.state(interrupt).map(|state| Arc::clone(&state.schema))
    }

    /// Returns what the headers of each shard say.
    pub fn shards(&self) -> Result<&[ShardInfo]> {
        self.inner.state(&Interrupt::default()).map(|state| state.shards.as_slice())
    }

    /// Returns the number of rows, from headers alone.
    pub fn num_rows(&self) -> Result<u64> {
        let rows =
            |shards: &[ShardInfo]| shards.iter().fold(0_u64, |sum, shard| sum.saturating_add(shard.rows));
        self.shards().map(rows)
    }

    /// Returns why shards were left out, under [`OnError::Skip`].
    pub fn skipped(&self) -> Result<&[Error]> {
        self.inner.state(&Interrupt::default()).map(|state| state.skipped.as_slice())
    }

    /// Returns how many shards were left out: those whose headers could not be read, and those that failed in
    /// scans since.
    pub fn skipped_count(&self) -> Result<u64> {
        let at_headers = u64::try_from(self.skipped()?.len()).unwrap_or(u64::MAX);
        Ok(at_headers.saturating_add(self.inner.failed.load(Ordering::Relaxed)))
    }

    /// Cuts the dataset into tasks: one a shard; several for stored shards above `max_bytes`, whose rows are
    /// then not verified.
    pub fn plan(&self, max_bytes: Option<u64>) -> Result<Vec<Task>> {
        Ok(plan(self.shards()?, &self.inner.options, max_bytes))
    }

    /// Reads one task, of this dataset or of an equal one, with the selected columns or all.
    pub fn read(&self, task: &Task, columns: Option<&[&str]>) -> Result<TaskReader> {
        let wanted = Arc::new(self.wanted(columns)?);
        Ok(TaskReader::new(Arc::clone(&self.inner), task.clone(), wanted, None, Interrupt::default()))
    }

    /// Reads all rows, or the first `limit`, of the selected columns or all, in order. Only the members of
    /// these columns are touched, and only the shards that the limit reaches.
    pub fn scan(&self, columns: Option<&[&str]>, limit: Option<u64>) -> Result<ScanReader> {
        self.scan_tasks(self.plan(None)?, columns, limit)
    }

    /// Reads the given tasks as one.
    pub fn scan_tasks(
        &self,
        tasks: Vec<Task>,
        columns: Option<&[&str]>,
        limit: Option<u64>,
    ) -> Result<ScanReader> {
        Ok(ScanReader::new(&self.inner, tasks, self.wanted(columns)?, limit))
    }

    fn wanted(&self, columns: Option<&[&str]>) -> Result<Vec<(FieldRef, Origin)>> {
        let known = &self.inner.state(&Interrupt::default())?.columns;
        let Some(columns) = columns else { return Ok(known.clone()) };
        let find = |name: &&str| {
            let found = known.iter().find(|(field, _)| field.name() == name).cloned();
            found.ok_or_else(|| Error::new(ErrorKind::EntryNotFound { name: (*name).to_owned() }))
        };
        columns.iter().map(find).collect()
    }
}

impl Inner {
    /// What the headers say, read once.
    fn state(&self, interrupt: &Interrupt) -> Result<&State> {
        if let Some(state) = self.state.get() {
            return Ok(state);
        }
        // Two threads may both read the headers; the first to finish wins.
        let state = self.look(interrupt)?;
        Ok(self.state.get_or_init(|| state))
    }

    fn look(&self, interrupt: &Interrupt) -> Result<State> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for source in &self.sources {
            paths.extend(discover(source)?);
        }
        let costs = vec![HEADERS_COST; paths.len()];
        let read = parallel::map(&costs, self.options.open.threads, |index| {
            interrupt.check()?;
            let path: Arc<Path> = Arc::from(paths.get(index).map_or(Path::new(""), PathBuf::as_path));
            let info = Shard::open(&path, &self.options).and_then(|shard| shard.info(&path, &self.options));
            info.map_err(|error| error.in_path(&path))
        });
        let (mut shards, mut skipped) = (Vec::with_capacity(read.len()), Vec::new());
        for shard in read {
            match shard {
                Err(error) if self.skips(&error) => skipped.push(error),
                shard => shards.push(shard?),
            }
        }
        let mut columns: Vec<(FieldRef, Origin)> =
            merge(&shards, &self.options)?.into_iter().map(|field| (field, Origin::Member)).collect();
        self.add_columns(&mut columns, &shards)?;
        let fields: Vec<FieldRef> = columns.iter().map(|(field, _)| Arc::clone(field)).collect();
        Ok(State { shards, skipped, columns, schema: Arc::new(Schema::new(fields)) })
    }

    /// Adds the columns that do not come from members. A name that is taken is an error.
    fn add_columns(&self, columns: &mut Vec<(FieldRef, Origin)>, shards: &[ShardInfo]) -> Result<()> {
        let mut added: Vec<(FieldRef, Origin)> = Vec::new();
        if self.options.hive {
            let parsed: Vec<_> = shards.iter().map(|shard| hive::parse(&shard.path)).collect();
            for (key, _) in parsed.iter().flatten() {
                if added.iter().any(|(field, _)| field.name() == key) {
                    continue;
                }
                let values = parsed.iter().map(|pairs| {
                    pairs.iter().find(|(other, _)| other == key).and_then(|(_, value)| value.as_deref())
                });
                let key_type = KeyType::of(values);
                added.push((key_type.field(key), Origin::Hive(key_type)));
            }
        }
        if let Some(name) = &self.options.include_file_paths {
            added.push((Arc::new(Field::new(name, DataType::Utf8, false)), Origin::Path));
        }
        if let Some(name) = &self.options.row_index {
            added.push((Arc::new(Field::new(name, DataType::UInt64, false)), Origin::RowIndex));
        }
        for column in added {
            let name = column.0.name();
            if columns.iter().any(|(field, _)| field.name() == name) {
                return Err(Error::new(ErrorKind::DuplicateColumn { name: name.clone() }));
            }
            columns.push(column);
        }
        Ok(())
    }

    /// Counts a failed shard, or raises its error.
    pub(super) fn skip_or_raise(&self, error: Error) -> Result<()> {
        if !self.skips(&error) {
            return Err(error);
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn skips(&self, error: &Error) -> bool {
        self.options.on_error == OnError::Skip && !matches!(error.kind(), ErrorKind::Interrupted)
    }
}
