//! One shard: what its headers say, and where its arrays lie.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef};

use super::discover::Found;
use super::members::{Member, is_skipped, members};
use super::opened::Opened;
use super::options::{DatasetOptions, Lengths};
use crate::arrow::{self, ArrowOptions, RowLayout};
use crate::error::{Error, ErrorKind, Result};
use crate::npy::Header;
use crate::npz::place::Place;
#[cfg(feature = "table-provider")]
use crate::source::remote::drive;

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
