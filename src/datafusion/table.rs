//! The table: its schema once, its shards for every query.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion_common::{
    Constraints, DataFusionError, Result, ScalarValue, SchemaExt as _, Statistics, not_impl_err, plan_err,
    project_schema,
};
use datafusion_common_runtime::SpawnedTask;
use datafusion_datasource::file::FileSource;
use datafusion_datasource::file_format::FileFormat as _;
use datafusion_datasource::file_groups::FileGroup;
use datafusion_datasource::file_scan_config::{
    FileScanConfigBuilder, output_partitioning_from_partition_fields,
};
use datafusion_datasource::file_sink_config::{FileOutputMode, FileSinkConfig};
use datafusion_datasource::{TableSchema, compute_all_files_statistics};
use datafusion_expr::dml::InsertOp;
use datafusion_expr::{Expr, SortExpr, TableProviderFilterPushDown, TableType};
use datafusion_physical_expr::create_lex_ordering;
use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::empty::EmptyExec;
use datafusion_session::{Session, TableProvider};

use super::files::{Files, Listed};
use super::filter;
use super::format::NpzFormat;
use super::groups;
use super::options::NpzOptions;
use super::partitions;
use super::source::NpzSource;
use crate::NpzDataset;
use crate::dataset::OnError;
use crate::source::remote::blocking;

/// Shards as a DataFusion table.
///
/// Made by `CREATE EXTERNAL TABLE … STORED AS NPZ` ([`NpzTableFactory`](super::NpzTableFactory)), by
/// [`open`](Self::open), or of an [`NpzDataset`], which brings its own access to stores.
///
#[cfg_attr(feature = "datafusion", doc = "```no_run")]
#[cfg_attr(not(feature = "datafusion"), doc = "```ignore")]
/// # async fn run() -> datafusion_common::Result<()> {
/// # let context = datafusion::prelude::SessionContext::new();
/// use npzarrow::datafusion::{NpzOptions, NpzTable};
///
/// let table = NpzTable::open(&context.state(), ["s3://bucket/train/"], NpzOptions::default()).await?;
/// context.register_table("train", std::sync::Arc::new(table))?;
/// # Ok(())
/// # }
/// ```
///
/// # Columns
///
/// The members of all shards, one schema for all (missing members are null), then the keys of directories named
/// `key=value`. Row order within a shard is kept; between shards it is that of their keys if one partition reads all.
#[derive(Debug, Clone)]
pub struct NpzTable {
    files: Files,
    format: NpzFormat,
    schema: TableSchema,
    extras: Extras,
}

/// What `CREATE EXTERNAL TABLE` says besides.
#[derive(Debug, Clone, Default)]
pub(super) struct Extras {
    pub(super) order: Vec<Vec<SortExpr>>,
    pub(super) constraints: Constraints,
    pub(super) column_defaults: HashMap<String, Expr>,
    pub(super) definition: Option<String>,
}

/// A shard that comes later may lack what all have now.
pub(super) fn nullable(members: Vec<FieldRef>) -> Vec<FieldRef> {
    let nullable = |field: FieldRef| Arc::new(Arc::unwrap_or_clone(field).with_nullable(true));
    members.into_iter().map(nullable).collect()
}

impl NpzTable {
    /// Makes a table of shards at locations of one object store: files, directories, patterns, with or without scheme.
    /// Lists them, and reads the headers of all.
    ///
    /// # Errors
    ///
    /// The store is not known to the session; there are no shards; two differ in the type of a column.
    pub async fn open<S: Into<String>>(
        session: &dyn Session,
        locations: impl IntoIterator<Item = S>,
        options: NpzOptions,
    ) -> Result<Self> {
        let locations: Vec<String> = locations.into_iter().map(Into::into).collect();
        super::factory::Declared::default().open(session, &locations, options).await
    }

    /// Makes a table of a dataset, which finds and reads its shards with its own options: the stores of the session
    /// are not asked. Reads the headers of all shards; for every query, those that are new or have changed.
    ///
    /// The columns are those of the dataset: members and the row index first, then the keys of directories, then the
    /// path.
    ///
    /// # Errors
    ///
    /// As [`NpzDataset::look`].
    pub async fn of_dataset(dataset: NpzDataset) -> Result<Self> {
        let look = move || blocking(|| Self::of_looked(dataset));
        let table = SpawnedTask::spawn_blocking(look).await;
        table.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
    }

    /// As [`of_dataset`](Self::of_dataset), on this thread.
    pub(super) fn of_looked(dataset: NpzDataset) -> Result<Self> {
        let [members, hive, path] = dataset.columns()?.by_origin();
        let members = nullable(members);
        let partitions: Vec<FieldRef> = hive.iter().chain(&path).cloned().collect();
        let schema = TableSchema::builder(Arc::new(Schema::new(members)))
            .with_table_partition_cols(partitions)
            .build();
        let format = NpzFormat::new(NpzOptions::of_dataset(dataset.options()));
        let files = Files::of_dataset(dataset, !path.is_empty())?;
        Ok(Self { files, format, schema, extras: Extras::default() })
    }

