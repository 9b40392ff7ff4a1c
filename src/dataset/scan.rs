//! Reading tasks: one after the other, or several at once with their order kept.

use std::collections::VecDeque;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use arrow_array::{
    ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader, StringArray, UInt64Array, new_null_array,
};
use arrow_schema::{ArrowError, FieldRef, Schema, SchemaRef};

use super::columns::MemberReader;
use super::plan::Task;
use super::shard::Shard;
use super::table::{Inner, Origin};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;

/// Reads the rows of one task as batches.
#[derive(Debug)]
pub struct TaskReader {
    inner: Arc<Inner>,
    task: Task,
    /// Each column that is wanted: its field, and where it comes from.
    wanted: Arc<Vec<(FieldRef, Origin)>>,
    schema: SchemaRef,
    open: Option<Open>,
    position: u64,
    end: u64,
    interrupt: Interrupt,
    is_done: bool,
}

/// A shard that is being read.
#[derive(Debug)]
struct Open {
    shard: Shard,
    batch_rows: u64,
    members: Vec<MemberReader>,
    /// For each wanted column the member's place in `members` and the column's place within the member.
    places: Vec<Option<(usize, usize)>>,
    hive: Vec<(String, Option<String>)>,
}

impl TaskReader {
    pub(super) fn new(
        inner: Arc<Inner>,
        task: Task,
        wanted: Arc<Vec<(FieldRef, Origin)>>,
        limit: Option<u64>,
        interrupt: Interrupt,
    ) -> Self {
        let fields: Vec<FieldRef> = wanted.iter().map(|(field, _)| Arc::clone(field)).collect();
        let end = limit.map_or(task.end, |limit| task.end.min(task.start.saturating_add(limit)));
        let position = task.start;
        let schema = Arc::new(Schema::new(fields));
        Self { inner, task, wanted, schema, open: None, position, end, interrupt, is_done: false }
    }

    /// Reads the next batch; `None` behind the last. A task without rows has no batch.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.is_done || self.position >= self.end {
            return Ok(None);
        }
        let batch = self.read();
        if batch.is_err() {
            self.is_done = true;
        }
        batch.map(Some).map_err(|error| error.in_path(&self.task.path))
    }

    fn read(&mut self) -> Result<RecordBatch> {
        self.interrupt.check()?;
        if self.open.is_none() {
            self.open = Some(self.open()?);
        }
        let Some(open) = &mut self.open else { return Err(Error::new(ErrorKind::Interrupted)) };
        let rows = self.position..self.position.saturating_add(open.batch_rows).min(self.end);
        let options = &self.inner.options;
        let mut read = Vec::with_capacity(open.members.len());
        for member in &mut open.members {
            read.push(member.read(&open.shard, &rows, options, &self.interrupt)?);
        }
        let count = usize::try_from(rows.end.saturating_sub(rows.start)).unwrap_or(usize::MAX);
        let mut arrays = Vec::with_capacity(self.wanted.len());
        for ((field, origin), place) in self.wanted.iter().zip(&open.places) {
            arrays.push(match (origin, place) {
                (Origin::Member, Some((member, column))) => {
                    let array = read.get(*member).and_then(|columns| columns.get(*column)).map(Arc::clone);
                    conform(array, field, options.widen)?
                }
                (Origin::Member, None) => new_null_array(field.data_type(), count),
                (Origin::Hive(key_type), _) => {
                    let value = open.hive.iter().find(|(key, _)| key == field.name());
                    key_type.array(value.and_then(|(_, value)| value.as_deref()), count)
                }
                (Origin::Path, _) => {
                    let path = self.task.path.to_string_lossy();
                    Arc::new(StringArray::from(vec![&*path; count]))
                }
                (Origin::RowIndex, _) => {
                    let before = self.task.first_row.saturating_sub(self.task.start);
                    let numbers = (before.saturating_add(rows.start))..before.saturating_add(rows.end);
                    Arc::new(UInt64Array::from_iter_values(numbers))
                }
            });
        }
        self.position = rows.end;
        if self.position >= self.end {
            // The file is not needed any longer, though the reader may live on.
            self.open = None;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }

    /// Opens the shard anew and decides how each member is read.
    fn open(&self) -> Result<Open> {
        let options = &self.inner.options;
        let path: Arc<std::path::Path> = Arc::from(self.task.path.as_path());
        let shard = Shard::open(&path, options)?;
        let info = shard.info(&path, options)?;
        for (field, expected, actual) in
            [("size", self.task.size, info.size), ("number of rows", info.rows.max(self.task.end), info.rows)]
        {
            if expected != actual {
                return Err(Error::new(ErrorKind::ShardChanged { field, expected, actual }));
            }
        }
        let mut members: Vec<MemberReader> = Vec::new();
        let mut places = Vec::with_capacity(self.wanted.len());
        let mut row_len = 0_u64;
        let selected = self.wanted.iter().map(|(field, origin)| {
            let found = info.columns.iter().find(|column| column.field.name() == field.name());
            found.filter(|_| *origin == Origin::Member)
        });
        let selected: Vec<_> = selected.collect();
        for column in selected.iter().flatten().filter(|column| !column.is_repeated) {
            let per_row = column.payload_len.checked_div(info.rows.max(1)).unwrap_or(0);
            row_len = row_len.saturating_add(per_row);
        }
        let by_bytes = options.batch_bytes.checked_div(row_len.max(1)).unwrap_or(1).max(1);
        let by_rows = options.batch_rows.map_or(u64::MAX, |rows| u64::try_from(rows).unwrap_or(u64::MAX));
        let batch_rows = by_bytes.min(by_rows).clamp(1, 1 << 30);
        let rows = self.task.start..self.end;
        for column in selected {
            let Some(column) = column else {
                places.push(None);
                continue;
            };
            let member = match members.iter().position(|reader| reader.member == column.member) {
                Some(member) => member,
                None => {
                    let interrupt = &self.interrupt;
                    let reader = MemberReader::try_new(
                        &shard, column, &rows, info.rows, batch_rows, options, interrupt,
                    )?;
                    members.push(reader);
                    members.len().saturating_sub(1)
                }
            };
            let siblings = info.columns.iter().filter(|sibling| sibling.member == column.member);
            let place = siblings.take_while(|sibling| sibling.field.name() != column.field.name()).count();
            places.push(Some((member, place)));
        }
        let hive = if options.hive { super::hive::parse(&path) } else { Vec::new() };
        Ok(Open { shard, batch_rows, members, places, hive })
    }
}

