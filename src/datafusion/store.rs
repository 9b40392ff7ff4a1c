//! Shards in one object store: which file or object each is, and reading their headers.

use std::any::Any;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use datafusion_common::{DataFusionError, HashMap, Result};
use datafusion_common_runtime::SpawnedTask;
use datafusion_execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadata, FileMetadataCache};
use datafusion_execution::object_store::ObjectStoreUrl;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::options::NpzOptions;
use crate::NpzDataset;
use crate::dataset::{DatasetOptions, Found, ShardInfo, unchanged};
use crate::error::Error;

/// How many files are looked at by one blocking task.
const FILES_PER_TASK: usize = 256;

/// A store, and how shards in it are read.
#[derive(Debug, Clone)]
pub(super) struct Shards {
    url: ObjectStoreUrl,
    /// The options, with the store in them unless files are read directly.
    dataset: NpzDataset,
    is_local: bool,
    /// What tells the options from others in the keys of the cache.
    options_hash: u64,
}

impl Shards {
    pub(super) fn new(url: ObjectStoreUrl, store: &Arc<dyn ObjectStore>, options: &NpzOptions) -> Self {
        let mut dataset: DatasetOptions = options.dataset.clone();
        // A plain local store only names files: reading these needs no detour. One that wraps it may do more.
        let is_local = url.as_str() == "file:///" && store.to_string() == LocalFileSystem::new().to_string();
        if !is_local {
            dataset.remote.store = Some(Arc::clone(store));
        }
        let mut hasher = DefaultHasher::new();
        options.text().hash(&mut hasher);
        let dataset = NpzDataset::new(Vec::<String>::new(), dataset);
        Self { url, dataset, is_local, options_hash: hasher.finish() }
    }

    /// Shards that say themselves where they are.
    pub(super) fn owned(owner: &NpzDataset, options: &NpzOptions) -> Self {
        let dataset = owner.reader(options.dataset.clone());
        Self { url: ObjectStoreUrl::local_filesystem(), dataset, is_local: false, options_hash: 0 }
    }

    pub(super) fn dataset(&self) -> &NpzDataset {
        &self.dataset
    }

    /// True if shards are files, so that reading them does not wait for other machines.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    /// Names a shard as errors do.
    pub(super) fn found(&self, meta: &ObjectMeta) -> Result<Found> {
        if self.is_local {
            let path = LocalFileSystem::new().path_to_filesystem(&meta.location)?;
            return Ok(Found { path, url: None, size: None, version: None });
        }
        let path = PathBuf::from(format!("{}{}", self.url.as_str(), meta.location));
        let url = Some(meta.location.to_string());
        Ok(Found { path, url, size: Some(meta.size), version: meta.e_tag.clone() })
    }

    /// What the headers of a shard say.
    pub(super) async fn info(
        &self,
        meta: &ObjectMeta,
        cache: Option<&Arc<FileMetadataCache>>,
    ) -> Result<Arc<ShardInfo>> {
        let mut infos = self.infos(std::slice::from_ref(meta), cache, 1).await?;
        infos.pop().ok_or_else(|| DataFusionError::Internal("no headers of a shard".to_owned()))
    }

    /// What the headers of shards say, from the cache if they are still the same.
    pub(super) async fn infos(
        &self,
        metas: &[ObjectMeta],
        cache: Option<&Arc<FileMetadataCache>>,
        concurrency: usize,
    ) -> Result<Vec<Arc<ShardInfo>>> {
        let cached = |meta: &ObjectMeta| {
            let entry = cache?.get(&self.key(meta))?;
            let same = entry.is_valid_for(meta) && entry.meta.e_tag == meta.e_tag;
            let headers = entry.file_metadata.as_any().downcast_ref::<Headers>()?;
            same.then(|| Arc::clone(&headers.0))
        };
        let mut infos: Vec<Option<Arc<ShardInfo>>> = metas.iter().map(cached).collect();
        let missing = metas.iter().zip(&infos).filter(|(_, info)| info.is_none()).map(|(meta, _)| meta);
        let missing: Vec<ObjectMeta> = missing.cloned().collect();
        let mut read = self.read(&missing, concurrency).await?.into_iter();
        for (info, meta) in infos.iter_mut().zip(metas).filter(|(info, _)| info.is_none()) {
            let Some(new) = read.next() else { break };
            if let Some(cache) = cache {
                let entry = CachedFileMetadataEntry::new(meta.clone(), Arc::new(Headers(Arc::clone(&new))));
                cache.put(&self.key(meta), entry);
            }
            *info = Some(new);
        }
        Ok(infos.into_iter().flatten().collect())
    }

