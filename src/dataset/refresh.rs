//! The shards that there are now: for tables that outlive what was found at first.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::discover::Found;
use super::inner::Inner;
use super::shard::{ShardInfo, nanoseconds};
use crate::error::Result;
use crate::interrupt::Interrupt;

impl Inner {
    /// Finds the shards again. What headers say is taken from those that are known, unless their size, time or version
    /// is another one.
    ///
    /// The version of an object that no listing has told is looked at when it is opened.
    pub(super) fn shards_now(&self, known: &[Arc<ShardInfo>]) -> Result<Vec<Arc<ShardInfo>>> {
        let by_location: HashMap<&Path, &Arc<ShardInfo>> =
            known.iter().map(|shard| (shard.location(), shard)).collect();
        let found = self.find()?;
        let same = |found: &Found| {
            let location = found.url.as_deref().map_or(found.path.as_path(), Path::new);
            by_location.get(location).filter(|shard| is_same(shard, found)).map(|shard| Arc::clone(shard))
        };
        let mut shards: Vec<Option<Arc<ShardInfo>>> = found.iter().map(same).collect();
        let missing =
            found.into_iter().zip(&shards).filter_map(|(found, shard)| shard.is_none().then_some(found));
        let missing: Vec<Found> = missing.collect();
        let read = self.read_headers(&missing, &Interrupt::default());
        for (shard, read) in shards.iter_mut().filter(|shard| shard.is_none()).zip(read) {
            match read {
                Err(error) => self.skip_or_raise(error)?,
                Ok(read) => *shard = Some(read),
            }
        }
        Ok(shards.into_iter().flatten().collect())
    }
}

/// True if nothing tells that a shard has changed.
fn is_same(shard: &ShardInfo, found: &Found) -> bool {
    if let Some(size) = found.size {
        return size == shard.size && found.version.as_deref() == shard.version.as_deref();
    }
    let Some(known) = shard.modified else { return true };
    fs::metadata(&found.path).is_ok_and(|now| {
        let modified = now.modified().ok().and_then(nanoseconds);
        now.len() == shard.size && modified == Some(known)
    })
}
