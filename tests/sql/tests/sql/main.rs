//! Shards as tables, through DataFusion as it is released.

#![expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "tests are for reading")]

#[cfg(test)]
mod codecs;
#[cfg(test)]
mod copy;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod functions;
#[cfg(test)]
mod locations;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod shards;
#[cfg(test)]
mod splits;
#[cfg(test)]
mod statistics;
