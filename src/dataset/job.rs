//! The work of a scan: jobs that are read one after the other or at once, each a few batches.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};

use super::assemble::{Part, Wanted, column_of};
use super::columns::MemberReader;
use super::gather::{first_error, gather, is_alike};
use super::inner::Inner;
use super::opened::Opened;
use super::options::OnError;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::limits::STREAM_INFLATE_MIN;
use crate::npz::place::Reading;
use crate::parallel;
use crate::source::Source;

/// Groups aim at this size at least: from here on a batch is worth a thread, and its buffers lie in huge pages.
const MIN_GROUP_BYTES: u64 = 4 << 20;

/// The most rows of a batch, where rows take few bytes or none.
const MAX_BATCH_ROWS: u64 = 1 << 24;

/// What all jobs of a scan share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) inner: Arc<Inner>,
    pub(super) wanted: Wanted,
    pub(super) interrupt: Interrupt,
}

/// A part of the work.
#[derive(Debug)]
pub(super) enum Job {
    /// Whole shards that become one batch.
    Group(Vec<Part>),
    /// Part of one shard, which become batches one after the other.
    Shard(Part),
}

/// A job, and the bytes of its largest batch.
#[derive(Debug)]
pub(super) struct SizedJob {
    pub(super) job: Job,
    pub(super) batch_bytes: u64,
}

impl Context {
    fn batch_rows(&self) -> u64 {
        let rows =
            self.inner.options.batch_rows.map_or(MAX_BATCH_ROWS, |rows| rows.try_into().unwrap_or(u64::MAX));
        rows.clamp(1, MAX_BATCH_ROWS)
    }

    /// Cuts rows into jobs: small shards are read together, large ones batch by batch.
    pub(super) fn jobs(&self, rows: Vec<Part>) -> Vec<SizedJob> {
        let options = &self.inner.options;
        let sizes: Vec<u64> = rows.iter().map(|rows| self.bytes(rows)).collect();
        let total = sizes.iter().fold(0_u64, |sum, &size| sum.saturating_add(size));
        let threads = u64::try_from(options.open.threads.max(1)).unwrap_or(1);
        // Enough groups for all threads to end at about the same time.
        let share = total.checked_div(threads.saturating_mul(4)).unwrap_or(total);
        let target = share.max(MIN_GROUP_BYTES).min(options.batch_bytes);
        let mut jobs: Vec<SizedJob> = Vec::new();
        let mut group_rows = 0_u64;
        for (rows, size) in rows.into_iter().zip(sizes).filter(|(rows, _)| rows.len() > 0) {
            let count = rows.len();
            if !self.can_gather(&rows, size) {
                jobs.push(SizedJob { job: Job::Shard(rows), batch_bytes: size.min(options.batch_bytes) });
                continue;
            }
            if let Some(SizedJob { job: Job::Group(group), batch_bytes }) = jobs.last_mut()
                && batch_bytes.saturating_add(size) <= target
                && group_rows < self.batch_rows()
                && group_rows.saturating_add(count) <= MAX_BATCH_ROWS
                && group.last().is_some_and(|last| is_alike(last, &rows, self))
            {
                *batch_bytes = batch_bytes.saturating_add(size);
                group_rows = group_rows.saturating_add(count);
                group.push(rows);
            } else {
                group_rows = count;
                jobs.push(SizedJob { job: Job::Group(vec![rows]), batch_bytes: size });
            }
        }
        jobs
    }

    /// The bytes that rows take.
    fn bytes(&self, rows: &Part) -> u64 {
        self.wanted.row_len(&rows.shard, &self.inner.options).saturating_mul(rows.len())
    }

    fn can_gather(&self, rows: &Part, size: u64) -> bool {
        let options = &self.inner.options;
        let longest_deflated = STREAM_INFLATE_MIN.min(options.open.max_uncompressed);
        rows.is_whole()
            && !options.mmap
            && size <= options.batch_bytes
            && rows.len() <= MAX_BATCH_ROWS
            && self
                .wanted
                .of(&rows.shard)
                .into_iter()
                .flatten()
                .all(|column| !column.is_deflated || column.place.declared_len() <= longest_deflated)
    }
}

/// Reads one job.
#[derive(Debug)]
pub(super) struct JobReader {
    context: Arc<Context>,
    job: Option<Job>,
    open: Option<OpenShard>,
    threads: usize,
    /// What is left of a batch that is handed out in pieces.
    rest: Option<RecordBatch>,
    error: Option<Error>,
}

impl JobReader {
    pub(super) fn new(context: &Arc<Context>, job: Job, threads: usize) -> Self {
        let context = Arc::clone(context);
        Self { context, job: Some(job), open: None, threads, rest: None, error: None }
    }

