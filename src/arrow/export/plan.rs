//! What a field becomes: the axes of its cells, and the dtype of its elements as far as the field tells.

use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit as ArrowUnit};

use super::super::schema::{DTYPE_KEY, TITLE_KEY};
use super::super::tensor::{FIXED_SHAPE_TENSOR, tensor_axes};
use super::time::Steps;
use crate::convert::to_u64;
use crate::error::{ExportProblem, Result};
use crate::npy::{ByteOrder, Dtype, Scalar, TimeUnit, Unit};

/// One axis behind the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Axis {
    /// A fixed-size list.
    Fixed(u64),
    /// Lists of any size, which turn out to have the same; unknown before the first.
    Uniform(Option<u64>),
    /// All axes of a tensor, as they lie in memory, and which of them come first.
    Tensor {
        /// The lengths in memory.
        shape: Vec<u64>,
        /// The places of the axes in NumPy's order; empty if it is that of memory.
        permutation: Vec<usize>,
    },
}

impl Axis {
    /// The lengths in NumPy's order.
    pub(super) fn lengths(&self) -> Vec<u64> {
        match self {
            Self::Fixed(len) => vec![*len],
            Self::Uniform(len) => vec![len.unwrap_or(0)],
            Self::Tensor { shape, permutation } if permutation.is_empty() => shape.clone(),
            Self::Tensor { shape, permutation } => {
                permutation.iter().filter_map(|&axis| shape.get(axis).copied()).collect()
            }
        }
    }
}

/// What the innermost values become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    /// Elements whose bytes are the values' own.
    Plain(Dtype),
    /// Truth values in bits.
    Bits,
    /// Truth values in bytes, `arrow.bool8`.
    Bool8,
    /// Pairs of floats.
    Complex(Scalar),
    /// Numbers of steps of time.
    Time(Steps),
    /// Text, `U` of the longest.
    Text,
    /// Bytes, `S` of the longest.
    Bytes,
    /// `V0`, which Arrow has as empty bytes.
    Nothing,
    /// A structured dtype.
    Record(Vec<Member>),
}

/// One field of a structured dtype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) axes: Vec<Axis>,
    pub(super) element: Element,
}

/// Plans a field.
pub(super) fn plan(field: &Field) -> Result<(Vec<Axis>, Element), ExportProblem> {
    let original = field.metadata().get(DTYPE_KEY).and_then(|text| Dtype::from_type_str(text));
    let mut axes = Vec::new();
    let mut field = field;
    loop {
        let data_type = match field.data_type() {
            DataType::Dictionary(_, values) => values,
            data_type => data_type,
        };
        match data_type {
            DataType::FixedSizeList(item, 2) if complex(original.as_ref(), item.data_type()).is_some() => {
                break;
            }
            DataType::FixedSizeList(item, len) => {
                axes.push(tensor(field).unwrap_or_else(|| Axis::Fixed(u64::from(len.unsigned_abs()))));
                field = item;
            }
            DataType::List(item) | DataType::LargeList(item) => {
                axes.push(Axis::Uniform(None));
                field = item;
            }
            _ => break,
        }
    }
    Ok((axes, element(field, original.as_ref())?))
}

/// The axes that the metadata of a tensor tells.
fn tensor(field: &Field) -> Option<Axis> {
    let name = field.metadata().get(EXTENSION_TYPE_NAME_KEY)?;
    if name != FIXED_SHAPE_TENSOR {
        return None;
    }
    let (shape, permutation) = tensor_axes(field)?;
    let is_ordered = permutation.iter().enumerate().all(|(index, &axis)| index == axis);
    let permutation = if is_ordered { Vec::new() } else { permutation };
    Some(Axis::Tensor { shape: shape.into_iter().map(to_u64).collect(), permutation })
}

