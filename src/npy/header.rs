//! The header: dtype, order and shape, and where the payload lies.

use std::fmt::{self, Display};

use super::canonical;
use super::dtype::Dtype;
use super::literal::Cursor;
use super::record::parse_descr;
use super::shape::Shape;
use super::version::{Preamble, Version, truncated};
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, KeyProblem, Result};

/// Which axis of an array is contiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Rows first: the last axis is contiguous.
    C,
    /// Columns first: the first axis is contiguous.
    Fortran,
}

impl Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::C => "C",
            Self::Fortran => "F",
        })
    }
}

/// What an NPY file says of itself before its payload.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Header {
    pub(super) version: Version,
    pub(super) dtype: Dtype,
    pub(super) order: Order,
    pub(super) shape: Shape,
    pub(super) payload_offset: usize,
    pub(super) payload_len: u64,
}

impl Header {
    /// Parses the header at the start of `bytes`, which may end anywhere behind it. Copies no payload.
    ///
    /// The time is linear in the length of the header. That the payload is there is *not* checked: see
    /// [`payload`](Self::payload).
    ///
    /// ```
    /// use npzarrow::npy::{Header, Order};
    ///
    /// let bytes = b"\x93NUMPY\x01\x00\x37\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}";
    /// let header = Header::parse(bytes)?;
    /// assert_eq!(header.dtype().to_string(), "'<f4'");
    /// assert_eq!((header.order(), &header.shape()[..]), (Order::C, &[3][..]));
    /// assert_eq!((header.payload_offset(), header.payload_len()), (65, 12));
    /// # Ok::<(), npzarrow::Error>(())
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let preamble = Preamble::parse(bytes)?;
        let Some(text) = bytes.get(preamble.header_start..preamble.header_end) else {
            return Err(truncated("header", preamble.header_end, bytes.len()));
        };
        if let Some((dtype, order, shape)) = canonical::parse(text) {
            return Self::from_parts(preamble, dtype, order, shape);
        }
        Self::parse_text(preamble, text).map_err(|error| error.shifted(to_u64(preamble.header_start)))
    }

    /// Parses the dictionary in full generality.
    pub(super) fn parse_text(preamble: Preamble, text: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(text, preamble.version)?;
        cursor.expect(b'{', "a dictionary")?;
        let (mut dtype, mut order, mut shape) = (None, None, None);
        let mut closed = cursor.take(b'}');
        while !closed {
            let key_offset = cursor.offset();
            let key = cursor.string()?;
            let problem = |problem| {
                Error::at(key_offset, ErrorKind::HeaderKey { key: key.clone().into_owned(), problem })
            };
            cursor.expect(b':', "':' after a key")?;
            let next = cursor.peek();
            match &*key {
                "descr" if dtype.is_some() => return Err(problem(KeyProblem::Duplicate)),
                "descr" if !matches!(next, Some(b'\'' | b'"' | b'[')) => {
                    return Err(problem(KeyProblem::WrongType));
                }
                "descr" => dtype = Some(parse_descr(&mut cursor, 0)?),
                "fortran_order" if order.is_some() => return Err(problem(KeyProblem::Duplicate)),
                "fortran_order" => match cursor.boolean() {
                    Some(fortran) => order = Some(if fortran { Order::Fortran } else { Order::C }),
                    None => return Err(problem(KeyProblem::WrongType)),
                },
                "shape" if shape.is_some() => return Err(problem(KeyProblem::Duplicate)),
                "shape" if next != Some(b'(') => return Err(problem(KeyProblem::WrongType)),
                "shape" => shape = Some(Shape::parse(&mut cursor)?),
                _ => return Err(problem(KeyProblem::Unknown)),
            }
            closed = cursor.close_or_comma(b'}', "',' or '}' after a value")?;
        }
        if cursor.peek().is_some() {
            return Err(cursor.unexpected("nothing behind the dictionary"));
        }
        let missing = |key: &str| {
            Error::new(ErrorKind::HeaderKey { key: key.to_owned(), problem: KeyProblem::Missing })
        };
        let dtype = dtype.ok_or_else(|| missing("descr"))?;
        let order = order.ok_or_else(|| missing("fortran_order"))?;
        let shape = shape.ok_or_else(|| missing("shape"))?;
        Self::from_parts(preamble, dtype, order, shape)
    }

    fn from_parts(preamble: Preamble, dtype: Dtype, order: Order, shape: Shape) -> Result<Self> {
        let payload_len = shape.byte_len(dtype.item_size())?;
        let payload_offset = preamble.header_end;
        Ok(Self { version: preamble.version, dtype, order, shape, payload_offset, payload_len })
    }

    /// Returns the payload within the bytes that the header was parsed from. Copies nothing; bytes behind
    /// the payload are left alone, as NumPy does.
    pub fn payload<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let range = self.payload_range(to_u64(bytes.len()))?;
        Ok(bytes.get(range).unwrap_or_default())
    }

    /// Returns the payload's range within NPY data of `len` bytes, if it is all there and can be loaded.
    pub fn payload_range(&self, len: u64) -> Result<std::ops::Range<usize>> {
        if self.dtype.has_objects() {
            return Err(Error::new(ErrorKind::ObjectDtype { descr: self.dtype.quoted() }));
        }
        let actual = len.saturating_sub(to_u64(self.payload_offset));
        let expected = self.payload_len;
        let end = usize::try_from(expected).ok().and_then(|len| self.payload_offset.checked_add(len));
        match end {
            Some(end) if expected <= actual => Ok(self.payload_offset..end),
            _ => {
                let (shape, descr) = (self.shape.to_vec(), self.dtype.quoted());
                Err(Error::new(ErrorKind::PayloadSize { shape, descr, expected, actual }))
            }
        }
    }

    /// Returns the header of an array of as many rows, otherwise the same; unchanged if there is no axis.
    pub fn with_rows(&self, rows: u64) -> Result<Self> {
        let mut dims = self.shape.to_vec();
        if let Some(first) = dims.first_mut() {
            *first = rows;
        }
        let shape = Shape::new(dims);
        let payload_len = shape.byte_len(self.dtype.item_size())?;
        Ok(Self { shape, payload_len, dtype: self.dtype.clone(), ..*self })
    }

    /// Returns the bytes of one row: of all that lies behind the first axis.
    pub fn row_len(&self) -> u64 {
        self.shape.inner().iter().fold(self.dtype.item_size(), |len, &dim| len.saturating_mul(dim))
    }

    /// True if the rows of both arrays have the same type and shape, in whatever order they lie.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.dtype == other.dtype
            && self.shape.is_empty() == other.shape.is_empty()
            && self.shape.inner() == other.shape.inner()
    }

    /// Returns the header of an array of other axes in C order, otherwise the same.
    pub(crate) fn with_shape(&self, dims: Vec<u64>) -> Result<Self> {
        let shape = Shape::new(dims);
        let payload_len = shape.byte_len(self.dtype.item_size())?;
        Ok(Self { shape, payload_len, order: Order::C, dtype: self.dtype.clone(), ..*self })
    }

    /// True if rows lie one behind the other: C order, or an order that makes no difference.
    pub fn is_row_major(&self) -> bool {
        self.order == Order::C || self.shape.iter().filter(|&&dim| dim > 1).count() < 2
    }

    /// Returns the version of the format.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the element type.
    pub fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// Returns the order of the axes in memory.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Returns the lengths of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Returns where the payload begins, in bytes from the magic.
    pub fn payload_offset(&self) -> usize {
        self.payload_offset
    }

    /// Returns the bytes of the payload.
    pub fn payload_len(&self) -> u64 {
        self.payload_len
    }
}

#[cfg(test)]
mod tests;
