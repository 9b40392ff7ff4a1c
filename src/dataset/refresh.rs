//! The shards that there are now: for tables that outlive what was found at first.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::discover::Found;
use super::inner::Inner;
use super::opened::{nanoseconds, object};
use super::shard::ShardInfo;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::source::Object;
use crate::source::remote::{Version, versions};

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
        let mut told = self.ask(&found)?.into_iter();
        let same = |found: &Found| {
            let version = if found.is_unknown_object() { told.next().flatten() } else { None };
            let known = by_location.get(found.location())?;
            is_same(known, found, version.as_ref()).then(|| Arc::clone(known))
        };
        let mut shards: Vec<Option<Arc<ShardInfo>>> = found.iter().map(same).collect();
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

    /// Asks for the versions of the objects that no listing has told of, in their order.
    fn ask(&self, found: &[Found]) -> Result<Vec<Option<Version>>> {
        let unknown = found.iter().filter(|found| found.is_unknown_object());
        let objects = unknown.map(|found| object(found, &self.options));
        let objects: Vec<Object> = objects.filter_map(Result::transpose).collect::<Result<_>>()?;
        if objects.is_empty() { Ok(Vec::new()) } else { versions(objects, &self.options.remote) }
    }
}

/// True if a shard is what it was, as far as can be told without reading it.
fn is_same(shard: &ShardInfo, found: &Found, version: Option<&Version>) -> bool {
    if let Some(size) = found.size {
        return size == shard.size && found.version.as_deref() == shard.version.as_deref();
    }
    if found.is_unknown_object() {
        // Servers that do not answer, or tell no version, are asked for the headers.
        return version.is_some_and(|Version { size, etag }| {
            *size == shard.size && etag.is_some() && etag.as_deref() == shard.version.as_deref()
        });
    }
    fs::metadata(&found.path).is_ok_and(|now| {
        now.len() == shard.size && now.modified().ok().and_then(nanoseconds) == shard.modified
    })
}
