//! The element type of an array, as NumPy describes it in `descr`.

use std::fmt::{self, Display, Write as _};
use std::sync::Arc;

use super::record::{Record, Subarray};
use super::unit::Unit;

/// The order of the bytes of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first, `<`.
    Little,
    /// Most significant byte first, `>`.
    Big,
    /// Elements of one byte, or of bytes that have no order, `|`.
    NotApplicable,
}

impl ByteOrder {
    /// The order of the machine that this runs on.
    pub const NATIVE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };

    /// True if numbers must be swapped before this machine can use them.
    pub fn is_foreign(self) -> bool {
        self != Self::NotApplicable && self != Self::NATIVE
    }

    const fn symbol(self) -> char {
        match self {
            Self::Little => '<',
            Self::Big => '>',
            Self::NotApplicable => '|',
        }
    }
}

/// A number or truth value of fixed width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Scalar {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float16,
    Float32,
    Float64,
    /// C's `long double` of 12 bytes (32-bit x86).
    Float96,
    /// C's `long double` of 16 bytes, whatever its precision.
    Float128,
    Complex64,
    Complex128,
    /// Two `long double` of 12 bytes.
    Complex192,
    /// Two `long double` of 16 bytes.
    Complex256,
}

/// Every scalar with its kind letter and its bytes.
const SCALARS: [(Scalar, u8, u64); 18] = [
    (Scalar::Bool, b'b', 1),
    (Scalar::Int8, b'i', 1),
    (Scalar::Int16, b'i', 2),
    (Scalar::Int32, b'i', 4),
    (Scalar::Int64, b'i', 8),
    (Scalar::UInt8, b'u', 1),
    (Scalar::UInt16, b'u', 2),
    (Scalar::UInt32, b'u', 4),
    (Scalar::UInt64, b'u', 8),
    (Scalar::Float16, b'f', 2),
    (Scalar::Float32, b'f', 4),
    (Scalar::Float64, b'f', 8),
    (Scalar::Float96, b'f', 12),
    (Scalar::Float128, b'f', 16),
    (Scalar::Complex64, b'c', 8),
    (Scalar::Complex128, b'c', 16),
    (Scalar::Complex192, b'c', 24),
    (Scalar::Complex256, b'c', 32),
];

impl Scalar {
    /// Returns the bytes of one element.
    pub const fn item_size(self) -> u64 {
        match self {
            Self::Bool | Self::Int8 | Self::UInt8 => 1,
            Self::Int16 | Self::UInt16 | Self::Float16 => 2,
            Self::Int32 | Self::UInt32 | Self::Float32 => 4,
            Self::Int64 | Self::UInt64 | Self::Float64 | Self::Complex64 => 8,
            Self::Float96 => 12,
            Self::Float128 | Self::Complex128 => 16,
            Self::Complex192 => 24,
            Self::Complex256 => 32,
        }
    }

    /// Returns NumPy's letter for the kind: `b`, `i`, `u`, `f` or `c`.
    pub fn kind(self) -> char {
        SCALARS.iter().find(|(scalar, ..)| *scalar == self).map_or('?', |(_, kind, _)| char::from(*kind))
    }
}

/// The element type of an array: NumPy's `dtype`, never Arrow's `DataType`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// `b1`, `i1` to `i8`, `u1` to `u8`, `f2` to `f16`, `c8` to `c32`.
    Scalar(Scalar, ByteOrder),
    /// `M8`: steps since 1970, `i64::MIN` is NaT. Without a unit it is generic.
    Datetime(Option<Unit>, ByteOrder),
    /// `m8`: a number of steps, `i64::MIN` is NaT. Without a unit it is generic.
    Timedelta(Option<Unit>, ByteOrder),
    /// `S`: bytes, padded with NUL.
    Bytes(u64),
    /// `U`: code points of four bytes each, padded with NUL.
    Text(u64, ByteOrder),
    /// `V`: bytes without a meaning.
    Void(u64),
    /// Fields at offsets, a structured dtype.
    Record(Arc<Record>),
    /// A small array in each element; only fields have it.
    Subarray(Arc<Subarray>),
    /// `O`: pickled Python objects, which are never loaded.
    Object,
}

