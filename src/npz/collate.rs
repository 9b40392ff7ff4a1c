//! One-sample archives become stacked arrays: each member goes straight to its place in the batch.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::archive::NpzArchive;
use super::options::OpenOptions;
use super::place::{Reading, Scratch, allocatable};
use crate::aligned::AlignedBuf;
use crate::array::{NpyArray, OwnedPayload, Payload};
use crate::arrow::Origin;
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, Result, ShapeDisplay};
use crate::interrupt::Interrupt;
use crate::npy::Header;
use crate::parallel;
use crate::source::{Memory, Source};
#[cfg(feature = "object-store")]
use crate::source::{RemoteOptions, remote::shown};

/// Opening an archive takes as long as reading this much of a cached file.
const OPEN_COST: u64 = 64 << 10;

/// An archive that is one sample.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Sample {
    /// A file. It is open only while it is read, so there may be any number.
    Path(PathBuf),
    /// Its bytes.
    Memory(Memory),
    /// An object, and how to reach it. It is fetched when its turn comes.
    #[cfg(feature = "object-store")]
    Url(String, RemoteOptions),
}

/// An array that all samples have.
struct Stacked<'slots> {
    name: String,
    header: Header,
    /// What each sample fills.
    slots: Vec<Mutex<&'slots mut [u8]>>,
}

/// Stacks the arrays of one-sample archives on a new first axis, in parallel, without an array per sample in
/// between. Takes the named arrays in this order, else all that the first sample has. Checksums are verified.
///
/// # Errors
///
/// What is wrong with a sample, with its path or its place in the list; [`ErrorKind::ShardMismatch`] if two
/// differ in dtype, shape or arrays.
///
/// ```no_run
/// use npzarrow::Interrupt;
/// use npzarrow::npz::{OpenOptions, Sample, collate};
///
/// let samples = ["0.npz", "1.npz"].map(|path| Sample::Path(path.into()));
/// for (name, array) in collate(&samples, None, &OpenOptions::default(), &Interrupt::default())? {
///     println!("{name}: {:?}", array.header().shape());
/// }
/// # Ok::<(), npzarrow::Error>(())
/// ```
pub fn collate(
    samples: &[Sample],
    names: Option<&[String]>,
    options: &OpenOptions,
    interrupt: &Interrupt,
) -> Result<Vec<(String, NpyArray)>> {
    let Some(first) = samples.first() else { return Ok(Vec::new()) };
    let headers = headers(first, names, options, interrupt).map_err(|error| locate(error, first, 0))?;
    let mut buffers = Vec::with_capacity(headers.len());
    for (name, header) in &headers {
        let count = to_u64(samples.len());
        let all =
            header.with_shape(std::iter::once(count).chain(header.shape().iter().copied()).collect())?;
        buffers.push((name.clone(), AlignedBuf::zeroed(allocatable(all.payload_len())?)?, all));
    }
    let stacked: Vec<Stacked<'_>> = headers
        .iter()
        .zip(&mut buffers)
        .map(|((name, header), (_, buffer, _))| {
            let mut rest = buffer.as_mut_slice();
            let len = to_usize(header.payload_len());
            let slots = samples.iter().map(|_| {
                let (slot, behind) = std::mem::take(&mut rest).split_at_mut_checked(len).unwrap_or_default();
                rest = behind;
                Mutex::new(slot)
            });
            Stacked { name: name.clone(), header: header.clone(), slots: slots.collect() }
        })
        .collect();
    let bytes = headers.iter().fold(OPEN_COST, |sum, (_, header)| sum.saturating_add(header.payload_len()));
    let costs = vec![bytes; samples.len()];
    let results = parallel::map_with(&costs, options.threads, Scratch::default, |scratch, index| {
        interrupt.check()?;
        let Some(sample) = samples.get(index) else { return Ok(()) };
        let fill = Fill { stacked: &stacked, index, all: names.is_none(), first, options, interrupt };
        fill.sample(sample, scratch).map_err(|error| locate(error, sample, index))
    });
    drop(stacked);
    results.into_iter().collect::<Result<()>>()?;
    let finish = |(name, buffer, header): (String, AlignedBuf, Header)| {
        let len = buffer.as_slice().len();
        let payload = Payload::Owned(OwnedPayload::new(buffer, 0..len, Origin::Read));
        (name, NpyArray::from_parts(header, payload))
    };
    Ok(buffers.into_iter().map(finish).collect())
}

