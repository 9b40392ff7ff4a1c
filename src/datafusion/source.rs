//! The scan of a plan: which columns, which filters, split into which ranges. What it reads is the opener's.

use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use datafusion_common::Result;
use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_datasource::TableSchema;
use datafusion_datasource::file::FileSource;
use datafusion_datasource::file_groups::FileGroupPartitioner;
use datafusion_datasource::file_scan_config::FileScanConfig;
use datafusion_datasource::file_stream::FileOpener;
use datafusion_datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion_execution::cache::cache_manager::FileMetadataCache;
use datafusion_physical_expr::utils::{collect_columns, conjunction};
use datafusion_physical_expr::{LexOrdering, PhysicalExpr};
use datafusion_physical_plan::DisplayFormatType;
use datafusion_physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion_physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_physical_plan::projection::ProjectionExprs;
use object_store::ObjectStore;

use super::filter::{self, Predicate};
use super::opener::NpzOpener;
use super::options::NpzOptions;
use super::store::Shards;
use crate::NpzDataset;

/// NPZ shards as DataFusion's `FileSource`, within a `DataSourceExec` over a `FileScanConfig`, so that every engine that
/// knows how to split these can split it.
///
/// Columns are selected here. Filters on narrow columns are taken if a wide column is selected, too: the wide one is
/// then read only where rows are left.
#[derive(Clone)]
pub struct NpzSource {
    table_schema: TableSchema,
    projection: SplitProjection,
    predicate: Option<Arc<dyn PhysicalExpr>>,
    options: Arc<NpzOptions>,
    /// The dataset whose files say themselves where they are, whatever store the session has.
    owner: Option<NpzDataset>,
    metrics: ExecutionPlanMetricsSet,
    cache: Option<Arc<FileMetadataCache>>,
}

impl fmt::Debug for NpzSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpzSource")
            .field("columns", &self.projection.file_indices)
            .field("predicate", &self.predicate)
            .field("options", &self.options.text())
            .finish_non_exhaustive()
    }
}

impl NpzSource {
    /// Makes a source of all columns.
    pub fn new(table_schema: impl Into<TableSchema>, options: Arc<NpzOptions>) -> Self {
        let table_schema = table_schema.into();
        Self {
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            predicate: None,
            options,
            owner: None,
            metrics: ExecutionPlanMetricsSet::new(),
            cache: None,
        }
    }

    /// Sets where headers of shards are kept between queries.
    #[must_use]
    pub fn with_metadata_cache(self, cache: Arc<FileMetadataCache>) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// Takes a filter, in terms of the table's schema, that leaves rows out as they are read.
    #[must_use]
    pub fn with_predicate(self, predicate: Option<Arc<dyn PhysicalExpr>>) -> Self {
        Self { predicate, ..self }
    }

    pub(super) fn with_owner(self, owner: Option<NpzDataset>) -> Self {
        Self { owner, ..self }
    }

    /// Returns how shards are read.
    pub fn options(&self) -> &Arc<NpzOptions> {
        &self.options
    }

    #[cfg(feature = "datafusion-proto")]
    pub(super) fn is_owned(&self) -> bool {
        self.owner.is_some()
    }

    fn file_schema(&self) -> &SchemaRef {
        self.table_schema.file_schema()
    }

    /// True if rows that a filter leaves out spare more than looking at them costs.
    fn is_worth(&self, filter: &Arc<dyn PhysicalExpr>) -> bool {
        let columns = collect_columns(filter);
        filter::is_worth(self.file_schema(), &self.projection.file_indices, &columns)
    }
}

impl FileSource for NpzSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        base: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let split = self.projection.clone();
        let schema = Arc::new(self.file_schema().project(&split.file_indices)?);
        let predicate = self
            .predicate
            .as_ref()
            .map(|filter| Predicate::try_new(filter, self.file_schema()))
            .transpose()?;
        let shards = match &self.owner {
            Some(owner) => Shards::owned(owner, &self.options),
            None => Shards::new(base.object_store_url.clone(), &store, &self.options),
        };
        let opener = NpzOpener {
            shards,
            is_owned: self.owner.is_some(),
            schema,
            predicate: predicate.map(Arc::new),
            limit: base.limit,
            cache: self.cache.clone(),
            bytes: datafusion_physical_plan::metrics::MetricBuilder::new(&self.metrics)
                .counter("bytes_scanned", partition),
        };
        ProjectionOpener::try_new(split, Arc::new(opener), self.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, _: usize) -> Arc<dyn FileSource> {
        // Batches are as large as memory suits them; the plan cuts them without copying.
        Arc::new(self.clone())
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.predicate.clone()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        "npz"
    }

    fn fmt_extra(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.predicate {
            Some(predicate) => write!(f, ", predicate={predicate}"),
            None => Ok(()),
        }
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        min_size: usize,
        ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        let files = config.file_groups.iter().fold(0_usize, |sum, group| sum.saturating_add(group.len()));
        let is_balanced = config.file_groups.len() >= target_partitions;
        if config.limit.is_some() || (files >= target_partitions && is_balanced) {
            // One part has the first rows; whole files keep every thread busy, and whole members are verified.
            return Ok(None);
        }
        let partitioner = FileGroupPartitioner::new()
            .with_target_partitions(target_partitions)
            .with_repartition_file_min_size(min_size)
            .with_preserve_order_within_groups(ordering.is_some());
        Ok(partitioner.repartition_file_groups(&config.file_groups).map(|file_groups| {
            let mut config = config.clone();
            config.file_groups = file_groups;
            config
        }))
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let taken: Vec<bool> = filters.iter().map(|filter| self.is_worth(filter)).collect();
        let answers = taken.iter().map(|&taken| if taken { PushedDown::Yes } else { PushedDown::No });
        let answers = FilterPushdownPropagation::with_parent_pushdown_result(answers.collect());
        if !taken.contains(&true) {
            return Ok(answers);
        }
        let new = filters.into_iter().zip(taken).filter_map(|(filter, taken)| taken.then_some(filter));
        let known = self.predicate.iter().map(Arc::clone);
        let predicate = conjunction(known.chain(new));
        let source: Arc<dyn FileSource> = Arc::new(self.clone().with_predicate(Some(predicate)));
        Ok(answers.with_updated_node(source))
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn apply_expressions(
        &self,
        apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let projected = self.projection.source.iter().map(|projection| &projection.expr);
        let mut roots = self.predicate.iter().chain(projected);
        roots.try_fold(TreeNodeRecursion::Continue, |last, expr| match last {
            TreeNodeRecursion::Stop => Ok(TreeNodeRecursion::Stop),
            _ => apply(expr),
        })
    }
}
