//! DEFLATE (RFC 1951): a whole member into a slice, or as a stream.

use flate2::{Decompress, FlushDecompress, Status};

use super::fields::problem;
use super::libdeflate::{self, Outcome};
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result, ZipProblem};

/// Inflates a whole member into `output`, whose length is the declared size.
///
/// # Errors
///
/// [`ErrorKind::EntrySize`] if another number of bytes comes out, [`ErrorKind::Zip`] if the stream is
/// invalid or ends before its input does. What `output` then holds is of no meaning.
///
/// ```
/// // "aaaaaaaaaa", most of it by way of a match.
/// let mut output = [0; 10];
/// npzarrow::zip::inflate_into(&[0x4b, 0x4c, 0x84, 0x01, 0x00], &mut output)?;
/// assert_eq!(&output, b"aaaaaaaaaa");
/// # Ok::<(), npzarrow::Error>(())
/// ```
pub fn inflate_into(compressed: &[u8], output: &mut [u8]) -> Result<()> {
    match libdeflate::inflate(compressed, output) {
        Outcome::Done { produced, .. } if produced != output.len() => {
            Err(size_error(to_u64(output.len()), to_u64(produced)))
        }
        Outcome::Done { consumed, .. } => check_consumed(to_u64(consumed), to_u64(compressed.len())),
        Outcome::OutputFull => {
            let expected = to_u64(output.len());
            Err(size_error(expected, expected.saturating_add(1)))
        }
        Outcome::Invalid => Err(problem(ZipProblem::Deflate)),
        Outcome::OutOfMemory => Err(Error::new(ErrorKind::Allocation { len: 12_000 })),
    }
}

fn size_error(expected: u64, actual: u64) -> Error {
    Error::new(ErrorKind::EntrySize { expected, actual })
}

fn check_consumed(consumed: u64, compressed: u64) -> Result<()> {
    if consumed == compressed {
        Ok(())
    } else {
        Err(problem(ZipProblem::DeflateTail { consumed, compressed }))
    }
}

/// A member that is inflated piece by piece, with little memory; slower than [`inflate_into`].
#[derive(Debug)]
pub struct InflateStream {
    decompress: Decompress,
    ended: bool,
}

impl Default for InflateStream {
    fn default() -> Self {
        Self::new()
    }
}

impl InflateStream {
    /// Begins a stream.
    pub fn new() -> Self {
        Self { decompress: Decompress::new(false), ended: false }
    }

    /// Inflates from `input` until `output` is full, the input is used up, or the stream ends; returns how
    /// many bytes were taken and given.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Zip`] if the stream is invalid.
    pub fn read(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize)> {
        let (before_in, before_out) = (self.decompress.total_in(), self.decompress.total_out());
        if !self.ended {
            let status = self.decompress.decompress(input, output, FlushDecompress::None);
            self.ended = status.map_err(|_| problem(ZipProblem::Deflate))? == Status::StreamEnd;
        }
        let delta = |before: u64, after: u64| usize::try_from(after.saturating_sub(before)).unwrap_or(0);
        Ok((delta(before_in, self.decompress.total_in()), delta(before_out, self.decompress.total_out())))
    }

    /// True once the stream's last block has been read.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns how many bytes came out so far.
    pub fn produced(&self) -> u64 {
        self.decompress.total_out()
    }

    /// Checks a stream that should have ended: that it did, and took and gave as many bytes as the member
    /// has.
    ///
    /// # Errors
    ///
    /// As [`inflate_into`].
    pub fn finish(&mut self, compressed: u64, declared: u64) -> Result<()> {
        if !self.ended {
            // All the output is there; the mark of the last block may still be unread.
            let (_, produced) = self.read(&[], &mut [0])?;
            if produced > 0 {
                return Err(size_error(declared, declared.saturating_add(1)));
            }
        }
        match (self.ended, self.produced() == declared) {
            (true, true) => check_consumed(self.decompress.total_in(), compressed),
            (_, false) => Err(size_error(declared, self.produced())),
            (false, true) => Err(problem(ZipProblem::Deflate)),
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 100);
        let mut compress = Compress::new(Compression::default(), false);
        assert_eq!(compress.compress_vec(bytes, &mut out, FlushCompress::Finish).unwrap(), Status::StreamEnd);
        out
    }