/// Makes an array what the schema says, or says why it is not.
fn conform(array: Option<ArrayRef>, field: &FieldRef, widen: bool) -> Result<ArrayRef> {
    let mismatch = |actual: &arrow_schema::DataType| {
        Error::new(ErrorKind::SchemaMismatch {
            field: field.name().clone(),
            expected: Box::new(field.data_type().clone()),
            actual: Box::new(actual.clone()),
        })
    };
    let array = array.ok_or_else(|| mismatch(&arrow_schema::DataType::Null))?;
    if array.data_type() == field.data_type() {
        return Ok(array);
    }
    if widen {
        return Ok(arrow_cast::cast(&array, field.data_type())?);
    }
    Err(mismatch(array.data_type()))
}

impl Iterator for TaskReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().map_err(ArrowError::from).transpose()
    }
}

impl RecordBatchReader for TaskReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// What a worker says about a task.
enum Message {
    Batch(RecordBatch),
    Failed(Error),
    Done,
}

/// Reads all rows of a dataset as batches, in order. With several threads as many tasks are read at once, each at
/// most one batch ahead.
#[derive(Debug)]
pub struct ScanReader {
    schema: SchemaRef,
    source: Source,
    limit: Option<u64>,
    interrupt: Interrupt,
}

enum Source {
    /// Tasks that this thread reads itself.
    Here(VecDeque<TaskReader>, Arc<Inner>),
    /// A queue for each task, filled by threads of this process.
    Threads { queues: VecDeque<Receiver<Message>>, inner: Arc<Inner>, process: u32 },
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here(tasks, _) => write!(f, "{} tasks", tasks.len()),
            Self::Threads { queues, .. } => write!(f, "{} tasks on threads", queues.len()),
        }
    }
}

