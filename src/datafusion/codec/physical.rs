//! Scans and sinks of physical plans.

use std::sync::Arc;

use datafusion_common::{Result, not_impl_err};
use datafusion_datasource::file::FileSource;
use datafusion_datasource::file_groups::FileGroup;
use datafusion_datasource::file_scan_config::{FileScanConfig, FileScanConfigBuilder};
use datafusion_datasource::file_sink_config::FileSinkConfig;
use datafusion_datasource::sink::DataSinkExec;
use datafusion_datasource::source::DataSourceExec;
use datafusion_execution::TaskContext;
use datafusion_physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::from_proto::{
    parse_protobuf_file_scan_config, parse_table_schema_from_proto,
};
use datafusion_proto::physical_plan::to_proto::serialize_file_scan_config;
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};

use super::super::sink::NpzSink;
use super::super::source::NpzSource;
use super::message::{Node, Scan, Sink, decode, encode, options, required};
use crate::convert::{to_u64, to_usize};
use crate::dataset::Conversion;

/// Sends scans of NPZ shards, with their projection, filter, ranges, limit and partition values, and sinks.
///
/// Works alone and within a `ComposedPhysicalExtensionCodec`. Statistics of single files are not sent: with very many
/// shards they would be most of the message. A table of an [`NpzDataset`](crate::NpzDataset) is not sent either, since
/// its access to stores belongs to its process.
#[derive(Debug, Clone, Copy, Default)]
pub struct NpzPhysicalCodec {}

impl PhysicalExtensionCodec for NpzPhysicalCodec {
    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buffer: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let scan = node
            .downcast_ref::<DataSourceExec>()
            .and_then(DataSourceExec::downcast_to_file_source::<NpzSource>);
        let node = if let Some((config, source)) = scan {
            Node { scan: Some(encode_scan(*self, config, source, converter)?), sink: None }
        } else if let Some(sink) =
            node.downcast_ref::<DataSinkExec>().and_then(|exec| exec.sink().downcast_ref::<NpzSink>())
        {
            let config = Some(sink.sink_config().try_into()?);
            Node { scan: None, sink: Some(Sink { config, options: sink.options().said().clone() }) }
        } else {
            return not_impl_err!("{} is no scan and no sink of NPZ shards", node.name());
        };
        encode(&node, buffer)
    }

    fn try_decode(
        &self,
        buffer: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Node { scan, sink } = decode(buffer)?;
        if let Some(scan) = scan {
            return decode_scan(*self, &scan, context, converter);
        }
        let sink = required(sink, "scan or sink")?;
        let config = FileSinkConfig::try_from(&required(sink.config, "sink")?)?;
        let sink = NpzSink::new(config, Arc::new(options(&sink.options, false)?));
        let input = required(inputs.first().map(Arc::clone), "input")?;
        // The input has its order already.
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), None)))
    }
}

fn encode_scan(
    codec: NpzPhysicalCodec,
    config: &FileScanConfig,
    source: &NpzSource,
    converter: &dyn PhysicalProtoConverterExtension,
) -> Result<Scan> {
    if source.is_owned() {
        return not_impl_err!(
            "a table of a dataset cannot be sent to other processes: make it of locations, with CREATE EXTERNAL TABLE or NpzTable::open"
        );
    }
    let files = config.file_groups.iter().flat_map(FileGroup::iter);
    let versions = files.map(|file| file.object_meta.e_tag.clone().unwrap_or_default()).collect();
    let groups = config.file_groups.iter().map(|group| {
        let files = group.iter().cloned().map(|mut file| {
            file.statistics = None;
            file
        });
        FileGroup::new(files.collect())
    });
    let slim = FileScanConfigBuilder::from(config.clone()).with_file_groups(groups.collect()).build();
    let predicate = source.filter();
    let predicate = predicate.map(|filter| converter.physical_expr_to_proto(&filter, &codec)).transpose()?;
    Ok(Scan {
        config: Some(serialize_file_scan_config(&slim, &codec, converter)?),
        options: source.options().said().clone(),
        predicate,
        limit: config.limit.map(to_u64),
        versions,
        cast: source.options().dataset.conversion == Conversion::Cast,
    })
}

fn decode_scan(
    codec: NpzPhysicalCodec,
    scan: &Scan,
    context: &TaskContext,
    converter: &dyn PhysicalProtoConverterExtension,
) -> Result<Arc<dyn ExecutionPlan>> {
    let config = required(scan.config.as_ref(), "configuration")?;
    let schema = parse_table_schema_from_proto(config)?;
    let decoding = PhysicalPlanDecodeContext::new(context, &codec);
    let predicate = scan.predicate.as_ref();
    let predicate = predicate
        .map(|filter| converter.proto_to_physical_expr(filter, schema.table_schema(), &decoding))
        .transpose()?;
    let cache = context.runtime_env().cache_manager.get_file_metadata_cache();
    let source = NpzSource::new(schema, Arc::new(options(&scan.options, scan.cast)?))
        .with_metadata_cache(cache)
        .with_predicate(predicate);
    let source: Arc<dyn FileSource> = Arc::new(source);
    let config = parse_protobuf_file_scan_config(config, &decoding, converter, source)?;
    let mut versions = scan.versions.iter();
    let groups = config.file_groups.iter().map(|group| {
        let files = group.iter().cloned().map(|mut file| {
            file.object_meta.e_tag = versions.next().filter(|version| !version.is_empty()).cloned();
            file
        });
        FileGroup::new(files.collect())
    });
    let groups = groups.collect();
    let config = FileScanConfigBuilder::from(config)
        .with_file_groups(groups)
        .with_limit(scan.limit.map(to_usize))
        .build();
    Ok(DataSourceExec::from_data_source(config))
}
