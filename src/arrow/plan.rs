//! What one array becomes, and then the array. Copies only what [`Transfer`] says.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::Buffer;
use arrow_schema::FieldRef;

use super::memory::{self, to_u64, to_usize};
use super::options::{ArrowOptions, RowLayout};
use super::tensor::Lists;
use super::transfer::{Case, CopyReason, Origin, Transfer};
use super::{elements, layout, schema, swap, transpose};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_WITHOUT_BYTES;
use crate::npy::{Header, Order};

/// What one array becomes: its field, and whether it shares memory, decided before any work.
///
/// ```
/// use arrow_buffer::Buffer;
/// use npzarrow::arrow::{ArrowOptions, Origin, Plan, Transfer};
/// use npzarrow::npy::{Dtype, Header, Order, Shape};
///
/// let dtype = Dtype::from_type_str("=i4").ok_or("no dtype")?;
/// let header = Header::try_new(&dtype, Order::C, &Shape::new(vec![3]))?;
/// let payload = Buffer::from_slice_ref([1_i32, 2, 3]);
/// let address = payload.as_ptr().addr();
/// let plan = Plan::try_new("x", &header, &ArrowOptions::default(), Origin::Immutable, address)?;
/// assert_eq!(plan.transfer(), &Transfer::Shared);
/// let array = plan.array(payload)?;
/// assert_eq!(array.to_data().buffers()[0].as_ptr().addr(), address);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    field: FieldRef,
    transfer: Transfer,
    needs_copy: bool,
    lists: Lists,
    rows: usize,
    count: usize,
    is_fortran: bool,
    without_bytes: u64,
    header: Header,
}

impl Plan {
    /// Decides for an array whose payload lies at `address`.
    ///
    /// # Errors
    ///
    /// A dtype or shape without a counterpart; [`ErrorKind::CopyRequired`] with the reason if
    /// [`CopyMode::Never`](super::CopyMode::Never) asks for what is impossible.
    pub fn try_new(
        name: &str,
        header: &Header,
        options: &ArrowOptions,
        origin: Origin,
        address: usize,
    ) -> Result<Self> {
        let (dtype, shape) = (header.dtype(), header.shape());
        let cell = schema::cell(header, options.rows);
        let (field, lists) = schema::column(name, dtype, cell, options)?;
        let rows = if options.rows == RowLayout::Archive { 1 } else { shape.rows() };
        let count = if lists == Lists::Empty { 0 } else { shape.element_count() };
        let empty = if lists == Lists::Empty { rows } else { layout::without_bytes(dtype, count) };
        let limit = MAX_WITHOUT_BYTES.max(header.payload_len());
        if empty > limit {
            return Err(Error::new(ErrorKind::LimitExceeded {
                what: "elements without bytes:",
                value: empty,
                limit,
            }));
        }
        let is_fortran = header.order() == Order::Fortran && !transpose::is_free(shape);
        let decision = Case {
            conversion: layout::reason(dtype, lists.item_type(field.data_type()))
                .or_else(|| is_fortran.then_some(CopyReason::FortranOrder))
                .or_else(|| swap::width(dtype).map(|_| CopyReason::ByteOrder)),
            alignment: layout::alignment(dtype),
            copy: options.copy,
            origin,
            address,
            is_empty: header.payload_len() == 0,
        }
        .decide()?;
        Ok(Self {
            field: Arc::new(field),
            transfer: decision.transfer,
            needs_copy: decision.needs_copy,
            lists,
            rows: to_usize(rows)?,
            count: to_usize(count)?,
            is_fortran,
            without_bytes: empty,
            header: header.clone(),
        })
    }

    /// Returns the column's field, which depends on the header and the options alone.
    pub fn field(&self) -> &FieldRef {
        &self.field
    }

    /// Returns whether the values will share the input's memory.
    pub fn transfer(&self) -> &Transfer {
        &self.transfer
    }

    /// True if [`array`](Self::array) must be given a private copy of the payload, aligned to 64 bytes.
    pub fn needs_copy(&self) -> bool {
        self.needs_copy
    }

