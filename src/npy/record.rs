//! Structured dtypes: fields at offsets, with titles, padding, nesting and sub-arrays.
//!
//! NumPy spells padding as fields without a name and of void type; here it is folded into the offsets.

use std::collections::HashSet;
use std::fmt::{self, Display};
use std::sync::Arc;

use super::dtype::{Dtype, write_python_string};
use super::literal::{Cursor, syntax};
use super::shape::Shape;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_NESTING;

/// One field of a structured dtype.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Field {
    /// The name.
    pub name: String,
    /// NumPy's second name, which documents the field.
    pub title: Option<String>,
    /// The type.
    pub dtype: Dtype,
    /// The bytes between the start of the element and the field.
    pub offset: u64,
}

/// A structured dtype.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Record {
    fields: Vec<Field>,
    item_size: u64,
}

impl Record {
    /// Returns the fields in their order, which is also that of their offsets.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Returns the bytes of one element, padding included.
    pub fn item_size(&self) -> u64 {
        self.item_size
    }

    /// Makes a structured dtype of fields with their titles, one behind the other without padding.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnsupportedDtype`] if two names or titles are the same, or a name is empty;
    /// [`ErrorKind::ShapeOverflow`] if an element would have 2⁶³ bytes.
    pub fn packed(fields: Vec<(String, Option<String>, Dtype)>) -> Result<Self> {
        let mut record = Self { fields: Vec::with_capacity(fields.len()), item_size: 0 };
        let mut names = HashSet::new();
        for (name, title, dtype) in fields {
            let refused =
                |reason| Error::new(ErrorKind::UnsupportedDtype { descr: format!("{name:?}"), reason });
            if name.is_empty() {
                return Err(refused("is no name of a field"));
            }
            if !title.iter().chain([&name]).all(|name| names.insert(name.clone())) {
                return Err(refused("names a field twice"));
            }
            let offset = record.item_size;
            let end = offset.checked_add(dtype.item_size()).filter(|&end| i64::try_from(end).is_ok());
            let item_size = dtype.item_size();
            record.item_size =
                end.ok_or_else(|| Error::new(ErrorKind::ShapeOverflow { shape: vec![1], item_size }))?;
            record.fields.push(Field { name, title, dtype, offset });
        }
        Ok(record)
    }

    /// Parses the list of fields at the cursor: `[('x', '<f4'), (('title', 'y'), '<i8', (2,)), ('', '|V4')]`.
    fn parse(cursor: &mut Cursor<'_>, depth: usize) -> Result<Self> {
        cursor.expect(b'[', "a list of fields")?;
        let mut record = Self { fields: Vec::new(), item_size: 0 };
        let mut names = HashSet::new();
        let mut closed = cursor.take(b']');
        while !closed {
            let offset = cursor.offset();
            if let Some(field) = record.parse_field(cursor, depth)? {
                for name in field.title.iter().chain([&field.name]) {
                    if !names.insert(name.clone()) {
                        let problem = "names a field twice";
                        let descr = format!("{name:?}");
                        return Err(Error::at(
                            offset,
                            ErrorKind::UnsupportedDtype { descr, reason: problem },
                        ));
                    }
                }
                record.fields.push(field);
            }
            closed = cursor.close_or_comma(b']', "',' or ']' after a field")?;
        }
        Ok(record)
    }

