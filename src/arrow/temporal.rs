//! Dates, times and durations: what fits shares its memory, all else is scaled with overflow checked.
//!
//! | NumPy | Arrow |
//! |---|---|
//! | `M8[s]` `M8[ms]` `M8[us]` `M8[ns]` | Timestamp of that unit |
//! | `M8[h]` `M8[m]` | Timestamp in seconds |
//! | `M8[D]` `M8[W]` `M8[M]` `M8[Y]` | Date32 |
//! | `m8[s]` `m8[ms]` `m8[us]` `m8[ns]` | Duration of that unit |
//! | `m8[W]` `m8[D]` `m8[h]` `m8[m]` | Duration in seconds |
//! | `m8[M]` `m8[Y]` | Int64 of months; polars does not import Interval(YearMonth) |

use std::sync::Arc;

use arrow_array::PrimitiveArray;
use arrow_array::types::{
    ArrowPrimitiveType, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{ArrayRef, Date32Array, Int64Array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit as ArrowUnit};

use super::memory::{self, to_u64};
use crate::error::{Error, ErrorKind, Result};
use crate::npy::{Dtype, TimeUnit, Unit};

/// NumPy's "not a time".
pub(super) const NAT: i64 = i64::MIN;

/// How steps become values of the Arrow type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conversion {
    pub(super) data_type: DataType,
    pub(super) scale: Scale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// The same numbers.
    Same,
    /// So many times the number.
    Times(i64),
    /// So many days each.
    Days(i64),
    /// The first day of every so many months.
    Months(i64),
}

impl Conversion {
    /// Decides for `M8` and `m8`; an error for what has no Arrow type.
    pub(super) fn try_new(dtype: &Dtype, unit: Option<Unit>, is_date: bool) -> Result<Self> {
        let unsupported = |reason| Error::new(ErrorKind::UnsupportedDtype { descr: dtype.quoted(), reason });
        let Some(Unit { multiple, unit }) = unit else {
            return Err(unsupported("has no unit, so its values mean nothing"));
        };
        let multiple = i64::from(multiple);
        let times = |factor: i64| match multiple.saturating_mul(factor) {
            1 => Scale::Same,
            factor => Scale::Times(factor),
        };
        let (unit, scale) = match unit {
            TimeUnit::Nanosecond => (ArrowUnit::Nanosecond, times(1)),
            TimeUnit::Microsecond => (ArrowUnit::Microsecond, times(1)),
            TimeUnit::Millisecond => (ArrowUnit::Millisecond, times(1)),
            TimeUnit::Second => (ArrowUnit::Second, times(1)),
            TimeUnit::Minute => (ArrowUnit::Second, times(60)),
            TimeUnit::Hour => (ArrowUnit::Second, times(3600)),
            TimeUnit::Day | TimeUnit::Week | TimeUnit::Month | TimeUnit::Year => {
                let is_week = unit == TimeUnit::Week;
                let (data_type, scale) = match unit {
                    TimeUnit::Day | TimeUnit::Week if is_date => {
                        (DataType::Date32, Scale::Days(multiple * if is_week { 7 } else { 1 }))
                    }
                    TimeUnit::Day | TimeUnit::Week => (
                        DataType::Duration(ArrowUnit::Second),
                        times(if is_week { 7 * 86_400 } else { 86_400 }),
                    ),
                    _ => {
                        let months = multiple * if unit == TimeUnit::Year { 12 } else { 1 };
                        if is_date {
                            (DataType::Date32, Scale::Months(months))
                        } else {
                            (DataType::Int64, if months == 1 { Scale::Same } else { Scale::Times(months) })
                        }
                    }
                };
                return Ok(Self { data_type, scale });
            }
            TimeUnit::Picosecond | TimeUnit::Femtosecond | TimeUnit::Attosecond => {
                return Err(unsupported("is finer than Arrow's nanoseconds"));
            }
        };
        let data_type = if is_date { DataType::Timestamp(unit, None) } else { DataType::Duration(unit) };
        Ok(Self { data_type, scale })
    }

    /// True if the values are NumPy's own.
    pub(super) fn is_shared(&self) -> bool {
        self.scale == Scale::Same
    }

    /// True if the type leaves open which dtype it was.
    pub(super) fn loses_unit(&self) -> bool {
        !matches!(self.scale, Scale::Same | Scale::Days(1)) || self.data_type == DataType::Int64
    }