fn open(sample: &Sample, options: &OpenOptions, interrupt: &Interrupt) -> Result<NpzArchive> {
    #[cfg(not(feature = "object-store"))]
    let _ = interrupt;
    let source = match sample {
        Sample::Path(path) => Source::open(path)?,
        Sample::Memory(memory) => Source::Memory(memory.clone()),
        #[cfg(feature = "object-store")]
        Sample::Url(url, remote) => Source::open_url(url, &remote.clone().with_interrupt(interrupt.clone()))?,
    };
    NpzArchive::with_options(source, options)
}

/// Adds the path, or the place in the list.
fn locate(error: Error, sample: &Sample, index: usize) -> Error {
    error.in_path(label(sample, index))
}

fn label(sample: &Sample, index: usize) -> PathBuf {
    match sample {
        Sample::Path(path) => path.clone(),
        Sample::Memory(memory) => {
            memory.path().map_or_else(|| PathBuf::from(format!("sources[{index}]")), PathBuf::from)
        }
        #[cfg(feature = "object-store")]
        Sample::Url(url, _) => PathBuf::from(shown(url)),
    }
}

fn headers(
    sample: &Sample,
    names: Option<&[String]>,
    options: &OpenOptions,
    interrupt: &Interrupt,
) -> Result<Vec<(String, Header)>> {
    let archive = open(sample, options, interrupt)?;
    let members = members(&archive, names)?;
    members.into_iter().map(|(name, index)| Ok((name, archive.survey(index)?.0))).collect()
}

/// The arrays of an archive, by the names that were asked for.
fn members(archive: &NpzArchive, names: Option<&[String]>) -> Result<Vec<(String, usize)>> {
    match names {
        Some(names) => {
            let find = |name: &String| {
                let index = archive.index_of(name)?;
                Ok((archive.name(index).unwrap_or_default().to_owned(), index))
            };
            names.iter().map(find).collect()
        }
        None => (0..archive.len())
            .filter(|&index| archive.is_array(index))
            .map(|index| {
                let name = archive.name(index).unwrap_or_default();
                Ok((name.to_owned(), archive.index_of(name)?))
            })
            .collect(),
    }
}

/// Puts one sample into its slots.
struct Fill<'a, 'slots> {
    stacked: &'a [Stacked<'slots>],
    index: usize,
    /// True if the samples must have no other arrays.
    all: bool,
    first: &'a Sample,
    options: &'a OpenOptions,
    interrupt: &'a Interrupt,
}

impl Fill<'_, '_> {
    fn sample(&self, sample: &Sample, scratch: &mut Scratch) -> Result<()> {
        let archive = open(sample, self.options, self.interrupt)?;
        if self.all {
            self.check_names(&archive)?;
        }
        let (verify, interrupt) = (self.options.verify, self.interrupt);
        let reading = Reading { source: &archive.source, verify, threads: 1, interrupt };
        for stacked in self.stacked {
            let member = archive.index_of(&stacked.name)?;
            let (header, place) = archive.survey(member)?;
            let is_same =
                header.shape() == stacked.header.shape() && header.dtype() == stacked.header.dtype();
            if !is_same {
                let error = self.mismatch(&stacked.header, &header);
                return Err(archive.locate_error(error, Some(member)));
            }
            let Some(slot) = stacked.slots.get(self.index) else { continue };
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            place
                .read_rows_into(&header, reading, &mut slot, scratch)
                .map_err(|error| archive.locate_error(error, Some(member)))?;
        }
        Ok(())
    }

    /// An error if there are other arrays than those of the first sample, or more.
    fn check_names(&self, archive: &NpzArchive) -> Result<()> {
        for index in 0..archive.len() {
            let name = archive.name(index).unwrap_or_default();
            if self.stacked.iter().all(|stacked| stacked.name != name) && archive.is_array(index) {
                let expected_in = label(self.first, 0).display().to_string();
                let (header, _) = archive.survey(index)?;
                let (expected, actual) = ("absent".to_owned(), describe(&header));
                let error = Error::new(ErrorKind::ShardMismatch { expected, expected_in, actual });
                return Err(archive.locate_error(error, Some(index)));
            }
        }
        Ok(())
    }

    #[cold]
    fn mismatch(&self, expected: &Header, actual: &Header) -> Error {
        Error::new(ErrorKind::ShardMismatch {
            expected: describe(expected),
            expected_in: label(self.first, 0).display().to_string(),
            actual: describe(actual),
        })
    }
}

fn describe(header: &Header) -> String {
    format!("{} of shape {}", header.dtype(), ShapeDisplay(header.shape()))
}
