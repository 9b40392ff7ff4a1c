//! Plans that are sent to other processes: what a cluster needs.
//!
//! Both codecs write a tag first, so that codecs can be composed, and leave nothing behind when they refuse. Stores are
//! not sent: every process registers its own.

mod logical;
mod message;
mod physical;

pub use logical::NpzLogicalCodec;
pub use physical::NpzPhysicalCodec;
