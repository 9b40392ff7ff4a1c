//! The dataset itself: sources and options, and what the headers of all shards say together.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::assemble::{Part, Wanted};
use super::discover::{Found, discover};
use super::hive::{self, KeyType};
use super::merge::merge;
use super::options::{DatasetOptions, OnError};
use super::plan::{Task, plan};
use super::scan::ScanReader;
use super::shard::{ShardInfo, unchanged};
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
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) sources: Vec<String>,
    pub(super) options: DatasetOptions,
    state: OnceLock<State>,
    /// The columns, if another dataset told them.
    known: OnceLock<Columns>,
    /// Shards that failed while they were read: their paths, and why the last time.
    failed: Failed,
}

/// Why shards failed, by their paths.
type Failed = Arc<Mutex<BTreeMap<Option<Arc<str>>, String>>>;

/// What the headers say.
#[derive(Debug)]
struct State {
    shards: Vec<Arc<ShardInfo>>,
    /// The number of each shard's first row.
    first_rows: Vec<u64>,
    by_path: OnceLock<HashMap<Arc<Path>, usize>>,
    skipped: Vec<Error>,
    columns: Columns,
}

/// The columns of a dataset: what must be known to read tasks without the headers of all shards.
///
/// It can be serialised together with the tasks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Columns(Vec<(FieldRef, Origin)>);

impl Columns {
    /// The columns that are read, those of directories, and the one of paths.
    #[cfg(feature = "table-provider")]
    pub(crate) fn by_origin(&self) -> [Vec<FieldRef>; 3] {
        let of = |wanted: fn(&Origin) -> bool| {
            let columns = self.0.iter().filter(|(_, origin)| wanted(origin));
            columns.map(|(field, _)| Arc::clone(field)).collect()
        };
        [
            of(|origin| matches!(origin, Origin::Member | Origin::RowIndex)),
            of(|origin| matches!(origin, Origin::Hive(_))),
            of(|origin| matches!(origin, Origin::Path)),
        ]
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.0.iter().map(|(field, _)| Arc::clone(field)).collect::<Vec<_>>()))
    }
}

