//! Tables in CSV files.
//!
//! Format: RFC 4180, with empty lines left out and numbers as Rust parses them.
use cornu_graph::{Error, Result, Tensor};
use std::path::Path;

/// A table of text cells, every row with the same number of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Where it came from, for errors.
    what: String,
    names: Vec<String>,
    /// Each with its line in the file.
    rows: Vec<(usize, Vec<String>)>,
}

/// Reads a table from a CSV file, the first row of which holds names when `header` is set.
///
/// # Errors
/// When the file cannot be read or is no UTF-8, a quote is not closed, or rows differ in length.
///
/// ```no_run
/// let table = cornu::data::csv::load("iris.csv", false)?;
/// let x = table.numbers(0..4)?; // float32 of shape [rows, 4]
/// let species: Vec<&str> = table.text(4)?;
/// # Ok::<(), cornu_graph::Error>(())
/// ```
pub fn load(path: impl AsRef<Path>, header: bool) -> Result<Table> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    Table::parse(&text, header, &path.display().to_string())
}

impl Table {
    /// Reads a table from text; `what` names it in errors.
    ///
    /// # Errors
    /// When a quote is not closed, or rows differ in length.
    pub fn parse(text: &str, header: bool, what: &str) -> Result<Table> {
        let bad = |message: String| Error::Format { what: what.to_string(), message };
        let mut rows = rows(text).map_err(|line| bad(format!("line {line}: a quote is not closed")))?;
        let width = rows.first().map_or(0, |(_, cells)| cells.len());
        if let Some((line, cells)) = rows.iter().find(|(_, cells)| cells.len() != width) {
            return Err(bad(format!("line {line} has {} cells, those before {width}", cells.len())));
        }
        let names = if header && !rows.is_empty() { rows.remove(0).1 } else { vec![] };
        Ok(Table { what: what.to_string(), names, rows })
    }

    /// Names of the columns; empty without a header.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of rows, the header not counted.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// No rows at all.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Which column has this name.
    ///
    /// # Errors
    /// When none has; the nearest name is suggested.
    pub fn column(&self, name: &str) -> Result<usize> {
        let known = self.names.iter().map(String::as_str);
        self.names.iter().position(|n| n == name).ok_or_else(|| Error::unknown("column", name, known))
    }

    /// The cells of one column.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn text(&self, column: usize) -> Result<Vec<&str>> {
        self.rows.iter().map(|row| self.cell(row, column)).collect()
    }

    /// Some columns as numbers: float32 of shape `[rows, columns]`.
    ///
    /// # Errors
    /// When there is no such column, or a cell is no number.
    pub fn numbers(&self, columns: impl IntoIterator<Item = usize>) -> Result<Tensor> {
        let columns: Vec<usize> = columns.into_iter().collect();
        let mut values = Vec::with_capacity(self.rows.len() * columns.len());
        for row in &self.rows {
            for &column in &columns {
                let cell = self.cell(row, column)?;
                values.push(cell.trim().parse::<f32>().map_err(|_| {
                    let message = format!("line {}, column {column}: `{cell}` is no number", row.0);
                    Error::Format { what: self.what.clone(), message }
                })?);
            }
        }
        Tensor::new([self.rows.len(), columns.len()], values)
    }

    fn cell<'a>(&self, row: &'a (usize, Vec<String>), column: usize) -> Result<&'a str> {
        row.1.get(column).map(String::as_str).ok_or_else(|| {
            Error::Data(format!("{} has {} columns, none of number {column}", self.what, row.1.len()))
        })
    }
}

/// The cells of each row, with its line; of an open quote, the line where it starts.
fn rows(text: &str) -> Result<Vec<(usize, Vec<String>)>, usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = vec![];
    let (mut line, mut start) = (1, 1);
    let mut row = vec![];
    let mut cell = String::new();
    let mut chars = text.chars().peekable();
    loop {
        match chars.next() {
            Some('"') if cell.is_empty() => {
                let opened = line;
                loop {
                    match chars.next() {
                        Some('"') if chars.next_if_eq(&'"').is_some() => cell.push('"'),
                        Some('"') => break,
                        Some(c) => {
                            line += usize::from(c == '\n');
                            cell.push(c);
                        }
                        None => return Err(opened),
                    }
                }
            }
            Some(',') => row.push(std::mem::take(&mut cell)),
            Some('\r') if chars.peek() == Some(&'\n') => {}
            end @ (Some('\n') | None) => {
                if !(row.is_empty() && cell.is_empty()) {
                    row.push(std::mem::take(&mut cell));
                    rows.push((start, std::mem::take(&mut row)));
                }
                line += 1;
                start = line;
                if end.is_none() {
                    return Ok(rows);
                }
            }
            Some(c) => cell.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        let text = "\u{feff}a,\"b \"\"c\"\"\"\r\n1.5,\"x\ny\"\r\n\r\n-2e1,";
        let table = Table::parse(text, true, "t.csv").unwrap();
        assert_eq!(table.names(), ["a", "b \"c\""]);
        assert_eq!(table.text(1).unwrap(), ["x\ny", ""]);
        assert_eq!(table.numbers([0]).unwrap(), Tensor::from([[1.5f32], [-20.0]]));
        assert_eq!(table.column("a").unwrap(), 0);
        assert_eq!(Table::parse("", true, "").unwrap().len(), 0);
    }

    #[test]
    fn errors() {
        let parse = |text| Table::parse(text, false, "t.csv");
        assert_eq!(parse("1,2\n3").unwrap_err().to_string(), "t.csv: line 2 has 1 cells, those before 2");
        assert_eq!(parse("1,\n\"2,3\n").unwrap_err().to_string(), "t.csv: line 2: a quote is not closed");
        let table = parse("1,2\n3,x").unwrap();
        let e = table.numbers(0..2).unwrap_err();
        assert_eq!(e.to_string(), "t.csv: line 2, column 1: `x` is no number");
        assert_eq!(table.text(2).unwrap_err().to_string(), "t.csv has 2 columns, none of number 2");
        let table = Table::parse("age,city\n", true, "").unwrap();
        assert_eq!(
            table.column("agee").unwrap_err().to_string(),
            "unknown column `agee`; did you mean `age`?"
        );
    }
}
