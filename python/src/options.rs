//! Keyword arguments in the crate's terms.

use npzarrow::arrow::{ArrowOptions, CopyMode, RowLayout, TensorLayout};
use npzarrow::default_threads;
use npzarrow::npz::{OpenOptions, Unsupported};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

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
    threads: Option<usize>,
) -> PyResult<OpenOptions> {
    if threads == Some(0) {
        return Err(PyValueError::new_err("threads must be at least 1"));
    }
    if max_uncompressed_bytes < 0 {
        return Err(PyValueError::new_err("max_uncompressed_bytes must be non-negative"));
    }
    // What does not fit is larger than any file.
    let max_uncompressed = u64::try_from(max_uncompressed_bytes).unwrap_or(u64::MAX);
    Ok(OpenOptions::default()
        .with_max_uncompressed(max_uncompressed)
        .with_verify(verify)
        .with_threads(threads.unwrap_or_else(default_threads)))
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