/// Where a column of the table comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
        Self::with_failed(sources, options, Failed::default())
    }

    fn with_failed(sources: Vec<String>, mut options: DatasetOptions, failed: Failed) -> Self {
        options.batch_bytes = options.batch_bytes.clamp(1, DatasetOptions::MAX_BATCH_BYTES);
        let (state, known) = (OnceLock::new(), OnceLock::new());
        Self { inner: Arc::new(Inner { sources, options, state, known, failed }) }
    }

    /// Makes a dataset without shards that reads those of this one in another way. What fails there, fails here.
    #[cfg(feature = "table-provider")]
    pub(crate) fn reader(&self, options: DatasetOptions) -> Self {
        Self::with_failed(Vec::new(), options, Arc::clone(&self.inner.failed))
    }

    /// Takes the columns that an equal dataset has found, so that its tasks are read without looking at any
    /// other shard. Does nothing if they are known already.
    pub fn set_columns(&self, columns: Columns) {
        self.inner.known.get_or_init(|| columns);
    }

    #[cfg(feature = "table-provider")]
    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Reads the headers of shards that were found.
    #[cfg(feature = "table-provider")]
    pub(crate) fn headers_of(&self, found: &[Found]) -> Vec<Result<Arc<ShardInfo>>> {
        self.inner.read_headers(found, &Interrupt::default())
    }

    /// Returns the sources.
    pub fn sources(&self) -> &[String] {
        &self.inner.sources
    }

    /// Returns the options.
    pub fn options(&self) -> &DatasetOptions {
        &self.inner.options
    }

    /// Reads the headers of all shards, once, unless it is interrupted: what all that follows needs.
    ///
    /// # Errors
    ///
    /// No shard is found, one cannot be read, or two differ in the type of a column.
    pub fn look(&self, interrupt: &Interrupt) -> Result<()> {
        self.inner.state(interrupt).map(drop)
    }

    /// Reads the headers of all shards whether they agree or not; those that cannot be read are errors beside.
    #[cfg(feature = "cli")]
    pub(crate) fn headers(
        &self,
        paths: &[Found],
        interrupt: &Interrupt,
    ) -> Result<(Vec<Arc<ShardInfo>>, Vec<Error>)> {
        let (mut shards, mut failed) = (Vec::with_capacity(paths.len()), Vec::new());
        for shard in self.inner.read_headers(paths, interrupt) {
            match shard {
                Ok(shard) => shards.push(shard),
                Err(error) => failed.push(error),
            }
        }
        interrupt.check()?;
        Ok((shards, failed))
    }

    /// Returns the columns, for [`set_columns`](Self::set_columns).
    pub fn columns(&self) -> Result<&Columns> {
        self.inner.columns()
    }

    /// Returns the columns if no shard must be looked at for them.
    pub fn columns_if_known(&self) -> Option<&Columns> {
        self.inner.known.get().or_else(|| self.inner.state.get().map(|state| &state.columns))
    }

    /// Returns the schema of all shards together.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look).
    pub fn schema(&self) -> Result<SchemaRef> {
        self.inner.columns().map(Columns::schema)
    }

    /// Returns what the headers of each shard say.
    pub fn shards(&self) -> Result<&[Arc<ShardInfo>]> {
        self.inner.state(&Interrupt::default()).map(|state| state.shards.as_slice())
    }

    /// Finds the shards that the sources have now, and reads the headers of those that are not as they were.
    #[cfg(feature = "table-provider")]
    pub(crate) fn shards_now(&self, known: &[Arc<ShardInfo>]) -> Result<Vec<Arc<ShardInfo>>> {
        self.inner.shards_now(known)
    }

    /// Returns the number of rows, from headers alone.
    pub fn num_rows(&self) -> Result<u64> {
        Ok(self.shards()?.iter().fold(0, |sum, shard| sum.saturating_add(shard.rows)))
    }

    /// Returns why shards were left out, under [`OnError::Skip`]: those whose headers could not be read, and those
    /// that failed in scans since.
    pub fn skipped(&self) -> Result<Vec<String>> {
        let at_headers = &self.inner.state(&Interrupt::default())?.skipped;
        let failed = self.inner.failed.lock().unwrap_or_else(PoisonError::into_inner);
        // A table looks again at what failed before.
        let at_headers = at_headers.iter().filter(|error| !failed.contains_key(&error.location().path));
        Ok(at_headers.map(ToString::to_string).chain(failed.values().cloned()).collect())
    }

    /// Cuts the dataset into tasks: one a shard. With a target in bytes, larger stored shards are split by rows
    /// (which are then not verified) and smaller shards are put together.
    pub fn plan(&self, target: Option<u64>) -> Result<Vec<Task>> {
        Ok(plan(self.shards()?, &self.inner.options, target))
    }

    /// Reads one task, of this dataset or of an equal one, with the selected columns or all.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ShardChanged`] if a shard is not what it was when the task was planned.
    pub fn read(&self, task: &Task, columns: Option<&[&str]>) -> Result<ScanReader> {
        let wanted = self.wanted(columns)?;
        let rows = self.inner.rows_of(task)?;
        Ok(ScanReader::new(&self.inner, rows, wanted, None))
    }

    /// As [`scan`](Self::scan), of the shards at the given places only; those that do not exist are left out.
    pub fn scan_shards(
        &self,
        shards: &[usize],
        columns: Option<&[&str]>,
        limit: Option<u64>,
    ) -> Result<ScanReader> {
        let state = self.inner.state(&Interrupt::default())?;
        let rows = shards.iter().filter_map(|&shard| state.part(shard)).collect();
        Ok(ScanReader::new(&self.inner, rows, self.wanted(columns)?, limit))
    }

    /// Reads all rows, or the first `limit`, of the selected columns or all, in order. Only the members of
    /// these columns are touched, and only the shards that the limit reaches.
    pub fn scan(&self, columns: Option<&[&str]>, limit: Option<u64>) -> Result<ScanReader> {
        let state = self.inner.state(&Interrupt::default())?;
        let rows = (0..state.shards.len()).filter_map(|shard| state.part(shard)).collect();
        Ok(ScanReader::new(&self.inner, rows, self.wanted(columns)?, limit))
    }

    fn wanted(&self, columns: Option<&[&str]>) -> Result<Wanted> {
        let known = &self.inner.columns()?.0;
        let Some(columns) = columns else { return Ok(Wanted::new(known.clone())) };
        let find = |name: &&str| {
            let found = known.iter().find(|(field, _)| field.name() == name).cloned();
            found.ok_or_else(|| Error::new(ErrorKind::EntryNotFound { name: (*name).to_owned() }))
        };
        columns.iter().map(find).collect::<Result<_>>().map(Wanted::new)
    }
}

impl State {
    fn part(&self, shard: usize) -> Option<Part> {
        let (shard, &first_row) = self.shards.get(shard).zip(self.first_rows.get(shard))?;
        Some(Part { shard: Arc::clone(shard), rows: 0..shard.rows, first_row })
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

    fn columns(&self) -> Result<&Columns> {
        match self.known.get() {
            Some(columns) => Ok(columns),
            None => Ok(&self.state(&Interrupt::default())?.columns),
        }
    }

    /// Finds the shards of all sources.
    pub(super) fn find(&self) -> Result<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        for source in &self.sources {
            found.extend(discover(source, &self.options)?);
        }
        Ok(found)
    }

