//! The field that a header becomes, from the header alone: shards can be planned without their payload.

use std::collections::HashMap;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field, Fields};

use super::memory::to_u64;
use super::number;
use super::options::{ArrowOptions, RowLayout, TensorLayout};
use super::temporal::Conversion;
use super::tensor::{self, Lists};
use super::variable;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_TYPE_NESTING;
use crate::npy::{ByteOrder, Dtype, Header, Scalar};

/// The metadata key under which a field keeps the type string of its elements, such as `<c8` or `<M8[M]`,
/// where the Arrow type leaves it open. Always little-endian, so that shards agree.
pub const DTYPE_KEY: &str = "npzarrow:dtype";

/// The metadata key under which a field of a record keeps NumPy's title.
pub const TITLE_KEY: &str = "npzarrow:title";

/// Returns the field that an array becomes. Reads no payload.
///
/// ```
/// use arrow_schema::DataType;
/// use npzarrow::arrow::{ArrowOptions, schema_field};
/// use npzarrow::npy::{Dtype, Header, Order, Shape};
///
/// let dtype = Dtype::from_type_str("<M8[D]").ok_or("no dtype")?;
/// let header = Header::try_new(&dtype, Order::C, &Shape::new(vec![1000]))?;
/// let field = schema_field("day", &header, &ArrowOptions::default())?;
/// assert_eq!((field.data_type(), field.is_nullable()), (&DataType::Date32, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn schema_field(name: &str, header: &Header, options: &ArrowOptions) -> Result<Field> {
    let (field, _) = column(name, header.dtype(), cell(header, options.rows), options)?;
    Ok(field)
}

/// Returns the axes of one row.
pub(super) fn cell(header: &Header, rows: RowLayout) -> &[u64] {
    match rows {
        RowLayout::Axis0 => header.shape().inner(),
        RowLayout::Archive => header.shape(),
    }
}

/// Returns the field of a column with such cells, and how their axes become lists.
pub(super) fn column(
    name: &str,
    dtype: &Dtype,
    cell: &[u64],
    options: &ArrowOptions,
) -> Result<(Field, Lists)> {
    let element = Element::try_new(dtype, options)?;
    let is_plain = matches!(dtype, Dtype::Scalar(scalar, _) if number::is_plain(*scalar));
    let layout = match options.tensor {
        TensorLayout::Variable if options.rows == RowLayout::Archive => TensorLayout::Variable,
        TensorLayout::FixedShape | TensorLayout::Variable if !is_plain => TensorLayout::Nested,
        TensorLayout::Variable => TensorLayout::FixedShape,
        layout => layout,
    };
    let lists = Lists::try_new(cell, layout)?;
    let mut metadata = element.metadata;
    let (data_type, nullable) = if lists == Lists::Fixed(Vec::new()) {
        metadata.extend(element.extension);
        (element.data_type, element.nullable)
    } else {
        match (layout, &lists) {
            (TensorLayout::Variable, _) if is_plain => metadata.extend(variable::extension()),
            (TensorLayout::FixedShape, Lists::Fixed(_)) => metadata.extend(tensor::extension(cell)),
            _ => {}
        }
        let item = Field::new_list_field(element.data_type, true).with_metadata(element.extension);
        (lists.data_type(item), false)
    };
    let (value, limit) = (to_u64(depth(&data_type)), to_u64(MAX_TYPE_NESTING));
    if value > limit {
        return Err(Error::new(ErrorKind::LimitExceeded {
            what: "nesting of the Arrow type:",
            value,
            limit,
        }));
    }
    Ok((Field::new(name, data_type, nullable).with_metadata(metadata), lists))
}

/// Returns the levels of a type. It is called for each level before the next is put around it, so that it
/// never recurses deep.
fn depth(data_type: &DataType) -> usize {
    let below = match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| depth(field.data_type())).max().unwrap_or(0),
        DataType::FixedSizeList(item, _) | DataType::List(item) => depth(item.data_type()),
        _ => 0,
    };
    below.saturating_add(1)
}

/// What one element becomes.
struct Element {
    data_type: DataType,
    /// True if there is a NumPy value that becomes null: NaT.
    nullable: bool,
    /// What says how to read the values; stays with the innermost items.
    extension: HashMap<String, String>,
    /// What a writer needs to restore the dtype; goes to the column.
    metadata: HashMap<String, String>,
}

