//! What one array becomes, and then the array. Copies only what [`Transfer`] says.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::Buffer;
use arrow_schema::FieldRef;

use super::memory::{self, to_u64, to_usize};
use super::options::{ArrowOptions, RowLayout};
use super::tensor::Lists;
use super::transfer::{Case, CopyReason, Origin, Transfer};
use super::{elements, layout, schema, swap, transpose};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_WITHOUT_BYTES;
use crate::npy::{Header, Order};

/// What one array becomes: its field, and whether it shares memory, decided before any work.
///
/// ```
/// use arrow_buffer::Buffer;
/// use npzarrow::arrow::{ArrowOptions, Origin, Plan, Transfer};
/// use npzarrow::npy::{Dtype, Header, Order, Shape};
///
/// let dtype = Dtype::from_type_str("=i4").ok_or("no dtype")?;
/// let header = Header::try_new(&dtype, Order::C, &Shape::new(vec![3]))?;
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
    /// The width of numbers whose bytes are still to be swapped.
    swap: Option<usize>,
    without_bytes: u64,
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
        let empty = if lists == Lists::Empty { rows } else { layout::without_bytes(dtype, count) };
        let limit = MAX_WITHOUT_BYTES.max(header.payload_len());
        if empty > limit {
            return Err(Error::new(ErrorKind::LimitExceeded {
                what: "elements without bytes:",
                value: empty,
                limit,
            }));
        }
        let is_fortran = header.order() == Order::Fortran && !transpose::is_free(shape);
        let decision = Case {
            conversion: layout::reason(dtype, lists.item_type(field.data_type()))
                .or_else(|| is_fortran.then_some(CopyReason::FortranOrder))
                .or_else(|| swap::width(dtype).map(|_| CopyReason::ByteOrder)),
            alignment: layout::alignment(dtype),
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
            swap: swap::width(dtype),
            without_bytes: empty,
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

    /// Swaps the bytes of numbers where they lie, if that is all the copy is for, so that none is made.
    pub(crate) fn swap_in_place(&mut self, payload: &mut [u8]) {
        if !self.is_fortran
            && let Some(width) = self.swap.take()
        {
            swap::in_place(payload, width);
        }
    }

    /// Returns how many rows and elements take no byte of the payload, but memory.
    pub(crate) fn without_bytes(&self) -> u64 {
        self.without_bytes
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
        match (self.is_fortran, self.swap) {
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

#[cfg(test)]
mod tests;
