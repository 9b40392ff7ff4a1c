//! Which shards a table has now, and what their headers say.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_schema::ArrowError;
use chrono::{DateTime, Utc};
use datafusion_common::{DataFusionError, Result, ScalarValue};
use datafusion_common_runtime::SpawnedTask;
use datafusion_datasource::TableSchema;
use datafusion_execution::object_store::ObjectStoreUrl;
use datafusion_session::Session;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::listing;
use super::location::Location;
use super::options::NpzOptions;
use super::partitions;
use super::store::Shards;
use crate::NpzDataset;
use crate::convert::to_u64;
use crate::dataset::{NumberedShard, OnError, ShardInfo};
use crate::error::{self, Error};
use crate::source::remote::blocking;

/// Where a table has its shards from.
#[derive(Debug, Clone)]
pub(super) enum Files {
    /// From a store of the session, listed for every query.
    Listed(Vec<Location>),
    /// From a dataset, which finds them for every query.
    Dataset {
        dataset: NpzDataset,
        /// What was found the last time.
        last: Arc<Mutex<Vec<Arc<ShardInfo>>>>,
        /// Whether the last partition column is the path.
        has_path: bool,
    },
}

/// A shard of a query.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) meta: ObjectMeta,
    /// The values of the partition columns.
    pub(super) values: Vec<ScalarValue>,
    /// What its headers say, as soon as they were read.
    pub(super) shard: Option<NumberedShard>,
}

impl Files {
    /// From a dataset whose headers were read, or are read here.
    pub(super) fn of_dataset(dataset: NpzDataset, has_path: bool) -> Result<Self> {
        let last = Arc::new(Mutex::new(dataset.shards()?.to_vec()));
        Ok(Self::Dataset { dataset, last, has_path })
    }

    /// The dataset, if it finds and opens the shards.
    pub(super) fn dataset(&self) -> Option<&NpzDataset> {
        match self {
            Self::Listed(_) => None,
            Self::Dataset { dataset, .. } => Some(dataset),
        }
    }

    /// The store that the plan names.
    pub(super) fn store(&self) -> ObjectStoreUrl {
        match self {
            Self::Listed(locations) => {
                locations.first().map_or_else(ObjectStoreUrl::local_filesystem, |first| first.store.clone())
            }
            Self::Dataset { .. } => ObjectStoreUrl::local_filesystem(),
        }
    }

    /// Lists the shards and says what their directories do.
    pub(super) async fn list(&self, session: &dyn Session, schema: &TableSchema) -> Result<Vec<Listed>> {
        let columns = schema.table_partition_cols();
        match self {
            Self::Listed(locations) => {
                let store = session.runtime_env().object_store(self.store())?;
                let metas = listing::list(&store, locations).await?;
                let listed = metas.into_iter().map(|meta| {
                    let values = partitions::values(partitions::path_of(&meta), columns)?;
                    Ok(Listed { meta, values, shard: None })
                });
                listed.collect()
            }
            Self::Dataset { dataset, last, has_path } => {
                let (look, last) = (dataset.clone(), Arc::clone(last));
                let look = move || blocking(|| shards_now(&look, &last));
                let shards = SpawnedTask::spawn_blocking(look).await;
                let shards = shards.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??;
                let keys = columns.len().saturating_sub(usize::from(*has_path));
                let mut first_row = 0_u64;
                let keys = columns.get(..keys).unwrap_or_default();
                let mut listed = Vec::with_capacity(shards.len());
                for info in shards {
                    let mut values = match partitions::values(&info.path, keys) {
                        Ok(values) => values,
                        Err(error) if dataset.options().on_error == OnError::Skip => {
                            let error = Error::from(ArrowError::from_external_error(Box::new(error)));
                            dataset.leave_out(&error.in_path(&info.path));
                            continue;
                        }
                        Err(error) => return Err(error),
                    };
                    let path = info.path.to_string_lossy().into_owned();
                    if *has_path {
                        values.push(ScalarValue::Utf8(Some(path.clone())));
                    }
                    let nanoseconds = info.modified.and_then(|time| i64::try_from(time).ok()).unwrap_or(0);
                    let meta = ObjectMeta {
                        location: Path::from(path),
                        last_modified: DateTime::<Utc>::from_timestamp_nanos(nanoseconds),
                        size: info.size,
                        e_tag: info.version.as_deref().map(str::to_owned),
                        version: None,
                    };
                    let shard = NumberedShard { info: Arc::clone(&info), first_row };
                    first_row = first_row.saturating_add(info.rows);
                    listed.push(Listed { meta, values, shard: Some(shard) });
                }
                Ok(listed)
            }
        }
    }

    /// Reads the headers of shards, with a limit only of as many as have enough rows: the others are left out.
    pub(super) async fn look(
        &self,
        session: &dyn Session,
        mut listed: Vec<Listed>,
        limit: Option<usize>,
        options: &NpzOptions,
    ) -> Result<Vec<Listed>> {
        let concurrency = session.config_options().execution.meta_fetch_concurrency.get().max(1);
        let step = if limit.is_some() { concurrency } else { usize::MAX };
        let (mut rows, mut done) = (0_u64, 0_usize);
        while done < listed.len() && limit.is_none_or(|limit| rows < to_u64(limit)) {
            let end = done.saturating_add(step).min(listed.len());
            let Some(block) = listed.get_mut(done..end) else { break };
            if block.iter().any(|file| file.shard.is_none()) {
                let store = session.runtime_env().object_store(self.store())?;
                let cache = session.runtime_env().cache_manager.get_file_metadata_cache();
                let metas: Vec<ObjectMeta> = block.iter().map(|file| file.meta.clone()).collect();
                let shards = Shards::new(self.store(), &store, options);
                let infos = shards.infos(&metas, Some(&cache), concurrency).await?;
                for (file, info) in block.iter_mut().zip(infos) {
                    file.shard = Some(NumberedShard { info, first_row: 0 });
                }
            }
            for file in block {
                done = done.saturating_add(1);
                rows = rows.saturating_add(file.shard.as_ref().map_or(0, |shard| shard.info.rows));
                if limit.is_some_and(|limit| rows >= to_u64(limit)) {
                    break;
                }
            }
        }
        listed.truncate(done);
        Ok(listed)
    }
}

/// The shards that there are now. Two queries may look at once: each has what it has seen.
fn shards_now(dataset: &NpzDataset, last: &Mutex<Vec<Arc<ShardInfo>>>) -> error::Result<Vec<Arc<ShardInfo>>> {
    let known = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let now = dataset.shards_now(&known)?;
    last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&now);
    Ok(now)
}