    async fn read(&self, metas: &[ObjectMeta], concurrency: usize) -> Result<Vec<Arc<ShardInfo>>> {
        if self.is_local {
            self.read_files(metas, concurrency).await
        } else {
            self.read_objects(metas, concurrency).await
        }
    }

    async fn read_files(&self, metas: &[ObjectMeta], concurrency: usize) -> Result<Vec<Arc<ShardInfo>>> {
        let found = metas.iter().map(|meta| self.found(meta)).collect::<Result<Vec<_>>>()?;
        let tasks = found.chunks(FILES_PER_TASK).map(|found| {
            let (dataset, found) = (self.dataset.clone(), found.to_vec());
            async move {
                let read = move || dataset.headers_of(&found).into_iter().collect::<Result<Vec<_>, Error>>();
                let infos = SpawnedTask::spawn_blocking(read).await;
                Ok::<_, DataFusionError>(
                    infos.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??,
                )
            }
        });
        let tasks: Vec<_> = tasks.collect();
        let infos: Vec<Vec<_>> = stream::iter(tasks).buffered(concurrency.clamp(1, 8)).try_collect().await?;
        let infos: Vec<_> = infos.into_iter().flatten().collect();
        for (info, meta) in infos.iter().zip(metas) {
            same_file(info, meta)?;
        }
        Ok(infos)
    }

    async fn read_objects(&self, metas: &[ObjectMeta], concurrency: usize) -> Result<Vec<Arc<ShardInfo>>> {
        // Shards are usually alike; what they have in common is kept once.
        let like: Arc<OnceLock<Arc<ShardInfo>>> = Arc::default();
        let tasks = metas.iter().map(|meta| {
            let (found, like) = (self.found(meta), Arc::clone(&like));
            async move {
                let options = self.dataset.options();
                let info = ShardInfo::read_async(&found?, options, like.get().map(Arc::as_ref)).await?;
                let info = Arc::new(info);
                like.get_or_init(|| Arc::clone(&info));
                Ok::<_, DataFusionError>(info)
            }
        });
        let tasks: Vec<_> = tasks.collect();
        stream::iter(tasks).buffered(concurrency.max(1)).try_collect().await
    }

    /// The key in a cache that all stores and tables of a session share.
    fn key(&self, meta: &ObjectMeta) -> Path {
        Path::from(format!("npz-{:016x}/{}{}", self.options_hash, self.url.as_str(), meta.location))
    }
}

/// An error if a file is not what the listing has said: the plan relies on that.
fn same_file(info: &ShardInfo, meta: &ObjectMeta) -> Result<()> {
    let listed = meta.last_modified.timestamp_nanos_opt().and_then(|time| u64::try_from(time).ok());
    let time = listed.filter(|&time| time > 0).zip(info.modified);
    let time = time.map(|(expected, actual)| unchanged("time of modification", expected, actual));
    let same = unchanged("size", meta.size, info.size).and_then(|()| time.unwrap_or(Ok(())));
    same.map_err(|error| error.in_path(&info.path).into())
}

/// What a session keeps of a shard.
#[derive(Debug)]
struct Headers(Arc<ShardInfo>);

impl FileMetadata for Headers {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn memory_size(&self) -> usize {
        // Names and types are shared by shards that are alike.
        let columns = self.0.columns.len().saturating_mul(256);
        columns.saturating_add(self.0.path.as_os_str().len()).saturating_add(256)
    }

    fn extra_info(&self) -> HashMap<String, String> {
        HashMap::from_iter([("rows".to_owned(), self.0.rows.to_string())])
    }
}