    /// Parses one field and makes room for it; `None` if it is padding.
    fn parse_field(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Result<Option<Field>> {
        let start = cursor.offset();
        cursor.expect(b'(', "a field")?;
        let (title, name) = if cursor.take(b'(') {
            let title = cursor.string()?;
            cursor.expect(b',', "',' after a title")?;
            let name = cursor.string()?;
            if !cursor.close_or_comma(b')', "')' after a name")? {
                return Err(cursor.unexpected("')' after a name"));
            }
            (Some(title.into_owned()), name.into_owned())
        } else {
            (None, cursor.string()?.into_owned())
        };
        cursor.expect(b',', "',' after the name of a field")?;
        let mut dtype = parse_descr(cursor, depth)?;
        if !cursor.close_or_comma(b')', "',' or ')' after the type of a field")? {
            let shape_offset = cursor.offset();
            let shape = if cursor.peek() == Some(b'(') {
                Shape::parse(cursor)?
            } else {
                Shape::new(vec![cursor.integer()?])
            };
            dtype = Dtype::Subarray(Arc::new({
                Subarray::try_new(dtype, shape).map_err(|error| error.at_offset(shape_offset))?
            }));
            if !cursor.close_or_comma(b')', "')' after the shape of a field")? {
                return Err(cursor.unexpected("')' after the shape of a field"));
            }
        }
        let offset = self.item_size;
        self.item_size = offset
            .checked_add(dtype.item_size())
            .filter(|&size| i64::try_from(size).is_ok())
            .ok_or_else(|| syntax(start, "a field that ends below 2**63", Some('(')))?;
        let padding = name.is_empty() && title.is_none() && matches!(dtype, Dtype::Void(_));
        Ok((!padding).then_some(Field { name, title, dtype, offset }))
    }
}

/// Parses a `descr` at the cursor: a type string or a list of fields.
pub(super) fn parse_descr(cursor: &mut Cursor<'_>, depth: usize) -> Result<Dtype> {
    let offset = cursor.offset();
    if depth > MAX_NESTING {
        let (value, limit) = (to_u64(depth), to_u64(MAX_NESTING));
        return Err(Error::at(offset, ErrorKind::LimitExceeded { what: "nesting of fields", value, limit }));
    }
    match cursor.peek() {
        Some(b'\'' | b'"') => {
            let text = cursor.string()?;
            Dtype::from_type_str(&text).ok_or_else(|| {
                let reason = "is not a type string of the array interface";
                Error::at(offset, ErrorKind::UnsupportedDtype { descr: format!("{text:?}"), reason })
            })
        }
        Some(b'[') => Ok(Dtype::Record(Arc::new(Record::parse(cursor, depth.saturating_add(1))?))),
        _ => Err(cursor.unexpected("a type string or a list of fields")),
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut end = 0_u64;
        let mut separator = "";
        f.write_str("[")?;
        for field in &self.fields {
            let padding = field.offset.saturating_sub(end);
            if padding > 0 {
                write!(f, "{separator}('', '|V{padding}')")?;
                separator = ", ";
            }
            write!(f, "{separator}{field}")?;
            separator = ", ";
            end = field.offset.saturating_add(field.dtype.item_size());
        }
        let padding = self.item_size.saturating_sub(end);
        if padding > 0 {
            write!(f, "{separator}('', '|V{padding}')")?;
        }
        f.write_str("]")
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        if let Some(title) = &self.title {
            f.write_str("(")?;
            write_python_string(f, title)?;
            f.write_str(", ")?;
            write_python_string(f, &self.name)?;
            f.write_str(")")?;
        } else {
            write_python_string(f, &self.name)?;
        }
        match &self.dtype {
            Dtype::Subarray(subarray) => write!(f, ", {}, {})", subarray.dtype, subarray.shape),
            dtype => write!(f, ", {dtype})"),
        }
    }
}

/// A small array of fixed shape inside each element.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subarray {
    dtype: Dtype,
    shape: Shape,
    item_size: u64,
}

impl Subarray {
    /// Makes an array of elements of this type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ShapeOverflow`].
    pub fn try_new(dtype: Dtype, shape: Shape) -> Result<Self> {
        let item_size = shape.byte_len(dtype.item_size())?;
        Ok(Self { dtype, shape, item_size })
    }

    /// Returns the type of the inner elements.
    pub fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// Returns the shape, always in C order.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Returns the bytes of the whole sub-array.
    pub fn item_size(&self) -> u64 {
        self.item_size
    }
}

impl Display for Subarray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.dtype, self.shape)
    }
}
