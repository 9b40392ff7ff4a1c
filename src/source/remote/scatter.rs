//! Which requests get which bytes, and where these go.

use std::ops::Range;

use crate::convert::{to_u64, to_usize};
use crate::limits::FETCH_GAP;

/// Memory for the bytes of an object from a position on.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) start: u64,
    pub(super) bytes: &'a mut [u8],
}

impl Part<'_> {
    fn end(&self) -> u64 {
        self.start.saturating_add(to_u64(self.bytes.len()))
    }
}

/// Parts that one request gets, in order; bytes between them are thrown away.
#[derive(Debug, Default)]
pub(super) struct Request<'a>(Vec<Part<'a>>);

impl Request<'_> {
    /// The range to ask for.
    pub(super) fn range(&self) -> Range<u64> {
        self.0.first().map_or(0, |part| part.start)..self.0.last().map_or(0, Part::end)
    }

    /// Puts bytes from a position on where they belong.
    pub(super) fn write(&mut self, position: u64, chunk: &[u8]) {
        let end = position.saturating_add(to_u64(chunk.len()));
        let first = self.0.partition_point(|part| part.end() <= position);
        for part in self.0.iter_mut().skip(first).take_while(|part| part.start < end) {
            let common = part.start.max(position)..part.end().min(end);
            let len = to_usize(common.end.saturating_sub(common.start));
            let from = to_usize(common.start.saturating_sub(position));
            let to = to_usize(common.start.saturating_sub(part.start));
            let from = chunk.get(from..from.saturating_add(len));
            if let (Some(from), Some(to)) = (from, part.bytes.get_mut(to..to.saturating_add(len))) {
                to.copy_from_slice(from);
            }
        }
    }
}

/// Makes requests of at most `request_len` bytes: parts that are close share one, long parts take several.
pub(super) fn plan(mut parts: Vec<Part<'_>>, request_len: u64) -> Vec<Request<'_>> {
    parts.sort_by_key(|part| part.start);
    let mut requests: Vec<Request<'_>> = Vec::new();
    for mut part in parts {
        while !part.bytes.is_empty() {
            // How much of the part the last request may take.
            let room = requests.last().map(Request::range).and_then(|last| {
                let gap = part.start.checked_sub(last.end)?;
                let room = request_len.checked_sub(part.start.saturating_sub(last.start))?;
                (gap <= FETCH_GAP && room > 0).then_some(room)
            });
            let len = part.bytes.len().min(to_usize(room.unwrap_or(request_len)).max(1));
            let (now, later) = part.bytes.split_at_mut(len);
            let now = Part { start: part.start, bytes: now };
            part = Part { start: now.end(), bytes: later };
            match requests.last_mut().filter(|_| room.is_some()) {
                Some(last) => last.0.push(now),
                None => requests.push(Request(vec![now])),
            }
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The byte at a position of the object of the test.
    fn byte(position: u64) -> u8 {
        (position % 251).try_into().unwrap()
    }

    #[test]
    fn requests_and_where_their_bytes_go() {
        let near = 100 + FETCH_GAP;
        // Parts and requests are given by where they begin and end.
        for (parts, request_len, expected) in [
            (&[][..], 100, &[][..]),
            (&[(5, 5)], 100, &[]),
            (&[(0, 100)], 1000, &[(0, 100)]),
            (&[(200, 300), (0, 100)], 1000, &[(0, 300)]),
            (&[(0, 100), (near, near + 5)], 1 << 20, &[(0, near + 5)]),
            (&[(0, 100), (near + 1, near + 5)], 1 << 20, &[(0, 100), (near + 1, near + 5)]),
            (&[(0, 250)], 100, &[(0, 100), (100, 200), (200, 250)]),
            (&[(0, 50), (60, 170)], 100, &[(0, 100), (100, 170)]),
            (&[(0, 99), (150, 160)], 100, &[(0, 99), (150, 160)]),
        ] {
            let lens = parts.iter().map(|&(start, end): &(u64, u64)| to_usize(end - start));
            let mut memory: Vec<Vec<u8>> = lens.map(|len| vec![0; len]).collect();
            let slots = memory.iter_mut().zip(parts);
            let slots = slots.map(|(bytes, &(start, _))| Part { start, bytes }).collect();
            let mut requests = plan(slots, request_len);
            let ranges: Vec<_> = requests.iter().map(Request::range).map(|r| (r.start, r.end)).collect();
            assert_eq!(ranges, expected, "{parts:?}");
            for request in &mut requests {
                let range = request.range();
                for start in range.clone().step_by(7) {
                    let chunk: Vec<u8> = (start..(start + 7).min(range.end)).map(byte).collect();
                    request.write(start, &chunk);
                }
            }
            drop(requests);
            for (bytes, &(start, end)) in memory.iter().zip(parts) {
                assert!(bytes.iter().copied().eq((start..end).map(byte)));
            }
        }
    }
}
