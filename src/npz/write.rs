//! Writing archives from front to back: aligned members that a map can share, or deflated ones.
//!
//! A member is stored with its payload at a multiple of 64 in the file, or deflated: block by block on all threads.
//! One that deflating does not make smaller by a 64th is stored. The output needs no seeking, since the header of each member
//! is written when its sizes are known.

mod columns;
mod deflate;
mod member;
mod options;

use std::io::Write;
use std::path::{Path, PathBuf};

use arrow_array::{RecordBatch, RecordBatchReader};

pub use options::{Compression, WriteOptions};

use self::member::Member;
pub(crate) use self::member::{check_payload, put};
#[cfg(feature = "table-provider")]
use crate::arrow::export::Exporter;
use crate::error::{Error, Result};
use crate::npy::Header;
use crate::sink::{Counted, Pending};
use crate::zip::{Alignment, DirectoryBuilder, Method, NewEntry};

/// Writes an archive to any output, member by member. Nothing is an archive until [`finish`](Self::finish).
///
/// ```
/// use arrow_buffer::Buffer;
/// use npzarrow::NpzArchive;
/// use npzarrow::npy::{Dtype, Header, Order, Shape};
/// use npzarrow::npz::{NpzWriter, WriteOptions};
///
/// let dtype = Dtype::from_type_str("|u1").ok_or("no dtype")?;
/// let header = Header::try_new(&dtype, Order::C, &Shape::new(vec![2, 3]))?;
/// let mut writer = NpzWriter::try_new(Vec::new(), &WriteOptions::default())?;
/// writer.add("x", &header, &[1, 2, 3, 4, 5, 6])?;
/// let archive = NpzArchive::try_new(Buffer::from(writer.finish()?))?;
/// assert_eq!(archive.array("x")?.payload().as_slice(), [1, 2, 3, 4, 5, 6]);
/// assert!(archive.info(&Default::default())[0].is_aligned());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NpzWriter<W: Write> {
    output: Counted<W>,
    directory: DirectoryBuilder,
    options: WriteOptions,
    /// What errors name.
    path: Option<PathBuf>,
    /// Where temporary files are made.
    folder: PathBuf,
}

impl NpzWriter<Pending> {
    /// Begins an archive that appears at the path, or at the URL (see [`WriteOptions::create`]), when it is
    /// [committed](Self::commit), in place of what was there.
    pub fn create(dest: impl AsRef<Path>, options: &WriteOptions) -> Result<Self> {
        Self::begin(options.create(dest)?, options)
    }

    /// Begins an archive at a destination.
    pub(crate) fn begin(output: Pending, options: &WriteOptions) -> Result<Self> {
        let (path, folder) = (output.path().to_owned(), output.folder());
        let writer = Self::try_new(output, options).map_err(|error| error.in_path(&path))?;
        Ok(Self { path: Some(path), folder, ..writer })
    }

    /// Writes the directory and gives the file or the object its name.
    pub fn commit(self) -> Result<()> {
        let sync = self.options.sync;
        self.finish()?.commit(sync)
    }
}

impl<W: Write> NpzWriter<W> {
    /// Begins an archive at an output.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Option`](crate::ErrorKind::Option) for an alignment or a level that does not exist.
    pub fn try_new(output: W, options: &WriteOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            output: Counted::new(output, options.interrupt.clone()),
            directory: DirectoryBuilder::default(),
            options: options.clone(),
            path: None,
            folder: std::env::temp_dir(),
        })
    }

    /// Sets where columns of streams wait until they are complete.
    #[must_use]
    pub fn with_temporary_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), ..self }
    }

    /// Writes one array bit for bit: its header as NumPy would write it, and its payload as it is. The name is
    /// without `.npy`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Name`](crate::ErrorKind::Name); [`ErrorKind::PayloadSize`](crate::ErrorKind::PayloadSize) if the
    /// payload is not what the header says; [`ErrorKind::ObjectDtype`](crate::ErrorKind::ObjectDtype); what the
    /// output gives.
    pub fn add(&mut self, name: &str, header: &Header, payload: &[u8]) -> Result<()> {
        self.add_all([(name, header, payload)])
    }

    /// Writes several arrays; they are deflated in parallel.
    pub fn add_all<'a>(
        &mut self,
        arrays: impl IntoIterator<Item = (&'a str, &'a Header, &'a [u8])>,
    ) -> Result<()> {
        let members =
            arrays.into_iter().map(|(name, header, payload)| Member::of_array(name, header, payload));
        let result = members.collect::<Result<Vec<_>>>().and_then(|members| self.write(&members));
        result.map_err(|error| self.name_in(error))
    }

    /// Writes each column of a batch as an array; see [`arrow::export`](crate::arrow::export) for the types. Numbers
    /// without nulls are not copied.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Export`](crate::ErrorKind::Export), which names the column.
    pub fn add_batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let result =
            columns::of_batch(batch, &self.options, &self.folder).and_then(|members| self.write(&members));
        result.map_err(|error| self.name_in(error))
    }

    /// Writes each column of a stream as an array. Holds one batch at a time: the columns grow in temporary files
    /// beside the destination, or where the system has them.
    ///
    /// # Errors
    ///
    /// As [`add_batch`](Self::add_batch), and what the stream gives.
    pub fn add_batches(&mut self, reader: impl RecordBatchReader) -> Result<()> {
        let result =
            columns::of_stream(reader, &self.options, &self.folder).and_then(|members| self.write(&members));
        result.map_err(|error| self.name_in(error))
    }

    /// Writes columns that were collected.
    #[cfg(feature = "table-provider")]
    pub(crate) fn add_exported(&mut self, exporter: Exporter) -> Result<()> {
        let result = columns::members(exporter).and_then(|members| self.write(&members));
        result.map_err(|error| self.name_in(error))
    }

    /// Writes the directory, flushes the output and returns it.
    pub fn finish(self) -> Result<W> {
        let Self { mut output, directory, path, .. } = self;
        let offset = output.position();
        let finished = output.put(&directory.finish(offset)).and_then(|()| output.finish());
        finished.map_err(|error| in_path(error, path.as_deref()))
    }

    fn write(&mut self, members: &[Member<'_>]) -> Result<()> {
        // Names first: nothing is compressed in vain.
        for member in members {
            self.directory.claim(&member.name)?;
        }
        match self.options.compression {
            Compression::Stored => members.iter().try_for_each(|member| self.write_stored(member)),
            Compression::Deflated { level } => deflate::each(self, members, level),
        }
    }

    fn write_stored(&mut self, member: &Member<'_>) -> Result<()> {
        let entry = NewEntry {
            name: &member.name,
            method: Method::STORED,
            crc32: member.crc32(self.options.threads),
            compressed_size: member.len(),
            uncompressed_size: member.len(),
        };
        let alignment = Alignment { multiple: self.options.multiple(), lead: member.lead() };
        let header = self.directory.add(&entry, self.output.position(), Some(alignment))?;
        self.output.put(&header)?;
        member.write_to(&mut self.output)
    }

    fn name_in(&self, error: Error) -> Error {
        in_path(error, self.path.as_deref())
    }
}

fn in_path(error: Error, path: Option<&Path>) -> Error {
    match path {
        Some(path) => error.in_path(path),
        None => error,
    }
}
