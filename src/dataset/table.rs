//! The dataset itself: sources and options, and what the headers of all shards say together.

use std::sync::{Arc, OnceLock, PoisonError};

use arrow_schema::SchemaRef;

use super::assemble::Wanted;
#[cfg(any(feature = "cli", feature = "table-provider"))]
use super::discover::Found;
use super::inner::{Failed, Inner};
use super::options::DatasetOptions;
use super::origin::Columns;
use super::plan::{Task, plan};
use super::scan::ScanReader;
use super::shard::ShardInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;

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

    /// True if a shard was left out of a scan.
    #[cfg(feature = "cli")]
    pub(crate) fn has_failed(&self, shard: &ShardInfo) -> bool {
        let failed = self.inner.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.keys().flatten().any(|path| **path == *shard.path.to_string_lossy())
    }

    /// Notes why a shard is left out of a query.
    #[cfg(feature = "table-provider")]
    pub(crate) fn leave_out(&self, error: &Error) {
        self.inner.note(error);
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

    /// Returns why shards were left out, under [`OnError::Skip`](super::OnError::Skip): those whose headers could not be read, and those
    /// that failed in scans since.
    pub fn skipped(&self) -> Result<Vec<String>> {
        self.inner.state(&Interrupt::default())?;
        let failed = self.inner.failed.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(failed.values().cloned().collect())
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
