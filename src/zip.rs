//! ZIP: bytes become a validated list of entries, an entry becomes the range of its bytes, and a deflated
//! range is inflated into a slice that the caller gives.
//!
//! Use this module when you have the bytes of an archive, or can fetch ranges of them. It does no I/O: it
//! says which bytes it needs, in this order:
//!
//! 1. [`tail_len`] bytes from the end of the file go to [`EndRecord::locate`];
//! 2. [`EndRecord::directory_range`] goes to [`Directory::parse`];
//! 3. for each member that is wanted, [`Directory::local_header_range`] goes to [`Directory::data_range`];
//! 4. the data range is the member itself if it is stored, or goes to [`inflate_into`];
//! 5. [`crc32`](crate::checksum::crc32) of the result must be [`Entry::crc32`].
//!
//! The way back needs the sizes beforehand: [`DirectoryBuilder`] makes the headers and the directory,
//! [`deflate_block`] and [`deflate_whole`] compress.
//!
//! The policy, in one place each: the directory is authoritative and the local header must agree with it
//! (`local.rs`); exactly one end record fits the file (`end.rs`); members overlap neither each other nor the
//! directory (`directory.rs`); sizes are plausible before anything is allocated ([`Entry::check_ratio`]); the
//! whole stream is consumed and produces exactly the declared size (`inflate.rs`).
//!
//! # Limitations
//!
//! Archives of one disk, members that are stored or deflated, no encryption. Bytes behind the archive that
//! are no comment are refused.
//!
//! The format is that of PKWARE's
//! [APPNOTE](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3 to 4.5.

// Every `+` and `*` here is on numbers from the file.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod deflate;
mod directory;
mod end;
mod entry;
mod fields;
mod inflate;
mod libdeflate;
mod local;
mod names;
mod write;

pub use deflate::{WINDOW_LEN, deflate_block, deflate_whole};
pub use directory::Directory;
pub use end::{EndRecord, tail_len};
pub use entry::{Entry, Method};
pub use inflate::{InflateStream, inflate_into};
pub use write::{Alignment, DirectoryBuilder, MAX_ALIGNMENT, NewEntry};
