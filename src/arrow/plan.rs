//! What one array becomes, and then the array. Copies only what [`Transfer`] says.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::Buffer;
use arrow_schema::{DataType, FieldRef};

use super::memory::{self, to_u64, to_usize};
use super::options::{ArrowOptions, RowLayout};
use super::temporal::Conversion;
use super::tensor::Lists;
use super::transfer::{Case, CopyReason, Origin, Transfer};
use super::{binary, elements, schema, swap, transpose};
use crate::error::{Error, ErrorKind, Result};
use crate::npy::{Dtype, Header, Order, Scalar};

/// The most rows and elements that take no byte of the payload: their offsets must be bounded by something.
const MAX_EMPTY: u64 = 1 << 24;

/// What one array becomes: its field, and whether it shares memory, decided before any work.
///
/// ```
/// use arrow_buffer::Buffer;
/// use npzarrow::arrow::{ArrowOptions, Origin, Plan, Transfer};
/// use npzarrow::npy::{Dtype, Header, Order, Shape};
///
/// let dtype = Dtype::from_type_str("=i4").ok_or("no dtype")?;
/// let header = Header::try_new(dtype, Order::C, Shape::new(vec![3]))?;
/// let payload = Buffer::from_slice_ref([1_i32, 2, 3]);
/// let address = payload.as_ptr().addr();
/// let plan = Plan::try_new("x", &header, &ArrowOptions::default(), Origin::Immutable, address)?;
/// assert_eq!(plan.transfer(), &Transfer::Shared);
/// let array = plan.array(payload)?;
/// assert_eq!(array.to_data().buffers()[0].as_ptr().addr(), address);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    field: FieldRef,
    transfer: Transfer,
    needs_copy: bool,
    lists: Lists,
    rows: usize,
    count: usize,
    is_fortran: bool,
    header: Header,
}

impl Plan {
    /// Decides for an array whose payload lies at `address`.
    ///
    /// # Errors
    ///
    /// A dtype or shape without a counterpart; [`ErrorKind::CopyRequired`] with the reason if
    /// [`CopyMode::Never`](super::CopyMode::Never) asks for what is impossible.
    pub fn try_new(
        name: &str,
        header: &Header,
        options: &ArrowOptions,
        origin: Origin,
        address: usize,
    ) -> Result<Self> {
        let (dtype, shape) = (header.dtype(), header.shape());
        let cell = schema::cell(header, options.rows);
        let (field, lists) = schema::column(name, dtype, cell, options)?;
        let rows = if options.rows == RowLayout::Archive { 1 } else { shape.rows() };
        let count = if lists == Lists::Empty { 0 } else { shape.element_count() };
        let empty = if lists == Lists::Empty { rows } else { without_bytes(dtype, count) };
        let limit = MAX_EMPTY.max(header.payload_len());
        if empty > limit {
            return Err(Error::new(ErrorKind::LimitExceeded {
                what: "elements without bytes:",
                value: empty,
                limit,
            }));
        }
        let is_fortran = header.order() == Order::Fortran && !transpose::is_free(shape);
        let decision = Case {
            conversion: conversion(dtype, lists.item_type(field.data_type()))
                .or(is_fortran.then_some(CopyReason::FortranOrder))
                .or_else(|| swap::width(dtype).map(|_| CopyReason::ByteOrder)),
            alignment: alignment(dtype),
            copy: options.copy,
            origin,
            address,
            is_empty: header.payload_len() == 0,
        }
        .decide()?;
        Ok(Self {
            field: Arc::new(field),
            transfer: decision.transfer,
            needs_copy: decision.needs_copy,
            lists,
            rows: to_usize(rows)?,
            count: to_usize(count)?,
            is_fortran,
            header: header.clone(),
        })
    }

    /// Returns the column's field, which depends on the header and the options alone.
    pub fn field(&self) -> &FieldRef {
        &self.field
    }

    /// Returns whether the values will share the input's memory.
    pub fn transfer(&self) -> &Transfer {
        &self.transfer
    }

