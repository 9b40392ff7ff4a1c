//! The columns of a dataset, and where each comes from.

use std::sync::Arc;

use arrow_schema::{FieldRef, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::hive::KeyType;

/// The columns of a dataset: what must be known to read tasks without the headers of all shards.
///
/// It can be serialised together with the tasks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Columns(pub(super) Vec<(FieldRef, Origin)>);

impl Columns {
    /// The columns that are read, those of directories, and the one of paths.
    #[cfg(feature = "table-provider")]
    pub(crate) fn by_origin(&self) -> [Vec<FieldRef>; 3] {
        let of = |wanted: fn(&Origin) -> bool| {
            let columns = self.0.iter().filter(|(_, origin)| wanted(origin));
            columns.map(|(field, _)| Arc::clone(field)).collect()
        };
        [
            of(|origin| matches!(origin, Origin::Member | Origin::RowIndex)),
            of(|origin| matches!(origin, Origin::Hive(_))),
            of(|origin| matches!(origin, Origin::Path)),
        ]
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.0.iter().map(|(field, _)| Arc::clone(field)).collect::<Vec<_>>()))
    }
}

/// Where a column of the table comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Origin {
    Member,
    Hive(KeyType),
    Path,
    RowIndex,
}
