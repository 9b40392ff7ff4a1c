//! Which shards a table has: listed for every query, in the order of their keys.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion_common::{DataFusionError, Result};
use object_store::{Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt as _};

use super::location::Location;
use crate::error::Error;
use crate::source::remote::matching;

/// Lists the shards of all locations; one that several locations have counts once.
pub(super) async fn list(store: &Arc<dyn ObjectStore>, locations: &[Location]) -> Result<Vec<ObjectMeta>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for location in locations {
        let metas = list_one(store, location).await?;
        found.extend(metas.into_iter().filter(|meta| seen.insert(meta.location.clone())));
    }
    Ok(found)
}

async fn list_one(store: &Arc<dyn ObjectStore>, location: &Location) -> Result<Vec<ObjectMeta>> {
    let named = |error: Error| DataFusionError::from(error.in_path(&location.text));
    if location.is_shard() {
        let path = object_store::path::Path::parse(&location.path)?;
        match store.head(&path).await {
            Ok(meta) => return Ok(vec![meta]),
            // A directory may be called like a shard.
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    matching(store.as_ref(), &location.path, location.is_pattern).await.map_err(named)
}
