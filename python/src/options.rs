//! Keyword arguments in the crate's terms.

use npzarrow::arrow::export::Nulls;
use npzarrow::arrow::{ArrowOptions, CopyMode, RowLayout, TensorLayout};
use npzarrow::default_threads;
use npzarrow::npz::{Compression, OpenOptions, Unsupported, WriteOptions};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// What an array may become; see `read_npz` for the words.
pub(crate) struct ArrowArguments<'a> {
    pub(crate) copy: Option<bool>,
    pub(crate) rows: &'a str,
    pub(crate) tensor: &'a str,
    pub(crate) bool8: bool,
    pub(crate) string_view: bool,
}

impl ArrowArguments<'_> {
    pub(crate) fn options(&self) -> PyResult<ArrowOptions> {
        let copy = match self.copy {
            None => CopyMode::Auto,
            Some(false) => CopyMode::Never,
            Some(true) => CopyMode::Always,
        };
        let rows = choose("rows", self.rows, [("axis0", RowLayout::Axis0), ("archive", RowLayout::Archive)])?;
        let tensors = [
            ("fixed_shape", TensorLayout::FixedShape),
            ("nested", TensorLayout::Nested),
            ("flat", TensorLayout::Flat),
            ("variable", TensorLayout::Variable),
        ];
        let tensor = choose("tensor", self.tensor, tensors)?;
        if tensor == TensorLayout::Variable && rows != RowLayout::Archive {
            let text = "tensor=\"variable\" needs rows=\"archive\": the rows of one array have one shape";
            return Err(PyValueError::new_err(text));
        }
        Ok(ArrowOptions::default()
            .with_copy(copy)
            .with_rows(rows)
            .with_tensor(tensor)
            .with_bool8(self.bool8)
            .with_string_view(self.string_view))
    }
}

/// What happens to members whose dtype Arrow cannot hold.
pub(crate) fn unsupported(word: &str) -> PyResult<Unsupported> {
    choose("unsupported", word, [("raise", Unsupported::Raise), ("skip", Unsupported::Skip)])
}

/// How an archive is opened.
pub(crate) fn open_options(
    max_uncompressed_bytes: i128,
    verify: bool,
    threads: Option<i128>,
) -> PyResult<OpenOptions> {
    let threads = self::threads(threads)?;
    if max_uncompressed_bytes < 0 {
        return Err(PyValueError::new_err("max_uncompressed_bytes must be non-negative"));
    }
    // What does not fit is larger than any file.
    let max_uncompressed = u64::try_from(max_uncompressed_bytes).unwrap_or(u64::MAX);
    Ok(OpenOptions::default()
        .with_max_uncompressed(max_uncompressed)
        .with_verify(verify)
        .with_threads(threads))
}

/// A number of threads; no call starts more than `limits::MAX_THREADS`.
fn threads(threads: Option<i128>) -> PyResult<usize> {
    match threads {
        None => Ok(default_threads()),
        Some(..1) => Err(PyValueError::new_err("threads must be at least 1")),
        Some(threads) => Ok(threads.try_into().unwrap_or(usize::MAX)),
    }
}

/// Takes any whole number; what does not fit becomes the nearest that does.
pub(crate) fn whole_number(value: &Bound<'_, PyAny>) -> PyResult<i128> {
    let py = value.py();
    match value.extract::<i128>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => {
            let is_negative = value.call_method0(intern!(py, "__index__"))?.lt(0)?;
            Ok(if is_negative { i128::MIN } else { i128::MAX })
        }
        result => result,
    }
}

/// Takes any whole number or None.
pub(crate) fn whole_number_or_none(value: &Bound<'_, PyAny>) -> PyResult<Option<i128>> {
    if value.is_none() { Ok(None) } else { whole_number(value).map(Some) }
}

/// Takes the names that an argument lists: any iterable of `str`, but for a `str`, which is one, too.
pub(crate) fn names<'py>(argument: &str, value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyString>>> {
    let not = |found: &Bound<'_, PyAny>, what: &str| -> PyErr {
        match found.get_type().name() {
            Ok(found) => {
                PyTypeError::new_err(format!("{argument} must be an iterable of str, not {what}{found}"))
            }
            Err(error) => error,
        }
    };
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() {
        return Err(not(value, ""));
    }
    let Ok(names) = value.try_iter() else { return Err(not(value, "")) };
    names
        .map(|name| {
            let name = name?;
            name.cast_into::<PyString>().map_err(|error| not(&error.into_inner(), "of "))
        })
        .collect()
}

/// What becomes of nulls.
pub(crate) fn nulls(word: &str) -> PyResult<Nulls> {
    choose("nulls", word, [("raise", Nulls::Raise), ("nan", Nulls::Nan), ("mask", Nulls::Mask)])
}

/// How files are written.
pub(crate) fn write_options(
    compression: Option<&str>,
    level: Option<u32>,
    align: u32,
    threads: Option<i128>,
) -> PyResult<WriteOptions> {
    let threads = self::threads(threads)?;
    let compression = match (compression, level) {
        (None, None) => Compression::Stored,
        (None, Some(_)) => return Err(PyValueError::new_err("level needs compression=\"deflate\"")),
        (Some(word), level) => {
            choose("compression", word, [("deflate", ())])?;
            Compression::Deflated { level }
        }
    };
    Ok(WriteOptions::default().with_compression(compression).with_align(align).with_threads(threads))
}

/// Finds a word among those that an argument takes.
pub(crate) fn choose<T: Copy, const N: usize>(
    argument: &str,
    word: &str,
    choices: [(&str, T); N],
) -> PyResult<T> {
    choices.iter().find(|(known, _)| *known == word).map(|(_, value)| *value).ok_or_else(|| {
        let known = choices.map(|(known, _)| format!("{known:?}")).join(", ");
        PyValueError::new_err(format!("{argument} must be one of {known}, not {word:?}"))
    })
}
