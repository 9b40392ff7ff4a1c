//! `npzarrow ls`: what is in the files, from directories and headers alone.

use serde_json::{Value, json};

use super::args::Files;
use super::context::{Context, Paint};
use super::files::{Opened, expand};
use super::table::Table;
use super::{each, format};
use crate::arrow::ArrowOptions;
use crate::convert::to_u64;
use crate::error::Result;
use crate::npy::Header;
use crate::npz::MemberInfo;

pub(super) fn run(arguments: &Files, context: &mut Context<'_>) -> Result<bool> {
    let files = expand(&arguments.files, context)?;
    let several = files.len() > 1;
    each(context, files.iter().enumerate(), |context, (index, found)| {
        let opened = Opened::open(found, context)?;
        let rows: Vec<Row> = match &opened {
            Opened::Npy(source, header) => vec![Row::of_npy(header, source.len())],
            Opened::Npz(archive) => {
                archive.info(&ArrowOptions::default()).iter().map(Row::of_member).collect()
            }
        };
        if context.json {
            let arrays: Vec<Value> = rows.iter().map(Row::json).collect();
            return context.line(json!({ "path": format::path(&found.path), "arrays": arrays }));
        }
        if several {
            let title = Paint::Heading.on(&format!("{}:", found.path.display()), context.colours);
            if index > 0 {
                context.line("")?;
            }
            context.line(format::visible(&title))?;
        }
        print(&rows, context)
    })
}

fn print(rows: &[Row], context: &mut Context<'_>) -> Result<()> {
    let headings = ["name", "dtype", "shape", "order", "method", "size", "ratio", "offset", "aligned"];
    let mut table = Table::new(headings, &[5, 6, 7]);
    for row in rows {
        let (dtype, shape, order) = match &row.header {
            Ok(header) => (format::dtype(header), header.shape().to_string(), header.order().to_string()),
            Err(error) => (format!("({error})"), String::new(), String::new()),
        };
        table.push(vec![
            row.name.clone(),
            dtype,
            shape,
            order,
            row.method.clone(),
            format::size(row.size),
            format::ratio(row.size, row.compressed_size),
            row.offset.map_or_else(String::new, |offset| offset.to_string()),
            match row.offset {
                Some(_) if row.is_aligned() => "yes",
                Some(_) => "no",
                None => "",
            }
            .to_owned(),
        ]);
    }
    table.print(context)
}

/// One array.
struct Row {
    name: String,
    header: Result<Header, String>,
    method: String,
    size: u64,
    compressed_size: u64,
    offset: Option<u64>,
}

impl Row {
    fn of_npy(header: &Header, len: u64) -> Self {
        Self {
            name: String::new(),
            header: Ok(header.clone()),
            method: "plain".to_owned(),
            size: len,
            compressed_size: len,
            offset: Some(to_u64(header.payload_offset())),
        }
    }

    fn of_member(info: &MemberInfo) -> Self {
        Self {
            name: info.name.clone(),
            // Without the member's name, which stands beside it.
            header: info.header.as_ref().map(Clone::clone).map_err(|error| error.kind().to_string()),
            method: format::method(info.method),
            size: info.declared_size,
            compressed_size: info.compressed_size,
            offset: info.payload_offset,
        }
    }

    fn is_aligned(&self) -> bool {
        self.offset.is_some_and(|offset| offset.trailing_zeros() >= 6)
    }

    fn json(&self) -> Value {
        let header = self.header.as_ref().ok();
        json!({
            "name": self.name,
            "dtype": header.map(format::dtype),
            "shape": header.map(|header| header.shape().to_vec()),
            "order": header.map(|header| header.order().to_string()),
            "method": self.method,
            "size": self.size,
            "compressed_size": self.compressed_size,
            "offset": self.offset,
            "aligned": self.is_aligned(),
            "error": self.header.as_ref().err(),
        })
    }
}
