//! One shard: what its headers say, and where its arrays lie.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arrow_buffer::Buffer;
use arrow_schema::{DataType, FieldRef};

use super::discover::Found;
use super::options::{DatasetOptions, Lengths};
use crate::array::read_header;
use crate::arrow::{self, ArrowOptions, RowLayout};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::npy::{Header, MAGIC_PREFIX};
use crate::npz::place::Place;
use crate::npz::{NpzArchive, OpenOptions, Unsupported};
#[cfg(feature = "object-store")]
use crate::source::Object;
#[cfg(feature = "table-provider")]
use crate::source::remote::drive;
#[cfg(feature = "object-store")]
use crate::source::remote::is_url;
use crate::source::{Memory, Source};

/// The name of the column that a bare `.npy` file is, unless its records have fields.
const NPY_COLUMN: &str = "data";

/// Shards up to this size are read whole for their headers: the end of an archive, which must be read
/// anyway, takes as much.
const READ_WHOLE: u64 = 64 << 10;

/// What the headers of a shard say.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ShardInfo {
    /// The path, as it was found; of a URL, what may be shown.
    pub path: Arc<Path>,
    /// The whole URL, if it has parts that may be secret: a signature, for example.
    pub url: Option<Arc<str>>,
    /// The bytes of the file.
    pub size: u64,
    /// When the file was last written to, in nanoseconds since 1970, if the system knows.
    pub modified: Option<u64>,
    /// The version of an object (its etag), if its store has told.
    pub version: Option<Arc<str>>,
    /// False if its server knows no ranges, so that the object comes whole.
    pub(super) has_ranges: bool,
    /// The rows.
    pub rows: u64,
    /// The columns, in the order of the shard.
    pub columns: Vec<ColumnInfo>,
}

/// What the header of a member says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ColumnInfo {
    /// The column of the shard.
    pub field: FieldRef,
    /// The bytes of its payload.
    pub payload_len: u64,
    /// Whether it must be inflated.
    pub is_deflated: bool,
    /// Whether one value stands for every row.
    pub is_repeated: bool,
    /// The member that has it; fields of records share one.
    pub(super) member: usize,
    /// The place among the fields of the records of a bare file.
    pub(crate) record_field: Option<usize>,
    pub(crate) header: Arc<Header>,
    pub(super) place: Place,
    /// The member's name with its suffix; a bare file has none.
    pub(super) entry: Option<Arc<str>>,
}

impl ColumnInfo {
    /// True if the rows of an array are like those of this column, in whatever order they lie.
    pub(super) fn is_like(&self, header: &Header, options: &ArrowOptions) -> bool {
        if options.is_variable() {
            return self.header.dtype() == header.dtype()
                && self.header.shape().len() == header.shape().len();
        }
        let is_cell = options.rows == RowLayout::Archive;
        self.header.is_like(header) && (!is_cell || self.header.shape() == header.shape())
    }

    /// The bytes that a row takes.
    pub(super) fn row_len(&self, layout: RowLayout) -> u64 {
        if layout == RowLayout::Archive { self.payload_len } else { self.header.row_len() }
    }

    /// Adds the member and the file to an error.
    pub(super) fn locate(&self, error: Error, path: &Path) -> Error {
        match &self.entry {
            Some(entry) => error.in_entry(entry).in_path(path),
            None => error.in_path(path),
        }
    }
}

/// An open shard of which nothing was read yet.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) source: Source,
    pub(super) modified: Option<u64>,
}

impl Opened {
    pub(crate) fn new(found: &Found, options: &DatasetOptions) -> Result<Self> {
        let path = found.path.as_path();
        #[cfg(feature = "object-store")]
        if let Some(object) = object(found, options)? {
            let source = if object.size().is_some() {
                Source::known_object(object, &options.remote)?
            } else {
                Source::open_object(object, &options.remote)?
            };
            return Ok(Self { source, modified: None });
        }
        let source = Source::open(path)?;
        let modified = match &source {
            Source::File(file) => file.modified().and_then(nanoseconds),
            _ => None,
        };
        #[cfg(feature = "mmap")]
        let source = if options.mmap { Source::map(path)? } else { source };
        #[cfg(not(feature = "mmap"))]
        let _ = options.mmap;
        Ok(Self { source, modified })
    }

    /// Opens a shard without waiting; what is read of it must be driven.
    #[cfg(feature = "table-provider")]
    async fn new_async(found: &Found, options: &DatasetOptions) -> Result<Self> {
        match object(found, options)? {
            Some(object) => {
                let source = Source::open_object_async(object, &options.remote).await?;
                Ok(Self { source, modified: None })
            }
            None => Self::new(found, options),
        }
    }

