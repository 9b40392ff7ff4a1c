//! The way back: Arrow columns as NumPy arrays, the inverse of the table of [`arrow`](super).
//!
//! | Arrow | NumPy | copies |
//! |---|---|---|
//! | integers, Float16 to Float64 | the same | no |
//! | Boolean; `arrow.bool8` | `b1` | yes; no |
//! | FixedSizeList\<f4 or f8, 2\> whose [`DTYPE_KEY`](super::DTYPE_KEY) is complex | `c8` `c16` | no |
//! | Timestamp, Duration, Date64 | `M8`, `m8` of that unit (UTC where there is a time zone) | no |
//! | Date32; Interval(YearMonth) | `M8[D]`; `m8[M]` | yes |
//! | any of these, or Int64, with a [`DTYPE_KEY`](super::DTYPE_KEY) | that dtype | where it is scaled |
//! | Utf8, `LargeUtf8`, Utf8View | `U` of the longest value | yes |
//! | Binary, `LargeBinary`, BinaryView | `S` of the longest value | yes |
//! | FixedSizeBinary | `V` | no |
//! | Struct | structured, without padding; [`TITLE_KEY`](super::TITLE_KEY) gives titles | yes |
//! | Dictionary | as its values | yes |
//! | `arrow.fixed_shape_tensor`, FixedSizeList, nested or flat | axes behind the rows | as the values |
//! | List, `LargeList` | an axis, if all lists of the column have one length | as the values |
//!
//! All else is an error that names the column: ragged lists, Decimal, Time, Null, Map, Union and the rest.
//!
//! **Nulls** become NaT where there is one. Elsewhere they are an error, or what [`Nulls`] says. Values that NumPy
//! would lose are errors, too: bytes and text that end in NUL.

mod column;
mod failure;
mod fixed;
mod leaf;
mod lists;
mod plan;
mod record;
mod store;
mod strings;
mod time;

#[cfg(test)]
mod tests;

use std::path::Path;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};

use self::column::Column;
pub(crate) use self::column::Exported;
#[cfg(feature = "table-provider")]
pub(crate) use self::store::MEMORY_LIMIT;
pub(crate) use self::store::Storage;
use crate::error::{Error, ErrorKind, Result};

/// What becomes of nulls in columns whose dtype has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Nulls {
    /// They are an error that names the column.
    #[default]
    Raise,
    /// They become NaN in columns of floats and complex numbers, and are an error in others.
    Nan,
    /// They become zeros, and the column gets a second array beside it, named as it with `_mask` behind, which is
    /// true where a value is missing, as in `numpy.ma`. Columns without nulls get none.
    Mask,
}

/// Makes one array of one column, of which nulls can have no mask. The only one of the arrays is shared where that is
/// possible.
pub(crate) fn export_column(
    field: &Field,
    arrays: impl IntoIterator<Item = Result<ArrayRef>>,
    nulls: Nulls,
    folder: &Path,
) -> Result<Exported> {
    let mut arrays = arrays.into_iter().peekable();
    let first = arrays.next().transpose()?;
    let storage = if arrays.peek().is_some() { Storage::Stream } else { Storage::OneBatch };
    let mut column = Column::try_new(field, nulls, storage, folder)?;
    for array in first.map(Ok).into_iter().chain(arrays) {
        column.push(&array?)?;
    }
    let (array, mask) = column.finish()?;
    if mask.is_some() {
        let (option, value) = ("nulls", "mask".to_owned());
        let expected = "raise or nan, since a single array has no place for a mask";
        return Err(Error::new(ErrorKind::Option { option, value, expected }));
    }
    Ok(array)
}

/// Turns batches into arrays, column by column.
#[derive(Debug)]
pub(crate) struct Exporter {
    columns: Vec<Column>,
}

impl Exporter {
    /// Plans the arrays of a schema.
    pub(crate) fn try_new(schema: &Schema, nulls: Nulls, storage: Storage, folder: &Path) -> Result<Self> {
        let column = |field: &std::sync::Arc<Field>| Column::try_new(field, nulls, storage, folder);
        Ok(Self { columns: schema.fields().iter().map(column).collect::<Result<_>>()? })
    }

    /// Adds the rows of a batch.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        self.columns.iter_mut().zip(batch.columns()).try_for_each(|(column, array)| column.push(array))
    }

    /// Returns the arrays; masks follow what they belong to.
    pub(crate) fn finish(self) -> Result<Vec<Exported>> {
        let mut exported = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            let (array, mask) = column.finish()?;
            exported.push(array);
            exported.extend(mask);
        }
        Ok(exported)
    }
}
