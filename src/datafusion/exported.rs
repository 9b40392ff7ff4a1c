//! Tables for a DataFusion that is part of another library, as Python's is: it has other stores, another runtime, and
//! polls what it gets wherever it likes.

use std::collections::HashSet;
use std::process;
use std::sync::Arc;

use arrow_schema::{FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion_common::{DataFusionError, Result, exec_err, plan_err};
use datafusion_common_runtime::SpawnedTask;
use datafusion_datasource::TableSchema;
use datafusion_expr::dml::InsertOp;
use datafusion_expr::{CreateExternalTable, Expr, TableProviderFilterPushDown, TableType};
use datafusion_physical_plan::ExecutionPlan;
use datafusion_session::{Session, TableProvider, TableProviderFactory};
use tokio::runtime::Handle;

use super::files::Files;
use super::format::NpzFormat;
use super::options::NpzOptions;
use super::partitions;
use super::table::{Extras, NpzTable, nullable};
use crate::NpzDataset;
use crate::dataset::{Conversion, DatasetOptions};
use crate::parallel::default_threads;
use crate::source::RemoteOptions;
use crate::source::remote::{blocking, entered, handle};

/// A table of a dataset for an engine in another library: it brings its own stores, and plans on the threads of this
/// library, whoever polls. Read-only.
///
/// The shards are those that there are when a query is planned, with the columns that were found at first.
#[derive(Debug, Clone)]
pub struct ExportedTable {
    table: Arc<NpzTable>,
    home: Home,
}

/// The process in which a table was made. Threads are not copied by a fork.
#[derive(Debug, Clone, Copy)]
struct Home(u32);

impl Home {
    fn here() -> Self {
        Self(process::id())
    }

    fn check(self) -> Result<()> {
        if self.0 == process::id() {
            return Ok(());
        }
        let here = process::id();
        exec_err!(
            "process {} has made this table, and {here} is a fork of it: make the table there anew",
            self.0
        )
    }
}

impl ExportedTable {
    /// Makes a table. Reads the headers of all shards on this thread, unless the dataset has read them.
    ///
    /// # Errors
    ///
    /// As [`NpzDataset::look`].
    pub fn new(dataset: NpzDataset) -> Result<Self> {
        NpzTable::of_looked(dataset).map(Self::of_table)
    }

    /// Returns the runtime that streams of tables must be polled within.
    ///
    /// # Errors
    ///
    /// Its threads cannot be started.
    pub fn runtime() -> Result<Handle> {
        Ok(handle()?)
    }

    fn of_table(table: NpzTable) -> Self {
        Self { table: Arc::new(table), home: Home::here() }
    }
}

#[async_trait]
impl TableProvider for ExportedTable {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.table.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.home.check()?;
        entered(self.table.scan(session, projection, filters, limit)).await?
    }

    async fn insert_into(
        &self,
        session: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        insert_op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.table.insert_into(session, input, insert_op).await
    }
}

/// Makes [`ExportedTable`]s of `CREATE EXTERNAL TABLE … STORED AS NPZ LOCATION '…' [PARTITIONED BY …] [OPTIONS …]`.
///
/// The stores of the session are not asked; how to reach objects is said here. Locations may be in several stores. The
/// shards are those that there are when a query is planned; the columns are those of the shards at first.
#[derive(Debug, Clone)]
pub struct ExportedTableFactory {
    remote: RemoteOptions,
    home: Home,
}

impl ExportedTableFactory {
    /// Makes a factory.
    pub fn new(remote: RemoteOptions) -> Self {
        Self { remote, home: Home::here() }
    }
}

#[async_trait]
impl TableProviderFactory for ExportedTableFactory {
    async fn create(
        &self,
        session: &dyn Session,
        command: &CreateExternalTable,
    ) -> Result<Arc<dyn TableProvider>> {
        self.home.check()?;
        if command.unbounded {
            return plan_err!("a table of NPZ shards is not unbounded");
        }
        // Neither comes to the engine, and nothing is inserted.
        if command.constraints.iter().next().is_some() || !command.column_defaults.is_empty() {
            return plan_err!("a read-only table of NPZ shards has neither keys nor default values");
        }
        let infers = session.config_options().execution.listing_table_factory_infer_partitions;
        let (command, remote) = (command.clone(), self.remote.clone());
        let create = move || blocking(|| create(&command, remote, infers));
        let table = entered(async { SpawnedTask::spawn_blocking(create).await }).await?;
        let table = table.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??;
        Ok(Arc::new(ExportedTable::of_table(table)))
    }
}

/// Makes the table on this thread. With `infers` all keys of directories are columns, unless some are named.
fn create(command: &CreateExternalTable, remote: RemoteOptions, infers: bool) -> Result<NpzTable> {
    let mut options = NpzOptions::of_map(&command.options)?.with_remote(remote);
    let declared = Some(command.schema.inner()).filter(|schema| !schema.fields().is_empty());
    if declared.is_some() {
        options.dataset.conversion = Conversion::Cast;
    }
    let mut found = DatasetOptions { hive: true, ..options.dataset.clone() };
    // Headers are read on as many threads as there are cores; the engine has its own for all that follows.
    found.open.threads = default_threads();
    let dataset = NpzDataset::new(command.locations.clone(), found);
    check_shards(&dataset)?;
    let [members, keys, _] = dataset.columns()?.by_origin();
    let names = &command.table_partition_cols;
    let chosen = match names.first() {
        Some(first) if keys.is_empty() => return plan_err!("no shard lies in a directory named {first}=…"),
        Some(_) => partitions::select(&keys, names)?,
        None if infers && declared.is_none() => keys,
        None => Vec::new(),
    };
    let (members, partitions) = match declared {
        None => (nullable(members), chosen),
        Some(schema) => {
            let (keys, members): (Vec<FieldRef>, Vec<FieldRef>) =
                schema.fields().iter().cloned().partition(|field| names.contains(field.name()));
            let typed = |name: &String| {
                let field = keys.iter().find(|field| field.name() == name);
                let field = field.map(|field| Arc::new(field.as_ref().clone().with_nullable(true)));
                field.ok_or_else(|| DataFusionError::Plan(format!("column {name} is not declared")))
            };
            (members, names.iter().map(typed).collect::<Result<_>>()?)
        }
    };
    let schema =
        TableSchema::builder(Arc::new(Schema::new(members))).with_table_partition_cols(partitions).build();
    let extras = Extras { order: command.order_exprs.clone(), ..Extras::default() };
    let files = Files::of_dataset(dataset, false)?;
    Ok(NpzTable::new(files, NpzFormat::new(options), schema, extras))
}

/// An error if two locations have the same shard, whose rows would count twice.
fn check_shards(dataset: &NpzDataset) -> Result<()> {
    let mut seen = HashSet::new();
    match dataset.shards()?.iter().find(|shard| !seen.insert(&shard.path)) {
        Some(twice) => plan_err!("{}: more than one of the locations has this shard", twice.path.display()),
        None => Ok(()),
    }
}