    /// Opens a shard whose headers are known. That it is still the same is seen by its size and the time of
    /// its last change.
    pub(super) fn again(info: &ShardInfo, options: &DatasetOptions) -> Result<Source> {
        let version = info.version.as_deref().map(str::to_owned);
        let url = info.url.as_deref().map(str::to_owned);
        let size = info.has_ranges.then_some(info.size);
        let found = Found { path: info.path.to_path_buf(), url, size, version };
        let opened = Self::new(&found, options)?;
        unchanged("size", info.size, opened.source.len())
            .and_then(|()| match info.modified.zip(opened.modified) {
                Some((expected, actual)) => unchanged("time of modification", expected, actual),
                None => Ok(()),
            })
            .map_err(|error| error.in_path(&info.path))?;
        Ok(opened.source)
    }
}

/// The object that a shard is; none if it is a file.
#[cfg(feature = "object-store")]
pub(super) fn object(found: &Found, options: &DatasetOptions) -> Result<Option<Object>> {
    let path = found.path.to_str();
    let object = match (&options.remote.store, found.url.as_deref().or(path)) {
        (Some(store), Some(key)) => Object::in_store(Arc::clone(store), key)?.with_name(path.unwrap_or(key)),
        (None, Some(url)) if is_url(url) => Object::parse(url, &options.remote)?,
        _ => return Ok(None),
    };
    Ok(Some(match found.size {
        Some(size) => object.with_known(size, found.version.clone()),
        None => object,
    }))
}

/// An error if a number of a shard is not what it was.
pub(crate) fn unchanged(field: &'static str, expected: u64, actual: u64) -> Result<()> {
    if expected == actual {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ShardChanged { field, expected, actual }))
}

