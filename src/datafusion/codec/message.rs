//! The messages, as protocol buffers.

use std::collections::BTreeMap;

use datafusion_common::{Result, internal_datafusion_err, internal_err};
use datafusion_proto::protobuf;
use prost::Message;

use super::super::options::NpzOptions;
use crate::dataset::Conversion;

/// What every message begins with: these bytes are ours, in this version.
const TAG: &[u8; 8] = b"npzarrw\x01";

/// A scan.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Scan {
    #[prost(message, optional, tag = "1")]
    pub(super) config: Option<protobuf::FileScanExecConf>,
    #[prost(btree_map = "string, string", tag = "2")]
    pub(super) options: BTreeMap<String, String>,
    #[prost(message, optional, tag = "3")]
    pub(super) predicate: Option<protobuf::PhysicalExprNode>,
    /// The limit: DataFusion's own message cuts it off at 32 bits.
    #[prost(uint64, optional, tag = "4")]
    pub(super) limit: Option<u64>,
    /// The versions of objects, file by file, which DataFusion's own message leaves out.
    #[prost(string, repeated, tag = "5")]
    pub(super) versions: Vec<String>,
    /// Whether arrays are cast to a schema that was declared.
    #[prost(bool, tag = "6")]
    pub(super) cast: bool,
}

/// A sink.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Sink {
    #[prost(message, optional, tag = "1")]
    pub(super) config: Option<protobuf::FileSinkConfig>,
    #[prost(btree_map = "string, string", tag = "2")]
    pub(super) options: BTreeMap<String, String>,
}

/// A node of a physical plan: one of these.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Node {
    #[prost(message, optional, tag = "1")]
    pub(super) scan: Option<Scan>,
    #[prost(message, optional, tag = "2")]
    pub(super) sink: Option<Sink>,
}

/// A table.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Table {
    #[prost(string, repeated, tag = "1")]
    pub(super) locations: Vec<String>,
    #[prost(btree_map = "string, string", tag = "2")]
    pub(super) options: BTreeMap<String, String>,
    #[prost(message, optional, tag = "3")]
    pub(super) file_schema: Option<protobuf::Schema>,
    #[prost(message, optional, tag = "4")]
    pub(super) partitions: Option<protobuf::Schema>,
    #[prost(message, repeated, tag = "5")]
    pub(super) order: Vec<protobuf::SortExprNodeCollection>,
    #[prost(string, optional, tag = "6")]
    pub(super) definition: Option<String>,
    #[prost(bool, tag = "7")]
    pub(super) cast: bool,
}

/// Writes the tag and a message behind what is in the buffer.
pub(super) fn encode(message: &impl Message, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.extend_from_slice(TAG);
    message.encode(buffer).map_err(|error| internal_datafusion_err!("{error}"))
}

/// True if a buffer begins with the tag.
pub(super) fn is_ours(buffer: &[u8]) -> bool {
    buffer.starts_with(TAG)
}

/// Reads a message behind the tag.
pub(super) fn decode<M: Message + Default>(buffer: &[u8]) -> Result<M> {
    let Some(message) = buffer.strip_prefix(TAG) else {
        return internal_err!("these {} bytes are no plan of NPZ shards of this version", buffer.len());
    };
    M::decode(message).map_err(|error| internal_datafusion_err!("a plan of NPZ shards: {error}"))
}

/// A part that must be there.
pub(super) fn required<T>(part: Option<T>, name: &str) -> Result<T> {
    part.ok_or_else(|| internal_datafusion_err!("a plan of NPZ shards has no {name}"))
}

/// The options that were said, with whether a schema was declared.
pub(super) fn options(said: &BTreeMap<String, String>, cast: bool) -> Result<NpzOptions> {
    let mut options = NpzOptions::parse(said)?;
    options.dataset.conversion = if cast { Conversion::Cast } else { Conversion::None };
    Ok(options)
}
