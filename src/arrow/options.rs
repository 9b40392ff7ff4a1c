//! What the caller may choose: the shape of tensors and rows, views, and whether memory may be shared.

/// How arrays become columns. The default suits pyarrow and DataFusion.
///
/// ```
/// use npzarrow::arrow::{ArrowOptions, CopyMode, TensorLayout};
///
/// let options = ArrowOptions::default().with_tensor(TensorLayout::Nested).with_copy(CopyMode::Never);
/// assert_eq!(options.tensor, TensorLayout::Nested);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArrowOptions {
    /// What the axes behind the rows become.
    pub tensor: TensorLayout,
    /// Whether columns share the memory of the input.
    pub copy: CopyMode,
    /// True for `arrow.bool8`, which shares the bytes of `b1`, rather than packed bits.
    pub bool8: bool,
    /// True for `Utf8View` and `BinaryView` rather than `Utf8` and `Binary`.
    pub string_view: bool,
    /// What a row is.
    pub rows: RowLayout,
}

impl ArrowOptions {
    /// Sets what the axes behind the rows become.
    #[must_use]
    pub fn with_tensor(mut self, tensor: TensorLayout) -> Self {
        self.tensor = tensor;
        self
    }

    /// Sets whether columns share the memory of the input.
    #[must_use]
    pub fn with_copy(mut self, copy: CopyMode) -> Self {
        self.copy = copy;
        self
    }

    /// Sets whether `b1` becomes `arrow.bool8`.
    #[must_use]
    pub fn with_bool8(mut self, bool8: bool) -> Self {
        self.bool8 = bool8;
        self
    }

    /// Sets whether text and bytes become views.
    #[must_use]
    pub fn with_string_view(mut self, string_view: bool) -> Self {
        self.string_view = string_view;
        self
    }

    /// True if cells of one column may differ in shape.
    pub(crate) fn is_variable(&self) -> bool {
        self.tensor == TensorLayout::Variable && self.rows == RowLayout::Archive
    }

    /// Sets what a row is.
    #[must_use]
    pub fn with_rows(mut self, rows: RowLayout) -> Self {
        self.rows = rows;
        self
    }
}

/// What the axes behind the rows become. A zero among them makes lists that are empty, in every layout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum TensorLayout {
    /// `arrow.fixed_shape_tensor` for integers and floats; nested lists for all else, which pyarrow could not
    /// turn back into NumPy.
    #[default]
    FixedShape,
    /// A fixed-size list per axis, one in the other.
    Nested,
    /// One fixed-size list of all elements; the shape is lost.
    Flat,
    /// A struct of the elements and the shape of each cell, so that cells may differ in shape:
    /// `arrow.variable_shape_tensor` for integers and floats. Where a row is not a whole array, the cells of an array
    /// have one shape, and this is [`FixedShape`](Self::FixedShape).
    Variable,
}

/// What a row is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum RowLayout {
    /// The first axis counts the rows; an array without axes is one row.
    #[default]
    Axis0,
    /// The whole array is one cell of one row; an array without axes is a scalar.
    Archive,
}

/// Whether columns share the memory of the input: NumPy's `copy=None`, `False` and `True`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum CopyMode {
    /// Share where possible, copy where needed.
    #[default]
    Auto,
    /// Share, or fail with the reason why that is impossible.
    Never,
    /// Copy, so that the columns are independent of the input.
    Always,
}