    fn stream(compressed: &[u8], len: usize, step: usize) -> Result<Vec<u8>> {
        let (mut stream, mut output, mut rest) = (InflateStream::new(), vec![0; len], compressed);
        let mut filled = 0;
        while filled < len {
            let end = (filled + step).min(len);
            let input = &rest[..rest.len().min(step)];
            let (consumed, produced) = stream.read(input, &mut output[filled..end])?;
            if consumed + produced == 0 {
                break;
            }
            rest = &rest[consumed..];
            filled += produced;
        }
        while !rest.is_empty() && !stream.has_ended() {
            let (consumed, produced) = stream.read(rest, &mut [0])?;
            if produced > 0 || consumed == 0 {
                break;
            }
            rest = &rest[consumed..];
        }
        stream.finish(compressed.len() as u64, len as u64)?;
        Ok(output)
    }

    #[test]
    fn both_ways_give_the_same() {
        let bytes: Vec<u8> = (0..20_000_u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        let good = deflate(&bytes);
        let (mut short, mut tail) = (good.clone(), good.clone());
        short.pop();
        tail.extend([0; 3]);
        for (name, compressed, len, good) in [
            ("good", &good, bytes.len(), true),
            ("declared one too many", &good, bytes.len() + 1, false),
            ("declared one too few", &good, bytes.len() - 1, false),
            ("truncated", &short, bytes.len(), false),
            ("tail", &tail, bytes.len(), false),
            ("empty input", &vec![], 10, false),
            ("invalid", &vec![0xff; 100], 100, false),
        ] {
            let mut output = vec![0; len];
            let whole = inflate_into(compressed, &mut output);
            assert_eq!(whole.is_ok(), good, "{name}: {whole:?}");
            assert!(!good || output == bytes);
            for step in [1000, 1 << 20] {
                let streamed = stream(compressed, len, step);
                assert_eq!(streamed.is_ok(), good, "{name} by {step}: {:?}", streamed.map(|s| s.len()));
            }
        }
        let error = inflate_into(&tail, &mut vec![0; bytes.len()]).unwrap_err().to_string();
        let (consumed, compressed) = (good.len(), tail.len());
        assert_eq!(error, format!("deflate stream ends after {consumed} of {compressed} bytes"));
    }

    /// What a stream has besides the bytes that were asked for is found at the end.
    #[test]
    fn the_end_is_looked_at() {
        let bytes: Vec<u8> = (0..1000_u32).map(|i| (i % 251) as u8).collect();
        let good = deflate(&bytes);
        let finish = |compressed: &[u8], room: usize, declared: u64| {
            let (mut stream, mut output) = (InflateStream::new(), vec![0; room]);
            let (_, produced) = stream.read(compressed, &mut output).unwrap();
            assert_eq!(stream.produced(), produced as u64);
            let result = stream.finish(compressed.len() as u64, declared);
            (result.map_err(|error| error.to_string()), stream.has_ended())
        };
        assert_eq!(finish(&good, 1000, 1000), (Ok(()), true));
        assert_eq!(finish(&good, 1001, 1000), (Ok(()), true));
        let (error, _) = finish(&good, 999, 999);
        assert_eq!(error.unwrap_err(), "inflates to 1000 bytes, but the directory says 999");
        let (error, _) = finish(&good, 999, 1000);
        assert!(error.is_err(), "a byte was not taken");
        let (error, ended) = finish(&good[..good.len() - 1], 1000, 1000);
        assert_eq!((error.unwrap_err().as_str(), ended), ("invalid deflate data", false));
    }
}