pub(super) fn nanoseconds(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

impl ShardInfo {
    /// Reads the headers of the members that are columns. What is as in another shard shares its memory.
    pub(super) fn read(found: &Found, options: &DatasetOptions, like: Option<&Self>) -> Result<Self> {
        Self::of(Opened::new(found, options)?, found, options, like)
    }

    /// As [`read`](Self::read), without waiting for objects. Files are read at once.
    #[cfg(feature = "table-provider")]
    pub(crate) async fn read_async(
        found: &Found,
        options: &DatasetOptions,
        like: Option<&Self>,
    ) -> Result<Self> {
        let Opened { source, modified } = Opened::new_async(found, options).await?;
        let parse = || Self::of(Opened { source: source.clone(), modified }, found, options, like);
        drive(&source, parse).await
    }

    fn of(opened: Opened, found: &Found, options: &DatasetOptions, like: Option<&Self>) -> Result<Self> {
        let path: &Arc<Path> = &Arc::from(found.path.as_path());
        let Opened { source, modified } = opened;
        let size = source.len();
        let kept = source.clone();
        let members = members(source, path, options).map_err(|error| error.in_path(path))?;
        let mut columns: Vec<ColumnInfo> = Vec::with_capacity(members.len());
        let mut lengths = Vec::with_capacity(members.len());
        let one_row = options.arrow.rows == RowLayout::Archive;
        for (member, Member { name, entry, header, place }) in members.into_iter().enumerate() {
            let same = like.and_then(|like| like.columns.get(columns.len()));
            let same = same.filter(|column| {
                column.entry == entry
                    && column.field.name() == &name
                    && column.is_like(&header, &options.arrow)
            });
            lengths.push((name.clone(), if one_row { Some(1) } else { header.shape().first().copied() }));
            let field = match same {
                Some(column) if column.record_field.is_none() => Arc::clone(&column.field),
                _ => match arrow::schema_field(&name, &header, &options.arrow) {
                    Ok(field) => Arc::new(field),
                    Err(error) if is_skipped(&error, options) => {
                        lengths.pop();
                        continue;
                    }
                    Err(error) => {
                        let error = entry.iter().fold(error, |error, entry| error.in_entry(entry));
                        return Err(error.in_path(path));
                    }
                },
            };
            let entry = same.map_or(entry, |column| column.entry.clone());
            let header = match same {
                Some(column) if *column.header == header => Arc::clone(&column.header),
                _ => Arc::new(header),
            };
            let info = |field: FieldRef, record_field| ColumnInfo {
                field,
                payload_len: header.payload_len(),
                is_deflated: place.is_deflated(),
                is_repeated: !one_row && header.shape().is_empty(),
                member,
                record_field,
                header: Arc::clone(&header),
                place: place.clone(),
                entry: entry.clone(),
            };
            match field.data_type() {
                DataType::Struct(fields) if entry.is_none() => columns.extend(
                    fields.iter().enumerate().map(|(index, field)| info(Arc::clone(field), Some(index))),
                ),
                _ => columns.push(info(field, None)),
            }
        }
        check_names(&columns).map_err(|error| error.in_path(path))?;
        let rows = if options.lengths == Lengths::Any {
            let longest = lengths.iter().filter_map(|(_, rows)| *rows).max();
            longest.unwrap_or_else(|| u64::from(!lengths.is_empty()))
        } else {
            agree_on_rows(&lengths).map_err(|error| error.in_path(path))?
        };
        let version = kept.version().map(Arc::from);
        let url = found.url.as_deref().map(Arc::from);
        let has_ranges = kept.has_ranges();
        Ok(Self { path: Arc::clone(path), url, size, modified, version, has_ranges, rows, columns })
    }

    /// True if the arrays differ in length, which is refused unless it was asked for.
    #[cfg(feature = "cli")]
    pub(crate) fn is_ragged(&self) -> bool {
        let rows = |column: &ColumnInfo| column.header.shape().rows();
        self.columns.iter().any(|column| !column.is_repeated && rows(column) != self.rows)
    }

    /// What tells the shard from all others.
    pub(super) fn location(&self) -> &Path {
        self.url.as_deref().map_or(&self.path, Path::new)
    }

    /// The column of a name, looked for at its usual place first.
    pub(crate) fn column(&self, name: &str, usual: usize) -> Option<&ColumnInfo> {
        let is_it = |column: &&ColumnInfo| column.field.name() == name;
        self.columns.get(usual).filter(is_it).or_else(|| self.columns.iter().find(is_it))
    }
}

/// An array of a shard.
struct Member {
    name: String,
    /// The name of its entry; a bare file has none.
    entry: Option<Arc<str>>,
    header: Header,
    place: Place,
}

/// Reads the headers of all arrays that may be columns.
fn members(source: Source, path: &Path, options: &DatasetOptions) -> Result<Vec<Member>> {
    let size = source.len();
    let source = match source {
        Source::File(_) if size <= READ_WHOLE => {
            let bytes = source.peek(0..size)?.into_owned();
            Source::Memory(Memory::new(Buffer::from_vec(bytes)).with_path(path))
        }
        source => source,
    };
    // A directory may have both kinds; the first bytes tell, whatever the name says.
    if is_npy(&source, path)? {
        let header = read_header(&source, 0..size)?;
        header.payload_range(size)?;
        let place = Place::bare(&header, size);
        return Ok(vec![Member { name: NPY_COLUMN.to_owned(), entry: None, header, place }]);
    }
    // The quota counts for each member that is held in memory, when it is read.
    let open = OpenOptions { max_uncompressed: u64::MAX, ..options.open.clone() };
    let archive = NpzArchive::with_options(source, &open)?;
    let indices = match &options.columns {
        None => (0..archive.len()).filter(|&index| archive.is_array(index)).collect::<Vec<_>>(),
        Some(names) => {
            let found = names.iter().map(|name| archive.index_of(name));
            // A column that a shard does not have is null there.
            let missing = |error: &Error| matches!(error.kind(), ErrorKind::EntryNotFound { .. });
            found.filter(|index| !index.as_ref().is_err_and(missing)).collect::<Result<_>>()?
        }
    };
    archive.prepare_headers(&indices, &Interrupt::default())?;
    let mut members = Vec::with_capacity(indices.len());
    for index in indices {
        match archive.survey(index) {
            Ok((header, place)) => {
                let name = archive.name(index).unwrap_or_default().to_owned();
                let entry = archive.entry_name(index).map(Arc::from);
                members.push(Member { name, entry, header, place });
            }
            Err(error) if is_skipped(&error, options) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(members)
}

/// True if the first bytes are those of an NPY file.
pub(crate) fn is_npy(source: &Source, path: &Path) -> Result<bool> {
    if !matches!(source, Source::Memory(_)) && path.extension().is_some_and(|extension| extension == "npz") {
        // One read less for what is an archive nearly always; a bare file has no directory at its end.
        let end = source.peek(source.len().saturating_sub(22)..source.len())?;
        if end.starts_with(b"PK\x05\x06") {
            return Ok(false);
        }
    }
    Ok(source.peek(0..source.len().min(6))?.starts_with(&MAGIC_PREFIX))
}

fn is_skipped(error: &Error, options: &DatasetOptions) -> bool {
    let is_dtype = matches!(error.kind(), ErrorKind::ObjectDtype { .. } | ErrorKind::UnsupportedDtype { .. });
    is_dtype && options.unsupported == Unsupported::Skip
}

fn check_names(columns: &[ColumnInfo]) -> Result<()> {
    let mut seen = HashSet::with_capacity(columns.len());
    for column in columns {
        let name = column.field.name();
        if !seen.insert(name) {
            let count = columns.iter().filter(|other| other.field.name() == name).count();
            return Err(Error::new(ErrorKind::DuplicateEntry { name: name.clone(), count }));
        }
    }
    Ok(())
}

/// The one length of all members; those without an axis fit any.
fn agree_on_rows(lengths: &[(String, Option<u64>)]) -> Result<u64> {
    let mut known = lengths.iter().filter_map(|(_, rows)| *rows);
    let Some(rows) = known.next() else { return Ok(u64::from(!lengths.is_empty())) };
    if known.all(|other| other == rows) {
        return Ok(rows);
    }
    let members = lengths.iter().filter_map(|(name, rows)| rows.map(|rows| (name.clone(), rows))).collect();
    Err(Error::new(ErrorKind::RowCountMismatch { members }))
}