impl Dtype {
    /// Parses a type string such as `<f4`, `|S10` or `<M8[25s]`; `None` if it is none.
    ///
    /// ```
    /// use npzarrow::npy::{ByteOrder, Dtype, Scalar};
    ///
    /// assert_eq!(Dtype::from_type_str("<f4"), Some(Dtype::Scalar(Scalar::Float32, ByteOrder::Little)));
    /// assert_eq!(Dtype::from_type_str("<f5"), None);
    /// ```
    pub fn from_type_str(text: &str) -> Option<Self> {
        let (order, rest) = match text.as_bytes().first()? {
            b'<' => (ByteOrder::Little, text.get(1..)?),
            b'>' => (ByteOrder::Big, text.get(1..)?),
            b'|' | b'=' => (ByteOrder::NATIVE, text.get(1..)?),
            _ => (ByteOrder::NATIVE, text),
        };
        let kind = *rest.as_bytes().first()?;
        let size = rest.get(1..)?;
        match kind {
            b'O' if matches!(size, "" | "4" | "8") => Some(Self::Object),
            b'M' if size == "8" => Some(Self::Datetime(None, order)),
            b'm' if size == "8" => Some(Self::Timedelta(None, order)),
            b'M' => Some(Self::Datetime(Some(unit_suffix(size)?), order)),
            b'm' => Some(Self::Timedelta(Some(unit_suffix(size)?), order)),
            b'S' | b'a' => Some(Self::Bytes(decimal(size)?)),
            b'V' => Some(Self::Void(decimal(size)?)),
            b'U' => {
                let len = decimal(size)?;
                len.checked_mul(4)?;
                Some(Self::Text(len, order))
            }
            _ => {
                let size = decimal(size)?;
                let (scalar, ..) = SCALARS.iter().find(|(_, k, s)| *k == kind && *s == size)?;
                let order = if size == 1 { ByteOrder::NotApplicable } else { order };
                Some(Self::Scalar(*scalar, order))
            }
        }
    }

    /// Returns the bytes of one element.
    pub fn item_size(&self) -> u64 {
        match self {
            Self::Scalar(scalar, _) => scalar.item_size(),
            Self::Datetime(..) | Self::Timedelta(..) | Self::Object => 8,
            Self::Bytes(len) | Self::Void(len) => *len,
            Self::Text(len, _) => len.saturating_mul(4),
            Self::Record(record) => record.item_size(),
            Self::Subarray(subarray) => subarray.item_size(),
        }
    }

    /// True if elements are, or contain, pickled objects.
    pub fn has_objects(&self) -> bool {
        match self {
            Self::Object => true,
            Self::Record(record) => record.fields().iter().any(|field| field.dtype.has_objects()),
            Self::Subarray(subarray) => subarray.dtype().has_objects(),
            _ => false,
        }
    }

    /// Returns `descr` as an error or a person wants it: a type string in double quotes, else the literal.
    pub(crate) fn quoted(&self) -> String {
        match self {
            Self::Record(_) | Self::Subarray(_) => self.to_string(),
            _ => self.to_string().replace('\'', "\""),
        }
    }
}

/// The literal that NumPy writes for `descr`: `'<f4'`, or `[('x', '<f4'), ('y', '<i8', (2,))]`.
impl Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = |unit: &Option<Unit>| unit.map_or_else(String::new, |unit| format!("[{unit}]"));
        match self {
            Self::Scalar(scalar, order) => {
                write!(f, "'{}{}{}'", order.symbol(), scalar.kind(), scalar.item_size())
            }
            Self::Datetime(step, order) => write!(f, "'{}M8{}'", order.symbol(), unit(step)),
            Self::Timedelta(step, order) => write!(f, "'{}m8{}'", order.symbol(), unit(step)),
            Self::Bytes(len) => write!(f, "'|S{len}'"),
            Self::Text(len, order) => write!(f, "'{}U{len}'", order.symbol()),
            Self::Void(len) => write!(f, "'|V{len}'"),
            Self::Record(record) => Display::fmt(record, f),
            Self::Subarray(subarray) => Display::fmt(subarray, f),
            Self::Object => f.write_str("'|O'"),
        }
    }
}

/// Parses a whole number without sign, spaces or leading zeros.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    if !canonical || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|&value| i64::try_from(value).is_ok())
}

/// Parses what follows `M` or `m` if there is a unit: `8[ns]`, `8[25s]`.
fn unit_suffix(text: &str) -> Option<Unit> {
    Unit::parse(text.strip_prefix("8[")?.strip_suffix(']')?)
}

/// Writes a string as Python's `repr` would; single quotes unless it contains some.
pub(super) fn write_python_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    f.write_char(quote)?;
    for character in text.chars() {
        match character {
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            _ if character == quote => write!(f, "\\{quote}")?,
            '\0'..='\x1f' | '\x7f'..='\u{a0}' | '\u{ad}' => write!(f, "\\x{:02x}", u32::from(character))?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char(quote)
}

#[cfg(test)]
mod tests;
