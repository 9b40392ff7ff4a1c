//! An open archive: its directory is read and checked, its members are not touched.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use arrow_buffer::Buffer;

use super::names::NameIndex;
use super::options::OpenOptions;
use crate::array::NpyArray;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::npy::Header;
use crate::parallel;
use crate::source::Source;
use crate::zip::{Directory, EndRecord, Entry, Method, tail_len};

/// Inflating a byte takes as long as reading four from a cached file, or as checking sixteen in memory.
const INFLATE_COST: u64 = 4;
const MEMORY_SHARE: u64 = 4;

/// An NPZ archive. Opening it reads the directory; each member is read, checked and inflated on access.
///
/// ```no_run
/// use npzarrow::NpzArchive;
/// use npzarrow::npz::ReadOptions;
///
/// let archive = NpzArchive::open("train-0003.npz")?;
/// let batch = archive.record_batch(&ReadOptions::default().with_columns(["id", "label"]))?;
/// println!("{} rows of {}", batch.num_rows(), batch.schema());
/// # Ok::<(), npzarrow::Error>(())
/// ```
#[derive(Debug)]
pub struct NpzArchive {
    pub(crate) source: Source,
    pub(super) directory: Directory,
    pub(super) options: OpenOptions,
    /// Which stored members in memory have been verified; a second check would find the writes that go
    /// through arrays that share the memory.
    pub(super) verified: Vec<AtomicBool>,
    pub(super) by_name: OnceLock<NameIndex>,
}

impl NpzArchive {
    /// Opens an archive in memory that cannot change. Copies the names only; stored members share `bytes`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Zip`](crate::ErrorKind::Zip) if the bytes are no consistent archive.
    pub fn try_new(bytes: Buffer) -> Result<Self> {
        Self::with_options(bytes, &OpenOptions::default())
    }