    /// Returns how many rows and elements take no byte of the payload, but memory.
    pub(crate) fn without_bytes(&self) -> u64 {
        self.without_bytes
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Builds the array. It shares `payload` unless a conversion is needed, or it is misaligned after all.
    pub fn array(&self, payload: Buffer) -> Result<ArrayRef> {
        let dtype = self.header.dtype();
        if to_u64(payload.len()) != self.header.payload_len() {
            return Err(Error::new(ErrorKind::PayloadSize {
                shape: self.header.shape().to_vec(),
                descr: dtype.quoted(),
                expected: self.header.payload_len(),
                actual: to_u64(payload.len()),
            }));
        }
        let data_type = self.field.data_type();
        let items = self.native_in_c_order(payload)?;
        let items = elements::array(dtype, self.lists.item_type(data_type), &items, self.count)?;
        self.lists.wrap(items, data_type, self.rows)
    }

    /// Brings the elements into C order and their numbers into the machine's byte order, if they are not.
    fn native_in_c_order(&self, payload: Buffer) -> Result<Buffer> {
        let width = swap::width(self.header.dtype());
        match (self.is_fortran, width) {
            (false, None) => Ok(payload),
            (false, Some(width)) => memory::fill(payload.len(), |out| {
                swap::copy(&payload, out, width);
                Ok(())
            }),
            (true, width) => memory::fill(payload.len(), |out| {
                transpose::to_c_order(&payload, out, self.header.shape(), self.header.dtype().item_size())?;
                if let Some(width) = width {
                    swap::in_place(out, width);
                }
                Ok(())
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_schema::DataType;

    use super::super::options::CopyMode;
    use super::*;
    use crate::npy::{Dtype, Shape};

    fn plan(descr: &str, order: Order, shape: &[u64], origin: Origin, address: usize) -> Result<Plan> {
        plan_with(&ArrowOptions::default(), descr, order, shape, origin, address)
    }

    fn plan_with(
        options: &ArrowOptions,
        descr: &str,
        order: Order,
        shape: &[u64],
        origin: Origin,
        address: usize,
    ) -> Result<Plan> {
        let fortran = if order == Order::Fortran { "True" } else { "False" };
        let shape = Shape::new(shape.to_vec());
        let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}");
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
        Plan::try_new("x", &Header::parse(&bytes)?, options, origin, address)
    }

    const FOREIGN: char = if cfg!(target_endian = "big") { '<' } else { '>' };

    const EVERY_REASON: [(&str, &[u64], Origin, usize, &str); 19] = [
        ("'=f8'", &[4, 2], Origin::Immutable, 64, "shared"),
        ("F '=f8'", &[4, 1], Origin::Immutable, 64, "shared"),
        ("'=c8'", &[4], Origin::Immutable, 4, "shared"),
        ("'|V13'", &[4], Origin::Immutable, 1, "shared"),
        ("'|u1'", &[4], Origin::Immutable, 3, "shared"),
        ("[('x', '=f4')]", &[0], Origin::Mutable, 1, "shared"),
        (
            "'=f8'",
            &[4],
            Origin::Immutable,
            12,
            "the payload begins 4 bytes behind a multiple of 8 (copy first)",
        ),
        (
            "'=M8[s]'",
            &[4],
            Origin::Immutable,
            1,
            "the payload begins 1 bytes behind a multiple of 8 (copy first)",
        ),
        ("'=f8'", &[4], Origin::Mutable, 64, "the input can be written to (copy first)"),
        (
            "'|b1'",
            &[4],
            Origin::Mutable,
            9,
            "Arrow packs truth values into bits; bool8=True shares them (copy first)",
        ),
        ("'=f8'", &[4], Origin::Inflated, 64, "the member is deflated"),
        ("'=f8'", &[4], Origin::Read, 64, "the file was read; mmap=True shares its pages"),
        ("F '=f8'", &[4, 2], Origin::Immutable, 1, "the axes are in Fortran order"),
        ("'~f8'", &[4, 2], Origin::Immutable, 1, "the bytes of each number are in foreign order"),
        (
            "'|S13'",
            &[4],
            Origin::Read,
            1,
            "the NULs that pad strings are cut; string_view=True shares long strings",
        ),
        ("'=U3'", &[4], Origin::Inflated, 1, "four bytes per code point become UTF-8"),
        ("'=M8[D]'", &[4], Origin::Read, 1, "Arrow counts dates in days of 32 bits"),
        ("'=m8[h]'", &[4], Origin::Immutable, 1, "the steps are scaled to a unit that Arrow has"),
        ("[('x', '=f4')]", &[4], Origin::Immutable, 1, "the fields of records become columns"),
    ];

    #[test]
    fn every_reason() {
        for (descr, shape, origin, address, expected) in EVERY_REASON {
            let foreign = descr.replace('~', &FOREIGN.to_string());
            let (order, descr) = match foreign.strip_prefix("F ") {
                Some(descr) => (Order::Fortran, descr),
                None => (Order::C, &*foreign),
            };
            let planned = |copy| {
                let options = ArrowOptions::default().with_copy(copy);
                plan_with(&options, descr, order, shape, origin, address)
            };
            let auto = planned(CopyMode::Auto).unwrap();
            let text = format!("{}{}", auto.transfer(), if auto.needs_copy() { " (copy first)" } else { "" });
            assert_eq!(text.strip_prefix("copied: ").unwrap_or(&text), expected, "{descr}");
            assert_eq!(planned(CopyMode::Never).is_ok(), expected == "shared", "{descr}");
            let always = planned(CopyMode::Always).unwrap();
            assert!(*always.transfer() != Transfer::Shared || shape.contains(&0), "{descr}");
        }
        let views = ArrowOptions::default().with_string_view(true).with_bool8(true);
        for (descr, expected) in [
            ("'|S13'", "shared"),
            ("'|S12'", "copied: strings of at most 12 bytes lie in their views"),
            ("'|b1'", "shared"),
        ] {
            let plan = plan_with(&views, descr, Order::C, &[4], Origin::Immutable, 1).unwrap();
            assert_eq!(plan.transfer().to_string(), expected);
        }
    }

    #[test]
    fn shares_what_it_says() {
        let payload = memory::copied(&[0; 192]).unwrap();
        for descr in ["'=f8'", "'=c16'", "'=f2'", "'=M8[ns]'", "'=m8[s]'", "'|V3'", "'|i1'"] {
            let size = Dtype::from_type_str(descr.trim_matches('\'')).unwrap().item_size();
            for shape in [&[192 / size][..], &[1, 192 / size], &[192 / size / 4, 2, 2]] {
                for order in [Order::C, Order::Fortran] {
                    let address = payload.as_ptr().addr();
                    let plan = plan(descr, order, shape, Origin::Immutable, address).unwrap();
                    let array = plan.array(payload.clone()).unwrap();
                    let mut data = array.to_data();
                    data.validate_full().unwrap();
                    while let Some(child) = data.child_data().first().cloned() {
                        data = child;
                    }
                    let is_shared = *plan.transfer() == Transfer::Shared;
                    assert_eq!(
                        data.buffers()[0].as_ptr() == payload.as_ptr(),
                        is_shared,
                        "{descr} {shape:?}"
                    );
                    assert_eq!(is_shared, order == Order::C || shape.len() < 3);
                }
            }
        }
    }

    #[test]
    fn total() {
        let payload = memory::copied(&[7; 65]).unwrap();
        let plan_f8 = plan("'=f8'", Order::C, &[8], Origin::Immutable, 64).unwrap();
        let array = plan_f8.array(payload.slice_with_length(1, 64)).unwrap();
        array.to_data().validate_full().unwrap();
        assert_eq!(
            plan_f8.array(payload).unwrap_err().to_string(),
            format!(
                r#"payload has 65 bytes, but shape (8,) of "{}f8" needs 64"#,
                if FOREIGN == '>' { '<' } else { '>' }
            )
        );
        for (descr, shape) in [
            ("'|O'", &[1][..]),
            ("[('x', '|O')]", &[1]),
            ("'=f16'", &[1]),
            ("'=c32'", &[1]),
            ("'=M8'", &[1]),
            ("'|S0'", &[1 << 40]),
            ("'|V0'", &[1 << 20, 1 << 20]),
            ("'=f4'", &[1 << 40, 0]),
            ("[]", &[1 << 40]),
            ("[('x', '|V0', (1000000000,)), ('y', '|u1')]", &[1]),
            ("[('x', '=f4', (0,)), ('y', '|V0')]", &[1 << 24]),
            ("'|V3000000000'", &[0]),
            ("'=f4'", &[0, 1 << 16, 1 << 16]),
        ] {
            assert!(plan(descr, Order::C, shape, Origin::Immutable, 64).is_err(), "{descr}");
        }
    }

    #[test]
    fn archive_rows() {
        let options = ArrowOptions::default().with_rows(RowLayout::Archive);
        let payload = memory::copied(&[0; 24]).unwrap();
        for (shape, data_type) in [
            (&[][..], DataType::Int64),
            (&[3], DataType::new_fixed_size_list(DataType::Int64, 3, true)),
            (&[1, 3], DataType::new_fixed_size_list(DataType::Int64, 3, true)),
            (&[0], DataType::new_list(DataType::Int64, true)),
        ] {
            let plan = plan_with(&options, "'=i8'", Order::C, shape, Origin::Immutable, 64).unwrap();
            let len = usize::try_from(shape.iter().product::<u64>() * 8).unwrap();
            let array = plan.array(payload.slice_with_length(0, len)).unwrap();
            array.to_data().validate_full().unwrap();
            assert_eq!((array.data_type(), array.len(), plan.rows()), (&data_type, 1, 1));
        }
    }

    #[test]
    fn dates_in_records_and_tensors_keep_their_dtype() {
        let descr = "[(('When', 'x'), '<M8[M]', (2,)), ('y', '>c8')]";
        let plan = plan(descr, Order::C, &[1], Origin::Immutable, 1).unwrap();
        let DataType::Struct(fields) = plan.field().data_type() else { panic!() };
        assert_eq!(fields[0].metadata()[schema::DTYPE_KEY], "<M8[M]");
        assert_eq!(fields[0].metadata()[schema::TITLE_KEY], "When");
        assert_eq!(fields[1].metadata()[schema::DTYPE_KEY], "<c8");
        let array = plan.array(Buffer::from(vec![0_u8; 24])).unwrap();
        array.to_data().validate_full().unwrap();
        assert_eq!(array.as_struct().num_columns(), 2);
    }
}