    pub(super) fn new(files: Files, format: NpzFormat, schema: TableSchema, extras: Extras) -> Self {
        Self { files, format, schema, extras }
    }

    /// Returns how shards are read and written.
    pub fn options(&self) -> &Arc<NpzOptions> {
        self.format.options()
    }

    #[cfg(feature = "datafusion-proto")]
    pub(super) fn parts(&self) -> (&Files, &TableSchema, &Extras) {
        (&self.files, &self.schema, &self.extras)
    }

    fn partition_columns(&self) -> &[FieldRef] {
        self.schema.table_partition_cols()
    }

    /// The files of a plan, in groups that are read at once, and what is known of all of them.
    async fn groups(
        &self,
        session: &dyn Session,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<(Vec<FileGroup>, Statistics, bool)> {
        // Of shards that may be left out, headers promise rows that nobody gets.
        let is_certain = self.options().dataset.on_error == OnError::Raise;
        let collect = session.config().collect_statistics() && is_certain;
        let listed = self.files.list(session, &self.schema).await?;
        let values: Vec<Vec<ScalarValue>> = listed.iter().map(|file| file.values.clone()).collect();
        let kept =
            partitions::matches(filters, self.partition_columns(), &values, session.execution_props())?;
        let listed: Vec<Listed> =
            listed.into_iter().zip(kept).filter_map(|(file, kept)| kept.then_some(file)).collect();
        let total = listed.len();
        let listed =
            if collect { self.files.look(session, listed, limit, self.options()).await? } else { listed };
        let is_cut = listed.len() < total;
        let files = groups::planned(listed, self.schema.file_schema(), collect);
        let (groups, is_grouped) = groups::split(files, session, !self.partition_columns().is_empty());
        let schema = Arc::clone(self.schema.table_schema());
        let (groups, statistics) = compute_all_files_statistics(groups, schema, collect, is_cut)?;
        Ok((groups, statistics, is_grouped))
    }
}

#[async_trait]
impl TableProvider for NpzTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.extras.constraints)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.extras.definition.as_deref()
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.extras.column_defaults.get(column)
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| {
            if partitions::is_about(filter, self.partition_columns()) {
                TableProviderFilterPushDown::Exact
            } else {
                // The engine filters again: it cannot know yet whether it is worth filtering here.
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (directories, others): (Vec<Expr>, Vec<Expr>) = filters
            .iter()
            .cloned()
            .partition(|filter| partitions::is_about(filter, self.partition_columns()));
        let file_limit = limit.filter(|_| others.is_empty());
        let (groups, statistics, is_grouped) = self.groups(session, &directories, file_limit).await?;
        if groups.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema(), projection)?)));
        }
        let partitioning = is_grouped.then(|| {
            output_partitioning_from_partition_fields(
                &self.schema(),
                self.schema.table_partition_cols(),
                groups.len(),
            )
        });
        let order = create_lex_ordering(&self.schema(), &self.extras.order, session.execution_props())?;
        // Where the plan is optimised by its own session, filters come to the source by themselves; a foreign one
        // sends them only here.
        let owner = self.files.dataset();
        let predicate = match owner {
            Some(_) => filter::worth(&self.schema, session.execution_props(), &others, projection)?,
            None => None,
        };
        let source = NpzSource::new(self.schema.clone(), Arc::clone(self.options()))
            .with_owner(owner.cloned())
            .with_predicate(predicate);
        let source: Arc<dyn FileSource> = Arc::new(source);
        let config = FileScanConfigBuilder::new(self.files.store(), source)
            .with_file_groups(groups)
            .with_constraints(self.extras.constraints.clone())
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit.filter(|_| others.is_empty()))
            .with_output_ordering(order)
            .with_output_partitioning(partitioning.flatten())
            .build();
        self.format.create_physical_plan(session, config).await
    }

    /// Adds shards below the first location, which must be a directory. Their names are new ones.
    async fn insert_into(
        &self,
        session: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        insert_op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.schema().logically_equivalent_names_and_types(&input.schema())?;
        let Files::Listed(locations) = &self.files else {
            return not_impl_err!("a table of a dataset is read-only: write_npz writes shards");
        };
        let Some(first) = locations.first().filter(|location| !location.is_pattern && !location.is_shard())
        else {
            return plan_err!(
                "rows can be inserted into a directory of shards only, not into a file or a pattern"
            );
        };
        let columns = self.partition_columns().iter();
        let config = FileSinkConfig {
            original_url: first.text.clone(),
            object_store_url: first.store.clone(),
            file_group: FileGroup::default(),
            table_paths: vec![first.directory_url()?],
            output_schema: self.schema(),
            table_partition_cols: columns
                .map(|field| (field.name().clone(), field.data_type().clone()))
                .collect(),
            insert_op,
            keep_partition_by_columns: session.config_options().execution.keep_partition_by_columns,
            file_extension: "npz".to_owned(),
            file_output_mode: FileOutputMode::Directory,
        };
        let order = create_lex_ordering(&self.schema(), &self.extras.order, session.execution_props())?;
        let order = order.into_iter().next().map(Into::into);
        self.format.create_writer_physical_plan(input, session, config, order).await
    }
}