fn element(field: &Field, original: Option<&Dtype>) -> Result<Element, ExportProblem> {
    let scalar = |scalar: Scalar| {
        let order = if scalar.item_size() == 1 { ByteOrder::NotApplicable } else { ByteOrder::NATIVE };
        Element::Plain(Dtype::Scalar(scalar, order))
    };
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) => values,
        data_type => data_type,
    };
    if let Some(steps) = Steps::try_new(data_type, original) {
        return Ok(Element::Time(steps));
    }
    Ok(match data_type {
        DataType::Boolean => Element::Bits,
        DataType::Int8 if is_bool8(field) => Element::Bool8,
        DataType::Int8 => scalar(Scalar::Int8),
        DataType::Int16 => scalar(Scalar::Int16),
        DataType::Int32 => scalar(Scalar::Int32),
        DataType::Int64 => scalar(Scalar::Int64),
        DataType::UInt8 => scalar(Scalar::UInt8),
        DataType::UInt16 => scalar(Scalar::UInt16),
        DataType::UInt32 => scalar(Scalar::UInt32),
        DataType::UInt64 => scalar(Scalar::UInt64),
        DataType::Float16 => scalar(Scalar::Float16),
        DataType::Float32 => scalar(Scalar::Float32),
        DataType::Float64 => scalar(Scalar::Float64),
        DataType::FixedSizeList(item, 2) => match complex(original, item.data_type()) {
            Some(scalar) => Element::Complex(scalar),
            None => return Err(no_dtype(data_type)),
        },
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Element::Text,
        DataType::Binary if original == Some(&Dtype::Void(0)) => Element::Nothing,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Element::Bytes,
        DataType::FixedSizeBinary(len) => Element::Plain(Dtype::Void(u64::from(len.unsigned_abs()))),
        DataType::Struct(fields) => {
            let members = fields.iter().map(|field| {
                let (axes, element) = plan(field).map_err(|problem| problem.within(field.name()))?;
                let title = field.metadata().get(TITLE_KEY).cloned();
                Ok(Member { name: field.name().clone(), title, axes, element })
            });
            Element::Record(members.collect::<Result<_, ExportProblem>>()?)
        }
        data_type => return Err(no_dtype(data_type)),
    })
}

fn is_bool8(field: &Field) -> bool {
    field.metadata().get(EXTENSION_TYPE_NAME_KEY).is_some_and(|name| name == "arrow.bool8")
}

/// The complex dtype whose parts have this type, if the metadata asks for it.
fn complex(original: Option<&Dtype>, part: &DataType) -> Option<Scalar> {
    match (original, part) {
        (Some(Dtype::Scalar(Scalar::Complex64, _)), DataType::Float32) => Some(Scalar::Complex64),
        (Some(Dtype::Scalar(Scalar::Complex128, _)), DataType::Float64) => Some(Scalar::Complex128),
        _ => None,
    }
}

#[cold]
fn no_dtype(data_type: &DataType) -> ExportProblem {
    let hint = match data_type {
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => "; cast it to a float or to text",
        DataType::Time32(_) | DataType::Time64(_) => "; cast it to a duration or to an integer",
        DataType::Interval(IntervalUnit::DayTime | IntervalUnit::MonthDayNano) => "; cast it to a duration",
        DataType::ListView(_) | DataType::LargeListView(_) => "; cast it to a list",
        DataType::Null | DataType::RunEndEncoded(..) => "; cast it to the type of its values",
        _ => "",
    };
    ExportProblem::NoDtype { data_type: Box::new(data_type.clone()), hint }
}

/// The unit of a Timestamp or Duration in NumPy's terms.
pub(super) fn unit(unit: ArrowUnit) -> Unit {
    let unit = match unit {
        ArrowUnit::Second => TimeUnit::Second,
        ArrowUnit::Millisecond => TimeUnit::Millisecond,
        ArrowUnit::Microsecond => TimeUnit::Microsecond,
        ArrowUnit::Nanosecond => TimeUnit::Nanosecond,
    };
    Unit { multiple: 1, unit }
}
