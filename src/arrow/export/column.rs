//! One column: values come in batch by batch, and one array comes out, and perhaps its mask.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::Field;

use super::super::memory;
use super::Nulls;
use super::failure::Failure;
use super::leaf::{Values, covers, problem};
use super::lists::{peel, some_null};
use super::plan::{Axis, Element, Member, plan};
use super::record::Reader;
use super::store::{Storage, Store};
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, ExportProblem, Result};
use crate::npy::{ByteOrder, Dtype, Header, Order, Record, Scalar, Shape, Subarray};
use crate::spool::{Content, Spool};

/// What an array waits in until it is written.
const MEMORY_LIMIT: usize = 64 << 20;
/// About so many bytes are interleaved at a time.
const PIECE_LEN: usize = 1 << 20;

/// An array to write.
#[derive(Debug)]
pub(crate) struct Exported {
    /// The name, without `.npy`.
    pub(crate) name: String,
    pub(crate) header: Header,
    pub(crate) payload: Content<'static>,
}

/// A column on its way to an array.
#[derive(Debug)]
pub(super) struct Column {
    name: String,
    axes: Vec<Axis>,
    node: Node,
    rows: u64,
    mask: Mask,
    context: Context,
}

/// What all levels of a column need.
#[derive(Debug)]
struct Context {
    nulls: Nulls,
    folder: PathBuf,
    storage: Storage,
}

/// Where values were missing.
#[derive(Debug)]
struct Mask {
    /// Made when the first null comes.
    store: Option<Spool>,
    /// How many elements there were.
    count: u64,
}

/// Elements on their way.
#[derive(Debug)]
enum Node {
    Leaf { element: Element, store: Store, longest: u64, count: u64 },
    Record { fields: Vec<(Member, Self)>, count: u64 },
}

impl Column {
    pub(super) fn try_new(field: &Field, nulls: Nulls, storage: Storage, folder: &Path) -> Result<Self> {
        let name = field.name().clone();
        let (axes, element) = plan(field).map_err(|problem| in_column(&name, problem))?;
        let context = Context { nulls, folder: folder.to_owned(), storage };
        let node = Node::new(element, &context);
        Ok(Self { name, axes, node, rows: 0, mask: Mask { store: None, count: 0 }, context })
    }

    /// Adds the values of a batch.
    pub(super) fn push(&mut self, array: &ArrayRef) -> Result<()> {
        let Self { name, axes, node, rows, mask, context } = self;
        let mut push = || {
            let (values, nulls) = peel(axes, array, None, *rows)?;
            node.push(&values, nulls.as_ref(), context, Some(mask))
        };
        push().map_err(|failure| match failure {
            Failure::Problem(problem) => in_column(name, problem),
            Failure::Error(error) => error,
        })?;
        *rows = rows.saturating_add(to_u64(array.len()));
        Ok(())
    }

    /// Makes the array, and its mask if there were nulls.
    pub(super) fn finish(self) -> Result<(Exported, Option<Exported>)> {
        let Self { name, axes, node, rows, mask, context } = self;
        let shape = Shape::new([rows].into_iter().chain(axes.iter().flat_map(Axis::lengths)).collect());
        let array = |name: String, dtype: &Dtype, payload| -> Result<Exported> {
            let header = Header::try_new(dtype, Order::C, &shape).map_err(|error| error.in_entry(&name))?;
            Ok(Exported { name, header, payload })
        };
        let dtype = node.dtype().map_err(|error| error.in_entry(&name))?;
        let payload = node.finish(&context.folder)?;
        let mask_name = format!("{name}_mask");
        let array_of_values = array(name, &dtype, payload)?;
        let mask = mask.store.map(|store| {
            let dtype = Dtype::Scalar(Scalar::Bool, ByteOrder::NotApplicable);
            array(mask_name, &dtype, store.finish())
        });
        Ok((array_of_values, mask.transpose()?))
    }
}

impl Node {
    fn new(element: Element, context: &Context) -> Self {
        match element {
            Element::Record(members) => {
                let fields = members.into_iter().map(|mut member| {
                    let element = std::mem::replace(&mut member.element, Element::Nothing);
                    (member, Self::new(element, context))
                });
                Self::Record { fields: fields.collect(), count: 0 }
            }
            element => {
                let store = Store::new(context.storage, &context.folder);
                Self::Leaf { element, store, longest: 0, count: 0 }
            }
        }
    }

