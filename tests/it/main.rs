//! Tests of whole behaviours, one module per family. The cases of `tests/data` run through every path.

#![expect(clippy::cast_possible_truncation, reason = "tests are for reading")]

#[cfg(test)]
mod archives;
#[cfg(test)]
mod arrays;
#[cfg(feature = "cli")]
#[cfg(test)]
mod cli;
#[cfg(feature = "cli")]
#[cfg(test)]
mod cli_text;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod datasets;
#[cfg(test)]
mod errors;
#[cfg(test)]
#[cfg(feature = "object-store")]
mod http_server;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod paths;
#[cfg(test)]
#[cfg(feature = "object-store")]
mod remote;
#[cfg(test)]
mod second_opinion;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod truncation;
#[cfg(test)]
mod writing;
