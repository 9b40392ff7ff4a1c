//! The numbers that bound what any input may cost, each with its reason.
//!
//! Every length below is in bytes unless its name says otherwise. They are checked before anything is
//! allocated or multiplied.

/// The longest NPY header that is parsed.
///
/// NumPy itself stops at 10,000 characters unless told otherwise; wide structured types need more. One MiB
/// parses in a few milliseconds at worst, so it costs an attacker more than it costs us.
pub const MAX_HEADER_LEN: u64 = 1 << 20;

/// How deep tuples, lists and dictionaries of an NPY header may nest.
///
/// The parser recurses once per level; NumPy's own structured types rarely pass five.
pub const MAX_NESTING: usize = 32;

/// How deep an Arrow type may nest; each field of a record and each axis that becomes a list is a level.
///
/// Thirty-two nested records with 64 axes each would make two thousand levels. Consumers recurse over types:
/// pyarrow refuses more than 64 levels, polars overflows its stack somewhere above 500.
pub const MAX_TYPE_NESTING: usize = 128;

/// The most dimensions an array may have: `NPY_MAXDIMS` of NumPy 2.
pub const MAX_NDIM: usize = 64;

/// The most bytes that one compressed byte of DEFLATE can stand for.
///
/// A match of 258 bytes takes at least two bits (one for its length, one for its distance), hence 1032:1
/// (RFC 1951, section 3.2.5).
pub const MAX_INFLATE_RATIO: u64 = 1032;

/// What a DEFLATE stream may hold beyond [`MAX_INFLATE_RATIO`]: its first block has a header.
pub const INFLATE_SLACK: u64 = 64;

/// The default for the sum of the declared sizes of all deflated members of one archive, as SPDL has it.
pub const DEFAULT_MAX_UNCOMPRESSED: u64 = 1 << 30;

/// The most rows and elements of one batch that take no byte of any payload, unless the payloads are longer.
///
/// A hundred bytes of file may declare any number of `S0`; in Arrow each takes an offset or a view.
pub const MAX_WITHOUT_BYTES: u64 = 1 << 24;

/// The most bytes that the values of one batch may grow to that are repeated for every row, unless they are
/// short beside [`MAX_REPEATED_RATIO`] times its members.
///
/// Half of a file may be rows and the other half values without an axis: the product grows with the square.
pub const MAX_REPEATED: u64 = 1 << 30;

/// How much more than the members of a batch themselves its repeated values may take.
pub const MAX_REPEATED_RATIO: u64 = 8;

/// Buffers of at least this size are mapped and advised to use huge pages, as NumPy does from 4 MiB on.
///
/// Below it the allocator is faster, since it hands out memory whose pages have been touched before.
pub const HUGE_PAGE_MIN: usize = 4 << 20;

/// Members declared larger than this are inflated block by block, so that the work can be interrupted.
///
/// libdeflate works in one call; at its usual 700 MB/s this much takes less than half a second.
pub const STREAM_INFLATE_MIN: u64 = 256 << 20;

/// Work on fewer bytes than this is done on the calling thread: starting a thread costs 20 to 50 µs, in which
/// a quarter of this can be read from a cached file.
pub const PARALLEL_MIN: u64 = 1 << 20;

/// The most threads of one call, whatever a caller asks for.
pub const MAX_THREADS: usize = 256;

/// What is read, checked or copied at a time, so that each pass finds the bytes in the cache.
///
/// Half of a usual 512 KiB to 2 MiB second-level cache.
pub const BLOCK_LEN: usize = 256 << 10;

/// Objects of at most this size are fetched whole: the bytes arrive in less time than another answer takes.
#[cfg(feature = "object-store")]
pub const FETCH_WHOLE_BELOW: u64 = 1 << 20;

/// The most bytes that one request to an object store asks for.
///
/// What object stores recommend (8 to 16 MiB): one connection gives 50 to 100 MB/s, so that longer ranges are
/// faster in parts, and a broken connection loses little.
#[cfg(feature = "object-store")]
pub const FETCH_REQUEST_LEN: u64 = 8 << 20;

/// Ranges that are at most this far apart are fetched by one request: a request takes the time of 1 MiB, but
/// what lies between is not to be more than the rest of the budget of one call.
#[cfg(feature = "object-store")]
pub const FETCH_GAP: u64 = 16 << 10;

/// The longest object that is read whole from a server that ignores ranges, unless told otherwise.
#[cfg(feature = "object-store")]
pub const MAX_WITHOUT_RANGES: u64 = 1 << 30;
