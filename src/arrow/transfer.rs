//! The one decision: share the input's memory, or copy it, and why. Touches no memory.

use std::fmt::{self, Display};

use super::options::CopyMode;
use crate::error::{Error, ErrorKind, Result};

/// Whose memory the payload lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The input's own memory, which cannot change.
    Immutable,
    /// The input's own memory, which others may write to.
    Mutable,
    /// A buffer of ours that a file was read into.
    Read,
    /// A buffer of ours that was inflated into.
    Inflated,
}

/// Whether a column shares the memory of the input. Validity bitmaps do not count: NumPy has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// The values are the input's own memory.
    Shared,
    /// The values are a copy, and this is why.
    Copied(CopyReason),
}

impl Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => f.write_str("shared"),
            Self::Copied(reason) => write!(f, "copied: {reason}"),
        }
    }
}

/// Why the values of a column are not the input's own memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CopyReason {
    /// The caller asked for it.
    Requested,
    /// Arrow reads elements only at multiples of their alignment.
    Misaligned {
        /// How many bytes the payload begins behind such a multiple.
        misaligned_by: usize,
        /// The alignment of the elements in bytes.
        alignment: usize,
    },
    /// Arrow memory never changes, but others may write to the input.
    MutableSource,
    /// The payload had to be inflated.
    Inflated,
    /// The payload had to be read from a file.
    Read,
    /// The numbers are in the byte order of other machines.
    ByteOrder,
    /// The axes are in Fortran order.
    FortranOrder,
    /// Truth values of one byte become bits.
    Packed,
    /// The elements have another form in Arrow.
    Converted(&'static str),
    /// The fields of a record become columns.
    Record,
}

impl Display for CopyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("the caller asked for a copy"),
            Self::Misaligned { misaligned_by, alignment } => {
                write!(f, "the payload begins {misaligned_by} bytes behind a multiple of {alignment}")
            }
            Self::MutableSource => f.write_str("the input can be written to"),
            Self::Inflated => f.write_str("the member is deflated"),
            Self::Read => f.write_str("the file was read; mmap=True shares its pages"),
            Self::ByteOrder => f.write_str("the bytes of each number are in foreign order"),
            Self::FortranOrder => f.write_str("the axes are in Fortran order"),
            Self::Packed => f.write_str("Arrow packs truth values into bits; bool8=True shares them"),
            Self::Converted(reason) => f.write_str(reason),
            Self::Record => f.write_str("the fields of records become columns"),
        }
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) transfer: Transfer,
    /// The caller must copy the payload before the array is built.
    pub(super) needs_copy: bool,
}

/// What the decision depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    /// Why the elements cannot be used as they lie, whoever owns them.
    pub(super) conversion: Option<CopyReason>,
    /// The alignment that Arrow wants for the elements.
    pub(super) alignment: usize,
    pub(super) copy: CopyMode,
    pub(super) origin: Origin,
    /// Where the payload lies.
    pub(super) address: usize,
    /// Nothing can be shared or copied.
    pub(super) is_empty: bool,
}

impl Case {
    /// Decides. A conversion names itself before all else, since it would happen wherever the payload lay.
    pub(super) fn decide(self) -> Result<Decision> {
        if self.is_empty {
            return Ok(Decision { transfer: Transfer::Shared, needs_copy: false });
        }
        let reason = self.conversion.or_else(|| self.obstacle());
        match (reason, self.copy) {
            (None, _) => Ok(Decision { transfer: Transfer::Shared, needs_copy: false }),
            (Some(reason), CopyMode::Never) => {
                Err(Error::new(ErrorKind::CopyRequired { reason: reason.to_string() }))
            }
            (Some(reason), _) => {
                // What others may write is not even converted in place: it could change under the loop.
                let needs_copy = self.origin == Origin::Mutable
                    || matches!(reason, CopyReason::Requested | CopyReason::Misaligned { .. });
                Ok(Decision { transfer: Transfer::Copied(reason), needs_copy })
            }
        }
    }

    /// Returns what forbids to share elements that need no conversion.
    fn obstacle(self) -> Option<CopyReason> {
        let is_ours = matches!(self.origin, Origin::Read | Origin::Inflated);
        if self.copy == CopyMode::Always && !is_ours {
            return Some(CopyReason::Requested);
        }
        let misaligned_by = self.address.checked_rem(self.alignment).unwrap_or(0);
        match self.origin {
            Origin::Mutable => Some(CopyReason::MutableSource),
            Origin::Inflated if self.copy == CopyMode::Never => Some(CopyReason::Inflated),
            Origin::Read if self.copy == CopyMode::Never => Some(CopyReason::Read),
            _ if misaligned_by != 0 => {
                Some(CopyReason::Misaligned { misaligned_by, alignment: self.alignment })
            }
            Origin::Inflated => Some(CopyReason::Inflated),
            Origin::Read => Some(CopyReason::Read),
            Origin::Immutable => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(origin: Origin, address: usize, copy: CopyMode, conversion: Option<CopyReason>) -> String {
        let case = Case { conversion, alignment: 8, copy, origin, address, is_empty: false };
        match case.decide() {
            Ok(Decision { transfer, needs_copy: true }) => format!("{transfer} (copy first)"),
            Ok(Decision { transfer, needs_copy: false }) => transfer.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_table() {
        use CopyMode::{Always, Auto, Never};
        use Origin::{Immutable, Inflated, Mutable, Read};
        let swap = Some(CopyReason::ByteOrder);
        for (origin, address, copy, conversion, expected) in [
            (Immutable, 64, Auto, None, "shared"),
            (Immutable, 64, Never, None, "shared"),
            (Immutable, 64, Always, None, "copied: the caller asked for a copy (copy first)"),
            (
                Immutable,
                67,
                Auto,
                None,
                "copied: the payload begins 3 bytes behind a multiple of 8 (copy first)",
            ),
            (
                Immutable,
                67,
                Never,
                None,
                "cannot share memory with the input: the payload begins 3 bytes behind a multiple of 8",
            ),
            (Immutable, 67, Auto, swap, "copied: the bytes of each number are in foreign order"),
            (Immutable, 64, Always, swap, "copied: the bytes of each number are in foreign order"),
            (Mutable, 64, Auto, None, "copied: the input can be written to (copy first)"),
            (Mutable, 67, Auto, None, "copied: the input can be written to (copy first)"),
            (Mutable, 64, Always, None, "copied: the caller asked for a copy (copy first)"),
            (Mutable, 64, Never, None, "cannot share memory with the input: the input can be written to"),
            (Mutable, 64, Auto, swap, "copied: the bytes of each number are in foreign order (copy first)"),
            (Inflated, 64, Auto, None, "copied: the member is deflated"),
            (Inflated, 64, Always, None, "copied: the member is deflated"),
            (Inflated, 64, Never, None, "cannot share memory with the input: the member is deflated"),
            (Read, 64, Always, None, "copied: the file was read; mmap=True shares its pages"),
            (Read, 67, Auto, None, "copied: the payload begins 3 bytes behind a multiple of 8 (copy first)"),
            (
                Read,
                67,
                Never,
                None,
                "cannot share memory with the input: the file was read; mmap=True shares its pages",
            ),
        ] {
            assert_eq!(
                decide(origin, address, copy, conversion),
                expected,
                "{origin:?} {address} {copy:?} {conversion:?}"
            );
        }
        let empty =
            Case { conversion: swap, alignment: 8, copy: Never, origin: Mutable, address: 1, is_empty: true };
        assert_eq!(empty.decide().unwrap().transfer, Transfer::Shared, "there is nothing to copy");
    }
}
