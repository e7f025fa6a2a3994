//! Plain tables for a terminal, a pipe or a mail.

use std::fmt::Write;

/// How a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Lays a table out: a header, a rule, a line a row, two spaces between the columns.
pub(super) fn table(header: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(column, (title, _))| {
            let cells =
                rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([title.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let titles: Vec<String> = header.iter().map(|(title, _)| (*title).to_owned()).collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = String::new();
    for row in [&titles, &rule].into_iter().chain(rows) {
        let mut line = String::new();
        for ((cell, (_, align)), &width) in row.iter().zip(header).zip(&widths) {
            let written = match align {
                Align::Left => write!(line, "{cell:<width$}  "),
                Align::Right => write!(line, "{cell:>width$}  "),
            };
            written.expect("a String takes whatever is written to it");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A count with its thousands apart: `26,115`.
pub(super) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of things: `1 page`, `1,200 pages`.
pub(super) fn counted(count: u64, one: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {one}{plural}", thousands(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["users".to_owned(), "7".to_owned()],
            vec!["reservations".to_owned(), "1,024".to_owned()],
        ];
        let expected =
            "endpoint       rows\n------------  -----\nusers             7\nreservations  1,024\n";
        assert_eq!(table(&[("endpoint", Align::Left), ("rows", Align::Right)], &rows), expected);
    }

    #[test]
    fn thousands_are_set_apart() {
        let counts = [0, 999, 1_000, 26_115, 1_234_567].map(thousands);
        assert_eq!(counts, ["0", "999", "1,000", "26,115", "1,234,567"]);
    }

    #[test]
    fn only_one_is_singular() {
        let counts = [0, 1, 2, 1_001].map(|count| counted(count, "page"));
        assert_eq!(counts, ["0 pages", "1 page", "2 pages", "1,001 pages"]);
    }
}
