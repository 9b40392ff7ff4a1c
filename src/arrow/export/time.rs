//! Time: numbers of steps, with NaT for null. The inverse of the scaling of `arrow/temporal.rs`.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, IntervalYearMonthType};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_schema::{DataType, IntervalUnit};

use super::super::memory;
use super::super::temporal::{Conversion, NAT, Scale, first_day};
use super::failure::Failure;
use super::fixed::values_of;
use super::plan::unit;
use crate::error::ExportProblem;
use crate::npy::{ByteOrder, Dtype, TimeUnit, Unit};

/// A dtype of time, and how values become its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) dtype: Dtype,
    scale: Scale,
}

impl Steps {
    /// Returns how values of a type become steps: those of the dtype that the metadata keeps if it fits, else the
    /// type's own. `None` if the type is none of time.
    pub(super) fn try_new(data_type: &DataType, original: Option<&Dtype>) -> Option<Self> {
        let native = match original {
            Some(Dtype::Datetime(Some(unit), _)) => {
                Some((Dtype::Datetime(Some(*unit), ByteOrder::NATIVE), *unit, true))
            }
            Some(Dtype::Timedelta(Some(unit), _)) => {
                Some((Dtype::Timedelta(Some(*unit), ByteOrder::NATIVE), *unit, false))
            }
            _ => None,
        };
        if let Some((dtype, unit, is_date)) = native
            && let Ok(Conversion { data_type: expected, scale }) =
                Conversion::try_new(&dtype, Some(unit), is_date)
            && is_same(&expected, data_type)
        {
            return Some(Self { dtype, scale });
        }
        let datetime = |unit| Dtype::Datetime(Some(unit), ByteOrder::NATIVE);
        let timedelta = |unit| Dtype::Timedelta(Some(unit), ByteOrder::NATIVE);
        let one = |unit| Unit { multiple: 1, unit };
        let dtype = match data_type {
            DataType::Timestamp(arrow_unit, _) => datetime(unit(*arrow_unit)),
            DataType::Duration(arrow_unit) => timedelta(unit(*arrow_unit)),
            DataType::Date64 => datetime(one(TimeUnit::Millisecond)),
            DataType::Date32 => datetime(one(TimeUnit::Day)),
            DataType::Interval(IntervalUnit::YearMonth) => timedelta(one(TimeUnit::Month)),
            _ => return None,
        };
        Some(Self { dtype, scale: Scale::Same })
    }

    /// Returns the steps in the machine's byte order. Shares the values if they are the same and none is null.
    pub(super) fn encode(
        &self,
        array: &ArrayRef,
        nulls: Option<&NullBuffer>,
        first: u64,
    ) -> Result<Buffer, Failure> {
        let is_wide = !matches!(array.data_type(), DataType::Date32 | DataType::Interval(_));
        if is_wide && nulls.is_none() && self.scale == Scale::Same {
            return Ok(values_of(array, size_of::<i64>()));
        }
        let mut misfit = None;
        let steps = memory::fill(array.len().saturating_mul(size_of::<i64>()), |out| {
            let mut out = out.as_chunks_mut::<8>().0.iter_mut();
            let mut index = 0;
            let mut put = |value: i64| {
                let is_null = nulls.is_some_and(|nulls| nulls.is_null(index));
                let step = if is_null { Some(NAT) } else { self.scale.inverse(value) };
                if step.is_none() && misfit.is_none() {
                    misfit = Some(memory::to_u64(index));
                }
                if let Some(out) = out.next() {
                    *out = step.unwrap_or(NAT).to_ne_bytes();
                }
                index += 1;
            };
            match array.data_type() {
                DataType::Date32 => {
                    array.as_primitive::<Date32Type>().values().iter().for_each(|&days| put(i64::from(days)));
                }
                DataType::Interval(_) => {
                    let months = array.as_primitive::<IntervalYearMonthType>().values();
                    months.iter().for_each(|&months| put(i64::from(months)));
                }
                _ => {
                    let values = values_of(array, size_of::<i64>());
                    values.as_chunks::<8>().0.iter().for_each(|value| put(i64::from_ne_bytes(*value)));
                }
            }
            Ok(())
        })?;
        match misfit {
            None => Ok(steps),
            Some(index) => {
                let index = first.saturating_add(index);
                Err(ExportProblem::Step { index, descr: self.dtype.quoted() }.into())
            }
        }
    }
}

/// Time zones say how instants are shown, not which they are.
fn is_same(expected: &DataType, found: &DataType) -> bool {
    match (expected, found) {
        (DataType::Timestamp(expected, _), DataType::Timestamp(found, _)) => expected == found,
        _ => expected == found,
    }
}

impl Scale {
    /// The steps that become this value; `None` if it lies between two.
    fn inverse(self, value: i64) -> Option<i64> {
        let exact = |factor: i64| match value.checked_rem(factor) {
            Some(0) => value.checked_div(factor),
            _ => None,
        };
        match self {
            Self::Same => Some(value),
            Self::Times(factor) | Self::Days(factor) => exact(factor),
            Self::Months(factor) => {
                // 30.436875 days a month on average (146097 in 400 years): the month is this one or the one before or behind.
                let guess = value.checked_mul(4_800)?.checked_div(146_097)?;
                let month = (guess.checked_sub(2)?..=guess.checked_add(2)?)
                    .find(|&month| first_day(month).map(i64::from) == Some(value))?;
                (month.checked_rem(factor)? == 0).then(|| month.checked_div(factor))?
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_of_every_day() {
        let mut firsts = 0;
        for month in -40_000..40_000 {
            let day = i64::from(first_day(month).unwrap());
            assert_eq!(Scale::Months(1).inverse(day), Some(month));
            assert_eq!(Scale::Months(1).inverse(day + 1), None);
            let year = Scale::Months(12).inverse(day);
            assert_eq!(year, (month % 12 == 0).then_some(month / 12));
            firsts += i64::from(year.is_some());
        }
        assert_eq!(firsts, 6667);
        for month in [-70_000_000, -123_456_789 / 2, 70_000_001] {
            let day = i64::from(first_day(month).unwrap());
            assert_eq!(Scale::Months(1).inverse(day), Some(month));
        }
        assert_eq!(Scale::Months(1).inverse(i64::MAX), None);
    }
}
