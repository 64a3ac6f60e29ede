//! Rows in whatever form was asked for.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::Value;

use super::{Format, stream, style};
use crate::error::Failure;

/// Width of a table when stdout is no terminal: what fits every screen and every mail.
const WIDTH: u16 = 80;

/// A column's title, and whether only the wide form shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// In capitals.
    title: &'static str,
    /// Too long for 80 columns.
    wide: bool,
}

/// A column every table shows.
pub(crate) const fn column(title: &'static str) -> Column {
    Column { title, wide: false }
}

/// A column the wide form adds.
pub(crate) const fn wide(title: &'static str) -> Column {
    Column { title, wide: true }
}

/// One thing.
#[derive(Debug)]
pub(crate) struct Row {
    /// One for each column.
    pub(crate) cells: Vec<String>,
    /// For programs.
    pub(crate) json: Value,
    /// For shells.
    pub(crate) quiet: String,
}

/// Things to print.
#[derive(Debug)]
pub(crate) struct Listing {
    /// What the cells are.
    pub(crate) columns: Vec<Column>,
    /// The things.
    pub(crate) rows: Vec<Row>,
    /// Said on stderr when there are none.
    pub(crate) empty: &'static str,
}

impl Listing {
    /// Prints all of it as a list.
    pub(crate) fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Table | Format::Wide if self.rows.is_empty() => {
                stream::note(self.empty);
                Ok(())
            }
            Format::Table | Format::Wide => stream::data(&self.table(format == Format::Wide)),
            Format::Json => {
                let all = self.rows.iter().map(|row| row.json.clone()).collect();
                stream::data(&format!("{:#}", Value::Array(all)))
            }
            Format::Jsonl => self.lines(|row| row.json.to_string()),
            Format::Quiet => self.lines(|row| row.quiet.clone()),
        }
    }

    /// Prints the one thing it holds: a table has a line for each column, JSON is not wrapped in a list.
    pub(crate) fn print_one(&self, format: Format) -> Result<(), Failure> {
        let Some(row) = self.rows.first() else { return Ok(()) };
        match format {
            Format::Table | Format::Wide => stream::data(&self.record(row)),
            Format::Json => stream::data(&format!("{:#}", row.json)),
            Format::Jsonl => stream::data(&row.json.to_string()),
            Format::Quiet => stream::data(&row.quiet),
        }
    }

    /// Prints what was just made: a table says only what it is called from now on.
    pub(crate) fn print_new(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Table => self.print_one(Format::Quiet),
            Format::Wide => self.print(format),
            other => self.print_one(other),
        }
    }

    /// The same, marked as the state of one node, where JSON has room for it.
    #[must_use]
    pub(crate) fn stale(mut self) -> Self {
        for row in &mut self.rows {
            if let Value::Object(fields) = &mut row.json {
                fields.insert("stale".to_owned(), true.into());
            }
        }
        self
    }

    fn lines(&self, form: impl Fn(&Row) -> String) -> Result<(), Failure> {
        if self.rows.is_empty() {
            return Ok(());
        }
        stream::data(&self.rows.iter().map(|row| form(row) + "\n").collect::<String>())
    }

    fn table(&self, all: bool) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if all {
            table.set_content_arrangement(ContentArrangement::Disabled);
        } else {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            let width = table.width().unwrap_or(WIDTH);
            table.set_width(width);
        }
        let shown = |index: usize| all || self.columns.get(index).is_some_and(|column| !column.wide);
        table.set_header(self.columns.iter().filter(|column| all || !column.wide).map(|column| column.title));
        for row in &self.rows {
            let cells = row.cells.iter().enumerate().filter(|(index, _)| shown(*index));
            let mut line = comfy_table::Row::from(cells.map(|(_, cell)| style::one_line(cell)));
            line.max_height(1);
            table.add_row(line);
        }
        self.keep_first_column(&mut table);
        trimmed(&table.to_string())
    }

    /// The first column names the thing; it is never cut.
    fn keep_first_column(&self, table: &mut Table) {
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        if let Some(first) = table.column_mut(0) {
            first.set_constraint(ColumnConstraint::ContentWidth);
        }
    }

    /// One line for each column that has something to say.
    fn record(&self, row: &Row) -> String {
        let width = self.columns.iter().map(|column| column.title.len()).max().unwrap_or_default();
        let pairs = self.columns.iter().zip(&row.cells).filter(|(_, cell)| !cell.is_empty());
        let mut text = String::new();
        for (column, cell) in pairs {
            let shown = style::visible(cell.trim_end()).replace('\n', &format!("\n{:width$}  ", ""));
            text.push_str(&format!("{:width$}  {shown}\n", column.title.to_lowercase()));
        }
        text
    }
}

/// The text without the blanks that fill up a table's last column.
fn trimmed(text: &str) -> String {
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Listing {
        Listing {
            columns: vec![column("ID"), column("NOTE"), wide("EVERYTHING")],
            rows: vec![
                Row {
                    cells: vec!["p1".into(), "x".repeat(200), "y".into()],
                    json: Value::Null,
                    quiet: "p1".into(),
                },
                Row {
                    cells: vec!["p2".into(), "a\u{7}\nb".into(), "z".into()],
                    json: 1.into(),
                    quiet: "p2".into(),
                },
            ],
            empty: "nothing",
        }
    }

    #[test]
    fn a_table_fits_eighty_columns_and_one_line_a_row() {
        let text = listing().table(false);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(WIDTH)), "{text}");
        assert!(text.starts_with("ID  NOTE") && text.contains("p2  a\\u{7} b"), "{text}");
        assert!(!text.contains("EVERYTHING"));
    }

    #[test]
    fn the_wide_form_cuts_nothing() {
        let text = listing().table(true);
        assert!(text.contains(&"x".repeat(200)) && text.contains("EVERYTHING"), "{text}");
    }

    #[test]
    fn a_record_leaves_out_what_is_empty() {
        let mut listing = listing();
        listing.rows[0].cells = vec!["p1".into(), String::new(), "a\nb".into()];
        assert_eq!(listing.record(&listing.rows[0]), "id          p1\neverything  a\n            b\n");
    }
}
