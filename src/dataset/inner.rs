//! What a dataset has learnt: the headers of its shards, and what they say together.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow_schema::{DataType, Field, FieldRef};

use super::assemble::Part;
use super::discover::{Found, discover};
use super::hive::{self, KeyType};
use super::merge::merge;
use super::opened::unchanged;
use super::options::{DatasetOptions, OnError};
use super::origin::{Columns, Origin};
use super::plan::Task;
use super::shard::ShardInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::parallel;

/// What reading the headers of one shard counts as, so that a few of them are worth a thread.
const HEADERS_COST: u64 = 64 << 10;

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) sources: Vec<String>,
    pub(super) options: DatasetOptions,
    pub(super) state: OnceLock<State>,
    /// The columns, if another dataset told them.
    pub(super) known: OnceLock<Columns>,
    /// Shards that failed while they were read: their paths, and why the last time.
    pub(super) failed: Failed,
}

/// Why shards failed, by their paths.
pub(super) type Failed = Arc<Mutex<BTreeMap<Option<Arc<str>>, String>>>;

/// What the headers say.
#[derive(Debug)]
pub(super) struct State {
    pub(super) shards: Vec<Arc<ShardInfo>>,
    /// The number of each shard's first row.
    first_rows: Vec<u64>,
    by_path: OnceLock<HashMap<Arc<Path>, usize>>,
    pub(super) columns: Columns,
}

impl State {
    pub(super) fn part(&self, shard: usize) -> Option<Part> {
        let (shard, &first_row) = self.shards.get(shard).zip(self.first_rows.get(shard))?;
        Some(Part { shard: Arc::clone(shard), rows: 0..shard.rows, first_row })
    }
}

impl Inner {
    /// What the headers say, read once.
    pub(super) fn state(&self, interrupt: &Interrupt) -> Result<&State> {
        if let Some(state) = self.state.get() {
            return Ok(state);
        }
        // Two threads may both read the headers; the first to finish wins.
        let state = self.look(interrupt)?;
        Ok(self.state.get_or_init(|| state))
    }

    pub(super) fn columns(&self) -> Result<&Columns> {
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
        let mut shards = Vec::with_capacity(paths.len());
        for shard in self.read_headers(&paths, interrupt) {
            match shard {
                Err(error) => self.skip_or_raise(error)?,
                Ok(shard) => shards.push(shard),
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
        Ok(State { shards, first_rows, by_path: OnceLock::new(), columns: Columns(columns) })
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
    pub(super) fn rows_of(&self, task: &Task) -> Result<Vec<Part>> {
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
        self.note(&error);
        Ok(())
    }

    /// Counts a failed shard.
    pub(super) fn note(&self, error: &Error) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.insert(error.location().path.clone(), error.to_string());
    }

    /// Forgets failures of shards that are gone, or that have been read anew.
    #[cfg(feature = "table-provider")]
    pub(super) fn forgive(&self, is_over: impl Fn(&str) -> bool) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|path, _| path.as_deref().is_none_or(|path| !is_over(path)));
    }

    fn skips(&self, error: &Error) -> bool {
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
