//! Finding a member by its name, with or without `.npy`.

use std::cmp::Ordering;

use crate::error::ErrorKind;
use crate::zip::Directory;

const SUFFIX: &str = ".npy";

/// The entries of a directory in the order of their names.
#[derive(Debug)]
pub(super) struct NameIndex(Vec<usize>);

impl NameIndex {
    pub(super) fn new(directory: &Directory) -> Self {
        let mut order: Vec<usize> = (0..directory.len()).collect();
        order.sort_by_key(|&index| directory.name(index));
        Self(order)
    }

    /// Finds the entry whose whole name it is; otherwise the one whose name it is without `.npy`, as NumPy
    /// does.
    pub(super) fn find(&self, directory: &Directory, name: &str) -> Result<usize, ErrorKind> {
        for suffix in ["", SUFFIX] {
            let key = || name.bytes().chain(suffix.bytes());
            let order = |index: usize| directory.name(index).unwrap_or_default().bytes().cmp(key());
            let start = self.0.partition_point(|&index| order(index) == Ordering::Less);
            let same = self.0.get(start..).unwrap_or_default();
            let count = same.partition_point(|&index| order(index) == Ordering::Equal);
            match (count, same.first()) {
                (1, Some(&index)) => return Ok(index),
                (0, _) | (_, None) => {}
                _ => return Err(ErrorKind::DuplicateEntry { name: name.to_owned(), count }),
            }
        }
        Err(ErrorKind::EntryNotFound { name: name.to_owned() })
    }
}