    /// Reads the next batch; `None` behind the last. A job ends with its first error.
    pub(super) fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.rest.is_none() {
            if let Some(error) = self.error.take() {
                self.job = None;
                return Err(error);
            }
            self.rest = self.read()?;
        }
        let Some(batch) = self.rest.take() else { return Ok(None) };
        let most = usize::try_from(self.context.batch_rows()).unwrap_or(usize::MAX);
        if batch.num_rows() <= most {
            return Ok(Some(batch));
        }
        self.rest = Some(batch.slice(most, batch.num_rows().saturating_sub(most)));
        Ok(Some(batch.slice(0, most)))
    }

    fn read(&mut self) -> Result<Option<RecordBatch>> {
        self.context.interrupt.check()?;
        match self.job.take() {
            None => Ok(None),
            Some(Job::Group(group)) => self.read_group(group),
            Some(Job::Shard(rows)) => {
                let path = Arc::clone(&rows.shard.path);
                let read = self.read_shard(&rows).map_err(|error| error.in_path(&path));
                match read {
                    Ok(batch) => {
                        self.job = batch.is_some().then_some(Job::Shard(rows));
                        Ok(batch)
                    }
                    Err(error) => self.context.inner.skip_or_raise(error).map(|()| None),
                }
            }
        }
    }

    /// Reads a group; without the shards that failed, if these are skipped.
    fn read_group(&mut self, mut group: Vec<Part>) -> Result<Option<RecordBatch>> {
        loop {
            let gathered = gather(&group, &self.context, self.threads)?;
            if gathered.failed.is_empty() {
                return Ok(gathered.batch);
            }
            if self.context.inner.options.on_error == OnError::Raise {
                // The rows before the shard that failed are good.
                let error = first_error(gathered.failed);
                if gathered.batch.is_none() {
                    return Err(error);
                }
                self.error = Some(error);
                return Ok(gathered.batch);
            }
            for (index, error) in gathered.failed.into_iter().rev() {
                self.context.inner.skip_or_raise(error)?;
                if index < group.len() {
                    group.remove(index);
                }
            }
        }
    }

    fn read_shard(&mut self, rows: &Part) -> Result<Option<RecordBatch>> {
        if self.open.is_none() {
            self.open = Some(OpenShard::new(rows, &self.context, self.threads)?);
        }
        let batch = match &mut self.open {
            Some(open) => open.next(rows, &self.context, self.threads)?,
            None => None,
        };
        if batch.is_none() {
            self.open = None;
        }
        Ok(batch)
    }
}

/// A shard that is read batch by batch.
#[derive(Debug)]
struct OpenShard {
    source: Source,
    members: Vec<MemberReader>,
    position: u64,
    step: u64,
}

impl OpenShard {
    fn new(rows: &Part, context: &Context, threads: usize) -> Result<Self> {
        let options = &context.inner.options;
        let source = Opened::again(&rows.shard, options)?;
        let row_len = context.wanted.row_len(&rows.shard, options).max(1);
        let by_bytes = options.batch_bytes.checked_div(row_len).unwrap_or(1).max(1);
        let step = by_bytes.min(context.batch_rows());
        let fits = row_len.saturating_mul(rows.shard.rows) <= options.batch_bytes;
        let reading = reading(&source, context, threads);
        if fits && rows.is_whole() {
            let wanted = context.wanted.of(&rows.shard).into_iter().flatten();
            let ahead: Vec<_> = wanted.map(|column| column.place.data()).collect();
            source.fetch_ahead(&ahead, &context.interrupt)?;
        }
        let mut members: Vec<MemberReader> = Vec::new();
        for column in context.wanted.of(&rows.shard).into_iter().flatten() {
            if !members.iter().any(|reader| reader.column().member == column.member) {
                let reader = MemberReader::try_new(column, rows, fits, reading, options);
                members.push(reader.map_err(|error| column.locate(error, &rows.shard.path))?);
            }
        }
        Ok(Self { source, members, position: rows.rows.start, step })
    }

    fn next(&mut self, rows: &Part, context: &Context, threads: usize) -> Result<Option<RecordBatch>> {
        if self.position >= rows.rows.end {
            return Ok(None);
        }
        let options = &context.inner.options;
        let range = self.position..self.position.saturating_add(self.step).min(rows.rows.end);
        self.position = range.end;
        let columns: Vec<_> = self.members.iter().map(|reader| reader.column().clone()).collect();
        let costs: Vec<u64> = columns
            .iter()
            .map(|column| {
                column.row_len(options.arrow.rows).saturating_mul(range.end.saturating_sub(range.start))
            })
            .collect();
        let share = threads.checked_div(costs.len()).unwrap_or(1).max(1);
        let reading = reading(&self.source, context, share);
        let readers: Vec<_> = self.members.iter_mut().map(std::sync::Mutex::new).collect();
        let arrays = parallel::map(&costs, threads, |index| {
            let (reader, column) = readers.get(index).zip(columns.get(index))?;
            let mut reader = reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Some(
                reader.read(&range, reading, options).map_err(|error| column.locate(error, &rows.shard.path)),
            )
        });
        let arrays = arrays.into_iter().flatten().collect::<Result<Vec<ArrayRef>>>()?;
        let wanted = context.wanted.of(&rows.shard).into_iter().map(|column| {
            let place = columns.iter().position(|member| Some(member.member) == column.map(|c| c.member))?;
            column_of(arrays.get(place)?, column?)
        });
        let part = Part { shard: Arc::clone(&rows.shard), rows: range.clone(), first_row: rows.first_row };
        context.wanted.batch(wanted.collect(), &[part], options).map(Some)
    }
}

fn reading<'a>(source: &'a Source, context: &'a Context, threads: usize) -> Reading<'a> {
    Reading { source, verify: context.inner.options.open.verify, threads, interrupt: &context.interrupt }
}
