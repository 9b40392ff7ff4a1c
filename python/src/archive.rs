//! An open archive, its members as NumPy arrays, and what these keep alive.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use npzarrow::arrow::ArrowOptions;
use npzarrow::npz::{MemberInfo, OpenOptions};
use npzarrow::zip::Entry;
use npzarrow::{ErrorKind, Interrupt, NpyArray, NpzArchive, Payload};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::{self, ToPy, in_member};
use crate::input::{Input, StorageOptions};
use crate::interrupt;
use crate::ndarray;
use crate::owner::Owner;

/// An archive with the object whose memory its stored members share.
pub(crate) struct Archive {
    pub(crate) npz: NpzArchive,
    owner: Option<Owner>,
    path: Option<PathBuf>,
    /// What reading a member costs at least.
    least: u64,
    /// Which members were shared: their checksums were verified then, so that there is nothing left to do.
    shared: Box<[AtomicBool]>,
    ambiguous: OnceLock<bool>,
}

impl Archive {
    /// Opens any source: reads its directory.
    pub(crate) fn open(
        source: &Bound<'_, PyAny>,
        storage: StorageOptions,
        mmap: bool,
        options: &OpenOptions,
    ) -> PyResult<Self> {
        let py = source.py();
        let (owner, source) = Input::of(source, storage)?.open(py, mmap)?;
        let path = source.path().map(Path::to_owned);
        let least = interrupt::least(&source);
        // The directory is a part of the source, and mostly a small one; that of a remote archive may not have come
        // with its end.
        let cost = if least == interrupt::NETWORK {
            least
        } else {
            source.len().max(least).min(interrupt::DETACH_MIN)
        };
        let npz = interrupt::run(py, cost, |_| NpzArchive::with_options(source, options))?;
        let npz = npz.or_raise_at(py, path.as_deref())?;
        let shared = (0..npz.len()).map(|_| AtomicBool::new(false)).collect();
        Ok(Self { npz, owner, path, least, shared, ambiguous: OnceLock::new() })
    }

    pub(crate) fn len(&self) -> usize {
        self.npz.len()
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub(crate) fn name(&self, index: usize) -> &str {
        self.npz.name(index).unwrap_or_default()
    }

    /// The place of the member that a name finds.
    pub(crate) fn find(&self, name: &Bound<'_, PyString>) -> PyResult<usize> {
        // Names of members are UTF-8; a name that is not is none of them.
        let utf8 = name.to_str().map_err(|_| error::not_found(name))?;
        self.npz.index_of(utf8).or_raise_at(name.py(), self.path())
    }

    /// True if a name is there, even if several members have it, so that reading it is an error.
    pub(crate) fn contains(&self, name: &str) -> bool {
        match self.npz.index_of(name) {
            Ok(_) => true,
            Err(error) => matches!(error.kind(), ErrorKind::DuplicateEntry { .. }),
        }
    }

    /// Reads the member at a place.
    pub(crate) fn array<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        let read = |interrupt: &Interrupt| self.npz.array_at(index, interrupt);
        let array = interrupt::run(py, self.cost(index), read)?.or_raise_at(py, self.path())?;
        self.wrap(py, array, index)
    }

    /// Reads what the name of the member at a place finds: that member, unless another one has its name, too.
    pub(crate) fn array_of_its_name<'py>(
        &self,
        py: Python<'py>,
        index: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        if self.is_ambiguous() {
            let index = self.npz.index_of(self.name(index)).or_raise_at(py, self.path())?;
            return self.array(py, index);
        }
        self.array(py, index)
    }

    /// Reads the members of some names.
    pub(crate) fn load<'py>(
        &self,
        py: Python<'py>,
        names: &[Bound<'py, PyString>],
    ) -> PyResult<Bound<'py, PyDict>> {
        let indices = names.iter().map(|name| self.find(name)).collect::<PyResult<Vec<_>>>()?;
        let cost = self.total_cost(indices.iter().copied());
        let arrays = interrupt::run(py, cost, |interrupt| self.npz.arrays(&indices, interrupt))?;
        let loaded = PyDict::new(py);
        for ((array, index), name) in arrays.into_iter().zip(indices).zip(names) {
            loaded.set_item(name, self.wrap(py, array.or_raise_at(py, self.path())?, index)?)?;
        }
        Ok(loaded)
    }

    /// Reads every array. An error if two of them have one name.
    pub(crate) fn load_all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (indices, arrays) = interrupt::run(py, self.total_cost(0..self.len()), |interrupt| {
            let indices = self.arrays_of_one_name_each()?;
            let arrays = self.npz.arrays(&indices, interrupt);
            Ok((indices, arrays))
        })?
        .map_err(|kind| error::of_kind(py, &kind, self.path()))?;
        let loaded = PyDict::new(py);
        for (array, index) in arrays.into_iter().zip(indices) {
            let array = self.wrap(py, array.or_raise_at(py, self.path())?, index)?;
            loaded.set_item(self.name(index), array)?;
        }
        Ok(loaded)
    }

    /// Describes every entry.
    pub(crate) fn info(&self, py: Python<'_>) -> PyResult<Vec<MemberInfo>> {
        let indices: Vec<usize> = (0..self.len()).collect();
        interrupt::run(py, self.least.max(interrupt::DETACH_MIN), |interrupt| {
            // If this fails, each member says so itself.
            let _fetched = self.npz.prepare_headers(&indices, interrupt);
            self.npz.info(&ArrowOptions::default())
        })
    }

    /// About how many bytes reading some members touches.
    pub(crate) fn total_cost(&self, indices: impl Iterator<Item = usize>) -> u64 {
        indices.fold(0, |sum, index| sum.saturating_add(self.cost(index)))
    }

    fn cost(&self, index: usize) -> u64 {
        match self.shared.get(index) {
            Some(shared) if shared.load(Ordering::Relaxed) => 0,
            _ => self.npz.entry(index).map_or(0, Entry::declared_size).max(self.least),
        }
    }

    #[inline]
    fn wrap<'py>(&self, py: Python<'py>, array: NpyArray, index: usize) -> PyResult<Bound<'py, PyAny>> {
        let (header, payload) = array.into_parts();
        if let (Payload::Shared(_), Some(shared)) = (&payload, self.shared.get(index)) {
            shared.store(true, Ordering::Relaxed);
        }
        ndarray::of_payload(py, &header, payload, self.owner.as_ref())
            .map_err(|error| in_member(py, error, self.name(index)))
    }

    fn arrays_of_one_name_each(&self) -> Result<Vec<usize>, ErrorKind> {
        let indices: Vec<usize> = (0..self.len()).filter(|&index| self.npz.is_array(index)).collect();
        if self.is_ambiguous() {
            let mut names: Vec<&str> = indices.iter().map(|&index| self.name(index)).collect();
            names.sort_unstable();
            if let Some(same) = names.chunk_by(|name, next| name == next).find(|same| same.len() > 1) {
                let name = same.first().copied().unwrap_or_default().to_owned();
                return Err(ErrorKind::DuplicateEntry { name, count: same.len() });
            }
        }
        Ok(indices)
    }

    /// True if two members have one name, such as `x` and `x.npy`.
    fn is_ambiguous(&self) -> bool {
        *self.ambiguous.get_or_init(|| {
            let mut seen = HashSet::with_capacity(self.len());
            !self.npz.names().all(|name| seen.insert(name))
        })
    }
}