impl Element {
    fn try_new(dtype: &Dtype, options: &ArrowOptions) -> Result<Self> {
        let plain = |data_type| Self {
            data_type,
            nullable: false,
            extension: HashMap::new(),
            metadata: HashMap::new(),
        };
        Ok(match dtype {
            Dtype::Scalar(scalar, _) => {
                let data_type = number::data_type(*scalar, options.bool8)
                    .ok_or_else(|| unsupported(dtype, number::NO_TYPE))?;
                let mut element = plain(data_type);
                match scalar {
                    Scalar::Bool if options.bool8 => element.extension = bool8(),
                    Scalar::Complex64 | Scalar::Complex128 => element.metadata = original(dtype),
                    _ => {}
                }
                element
            }
            Dtype::Datetime(unit, _) | Dtype::Timedelta(unit, _) => {
                let is_date = matches!(dtype, Dtype::Datetime(..));
                let conversion = Conversion::try_new(dtype, *unit, is_date)?;
                let metadata = if conversion.loses_unit() { original(dtype) } else { HashMap::new() };
                Self { nullable: true, metadata, ..plain(conversion.data_type) }
            }
            Dtype::Text(..) => plain(if options.string_view { DataType::Utf8View } else { DataType::Utf8 }),
            Dtype::Bytes(_) => {
                plain(if options.string_view { DataType::BinaryView } else { DataType::Binary })
            }
            Dtype::Void(0) => Self { metadata: original(dtype), ..plain(DataType::Binary) },
            Dtype::Void(len) => plain(DataType::FixedSizeBinary(void_size(*len)?)),
            Dtype::Record(record) => {
                let fields = record.fields().iter().map(|field| {
                    let (dtype, cell) = match &field.dtype {
                        Dtype::Subarray(subarray) => (subarray.dtype(), &subarray.shape()[..]),
                        dtype => (dtype, &[][..]),
                    };
                    let options = options.clone().with_tensor(TensorLayout::Nested);
                    let (mut column, _) = column(&field.name, dtype, cell, &options)?;
                    if let Some(title) = &field.title {
                        column.metadata_mut().insert(TITLE_KEY.to_owned(), title.clone());
                    }
                    Ok(column)
                });
                plain(DataType::Struct(fields.collect::<Result<Fields>>()?))
            }
            Dtype::Subarray(subarray) => {
                let options = options.clone().with_tensor(TensorLayout::Nested);
                let (field, _) = column("item", subarray.dtype(), subarray.shape(), &options)?;
                Self { metadata: field.metadata().clone(), ..plain(field.data_type().clone()) }
            }
            Dtype::Object => return Err(Error::new(ErrorKind::ObjectDtype { descr: dtype.quoted() })),
        })
    }
}

/// Returns the width of a `FixedSizeBinary`.
pub(super) fn void_size(len: u64) -> Result<i32> {
    let limit = u64::from(i32::MAX.unsigned_abs());
    i32::try_from(len).map_err(|_| {
        Error::new(ErrorKind::LimitExceeded { what: "bytes of one element:", value: len, limit })
    })
}

#[cold]
fn unsupported(dtype: &Dtype, reason: &'static str) -> Error {
    Error::new(ErrorKind::UnsupportedDtype { descr: dtype.quoted(), reason })
}

fn bool8() -> HashMap<String, String> {
    HashMap::from([
        (EXTENSION_TYPE_NAME_KEY.to_owned(), "arrow.bool8".to_owned()),
        (EXTENSION_TYPE_METADATA_KEY.to_owned(), String::new()),
    ])
}

/// Keeps the type string.
fn original(dtype: &Dtype) -> HashMap<String, String> {
    let little = match dtype {
        Dtype::Scalar(scalar, _) => Dtype::Scalar(*scalar, ByteOrder::Little),
        Dtype::Datetime(unit, _) => Dtype::Datetime(*unit, ByteOrder::Little),
        Dtype::Timedelta(unit, _) => Dtype::Timedelta(*unit, ByteOrder::Little),
        other => other.clone(),
    };
    HashMap::from([(DTYPE_KEY.to_owned(), little.to_string().trim_matches('\'').to_owned())])
}
