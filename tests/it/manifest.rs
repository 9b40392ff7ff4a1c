//! The manifests of `tests/data`: what must come out of each file.

use std::fs;
use std::path::PathBuf;

use npzarrow::NpyArray;
use npzarrow::npy::{Header, Order};
use regex::Regex;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

/// One line of `hostile/manifest.tsv`.
pub(crate) struct Case {
    pub(crate) file: String,
    pub(crate) outcome: Outcome,
    pub(crate) as_member: bool,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) enum Outcome {
    Values(Vec<Expected>),
    ValuesOrError(Vec<Expected>),
    /// A file that is refused, at open if the flag says so.
    Error {
        at_open: bool,
        text: Text,
    },
    Members(Vec<(String, Result<Expected, Text>)>),
}

/// What an array must be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    pub(crate) name: String,
    pub(crate) dtype: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) sha256: String,
}

/// The end of an error's text, or a regular expression behind `~`.
#[derive(Debug)]
pub(crate) struct Text(pub(crate) String);

impl Text {
    pub(crate) fn matches(&self, error: &str) -> bool {
        match self.0.strip_prefix('~') {
            Some(pattern) => Regex::new(pattern).unwrap().is_match(error),
            None => error.ends_with(&self.0),
        }
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let text = fs::read_to_string(data("hostile/manifest.tsv")).unwrap();
    text.lines().skip(1).map(case).collect()
}

fn case(line: &str) -> Case {
    let [file, _row, outcome, detail, as_member] = line.split('\t').collect::<Vec<_>>()[..] else {
        panic!("five columns: {line}")
    };
    let outcome = match outcome {
        "value" => Outcome::Values(expected_list(detail)),
        "value-or-error" => Outcome::ValuesOrError(expected_list(detail)),
        "npy-error" | "open-error" => Outcome::Error { at_open: true, text: Text(detail.to_owned()) },
        "error" => Outcome::Error { at_open: false, text: Text(detail.to_owned()) },
        "member-error" => Outcome::Members(members(detail)),
        other => panic!("{other}"),
    };
    let bytes = fs::read(data("hostile").join(file)).unwrap();
    Case { file: file.to_owned(), outcome, as_member: as_member == "yes", bytes }
}

fn expected_list(detail: &str) -> Vec<Expected> {
    let Value::Array(list) = serde_json::from_str(detail).unwrap() else { panic!("{detail}") };
    list.iter().map(|item| expected(item[0].as_str().unwrap(), &item.as_array().unwrap()[1..])).collect()
}

fn expected(name: &str, parts: &[Value]) -> Expected {
    Expected {
        name: name.to_owned(),
        dtype: parts[0].as_str().unwrap().to_owned(),
        shape: parts[1].as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap()).collect(),
        sha256: parts.last().unwrap().as_str().unwrap().to_owned(),
    }
}

fn members(detail: &str) -> Vec<(String, Result<Expected, Text>)> {
    let Value::Object(members) = serde_json::from_str(detail).unwrap() else { panic!("{detail}") };
    let outcome = |name: &str, value: &Value| match value {
        Value::String(text) => Err(Text(text.clone())),
        value => Ok(expected(name, value.as_array().unwrap())),
    };
    members.iter().map(|(name, value)| (name.clone(), outcome(name, value))).collect()
}

/// A golden file: its path and its arrays, each with whether it is in Fortran order.
pub(crate) fn golden() -> Vec<(String, Vec<(Expected, bool)>)> {
    let text = fs::read_to_string(data("golden/manifest.tsv")).unwrap();
    let arrays = |detail: &str| {
        let Value::Array(list) = serde_json::from_str(detail).unwrap() else { panic!("{detail}") };
        let array = |item: &Value| {
            (expected(item[0].as_str().unwrap(), &item.as_array().unwrap()[1..]), item[3].as_bool().unwrap())
        };
        list.iter().map(array).collect()
    };
    text.lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|c| (c[0].to_owned(), arrays(c[2])))
        .collect()
}

/// What an array is, in the manifest's terms.
pub(crate) fn describe(name: &str, array: &NpyArray) -> Expected {
    let header = array.header();
    let digest = Sha256::digest(c_order(header, array.payload().as_slice()));
    Expected {
        name: name.to_owned(),
        dtype: header.dtype().to_string().trim_matches('\'').to_owned(),
        shape: header.shape().to_vec(),
        sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat(),
    }
}

/// The elements in C order, moved one by one.
fn c_order(header: &Header, payload: &[u8]) -> Vec<u8> {
    let (shape, size) = (header.shape(), header.dtype().item_size() as usize);
    if header.order() == Order::C || payload.is_empty() {
        return payload.to_vec();
    }
    let mut bytes = Vec::with_capacity(payload.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..shape.element_count() {
        let (mut stride, mut position) = (1, 0);
        for (dim, index) in shape.iter().zip(&index) {
            position += *index as usize * stride;
            stride *= *dim as usize;
        }
        bytes.extend(&payload[position * size..(position + 1) * size]);
        for (dim, index) in shape.iter().zip(&mut index).rev() {
            *index += 1;
            if *index < *dim {
                break;
            }
            *index = 0;
        }
    }
    bytes
}