    /// Says what is done to values that cannot be shared.
    pub(super) fn reason(&self) -> &'static str {
        match self.scale {
            Scale::Same => "the values are shared",
            Scale::Times(_) => "the steps are scaled to a unit that Arrow has",
            Scale::Days(_) | Scale::Months(_) => "Arrow counts dates in days of 32 bits",
        }
    }

    /// Makes the array from steps of the machine's byte order; NaT becomes null.
    pub(super) fn array(&self, bytes: &Buffer) -> Result<ArrayRef> {
        let steps = memory::numbers::<i64>(bytes)?;
        match self.scale {
            Scale::Same => self.wide(steps.clone(), nulls(&steps)),
            Scale::Times(factor) => {
                let limit = i64::MAX.checked_div(factor).unwrap_or(0);
                let scaled = scaled::<8>(&steps, |step| {
                    (step.wrapping_mul(factor).to_ne_bytes(), (-limit..=limit).contains(&step))
                })?;
                self.wide(memory::numbers(&scaled)?, nulls(&steps))
            }
            Scale::Days(factor) => dates(&steps, |step| {
                let limit = i64::from(i32::MAX).checked_div(factor).unwrap_or(0);
                let days = low_half(step.wrapping_mul(factor));
                (days, if factor == 1 { i64::from(days) == step } else { (-limit..=limit).contains(&step) })
            }),
            Scale::Months(factor) => dates(&steps, |step| {
                let days = step.checked_mul(factor).and_then(first_day);
                (days.unwrap_or(0), days.is_some())
            }),
        }
    }

    fn wide(&self, values: ScalarBuffer<i64>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        match self.data_type {
            DataType::Timestamp(ArrowUnit::Second, _) => primitive::<TimestampSecondType>(values, nulls),
            DataType::Timestamp(ArrowUnit::Millisecond, _) => {
                primitive::<TimestampMillisecondType>(values, nulls)
            }
            DataType::Timestamp(ArrowUnit::Microsecond, _) => {
                primitive::<TimestampMicrosecondType>(values, nulls)
            }
            DataType::Timestamp(ArrowUnit::Nanosecond, _) => {
                primitive::<TimestampNanosecondType>(values, nulls)
            }
            DataType::Duration(ArrowUnit::Second) => primitive::<DurationSecondType>(values, nulls),
            DataType::Duration(ArrowUnit::Millisecond) => primitive::<DurationMillisecondType>(values, nulls),
            DataType::Duration(ArrowUnit::Microsecond) => primitive::<DurationMicrosecondType>(values, nulls),
            DataType::Duration(ArrowUnit::Nanosecond) => primitive::<DurationNanosecondType>(values, nulls),
            _ => Ok(Arc::new(Int64Array::try_new(values, nulls)?)),
        }
    }
}

fn primitive<T: ArrowPrimitiveType<Native = i64>>(
    values: ScalarBuffer<i64>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    Ok(Arc::new(PrimitiveArray::<T>::try_new(values, nulls)?))
}

fn dates(steps: &ScalarBuffer<i64>, convert: impl Fn(i64) -> (i32, bool)) -> Result<ArrayRef> {
    let days = scaled::<4>(steps, |step| {
        let (days, fits) = convert(step);
        (days.to_ne_bytes(), fits)
    })?;
    Ok(Arc::new(Date32Array::try_new(memory::numbers(&days)?, nulls(steps))?))
}

/// Converts every step; fails with the first that does not fit and is no NaT. The loop has no branch.
fn scaled<const WIDTH: usize>(steps: &[i64], convert: impl Fn(i64) -> ([u8; WIDTH], bool)) -> Result<Buffer> {
    memory::fill(steps.len() * WIDTH, |out| {
        let mut all_fit = true;
        for (out, &step) in out.as_chunks_mut::<WIDTH>().0.iter_mut().zip(steps) {
            let (value, fits) = convert(step);
            let is_nat = step == NAT;
            all_fit &= is_nat | fits;
            *out = value;
        }
        if all_fit {
            return Ok(());
        }
        let index = steps.iter().position(|&step| step != NAT && !convert(step).1).unwrap_or(0);
        let reason = "does not fit the Arrow type of the column";
        Err(Error::new(ErrorKind::Value { index: to_u64(index), reason }))
    })
}

/// Marks NaT as null; none, and no bitmap, if there is no NaT.
fn nulls(steps: &[i64]) -> Option<NullBuffer> {
    // Whole blocks without a branch inside, so that the search for the usual case runs at memory speed.
    let has_nat = steps.chunks(1024).any(|block| block.iter().filter(|&&step| step == NAT).count() > 0);
    has_nat.then(|| {
        let mut steps = steps.iter();
        let len = steps.len();
        NullBuffer::new(BooleanBuffer::collect_bool(len, |_| steps.next().is_some_and(|&step| step != NAT)))
    })
}

/// Returns the lower 32 bits.
fn low_half(value: i64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// Returns the days from 1970-01-01 to the first of the month, counted from January 1970, in the Gregorian
/// calendar of all years.
pub(super) fn first_day(month: i64) -> Option<i32> {
    // Years that begin in March have their leap day at the end.
    let march_based = month.checked_sub(2)?;
    let (year, month) = (march_based.div_euclid(12).checked_add(1970)?, march_based.rem_euclid(12));
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_era = year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5;
    i32::try_from(era.checked_mul(146_097)?.checked_add(day_of_era)?.checked_sub(719_468)?).ok()
}

#[cfg(test)]
mod tests;
