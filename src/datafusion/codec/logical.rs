//! Tables and formats of logical plans.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use datafusion_common::{Result, TableReference, not_impl_err};
use datafusion_datasource::TableSchema;
use datafusion_datasource::file_format::FileFormatFactory;
use datafusion_execution::TaskContext;
use datafusion_expr::{AggregateUDF, Extension, LogicalPlan, ScalarUDF, WindowUDF};
use datafusion_proto::logical_plan::from_proto::parse_sorts;
use datafusion_proto::logical_plan::to_proto::serialize_sorts;
use datafusion_proto::logical_plan::{DefaultLogicalExtensionCodec, LogicalExtensionCodec};
use datafusion_proto::protobuf;
use datafusion_session::TableProvider;

use super::super::files::Files;
use super::super::format::{NpzFormat, NpzFormatFactory};
use super::super::location;
use super::super::table::{Extras, NpzTable};
use super::message::{Table, decode, encode, is_ours, options, required};
use crate::dataset::Conversion;

/// Stands for the factory of the format, which has no state.
#[derive(Clone, PartialEq, prost::Message)]
struct Format {}

/// Sends [`NpzTable`]s with their schema, so that nothing is listed or opened where a plan arrives, and the format of
/// `COPY … TO`. What it does not know it leaves to another codec.
#[derive(Debug)]
pub struct NpzLogicalCodec {
    other: Arc<dyn LogicalExtensionCodec>,
}

impl Default for NpzLogicalCodec {
    fn default() -> Self {
        Self { other: Arc::new(DefaultLogicalExtensionCodec {}) }
    }
}

impl NpzLogicalCodec {
    /// Takes care of NPZ, and leaves all else to another codec.
    pub fn over(other: Arc<dyn LogicalExtensionCodec>) -> Self {
        Self { other }
    }

    fn encode_table(&self, table: &NpzTable, buffer: &mut Vec<u8>) -> Result<()> {
        let (files, schema, extras) = table.parts();
        let Files::Listed(locations) = files else {
            return not_impl_err!(
                "a table of a dataset cannot be sent to other processes: make it of locations, with CREATE EXTERNAL TABLE or NpzTable::open"
            );
        };
        let order = extras.order.iter().map(|sorts| {
            let sort_expr_nodes = serialize_sorts(sorts, self)?;
            Ok(protobuf::SortExprNodeCollection { sort_expr_nodes })
        });
        let partitions = Schema::new(schema.table_partition_cols().clone());
        let table = Table {
            locations: locations.iter().map(|location| location.text.clone()).collect(),
            options: table.options().said().clone(),
            file_schema: Some(schema.file_schema().as_ref().try_into()?),
            partitions: Some((&partitions).try_into()?),
            order: order.collect::<Result<_>>()?,
            definition: extras.definition.clone(),
            cast: table.options().dataset.conversion == Conversion::Cast,
        };
        encode(&table, buffer)
    }

    fn decode_table(&self, buffer: &[u8], context: &TaskContext) -> Result<NpzTable> {
        let table: Table = decode(buffer)?;
        let file_schema = Schema::try_from(&required(table.file_schema, "schema")?)?;
        let partitions = Schema::try_from(&required(table.partitions, "partitions")?)?;
        let order = table.order.iter().map(|sorts| Ok(parse_sorts(&sorts.sort_expr_nodes, context, self)?));
        let extras = Extras {
            order: order.collect::<Result<_>>()?,
            definition: table.definition,
            ..Extras::default()
        };
        let schema = TableSchema::builder(Arc::new(file_schema))
            .with_table_partition_cols(partitions.fields().to_vec())
            .build();
        let files = Files::Listed(location::parse_all(&table.locations)?);
        Ok(NpzTable::new(files, NpzFormat::new(options(&table.options, table.cast)?), schema, extras))
    }
}

impl LogicalExtensionCodec for NpzLogicalCodec {
    fn try_decode(&self, buffer: &[u8], inputs: &[LogicalPlan], context: &TaskContext) -> Result<Extension> {
        self.other.try_decode(buffer, inputs, context)
    }

    fn try_encode(&self, node: &Extension, buffer: &mut Vec<u8>) -> Result<()> {
        self.other.try_encode(node, buffer)
    }

    fn try_decode_table_provider(
        &self,
        buffer: &[u8],
        name: &TableReference,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        if is_ours(buffer) {
            return Ok(Arc::new(self.decode_table(buffer, context)?));
        }
        self.other.try_decode_table_provider(buffer, name, schema, context)
    }

    fn try_encode_table_provider(
        &self,
        name: &TableReference,
        table: Arc<dyn TableProvider>,
        buffer: &mut Vec<u8>,
    ) -> Result<()> {
        match table.downcast_ref::<NpzTable>() {
            Some(table) => self.encode_table(table, buffer),
            None => self.other.try_encode_table_provider(name, table, buffer),
        }
    }

    fn try_decode_file_format(
        &self,
        buffer: &[u8],
        context: &TaskContext,
    ) -> Result<Arc<dyn FileFormatFactory>> {
        if is_ours(buffer) {
            return Ok(Arc::new(NpzFormatFactory {}));
        }
        self.other.try_decode_file_format(buffer, context)
    }

    fn try_encode_file_format(&self, buffer: &mut Vec<u8>, format: Arc<dyn FileFormatFactory>) -> Result<()> {
        if (format.as_ref() as &dyn std::any::Any).is::<NpzFormatFactory>() {
            return encode(&Format {}, buffer);
        }
        self.other.try_encode_file_format(buffer, format)
    }

    fn try_decode_udf(&self, name: &str, buffer: &[u8]) -> Result<Arc<ScalarUDF>> {
        self.other.try_decode_udf(name, buffer)
    }

    fn try_encode_udf(&self, function: &ScalarUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.other.try_encode_udf(function, buffer)
    }

    fn try_decode_udaf(&self, name: &str, buffer: &[u8]) -> Result<Arc<AggregateUDF>> {
        self.other.try_decode_udaf(name, buffer)
    }

    fn try_encode_udaf(&self, function: &AggregateUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.other.try_encode_udaf(function, buffer)
    }

    fn try_decode_udwf(&self, name: &str, buffer: &[u8]) -> Result<Arc<WindowUDF>> {
        self.other.try_decode_udwf(name, buffer)
    }

    fn try_encode_udwf(&self, function: &WindowUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.other.try_encode_udwf(function, buffer)
    }
}
