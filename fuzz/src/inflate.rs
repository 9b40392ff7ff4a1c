//! Three ways to inflate: `inflate_into`, `InflateStream` and flate2's reader give the same bytes, or refuse.
//!
//! libdeflate takes a few streams that zlib does not: with 287 or 288 literal codes, or codes that are
//! incomplete. Such a stream must still give the same bytes as far as zlib reads it.

use std::io::Read as _;

use flate2::bufread::DeflateDecoder;
use npzarrow::zip::{InflateStream, inflate_into};
use npzarrow::{Error, ErrorKind, Result};

use crate::memory::within;

/// More output than this is not asked for.
const MAX_LEN: u64 = 1 << 15;
/// The windows and tables of a decompressor.
const STATE: u64 = 128 << 10;

/// Runs the target. The input is a DEFLATE stream; its first byte says in what pieces it is read.
pub fn run(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else { return };
    let mut expected = Vec::new();
    let mut decoder = DeflateDecoder::new(stream);
    let ended = decoder.by_ref().take(MAX_LEN + 1).read_to_end(&mut expected);
    if expected.len() as u64 > MAX_LEN {
        // Declared too small: both must say so, and libdeflate must not write beyond the end.
        let too_small = inflate(stream, 1000);
        assert!(
            matches!(too_small.as_ref().map_err(Error::kind), Err(ErrorKind::EntrySize { .. })),
            "{too_small:?}"
        );
        assert!(pieces(stream, 1000, step).is_err());
        return;
    }
    let consumed = usize::try_from(decoder.total_in()).expect("within the input");
    let is_whole = ended.is_ok() && consumed == stream.len() && has_ended(stream, expected.len());
    for declared in [expected.len(), expected.len() + 1, expected.len().saturating_sub(1)] {
        let at_once = inflate(stream, declared);
        let in_pieces = pieces(stream, declared, step);
        if is_whole && declared == expected.len() {
            assert_eq!(at_once.expect("zlib takes the stream"), expected);
            assert_eq!(in_pieces.expect("flate2 takes the stream"), expected);
            continue;
        }
        assert!(in_pieces.is_err(), "{declared} declared, {} there, {consumed} consumed", expected.len());
        if let Ok(bytes) = at_once {
            assert!(ended.is_err(), "{declared} declared, {} there, {consumed} consumed", expected.len());
            assert!(bytes.starts_with(&expected));
        }
    }
}

fn inflate(stream: &[u8], declared: usize) -> Result<Vec<u8>> {
    let mut output = vec![0; declared];
    within(STATE, "inflating", || inflate_into(stream, &mut output))?;
    Ok(output)
}

/// True if the last block has been read, and not only all of the input.
fn has_ended(stream: &[u8], len: usize) -> bool {
    let mut output = vec![0; len + 1];
    let mut inflate = InflateStream::new();
    inflate.read(stream, &mut output).is_ok() && inflate.has_ended()
}

/// Inflates in pieces of input and output of `step` bytes.
fn pieces(stream: &[u8], declared: usize, step: u8) -> Result<Vec<u8>> {
    let step = if step == 0 { 1 << 16 } else { usize::from(step) };
    let mut output = vec![0; declared];
    let (mut rest, mut filled, mut inflate) = (stream, 0, InflateStream::new());
    loop {
        let room = output.get_mut(filled..).unwrap_or_default();
        let room_len = room.len().min(step);
        let mut beyond = [0];
        let room = if room_len == 0 { &mut beyond[..] } else { room.split_at_mut(room_len).0 };
        let (input, _) = rest.split_at(rest.len().min(step));
        let (taken, given) = inflate.read(input, room)?;
        rest = rest.get(taken..).expect("no more than was given");
        filled += given;
        if inflate.has_ended() || taken + given == 0 || filled > declared {
            break;
        }
    }
    inflate.finish(stream.len() as u64, declared as u64)?;
    Ok(output)
}
