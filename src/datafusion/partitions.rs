//! Columns that come from directories named `key=value`.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, FieldRef, Schema};
use datafusion_common::{DFSchema, Result, ScalarValue, exec_datafusion_err, plan_err};
use datafusion_expr::Expr;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::utils::conjunction;
use datafusion_physical_expr::create_physical_expr;
use object_store::ObjectMeta;

use crate::dataset::{KeyType, parse_hive};

/// The path of an object, by which its directories are told.
pub(super) fn path_of(meta: &ObjectMeta) -> &Path {
    Path::new(meta.location.as_ref())
}

/// Finds the keys of some shards, in the order in which they are met, and the narrowest types of their values.
pub(super) fn infer(metas: &[ObjectMeta]) -> Vec<FieldRef> {
    let parsed: Vec<_> = metas.iter().map(|meta| parse_hive(path_of(meta))).collect();
    let mut fields: Vec<FieldRef> = Vec::new();
    for (key, _) in parsed.iter().flatten() {
        if fields.iter().all(|field| field.name() != key) {
            let values = parsed.iter().map(|pairs| {
                pairs.iter().find(|(other, _)| other == key).and_then(|(_, value)| value.as_deref())
            });
            fields.push(KeyType::of(&values).field(key));
        }
    }
    fields
}

/// Chooses the columns that were asked for by name from those that are there.
pub(super) fn select(inferred: &[FieldRef], names: &[String]) -> Result<Vec<FieldRef>> {
    let find = |name: &String| match inferred.iter().find(|field| field.name() == name) {
        Some(field) => Ok(Arc::clone(field)),
        None if inferred.is_empty() => Ok(Arc::new(Field::new(name, DataType::Utf8, true))),
        None => {
            let keys: Vec<&str> = inferred.iter().map(|field| field.name().as_str()).collect();
            plan_err!("no shard lies in a directory named {name}=…; the keys are {}", keys.join(", "))
        }
    };
    names.iter().map(find).collect()
}

/// The values of a shard, one for each column.
pub(super) fn values(path: &Path, columns: &[FieldRef]) -> Result<Vec<ScalarValue>> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let pairs = parse_hive(path);
    let value = |field: &FieldRef| {
        let found = pairs.iter().find(|(key, _)| key == field.name()).and_then(|(_, value)| value.clone());
        let Some(text) = found else { return ScalarValue::try_new_null(field.data_type()) };
        ScalarValue::try_from_string(text.clone(), field.data_type()).map_err(|_| {
            let (key, wanted) = (field.name(), field.data_type());
            exec_datafusion_err!("{}: {key}={text} is no {wanted}, as other shards have it", path.display())
        })
    };
    columns.iter().map(value).collect()
}

/// True if a filter says something about directories only.
pub(super) fn is_about(filter: &Expr, columns: &[FieldRef]) -> bool {
    let refs = filter.column_refs();
    !refs.is_empty()
        && refs.iter().all(|column| columns.iter().any(|field| field.name() == column.name()))
        && !filter.is_volatile()
}

/// For each shard, whether filters on its values leave it.
pub(super) fn matches(
    filters: &[Expr],
    columns: &[FieldRef],
    values: &[Vec<ScalarValue>],
    props: &ExecutionProps,
) -> Result<Vec<bool>> {
    let Some(filter) = conjunction(filters.iter().cloned()).filter(|_| !values.is_empty()) else {
        return Ok(vec![true; values.len()]);
    };
    let schema = Arc::new(Schema::new(columns.to_vec()));
    let arrays = (0..columns.len()).map(|column| {
        let scalars = values.iter().filter_map(|values| values.get(column).cloned());
        ScalarValue::iter_to_array(scalars)
    });
    let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(values.len()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?;
    let schema = DFSchema::try_from(schema)?;
    let filter = create_physical_expr(&filter, &schema, props, &PhysicalPlanningContext::default())?;
    let kept = filter.evaluate(&batch)?.into_array(values.len())?;
    let kept = kept.as_boolean_opt().ok_or_else(|| exec_datafusion_err!("a filter is no Boolean"))?;
    Ok((0..kept.len()).map(|row| kept.is_valid(row) && kept.value(row)).collect())
}
