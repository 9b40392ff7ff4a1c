//! The shards that there are now: for tables that outlive what was found at first.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::discover::Found;
use super::inner::Inner;
use super::options::DatasetOptions;
use super::shard::{ShardInfo, nanoseconds, object};
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::parallel;
use crate::source::remote::{Version, version};

/// Asking for the size of an object takes long, and costs nothing here.
const ASKING_COST: u64 = 1 << 20;

impl Inner {
    /// Finds the shards again. What headers say is taken from those that are known, unless their size, time or version
    /// is another one, or cannot be told. A shard that two sources find now counts once, as it did at first.
    pub(super) fn shards_now(&self, known: &[Arc<ShardInfo>]) -> Result<Vec<Arc<ShardInfo>>> {
        let by_location: HashMap<&Path, &Arc<ShardInfo>> =
            known.iter().map(|shard| (shard.location(), shard)).collect();
        let mut found = self.find()?;
        if by_location.len() == known.len() {
            let mut seen = HashSet::new();
            found.retain(|found| seen.insert(found.location().to_owned()));
        }
        let costs: Vec<u64> =
            found.iter().map(|found| if found.is_unknown_object() { ASKING_COST } else { 0 }).collect();
        let mut shards = parallel::map(&costs, self.options.open.threads, |index| {
            let found = found.get(index)?;
            let known = by_location.get(found.location())?;
            is_same(known, found, &self.options).then(|| Arc::clone(known))
        });
        let paths: HashSet<&Path> = found.iter().map(|found| found.path.as_path()).collect();
        self.forgive(|path| !paths.contains(Path::new(path)));
        let missing = found.into_iter().zip(&shards).filter(|(_, shard)| shard.is_none());
        let missing: Vec<Found> = missing.map(|(found, _)| found).collect();
        let read = self.read_headers(&missing, &Interrupt::default());
        for (shard, read) in shards.iter_mut().filter(|shard| shard.is_none()).zip(read) {
            match read {
                Err(error) => self.skip_or_raise(error)?,
                Ok(read) => {
                    self.forgive(|path| *read.path == *Path::new(path));
                    *shard = Some(read);
                }
            }
        }
        Ok(shards.into_iter().flatten().collect())
    }
}

/// True if a shard is what it was, as far as can be told without reading it.
fn is_same(shard: &ShardInfo, found: &Found, options: &DatasetOptions) -> bool {
    if let Some(size) = found.size {
        return size == shard.size && found.version.as_deref() == shard.version.as_deref();
    }
    match object(found, options) {
        Ok(None) => fs::metadata(&found.path).is_ok_and(|now| {
            now.len() == shard.size && now.modified().ok().and_then(nanoseconds) == shard.modified
        }),
        // Servers that do not answer, or tell no version, are asked for the headers.
        Ok(Some(object)) => version(object, &options.remote).is_ok_and(|Version { size, etag }| {
            size == shard.size && etag.is_some() && etag.as_deref() == shard.version.as_deref()
        }),
        Err(_) => false,
    }
}
