//! Tests of whole behaviours, one module per family. The cases of `tests/data` run through every path.

#![expect(clippy::absolute_paths, clippy::cast_possible_truncation, reason = "tests are for reading")]

mod archives;
mod arrays;
mod corpus;
mod errors;
mod manifest;
mod paths;
mod sharing;
mod truncation;
