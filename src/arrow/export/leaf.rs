//! The values of one leaf in one batch: encoded, with nulls filled in or refused.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};

use super::failure::Failure;
use super::fixed::{fill_value, filled, truth, unpacked, values_of};
use super::lists::some_null;
use super::plan::Element;
use super::{Nulls, strings};
use crate::convert::{to_u64, to_usize};
use crate::error::ExportProblem;
use crate::npy::{ByteOrder, Dtype, Scalar};

/// The values of a batch, and what to do about their nulls.
pub(super) struct Values<'a> {
    pub(super) array: &'a ArrayRef,
    /// Where values or what holds them is null.
    pub(super) nulls: Option<NullBuffer>,
    /// What is null already because the record that holds it is, so that its mask tells.
    pub(super) covered: Option<&'a NullBuffer>,
    pub(super) policy: Nulls,
    /// True if the column can have a mask: not within records.
    pub(super) has_mask: bool,
    /// How many values came before.
    pub(super) first: u64,
}

impl Element {
    /// The dtype, given the longest value of text or bytes.
    pub(super) fn dtype(&self, longest: u64) -> Dtype {
        match self {
            Self::Plain(dtype) => dtype.clone(),
            Self::Bits | Self::Bool8 => Dtype::Scalar(Scalar::Bool, ByteOrder::NotApplicable),
            Self::Complex(scalar) => Dtype::Scalar(*scalar, ByteOrder::NATIVE),
            Self::Time(steps) => steps.dtype.clone(),
            Self::Text => strings::dtype(true, longest),
            Self::Bytes => strings::dtype(false, longest),
            Self::Nothing | Self::Record(_) => Dtype::Void(0),
        }
    }

    /// Returns the bytes of the values, and which of them a mask must tell. Shares them where it can.
    pub(super) fn encode(
        &self,
        values: Values<'_>,
        longest: &mut u64,
    ) -> Result<(Buffer, Option<NullBuffer>), Failure> {
        let array = values.array;
        match self {
            Self::Time(steps) => Ok((steps.encode(array, values.nulls.as_ref(), values.first)?, None)),
            Self::Text | Self::Bytes => {
                values.allowed(&self.dtype(*longest))?;
                let packed = strings::pack(array, values.nulls.as_ref(), longest, values.first)?;
                Ok((packed, values.nulls))
            }
            Self::Nothing => {
                values.allowed(&Dtype::Void(0))?;
                let used = array.as_binary::<i32>().offsets().lengths().position(|len| len > 0);
                match used {
                    None => Ok((Buffer::from(&[]), values.nulls)),
                    Some(index) => {
                        let index = values.first.saturating_add(to_u64(index));
                        Err(ExportProblem::NotEmpty { index }.into())
                    }
                }
            }
            Self::Complex(_) => {
                let list = array.as_fixed_size_list();
                let parts = list.values().slice(0, array.len().saturating_mul(2));
                let either = parts.logical_nulls().map(|nulls| {
                    NullBuffer::new(BooleanBuffer::collect_bool(array.len(), |index| {
                        nulls.is_valid(index * 2) && nulls.is_valid(index * 2 + 1)
                    }))
                });
                let nulls = some_null(NullBuffer::union(values.nulls.as_ref(), either.as_ref()));
                let dtype = self.dtype(0);
                let width = to_usize(dtype.item_size()) / 2;
                Values { nulls, ..values }.fill(&dtype, values_of(&parts, width))
            }
            Self::Bits => values.fill(&self.dtype(0), unpacked(array)?),
            Self::Bool8 => {
                let dtype = self.dtype(0);
                let (bytes, nulls) = values.fill(&dtype, values_of(array, 1))?;
                Ok((truth(bytes)?, nulls))
            }
            Self::Plain(dtype) => {
                let bytes = values_of(array, to_usize(dtype.item_size()));
                values.fill(dtype, bytes)
            }
            Self::Record(_) => Ok((Buffer::from(&[]), None)),
        }
    }
}

impl Values<'_> {
    /// Puts something in the place of nulls, or refuses them.
    fn fill(self, dtype: &Dtype, bytes: Buffer) -> Result<(Buffer, Option<NullBuffer>), Failure> {
        let Some(nulls) = &self.nulls else { return Ok((bytes, None)) };
        let value = self.allowed(dtype)?;
        let filled = filled(&bytes, nulls, &value)?;
        let missing = if self.policy == Nulls::Mask { self.nulls } else { None };
        Ok((filled, missing))
    }

    /// What nulls become, or the error that they are.
    fn allowed(&self, dtype: &Dtype) -> Result<Vec<u8>, Failure> {
        let Some(nulls) = &self.nulls else { return Ok(Vec::new()) };
        let is_told = self.policy != Nulls::Mask || self.has_mask || covers(self.covered, nulls);
        match fill_value(dtype, self.policy).filter(|_| is_told) {
            Some(value) => Ok(value),
            None => Err(problem(dtype, nulls).into()),
        }
    }
}

/// True if all these nulls are among those above.
pub(super) fn covers(above: Option<&NullBuffer>, nulls: &NullBuffer) -> bool {
    above.is_some_and(|above| above.null_count() == nulls.null_count())
}

/// The error for nulls that the dtype does not have.
#[cold]
pub(super) fn problem(dtype: &Dtype, nulls: &NullBuffer) -> ExportProblem {
    ExportProblem::Nulls { count: to_u64(nulls.null_count()), descr: dtype.quoted() }
}