impl ScanReader {
    pub(super) fn new(
        inner: &Arc<Inner>,
        tasks: Vec<Task>,
        wanted: Vec<(FieldRef, Origin)>,
        limit: Option<u64>,
    ) -> Self {
        let interrupt = Interrupt::new();
        let fields: Vec<FieldRef> = wanted.iter().map(|(field, _)| Arc::clone(field)).collect();
        let wanted = Arc::new(wanted);
        let tasks = within(tasks, limit);
        let threads = inner.options.open.threads.min(tasks.len());
        let readers = tasks.into_iter().map(|(task, limit)| {
            TaskReader::new(Arc::clone(inner), task, Arc::clone(&wanted), limit, interrupt.clone())
        });
        let source = if threads < 2 {
            Source::Here(readers.collect(), Arc::clone(inner))
        } else {
            start(readers.collect(), threads, inner)
        };
        Self { schema: Arc::new(Schema::new(fields)), source, limit, interrupt }
    }

    /// Reads the next batch; `None` behind the last.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.limit == Some(0) {
            return Ok(None);
        }
        let batch = self.source.next();
        if batch.is_err() {
            // Nothing follows an error.
            self.limit = Some(0);
        }
        let Some(batch) = batch? else { return Ok(None) };
        let Some(limit) = &mut self.limit else { return Ok(Some(batch)) };
        let rows = batch.num_rows().min(usize::try_from(*limit).unwrap_or(usize::MAX));
        *limit = limit.saturating_sub(u64::try_from(rows).unwrap_or(u64::MAX));
        Ok(Some(batch.slice(0, rows)))
    }
}

impl Drop for ScanReader {
    fn drop(&mut self) {
        // Threads that read ahead stop at their next block; nobody waits for them.
        self.interrupt.request();
    }
}

/// The tasks that a limit leaves, the last of them cut.
fn within(tasks: Vec<Task>, limit: Option<u64>) -> Vec<(Task, Option<u64>)> {
    let mut left = limit.unwrap_or(u64::MAX);
    let mut kept = Vec::new();
    for task in tasks {
        if left == 0 {
            break;
        }
        let rows = task.end.saturating_sub(task.start);
        kept.push((task, (rows > left).then_some(left)));
        left = left.saturating_sub(rows);
    }
    kept
}

/// Starts threads that take the tasks in order and hand each batch over when it is asked for.
fn start(readers: Vec<TaskReader>, threads: usize, inner: &Arc<Inner>) -> Source {
    let mut queues = VecDeque::with_capacity(readers.len());
    let mut work: Vec<Mutex<Option<(TaskReader, SyncSender<Message>)>>> = Vec::with_capacity(readers.len());
    for reader in readers {
        // Without room: a thread holds its batch until it is taken, so that memory is bounded.
        let (sender, receiver) = sync_channel(0);
        queues.push_back(receiver);
        work.push(Mutex::new(Some((reader, sender))));
    }
    let work = Arc::new(work);
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..threads {
        let (work, next) = (Arc::clone(&work), Arc::clone(&next));
        thread::spawn(move || {
            while let Some(slot) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                let taken = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some((mut reader, sender)) = taken else { continue };
                loop {
                    let message = match reader.next_batch() {
                        Ok(Some(batch)) => Message::Batch(batch),
                        Ok(None) => Message::Done,
                        Err(error) => Message::Failed(error),
                    };
                    let is_last = !matches!(message, Message::Batch(_));
                    // Nobody listens any more once the scan was dropped.
                    if sender.send(message).is_err() || is_last {
                        break;
                    }
                }
            }
        });
    }
    Source::Threads { queues, inner: Arc::clone(inner), process: process::id() }
}

impl Source {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self {
            Self::Here(tasks, inner) => {
                while let Some(task) = tasks.front_mut() {
                    match task.next_batch() {
                        Ok(Some(batch)) => return Ok(Some(batch)),
                        Ok(None) => {}
                        Err(error) => inner.skip_or_raise(error)?,
                    }
                    tasks.pop_front();
                }
                Ok(None)
            }
            Self::Threads { queues, inner, process } => {
                if *process != process::id() {
                    // The threads stayed behind in the process that forked.
                    return Err(Error::new(ErrorKind::ForkedScan));
                }
                while let Some(queue) = queues.front() {
                    match queue.recv() {
                        Ok(Message::Batch(batch)) => return Ok(Some(batch)),
                        Ok(Message::Failed(error)) => inner.skip_or_raise(error)?,
                        Ok(Message::Done) => {}
                        // A thread that ends without a word has panicked.
                        Err(_) => return Err(Error::new(ErrorKind::Interrupted)),
                    }
                    queues.pop_front();
                }
                Ok(None)
            }
        }
    }
}

impl Iterator for ScanReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().map_err(ArrowError::from).transpose()
    }
}

impl RecordBatchReader for ScanReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
