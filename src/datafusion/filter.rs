//! Filters on narrow columns, and when it is worth to evaluate them before wide columns are read.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Schema, SchemaRef};
use arrow_select::filter::prep_null_mask_filter;
use datafusion_common::{DFSchema, HashSet, Result, exec_datafusion_err};
use datafusion_datasource::TableSchema;
use datafusion_expr::Expr;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::utils::conjunction;
use datafusion_physical_expr::expressions::Column;
use datafusion_physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};

/// Columns of at most so many bytes a row are narrow.
const NARROW: usize = 16;
/// What reading later must spare, as a multiple of what is read first.
const WORTH: usize = 4;
/// A guess at what text, bytes and lists take, of which the schema does not tell.
const VARIABLE: usize = 64;

/// The bytes of one value, as far as its type tells.
fn width(data_type: &DataType) -> usize {
    match data_type {
        DataType::FixedSizeList(item, len) => {
            width(item.data_type()).saturating_mul(usize::try_from(*len).unwrap_or(0))
        }
        DataType::FixedSizeBinary(len) => usize::try_from(*len).unwrap_or(0),
        DataType::Struct(fields) => {
            fields.iter().fold(0, |sum: usize, field| sum.saturating_add(width(field.data_type())))
        }
        DataType::Boolean => 1,
        other => other.primitive_width().unwrap_or(VARIABLE),
    }
}

/// True if a filter on these columns is cheap, and what is selected besides is not.
pub(super) fn is_worth(file_schema: &Schema, selected: &[usize], columns: &HashSet<Column>) -> bool {
    let width_of = |index: usize| file_schema.fields().get(index).map(|field| width(field.data_type()));
    let mut narrow = 0_usize;
    for column in columns {
        match width_of(column.index()) {
            Some(width) if width <= NARROW => narrow = narrow.saturating_add(width),
            _ => return false,
        }
    }
    let rest = selected.iter().filter(|&&index| columns.iter().all(|column| column.index() != index));
    let rest = rest.filter_map(|&index| width_of(index)).fold(0_usize, usize::saturating_add);
    !columns.is_empty() && rest >= narrow.saturating_mul(WORTH)
}

/// The filters as one, of those that are worth it; none if none is.
pub(super) fn worth(
    schema: &TableSchema,
    props: &ExecutionProps,
    filters: &[Expr],
    projection: Option<&Vec<usize>>,
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let file_schema = schema.file_schema();
    let selected: Vec<usize> = match projection {
        Some(indices) => indices.clone(),
        None => (0..file_schema.fields().len()).collect(),
    };
    let schema = DFSchema::try_from(Arc::clone(schema.table_schema()))?;
    let create =
        |filter: &Expr| create_physical_expr(filter, &schema, props, &PhysicalPlanningContext::default());
    let mut worth: Vec<Expr> = Vec::new();
    for filter in filters {
        if is_worth(file_schema, &selected, &collect_columns(&create(filter)?)) {
            worth.push(filter.clone());
        }
    }
    conjunction(worth).map(|filter| create(&filter)).transpose()
}

/// A filter, and the columns that it looks at.
#[derive(Debug)]
pub(super) struct Predicate {
    expr: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
}

impl Predicate {
    pub(super) fn try_new(filter: &Arc<dyn PhysicalExpr>, file_schema: &SchemaRef) -> Result<Self> {
        let mut indices: Vec<usize> = collect_columns(filter).iter().map(Column::index).collect();
        indices.sort_unstable();
        indices.dedup();
        let schema = Arc::new(file_schema.project(&indices)?);
        Ok(Self { expr: reassign_expr_columns(Arc::clone(filter), &schema)?, schema })
    }

    /// The columns that it looks at.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Which rows are left; a null is none.
    pub(super) fn rows(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let array = self.expr.evaluate(batch)?.into_array(batch.num_rows())?;
        let mask = array.as_boolean_opt().ok_or_else(|| exec_datafusion_err!("a filter is no Boolean"))?;
        Ok(if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() })
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::Field;

    use super::*;

    #[test]
    fn what_is_worth_it() {
        let tensor = DataType::new_fixed_size_list(DataType::Float32, 128, true);
        let schema = Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("x", tensor, false),
            Field::new("name", DataType::Utf8, false),
        ]);
        let column = |name: &str| HashSet::from_iter([Column::new_with_schema(name, &schema).unwrap()]);
        for (filter, selected, expected) in [
            ("id", &[0, 1][..], true),
            ("id", &[0], false),
            ("id", &[2], true),
            ("x", &[0, 1], false),
            ("name", &[1], false),
        ] {
            assert_eq!(is_worth(&schema, selected, &column(filter)), expected, "{filter} {selected:?}");
        }
        assert!(!is_worth(&schema, &[1], &HashSet::new()));
    }
}