    /// Opens a file: reads its directory now, and the members at their positions later.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::with_options(Source::open(path)?, &OpenOptions::default())
    }

    /// Opens an archive from any source.
    ///
    /// # Errors
    ///
    /// As [`try_new`](Self::try_new), and [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded) if
    /// the deflated members declare more than [`OpenOptions::max_uncompressed`].
    pub fn with_options(source: impl Into<Source>, options: &OpenOptions) -> Result<Self> {
        let source = source.into();
        let directory = read_directory(&source, options).map_err(|error| source.name_in(error))?;
        let verified = (0..directory.len()).map(|_| AtomicBool::new(!options.verify)).collect();
        Ok(Self { source, directory, options: options.clone(), verified, by_name: OnceLock::new() })
    }

    /// Returns how many entries there are, arrays or not.
    pub fn len(&self) -> usize {
        self.directory.len()
    }

    /// True if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.directory.is_empty()
    }

    /// Returns the name of every entry, in the order of the directory, without its `.npy`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.directory.names().map(strip_suffix)
    }

    /// Returns the name of an entry by its place, without its `.npy`.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.directory.name(index).map(strip_suffix)
    }

    /// Returns the name of an entry by its place, as the directory has it.
    pub(crate) fn entry_name(&self, index: usize) -> Option<&str> {
        self.directory.name(index)
    }

    /// Returns the entry of the directory at a place.
    pub fn entry(&self, index: usize) -> Option<&Entry> {
        self.directory.entry(index)
    }

    /// Returns the place of an entry by its name, with or without its `.npy`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::EntryNotFound`](crate::ErrorKind::EntryNotFound), or
    /// [`ErrorKind::DuplicateEntry`](crate::ErrorKind::DuplicateEntry) if several entries have this name.
    pub fn index_of(&self, name: &str) -> Result<usize> {
        let index = self.by_name.get_or_init(|| NameIndex::new(&self.directory));
        index.find(&self.directory, name).map_err(|kind| self.locate_error(Error::new(kind), None))
    }

    /// Reads the header of one member, and inflates no more than that.
    pub fn header(&self, name: &str) -> Result<Header> {
        self.header_at(self.index_of(name)?)
    }

    /// Reads the header of the member at a place.
    pub fn header_at(&self, index: usize) -> Result<Header> {
        self.read_member_header(index).map_err(|error| self.locate_error(error, Some(index)))
    }

    /// Reads one member: shares it if it is stored in memory, else reads or inflates it into a buffer of its
    /// own. The checksum is verified.
    pub fn array(&self, name: &str) -> Result<NpyArray> {
        self.array_at(self.index_of(name)?, &Interrupt::default())
    }

    /// Reads the member at a place, unless it is interrupted.
    pub fn array_at(&self, index: usize, interrupt: &Interrupt) -> Result<NpyArray> {
        self.prepare(&[index], interrupt)?;
        self.read_array(index, self.options.threads, interrupt)
            .map_err(|error| self.locate_error(error, Some(index)))
    }

    /// Reads several members, in parallel where that pays. Each has a result of its own.
    pub fn arrays(&self, indices: &[usize], interrupt: &Interrupt) -> Vec<Result<NpyArray>> {
        if let Err(error) = self.prepare(indices, interrupt) {
            return indices.iter().map(|_| Err(error.again())).collect();
        }
        self.for_each(indices, |index, threads| {
            interrupt.check()?;
            self.read_array(index, threads, interrupt).map_err(|error| self.locate_error(error, Some(index)))
        })
    }

    /// Runs a job for each member, which is told how many threads it may use itself.
    pub(super) fn for_each<T: Send>(
        &self,
        indices: &[usize],
        job: impl Fn(usize, usize) -> T + Sync,
    ) -> Vec<T> {
        let costs: Vec<u64> = indices.iter().map(|&index| self.cost(index)).collect();
        let total = costs.iter().fold(1_u64, |sum, &cost| sum.saturating_add(cost));
        let threads = u64::try_from(self.options.threads).unwrap_or(1);
        parallel::map(&costs, self.options.threads, |job_index| {
            let cost = costs.get(job_index).copied().unwrap_or(0);
            // A member that is most of the work gets most of the threads.
            let share =
                cost.saturating_mul(threads).saturating_add(total >> 1).checked_div(total).unwrap_or(1);
            let index = indices.get(job_index).copied().unwrap_or(usize::MAX);
            job(index, usize::try_from(share).unwrap_or(1).max(1))
        })
    }

    /// What a member costs, in bytes of a cached file that are read in the same time.
    fn cost(&self, index: usize) -> u64 {
        match self.directory.entry(index) {
            Some(entry) if entry.method() == Method::DEFLATED => {
                entry.declared_size().saturating_mul(INFLATE_COST)
            }
            Some(entry) if matches!(self.source, Source::Memory(_)) => entry.compressed_size() / MEMORY_SHARE,
            Some(entry) => entry.compressed_size(),
            None => 0,
        }
    }

    /// Adds the member and the path to an error.
    pub(crate) fn locate_error(&self, error: Error, index: Option<usize>) -> Error {
        let error = match index.and_then(|index| self.directory.name(index)) {
            Some(name) => error.in_entry(name),
            None => error,
        };
        self.source.name_in(error)
    }
}

/// The name of an array: that of its entry, with one `.npy` cut.
pub(super) fn strip_suffix(name: &str) -> &str {
    name.strip_suffix(".npy").unwrap_or(name)
}

fn read_directory(source: &Source, options: &OpenOptions) -> Result<Directory> {
    let len = source.len();
    let tail_offset = len.saturating_sub(tail_len(len));
    let tail = source.peek(tail_offset..len)?;
    let end = EndRecord::locate(&tail, tail_offset)?;
    let range = end.directory_range();
    // The directory usually lies within the tail, which need not be read or copied again.
    let within = range.start.checked_sub(tail_offset).and_then(|start| {
        let start = usize::try_from(start).ok()?;
        tail.get(start..start.checked_add(usize::try_from(range.end.checked_sub(range.start)?).ok()?)?)
    });
    let directory = match within {
        Some(bytes) => Directory::parse(bytes, &end, options.max_uncompressed)?,
        None => Directory::parse(&source.peek(range)?, &end, options.max_uncompressed)?,
    };
    if let Some(range) = directory.first_header_range(&end) {
        directory.check_first_header(&source.peek(range)?, &end)?;
    }
    Ok(directory)
}
