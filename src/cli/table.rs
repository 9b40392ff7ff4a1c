//! Tables of text, as wide as what is in them.

use std::borrow::Cow;

use super::context::{Context, Paint};
use super::format::visible;
use crate::error::Result;

/// Rows of cells below a row of headings.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// Which columns are numbers, and end at the right.
    right: &'static [usize],
}

impl Table {
    pub(super) fn new<S: Into<String>>(
        headings: impl IntoIterator<Item = S>,
        right: &'static [usize],
    ) -> Self {
        let mut table = Self { rows: Vec::new(), right };
        table.push(headings.into_iter().map(Into::into).collect());
        table
    }

    pub(super) fn push(&mut self, row: Vec<String>) {
        let visible = |cell: String| match visible(&cell) {
            Cow::Owned(changed) => changed,
            Cow::Borrowed(_) => cell,
        };
        self.rows.push(row.into_iter().map(visible).collect());
    }

    pub(super) fn print(&self, context: &mut Context<'_>) -> Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
                let cell = if self.right.contains(&column) { gap + cell } else { cell.clone() + &gap };
                line.push_str(if column == 0 { "" } else { "  " });
                line.push_str(&cell);
            }
            let line = line.trim_end();
            context.line(Paint::Heading.on(line, context.colours && index == 0))?;
        }
        Ok(())
    }
}