    /// True if [`array`](Self::array) must be given a private copy of the payload, aligned to 64 bytes.
    pub fn needs_copy(&self) -> bool {
        self.needs_copy
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Builds the array. It shares `payload` unless a conversion is needed, or it is misaligned after all.
    pub fn array(&self, payload: Buffer) -> Result<ArrayRef> {
        let dtype = self.header.dtype();
        if to_u64(payload.len()) != self.header.payload_len() {
            return Err(Error::new(ErrorKind::PayloadSize {
                shape: self.header.shape().to_vec(),
                descr: dtype.quoted(),
                expected: self.header.payload_len(),
                actual: to_u64(payload.len()),
            }));
        }
        let data_type = self.field.data_type();
        let items = self.native_in_c_order(payload)?;
        let items = elements::array(dtype, self.lists.item_type(data_type), &items, self.count)?;
        self.lists.wrap(items, data_type, self.rows)
    }

    /// Brings the elements into C order and their numbers into the machine's byte order, if they are not.
    fn native_in_c_order(&self, payload: Buffer) -> Result<Buffer> {
        let width = swap::width(self.header.dtype());
        match (self.is_fortran, width) {
            (false, None) => Ok(payload),
            (false, Some(width)) => memory::fill(payload.len(), |out| {
                swap::copy(&payload, out, width);
                Ok(())
            }),
            (true, width) => memory::fill(payload.len(), |out| {
                transpose::to_c_order(&payload, out, self.header.shape(), self.header.dtype().item_size())?;
                if let Some(width) = width {
                    swap::in_place(out, width);
                }
                Ok(())
            }),
        }
    }
}

/// Returns why elements of this dtype cannot lie in Arrow memory as they are, apart from order and address.
fn conversion(dtype: &Dtype, data_type: &DataType) -> Option<CopyReason> {
    let reason = match dtype {
        Dtype::Record(_) => return Some(CopyReason::Record),
        Dtype::Subarray(subarray) => return conversion(subarray.dtype(), data_type),
        Dtype::Scalar(Scalar::Bool, _) if *data_type == DataType::Boolean => return Some(CopyReason::Packed),
        Dtype::Datetime(unit, _) | Dtype::Timedelta(unit, _) => {
            let is_date = matches!(dtype, Dtype::Datetime(..));
            match Conversion::try_new(dtype, *unit, is_date) {
                Ok(conversion) if !conversion.is_shared() => conversion.reason(),
                _ => return None,
            }
        }
        Dtype::Text(..) => "four bytes per code point become UTF-8",
        Dtype::Bytes(len) if *data_type == DataType::BinaryView => {
            if *len > binary::MAX_INLINE {
                return None;
            }
            "strings of at most 12 bytes lie in their views"
        }
        Dtype::Bytes(_) => "the NULs that pad strings are cut; string_view=True shares long strings",
        Dtype::Scalar(..) | Dtype::Void(_) | Dtype::Object => return None,
    };
    Some(CopyReason::Converted(reason))
}

/// Returns the alignment that Arrow's type for such elements has, if they are shared.
fn alignment(dtype: &Dtype) -> usize {
    match dtype {
        Dtype::Scalar(scalar, _) => match scalar.item_size() {
            2 => align_of::<u16>(),
            4 => align_of::<u32>(),
            8 if *scalar == Scalar::Complex64 => align_of::<f32>(),
            8 | 16 => align_of::<u64>(),
            _ => 1,
        },
        Dtype::Datetime(..) | Dtype::Timedelta(..) => align_of::<i64>(),
        _ => 1,
    }
}

/// Returns how many elements and lists of `count` such elements are bounded by no byte of the payload.
fn without_bytes(dtype: &Dtype, count: u64) -> u64 {
    match dtype {
        Dtype::Record(record) if record.fields().is_empty() && record.item_size() == 0 => count,
        Dtype::Record(record) => record
            .fields()
            .iter()
            .fold(0, |sum: u64, field| sum.saturating_add(without_bytes(&field.dtype, count))),
        Dtype::Subarray(subarray) if subarray.shape().contains(&0) => count,
        Dtype::Subarray(subarray) => {
            without_bytes(subarray.dtype(), count.saturating_mul(subarray.shape().element_count()))
        }
        dtype if dtype.item_size() == 0 => count,
        _ => 0,
    }
}
