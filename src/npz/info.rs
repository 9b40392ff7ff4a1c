//! What can be said of a member without reading its payload.

use super::archive::{NpzArchive, strip_suffix};
use crate::arrow::{ArrowOptions, CopyMode, Origin, Plan, Transfer};
use crate::convert::to_u64;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::npy::Header;
use crate::source::Source;
use crate::zip::Method;

/// One entry of an archive, as its directory and its header describe it.
#[derive(Debug)]
#[non_exhaustive]
pub struct MemberInfo {
    /// The name of the array, without `.npy`.
    pub name: String,
    /// Dtype, order and shape, or why there are none.
    pub header: Result<Header>,
    /// The compression method.
    pub method: Method,
    /// The bytes that the member takes in the archive.
    pub compressed_size: u64,
    /// The bytes that it says it has, its NPY header included.
    pub declared_size: u64,
    /// Where the payload begins in the archive; `None` if the member is compressed or no array.
    pub payload_offset: Option<u64>,
    /// What reading it into Arrow does; an error if Arrow cannot hold it. `None` if it is no array.
    pub transfer: Option<Result<Transfer>>,
}

impl MemberInfo {
    /// True if the payload begins at a multiple of 64 bytes in the archive, so that a map can share it
    /// whatever its type.
    pub fn is_aligned(&self) -> bool {
        self.payload_offset.is_some_and(|offset| offset.trailing_zeros() >= 6)
    }
}

impl NpzArchive {
    /// Describes every entry in the order of the directory, from headers alone.
    pub fn info(&self, options: &ArrowOptions) -> Vec<MemberInfo> {
        let indices: Vec<usize> = (0..self.len()).collect();
        // If this fails, each member that is touched says so itself.
        let _fetched = self.prepare_headers(&indices, &Interrupt::default());
        indices.into_iter().filter_map(|index| self.info_at(index, options)).collect()
    }

    fn info_at(&self, index: usize, options: &ArrowOptions) -> Option<MemberInfo> {
        let entry = self.directory.entry(index)?;
        let name = strip_suffix(self.directory.name(index)?);
        let header = self.header_at(index);
        let payload_offset =
            header.as_ref().ok().filter(|_| entry.method() == Method::STORED).and_then(|header| {
                let (_, data) = self.locate(index).ok()?;
                Some(data.start.saturating_add(to_u64(header.payload_offset())))
            });
        let transfer = header.as_ref().ok().map(|header| {
            let options = options.clone().with_copy(CopyMode::Auto);
            let (origin, address) = self.origin(payload_offset);
            let plan = Plan::try_new(name, header, &options, origin, address);
            plan.map(|plan| *plan.transfer()).map_err(|error| self.locate_error(error, Some(index)))
        });
        Some(MemberInfo {
            name: name.to_owned(),
            header,
            method: entry.method(),
            compressed_size: entry.compressed_size(),
            declared_size: entry.declared_size(),
            payload_offset,
            transfer,
        })
    }

    /// Where a payload lies before it is read, as far as that decides about sharing.
    fn origin(&self, payload_offset: Option<u64>) -> (Origin, usize) {
        match (&self.source, payload_offset) {
            (_, None) => (Origin::Inflated, 0),
            (Source::Memory(memory), Some(offset)) => {
                let origin = if memory.is_mutable() { Origin::Mutable } else { Origin::Immutable };
                let start = memory.bytes().as_ptr().addr();
                (origin, start.saturating_add(usize::try_from(offset).unwrap_or(0)))
            }
            (_, Some(_)) => (Origin::Read, 0),
        }
    }
}
