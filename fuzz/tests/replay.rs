//! Runs every seed, mutations of every seed, and the test corpus through each target, without libFuzzer.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that fails says so"
)]

use std::fs;
use std::path::Path;

use npzarrow_fuzz::{archive, differential, header, inflate, literal, ranges, writer};

/// Numbers that look random and are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit.max(1)
    }
}

/// Returns the input with one to four things changed.
fn mutated(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        let place = random.below(bytes.len());
        match random.below(7) {
            0..=2 => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << random.below(8);
                }
            }
            3 => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = [0, 1, 0x7f, 0x80, 0xff, b'\'', b'0'][random.below(7)];
                }
            }
            4 => bytes.truncate(place),
            5 => {
                let end = (place + random.below(16)).min(bytes.len());
                bytes.drain(place..end);
            }
            _ => {
                let start = random.below(other.len());
                let end = (start + random.below(64)).min(other.len());
                bytes.splice(place..place, other[start..end].iter().copied());
            }
        }
    }
    bytes
}

/// Says which input it was if the target panics.
struct Running<'a>(&'a str, &'a [u8]);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let path = std::env::temp_dir().join("npzarrow-fuzz-find");
            fs::write(&path, self.1).unwrap();
            eprintln!("{}: the input is in {}", self.0, path.display());
        }
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

fn replay(target: &str, mutations: usize, run: fn(&[u8])) {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = files(&crate_folder.join("seeds").join(target));
    assert!(seeds.len() >= 10, "{target} has seeds");
    for (name, input) in seeds.iter().chain(&files(&crate_folder.join("../tests/data"))) {
        let _running = Running(name, input);
        run(input);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, input) in &seeds {
        for _ in 0..mutations {
            let (_, other) = &seeds[random.below(seeds.len())];
            let input = mutated(input, other, &mut random);
            let _running = Running(name, &input);
            run(&input);
        }
    }
}

#[test]
fn header_seeds() {
    replay("header", 4000, header::run);
}

#[test]
fn archive_seeds() {
    replay("archive", 100, archive::run);
}

#[test]
fn differential_seeds() {
    replay("differential", 100, differential::run);
}

#[test]
fn inflate_seeds() {
    replay("inflate", 1000, inflate::run);
}

#[test]
fn literal_seeds() {
    replay("literal", 4000, literal::run);
}

#[test]
fn ranges_seeds() {
    replay("ranges", 100, ranges::run);
}

#[test]
fn writer_seeds() {
    replay("writer", 400, writer::run);
}
