//! What may be said on the command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Look at NumPy's npz and npy files, check, align and convert them.
#[derive(Debug, Parser)]
#[command(name = "npzarrow", version, max_term_width = 80)]
#[command(
    after_help = "Files are paths, globs such as 'train-*.npz', folders, or URLs (s3, gs, az, https, file). \
    Exit codes: 0 if all is well, 1 if a file is bad or cannot be read, or files disagree, \
    2 if the arguments make no sense, 130 if interrupted; nothing is left half written."
)]
pub(super) struct Arguments {
    /// Print JSON, one object per line, instead of tables
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// How the store of a URL is reached, such as aws_region=eu-west-1; may be given several times
    #[cfg(feature = "object-store")]
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(super) storage_option: Vec<(String, String)>,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Takes an option of a store apart.
#[cfg(feature = "object-store")]
fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List arrays: dtype, shape, order, method, size, offset, alignment
    Ls(Files),
    /// Show the Arrow schema of the files together, and where they disagree
    Schema(Files),
    /// Show the first rows of the files together
    Head(Head),
    /// Show minimum, maximum, mean, NaNs, zeros and a histogram of numbers
    Stat(Selection),
    /// Check every checksum, header and size; exit with 1 if anything is wrong
    Verify(Verify),
    /// Rewrite an archive so that it can be mapped, without recompressing
    Align(Align),
    /// Convert between npz, parquet and arrow (IPC) files
    Convert(Convert),
    /// Draw an array as PNG: a line, a histogram, or an image
    Plot(Plot),
}

#[derive(Debug, Args)]
pub(super) struct Files {
    /// Paths, globs, folders or URLs
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Selection {
    #[command(flatten)]
    pub(super) files: Files,
    /// Only these arrays (comma-separated)
    #[arg(short, long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) columns: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Head {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// How many rows
    #[arg(short = 'n', long, default_value_t = 5)]
    pub(super) rows: usize,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    pub(super) files: Files,
    /// How many files at a time [default: one per core]
    #[arg(short = 'j', long)]
    pub(super) threads: Option<usize>,
    /// The most bytes that the deflated members of a file may declare
    #[arg(long, default_value_t = crate::limits::DEFAULT_MAX_UNCOMPRESSED)]
    pub(super) max_uncompressed: u64,
}

#[derive(Debug, Args)]
pub(super) struct Align {
    /// The archive, or several with --in-place
    #[arg(required = true, value_name = "SOURCE")]
    pub(super) source: Vec<String>,
    /// Where the aligned archive goes
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "in_place",
        conflicts_with = "in_place"
    )]
    pub(super) output: Option<PathBuf>,
    /// Replace each archive by its aligned form
    #[arg(long)]
    pub(super) in_place: bool,
    /// The multiple of bytes at which payloads begin
    #[arg(long = "align", value_name = "ALIGN", default_value_t = 64)]
    pub(super) multiple: u32,
}

#[derive(Debug, Args)]
pub(super) struct Convert {
    /// The files, all of one format: .npz, .parquet, .arrow
    #[arg(required = true, value_name = "SOURCE")]
    pub(super) source: Vec<String>,
    /// The file to write; its extension says the format
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Only these columns, arrays or keys of folders (comma-separated), in this order
    #[arg(short, long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) columns: Vec<String>,
    /// Write several files of so many rows: name-00000.ext, …
    #[arg(long)]
    pub(super) rows_per_file: Option<NonZeroUsize>,
    /// Write several files of about so many bytes of values
    #[arg(long, conflicts_with = "rows_per_file")]
    pub(super) bytes_per_file: Option<NonZeroUsize>,
    /// Deflate the members of an npz
    #[arg(long)]
    pub(super) deflate: bool,
    /// What becomes of nulls in an npz
    #[arg(long, value_enum, default_value_t = NullPolicy::Raise)]
    pub(super) nulls: NullPolicy,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum NullPolicy {
    /// They are an error
    Raise,
    /// NaN in columns of floats
    Nan,
    /// Zeros, and a boolean array `NAME_mask` beside
    Mask,
}

#[derive(Debug, Args)]
pub(super) struct Plot {
    /// The file
    pub(super) file: String,
    /// The array; the only one if it is left out
    pub(super) name: Option<String>,
    /// The picture to write
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// What to draw [default: a line for one axis, an image for more]
    #[arg(short, long, value_enum)]
    pub(super) kind: Option<PlotKind>,
    /// Which entry of the axes before the picture's own
    #[arg(short, long, default_value_t = 0)]
    pub(super) index: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlotKind {
    /// The values one after the other
    Line,
    /// How often which values occur
    Histogram,
    /// Rows and columns, grey or coloured (H×W×3 or H×W×4)
    Image,
}
