//! What `OPTIONS (…)` may say about a table or a file that is written.

use std::collections::{BTreeMap, HashMap};

use datafusion_common::{Result, config_datafusion_err};

use crate::arrow::export::Nulls;
use crate::arrow::{RowLayout, TensorLayout};
use crate::dataset::DatasetOptions;
use crate::npz::{Compression, Unsupported, WriteOptions};

/// The bytes that a batch aims at: some are on their way in each partition.
const BATCH_BYTES: u64 = 8 << 20;

/// What the options can be, for the text of an error.
const KNOWN: &str = "rows, tensor, string_view, bool8, columns, unsupported, widen, verify, max_uncompressed_bytes, \
                     compression, level, align, nulls";

/// How shards are read and written: the options of `CREATE EXTERNAL TABLE` and `COPY`.
///
/// | option | values | default |
/// |---|---|---|
/// | `rows` | `axis0`, `archive` | `axis0` |
/// | `tensor` | `fixed_shape`, `nested`, `flat`, `variable` | `fixed_shape` |
/// | `string_view`, `bool8` | `true`, `false` | `false` |
/// | `columns` | names, with commas between them | all arrays |
/// | `unsupported` | `raise`, `skip` | `raise` |
/// | `widen` | `true`: integers and floats of shards that differ get a type that holds both | `false` |
/// | `verify` | `false`: do not compare checksums | `true` |
/// | `max_uncompressed_bytes` | a number: the most that a deflated member may declare | 1 GiB |
/// | `compression` | `none`, `deflate` | `none` |
/// | `level` | 1 to 9, for `deflate` | per block |
/// | `align` | a power of two | 64 |
/// | `nulls` | `error`, `nan`, `mask` | `error` |
///
/// ```
/// use npzarrow::datafusion::NpzOptions;
///
/// let options = NpzOptions::parse([("format.rows", "archive"), ("tensor", "nested")])?;
/// assert_eq!(options.text(), "rows=archive,tensor=nested");
/// assert!(NpzOptions::parse([("colums", "x")]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct NpzOptions {
    pub(super) dataset: DatasetOptions,
    pub(super) write: WriteOptions,
    /// What was said, in the order of the names.
    said: BTreeMap<String, String>,
}

impl Default for NpzOptions {
    fn default() -> Self {
        let mut dataset =
            DatasetOptions { hive: false, batch_bytes: BATCH_BYTES, ..DatasetOptions::default() };
        // The engine reads several shards at once, on threads of its own.
        dataset.open.threads = 1;
        Self { dataset, write: WriteOptions::default(), said: BTreeMap::new() }
    }
}

impl NpzOptions {
    /// Reads options; DataFusion's own prefix `format.` may stand before their names.
    ///
    /// # Errors
    ///
    /// An option that does not exist, or a value that it does not take.
    pub fn parse<K: AsRef<str>, V: AsRef<str>>(said: impl IntoIterator<Item = (K, V)>) -> Result<Self> {
        let mut options = Self::default();
        for (key, value) in said {
            let key = key.as_ref().to_ascii_lowercase();
            options.set(key.strip_prefix("format.").unwrap_or(&key), value.as_ref())?;
        }
        Ok(options)
    }

    pub(super) fn of_map(said: &HashMap<String, String>) -> Result<Self> {
        Self::parse(said)
    }

    /// Takes how a dataset is read.
    pub(super) fn of_dataset(dataset: &DatasetOptions) -> Self {
        let mut dataset = DatasetOptions { hive: false, batch_bytes: BATCH_BYTES, ..dataset.clone() };
        dataset.open.threads = 1;
        Self { dataset, ..Self::default() }
    }

    /// Returns what was said, as text: equal options have equal texts.
    pub fn text(&self) -> String {
        let pairs: Vec<String> = self.said.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(",")
    }

    #[cfg(feature = "datafusion-proto")]
    pub(super) fn said(&self) -> &BTreeMap<String, String> {
        &self.said
    }