    fn look(&self, interrupt: &Interrupt) -> Result<State> {
        let paths = self.find()?;
        let (mut shards, mut skipped) = (Vec::with_capacity(paths.len()), Vec::new());
        for shard in self.read_headers(&paths, interrupt) {
            match shard {
                Err(error) if self.skips(&error) => skipped.push(error),
                shard => shards.push(shard?),
            }
        }
        let mut first_row = 0_u64;
        let first_rows = shards.iter().map(|shard: &Arc<ShardInfo>| {
            let first = first_row;
            first_row = first_row.saturating_add(shard.rows);
            first
        });
        let first_rows = first_rows.collect();
        let mut columns: Vec<(FieldRef, Origin)> =
            merge(&shards, &self.options)?.into_iter().map(|field| (field, Origin::Member)).collect();
        self.add_columns(&mut columns, &shards)?;
        Ok(State { shards, first_rows, by_path: OnceLock::new(), skipped, columns: Columns(columns) })
    }

    pub(super) fn read_headers(&self, paths: &[Found], interrupt: &Interrupt) -> Vec<Result<Arc<ShardInfo>>> {
        let costs = vec![HEADERS_COST; paths.len()];
        // Shards are usually alike; what they have in common is kept once.
        let like: OnceLock<Arc<ShardInfo>> = OnceLock::new();
        parallel::map(&costs, self.options.open.threads, |index| {
            interrupt.check()?;
            let Some(found) = paths.get(index) else { return Err(Error::new(ErrorKind::Interrupted)) };
            let info = Arc::new(ShardInfo::read(found, &self.options, like.get().map(Arc::as_ref))?);
            like.get_or_init(|| Arc::clone(&info));
            Ok(info)
        })
    }

    /// What a task reads, with shards that are still what they were.
    fn rows_of(&self, task: &Task) -> Result<Vec<Part>> {
        let known = self.state.get().map(|state| {
            let by_path = state.by_path.get_or_init(|| {
                let shards = state.shards.iter().enumerate();
                shards.map(|(index, shard)| (Arc::from(shard.location()), index)).collect()
            });
            (state, by_path)
        });
        let find = |path: &Path| {
            let (state, by_path) = known?;
            state.shards.get(*by_path.get(path)?).map(Arc::clone)
        };
        let mut shards: Vec<Option<Arc<ShardInfo>>> =
            task.shards.iter().map(|shard| find(shard.location())).collect();
        if shards.iter().any(Option::is_none) {
            let paths = task.shards.iter().map(|shard| {
                let (path, url, version) = (shard.path.clone(), shard.url.clone(), shard.version.clone());
                let is_object = version.is_some();
                Found { path, url, size: is_object.then_some(shard.size), version }
            });
            let paths: Vec<Found> = paths.collect();
            shards.clear();
            for shard in self.read_headers(&paths, &Interrupt::default()) {
                shards.push(match shard {
                    Err(error) if self.skips(&error) => {
                        self.skip_or_raise(error)?;
                        None
                    }
                    shard => Some(shard?),
                });
            }
        }
        let mut rows = Vec::with_capacity(shards.len());
        let mut first_row = task.first_row;
        for (part, shard) in task.shards.iter().zip(shards) {
            if let Some(shard) = shard {
                let same = unchanged("size", part.size, shard.size)
                    .and_then(|()| match part.modified.zip(shard.modified) {
                        Some((expected, actual)) => unchanged("time of modification", expected, actual),
                        None => Ok(()),
                    })
                    .and_then(|()| same_version(part.version.as_deref(), shard.version.as_deref()))
                    .and_then(|()| unchanged("number of rows", part.end.max(shard.rows), shard.rows));
                match same.map_err(|error| error.in_path(&part.path)) {
                    Ok(()) => rows.push(Part {
                        shard,
                        rows: part.start..part.end,
                        first_row: first_row.saturating_sub(part.start),
                    }),
                    Err(error) => self.skip_or_raise(error)?,
                }
            }
            first_row = first_row.saturating_add(part.end.saturating_sub(part.start));
        }
        Ok(rows)
    }

    /// Adds the columns that do not come from members. A name that is taken is an error.
    fn add_columns(&self, columns: &mut Vec<(FieldRef, Origin)>, shards: &[Arc<ShardInfo>]) -> Result<()> {
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
                let key_type = KeyType::of(&values);
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
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.insert(error.location().path.clone(), error.to_string());
        Ok(())
    }

    pub(super) fn skips(&self, error: &Error) -> bool {
        self.options.on_error == OnError::Skip && !matches!(error.kind(), ErrorKind::Interrupted)
    }
}

/// An error if an object is another version than the one that was planned.
fn same_version(planned: Option<&str>, found: Option<&str>) -> Result<()> {
    match planned.zip(found) {
        Some((expected, actual)) if expected != actual => {
            let (expected, actual) = (expected.to_owned(), actual.to_owned());
            Err(Error::new(ErrorKind::ObjectChanged { field: "etag", expected, actual }))
        }
        _ => Ok(()),
    }
}
