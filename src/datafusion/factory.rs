//! `CREATE EXTERNAL TABLE … STORED AS NPZ`.

use std::sync::Arc;

use arrow_schema::{Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion_common::{Result, plan_err};
use datafusion_datasource::TableSchema;
use datafusion_expr::CreateExternalTable;
use datafusion_session::{Session, TableProvider, TableProviderFactory};
use object_store::ObjectMeta;

use super::files::Files;
use super::format::NpzFormat;
use super::listing;
use super::location;
use super::options::NpzOptions;
use super::partitions;
use super::store::Shards;
use super::table::{Extras, NpzTable, nullable};
use crate::dataset::{Conversion, merge};

/// Makes [`NpzTable`]s of `CREATE EXTERNAL TABLE … STORED AS NPZ LOCATION '…' [PARTITIONED BY …] [OPTIONS …]`.
///
/// Asks nothing of the session but its object stores and its configuration, so that it works with a foreign one, too.
#[derive(Debug, Clone, Default)]
pub struct NpzTableFactory {}

#[async_trait]
impl TableProviderFactory for NpzTableFactory {
    async fn create(
        &self,
        session: &dyn Session,
        command: &CreateExternalTable,
    ) -> Result<Arc<dyn TableProvider>> {
        if command.unbounded {
            return plan_err!("a table of NPZ shards is not unbounded");
        }
        let declared = Declared {
            schema: Some(command.schema.inner()).filter(|schema| !schema.fields().is_empty()).cloned(),
            partitions: command.table_partition_cols.clone(),
            extras: Extras {
                order: command.order_exprs.clone(),
                constraints: command.constraints.clone(),
                column_defaults: command.column_defaults.clone(),
                definition: command.definition.clone(),
            },
        };
        let options = NpzOptions::of_map(&command.options)?;
        Ok(Arc::new(declared.open(session, &command.locations, options).await?))
    }
}

/// What is said about a table before its shards are looked at.
#[derive(Debug, Default)]
pub(super) struct Declared {
    pub(super) schema: Option<SchemaRef>,
    pub(super) partitions: Vec<String>,
    pub(super) extras: Extras,
}

impl Declared {
    pub(super) async fn open(
        self,
        session: &dyn Session,
        locations: &[String],
        mut options: NpzOptions,
    ) -> Result<NpzTable> {
        let locations = location::parse_all(locations)?;
        let files = Files::Listed(locations.clone());
        let url = files.store();
        let store = session.runtime_env().object_store(&url)?;
        let metas = listing::list(&store, &locations).await?;
        let is_declared = self.schema.is_some();
        if metas.is_empty() && !is_declared {
            let texts: Vec<&str> = locations.iter().map(|location| location.text.as_str()).collect();
            return plan_err!(
                "no .npz or .npy below {}: name the columns of a table without shards",
                texts.join(", ")
            );
        }
        let partitions = self.partition_columns(session, &metas)?;
        let file_schema = if let Some(schema) = &self.schema {
            options.dataset.conversion = Conversion::Cast;
            let is_member = |field: &&FieldRef| partitions.iter().all(|other| other.name() != field.name());
            Arc::new(Schema::new(schema.fields().iter().filter(is_member).cloned().collect::<Vec<_>>()))
        } else {
            let cache = session.runtime_env().cache_manager.get_file_metadata_cache();
            let concurrency = session.config_options().execution.meta_fetch_concurrency.get();
            let shards = Shards::new(url, &store, &options);
            let infos = shards.infos(&metas, Some(&cache), concurrency).await?;
            let fields = merge(&infos, &options.dataset)?;
            let twice =
                fields.iter().find(|field| partitions.iter().any(|other| other.name() == field.name()));
            if let Some(field) = twice {
                return plan_err!(
                    "column {} is both a member of shards and the key of a directory: choose with PARTITIONED BY or the option columns",
                    field.name()
                );
            }
            Arc::new(Schema::new(nullable(fields)))
        };
        let schema = TableSchema::builder(file_schema).with_table_partition_cols(partitions).build();
        Ok(NpzTable::new(files, NpzFormat::new(options), schema, self.extras))
    }

    fn partition_columns(&self, session: &dyn Session, metas: &[ObjectMeta]) -> Result<Vec<FieldRef>> {
        let inferred = partitions::infer(metas);
        if let Some(schema) = &self.schema {
            let nullable =
                |name: &String| Ok(Arc::new(Field::clone(schema.field_with_name(name)?).with_nullable(true)));
            return self.partitions.iter().map(nullable).collect();
        }
        if !self.partitions.is_empty() {
            return partitions::select(&inferred, &self.partitions);
        }
        let infers = session.config_options().execution.listing_table_factory_infer_partitions;
        Ok(if infers { inferred } else { Vec::new() })
    }
}