    /// Adds values, which are null where `above` is, and where they are null themselves. The mask is that of the
    /// column; within records there is none.
    fn push(
        &mut self,
        array: &ArrayRef,
        above: Option<&NullBuffer>,
        context: &Context,
        mask: Option<&mut Mask>,
    ) -> Result<(), Failure> {
        let nulls = some_null(NullBuffer::union(above, array.logical_nulls().as_ref()));
        match self {
            Self::Record { fields, count } => {
                let is_told = |nulls| match mask {
                    Some(_) => context.nulls == Nulls::Mask,
                    None => covers(above, nulls),
                };
                if let Some(nulls) = nulls.as_ref().filter(|nulls| !is_told(nulls)) {
                    return Err(Failure::Problem(problem(&Self::dtype_of(fields)?, nulls)));
                }
                for ((member, node), column) in fields.iter_mut().zip(array.as_struct().columns()) {
                    let push = |node: &mut Self, axes: &mut Vec<Axis>| {
                        let (values, nulls) = peel(axes, column, nulls.clone(), *count)?;
                        node.push(&values, nulls.as_ref(), context, None)
                    };
                    push(node, &mut member.axes).map_err(|failure| match failure {
                        Failure::Problem(problem) => Failure::Problem(problem.within(&member.name)),
                        error @ Failure::Error(_) => error,
                    })?;
                }
                *count = count.saturating_add(to_u64(array.len()));
                if let Some(mask) = mask {
                    mask.push(array.len(), nulls.as_ref(), &context.folder)?;
                }
                Ok(())
            }
            Self::Leaf { element, store, longest, count } => {
                let values = Values {
                    array,
                    nulls,
                    covered: above,
                    policy: context.nulls,
                    has_mask: mask.is_some(),
                    first: *count,
                };
                let (values, missing) = element.encode(values, longest)?;
                store.push(values, &context.folder)?;
                *count = count.saturating_add(to_u64(array.len()));
                if let Some(mask) = mask {
                    mask.push(array.len(), missing.as_ref(), &context.folder)?;
                }
                Ok(())
            }
        }
    }

    fn dtype(&self) -> Result<Dtype> {
        match self {
            Self::Record { fields, .. } => Self::dtype_of(fields),
            Self::Leaf { element, longest, .. } => Ok(element.dtype(*longest)),
        }
    }

    fn dtype_of(fields: &[(Member, Self)]) -> Result<Dtype> {
        let fields = fields.iter().map(|(member, node)| {
            let dtype = node.dtype()?;
            let shape: Vec<u64> = member.axes.iter().flat_map(Axis::lengths).collect();
            let dtype = match &shape[..] {
                [] => dtype,
                _ => Dtype::Subarray(Arc::new(Subarray::try_new(dtype, Shape::new(shape))?)),
            };
            Ok((member.name.clone(), member.title.clone(), dtype))
        });
        Ok(Dtype::Record(Arc::new(Record::packed(fields.collect::<Result<_>>()?)?)))
    }

    /// The bytes of all elements.
    fn finish(self, folder: &Path) -> Result<Content<'static>> {
        match self {
            Self::Leaf { element, store, .. } if !matches!(element, Element::Text | Element::Bytes) => {
                Ok(store.finish())
            }
            node => {
                let count = node.count();
                let mut reader = node.reader()?;
                let per_piece = PIECE_LEN.checked_div(reader.item_size()).unwrap_or(0).max(1);
                let mut spool = Spool::new(MEMORY_LIMIT, folder);
                let mut rest = if reader.item_size() == 0 { 0 } else { to_usize(count) };
                let mut piece = Vec::new();
                while rest > 0 {
                    let now = rest.min(per_piece);
                    piece.clear();
                    reader.read(now, &mut piece)?;
                    spool.push(&piece)?;
                    rest -= now;
                }
                Ok(spool.finish())
            }
        }
    }

    fn count(&self) -> u64 {
        match self {
            Self::Leaf { count, .. } | Self::Record { count, .. } => *count,
        }
    }

    fn reader(self) -> Result<Reader> {
        let item_size = self.dtype()?.item_size();
        match self {
            Self::Record { fields, .. } => {
                let fields = fields.into_iter().map(|(member, node)| {
                    let lengths = member.axes.iter().flat_map(Axis::lengths);
                    Ok((to_usize(lengths.fold(1, u64::saturating_mul)), node.reader()?))
                });
                let fields = fields.collect::<Result<_>>()?;
                Ok(Reader::Record { fields, item_size: memory::to_usize(item_size)? })
            }
            Self::Leaf { element, store, longest, .. } => match element {
                Element::Text => Reader::strings(store.finish(), true, longest),
                Element::Bytes => Reader::strings(store.finish(), false, longest),
                _ => Reader::fixed(store.finish(), item_size),
            },
        }
    }
}

impl Mask {
    /// Notes which of the next elements are missing.
    fn push(&mut self, len: usize, missing: Option<&NullBuffer>, folder: &Path) -> Result<()> {
        if missing.is_some() && self.store.is_none() {
            let mut store = Spool::new(MEMORY_LIMIT, folder);
            zeros(&mut store, self.count)?;
            self.store = Some(store);
        }
        self.count = self.count.saturating_add(to_u64(len));
        match (&mut self.store, missing) {
            (Some(store), Some(missing)) => {
                store.push(&missing.iter().map(|is_valid| u8::from(!is_valid)).collect::<Vec<_>>())
            }
            (Some(store), None) => zeros(store, to_u64(len)),
            (None, _) => Ok(()),
        }
    }
}

fn zeros(store: &mut Spool, count: u64) -> Result<()> {
    let mut rest = to_usize(count);
    while rest > 0 {
        let now = rest.min(PIECE_LEN);
        store.push(&vec![0; now])?;
        rest -= now;
    }
    Ok(())
}

#[cold]
fn in_column(column: &str, problem: ExportProblem) -> Error {
    Error::new(ErrorKind::Export { column: column.to_owned(), problem })
}