    /// Sets how objects are fetched by a table that is not of a session.
    #[must_use]
    pub fn with_remote(mut self, remote: crate::source::RemoteOptions) -> Self {
        self.dataset.remote = remote;
        self
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let lower = value.trim().to_ascii_lowercase();
        let one_of =
            |expected: &str| config_datafusion_err!("NPZ option {key} is {value:?}, expected {expected}");
        let flag = || lower.parse::<bool>().map_err(|_| one_of("true or false"));
        let number = || lower.parse::<u64>().map_err(|_| one_of("a number"));
        let (dataset, write) = (&mut self.dataset, &mut self.write);
        match key {
            "rows" => {
                dataset.arrow.rows = match &*lower {
                    "axis0" => RowLayout::Axis0,
                    "archive" => RowLayout::Archive,
                    _ => return Err(one_of("axis0 or archive")),
                }
            }
            "tensor" => {
                dataset.arrow.tensor = match &*lower {
                    "fixed_shape" => TensorLayout::FixedShape,
                    "nested" => TensorLayout::Nested,
                    "flat" => TensorLayout::Flat,
                    "variable" => TensorLayout::Variable,
                    _ => return Err(one_of("fixed_shape, nested, flat or variable")),
                }
            }
            "string_view" => dataset.arrow.string_view = flag()?,
            "bool8" => dataset.arrow.bool8 = flag()?,
            "columns" => {
                dataset.columns = Some(value.split(',').map(|name| name.trim().to_owned()).collect());
            }
            "unsupported" => {
                dataset.unsupported = match &*lower {
                    "raise" => Unsupported::Raise,
                    "skip" => Unsupported::Skip,
                    _ => return Err(one_of("raise or skip")),
                }
            }
            "widen" => dataset.widen = flag()?,
            "verify" => dataset.open.verify = flag()?,
            "max_uncompressed_bytes" => dataset.open.max_uncompressed = number()?,
            "compression" => {
                write.compression = match (&*lower, write.compression) {
                    ("none" | "stored" | "uncompressed", _) => Compression::Stored,
                    ("deflate", deflated @ Compression::Deflated { .. }) => deflated,
                    ("deflate", Compression::Stored) => Compression::DEFLATED,
                    _ => return Err(one_of("none or deflate")),
                }
            }
            "level" => {
                let level = number()?.try_into().ok().filter(|level| (1..=9).contains(level));
                let level = Some(level.ok_or_else(|| one_of("a number from 1 to 9"))?);
                write.compression = Compression::Deflated { level };
            }
            "align" => {
                write.align = number()?.try_into().map_err(|_| one_of("a power of two from 1 to 32768"))?;
                write.check().map_err(|_| one_of("a power of two from 1 to 32768"))?;
            }
            "nulls" => {
                write.nulls = match &*lower {
                    "error" | "raise" => Nulls::Raise,
                    "nan" => Nulls::Nan,
                    "mask" => Nulls::Mask,
                    _ => return Err(one_of("error, nan or mask")),
                }
            }
            _ => return Err(config_datafusion_err!("NPZ has no option {key:?}, only {KNOWN}")),
        }
        self.said.insert(key.to_owned(), value.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        for (key, value, text) in [
            ("format.colums", "a", r#"NPZ has no option "colums", only rows, tensor"#),
            ("format.rows", "1", r#"NPZ option rows is "1", expected axis0 or archive"#),
            ("tensor", "", r#"NPZ option tensor is "", expected fixed_shape, nested, flat or variable"#),
            ("verify", "maybe", r#"NPZ option verify is "maybe", expected true or false"#),
            ("level", "10", r#"NPZ option level is "10", expected a number from 1 to 9"#),
            ("align", "3", r#"NPZ option align is "3", expected a power of two from 1 to 32768"#),
            ("nulls", "zero", r#"NPZ option nulls is "zero", expected error, nan or mask"#),
            ("compression", "zstd", r#"NPZ option compression is "zstd", expected none or deflate"#),
            ("max_uncompressed_bytes", "-1", "expected a number"),
        ] {
            let error = NpzOptions::parse([(key, value)]).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn order_does_not_matter() {
        let a = NpzOptions::parse([("level", "3"), ("compression", "DEFLATE")]).unwrap();
        let b = NpzOptions::parse([("compression", "DEFLATE"), ("level", "3")]).unwrap();
        assert_eq!(a.write.compression, Compression::Deflated { level: Some(3) });
        assert_eq!((a.write.compression, a.text()), (b.write.compression, b.text()));
    }
}
