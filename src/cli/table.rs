//! Plain tables for a terminal, a pipe or a mail.

use std::{fmt::Write, time::Duration};

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

/// A length of time that is as short as its cell: `0.4s`, `41s`, `3m05s`, `2h07m`, `5d03h`. Without a space, so that no cell has one.
pub(super) fn time(elapsed: Duration) -> String {
    let tenths = (elapsed.as_millis() + 50) / 100;
    let seconds = (elapsed.as_millis() + 500) / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) if tenths < 100 => format!("{}.{}s", tenths / 10, tenths % 10),
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours @ 0..48, minutes, _) => format!("{hours}h{minutes:02}m"),
        (hours, ..) => format!("{}d{:02}h", hours / 24, hours % 24),
    }
}

/// A size for a person: `76 kB`, `12.3 MB`.
pub(super) fn size(bytes: u64) -> String {
    if bytes < 1_000_000 {
        return format!("{} kB", bytes.div_ceil(1000));
    }
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", thousands(tenths / 10), tenths % 10)
}

/// What a cell shows of a text that comes from elsewhere, at any length and with any character.
pub(super) fn in_a_line(text: &str, length: usize) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut line: String = text.chars().take(length).map(plain).collect();
    if text.chars().nth(length).is_some() {
        line.push('…');
    }
    line
}

/// Breaks a text into lines that fit a plain terminal. A longer word has a line of its own.
pub(super) fn wrapped(text: &str) -> String {
    const COLUMNS: usize = 79;
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 {
            let fits = column + 1 + width <= COLUMNS;
            lines.push(if fits { ' ' } else { '\n' });
            column = if fits { column + 1 } else { 0 };
        }
        lines.push_str(word);
        column += width;
    }
    lines
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

    #[test]
    fn a_time_is_as_short_as_its_cell() {
        let times = [0, 40, 9_949, 9_951, 59_499, 59_501, 185_000, 7_620_000, 442_800_000];
        let shown = times.map(|milliseconds| time(Duration::from_millis(milliseconds)));
        assert_eq!(
            shown,
            ["0.0s", "0.0s", "9.9s", "10s", "59s", "1m00s", "3m05s", "2h07m", "5d03h"]
        );
    }

    #[test]
    fn a_size_is_never_told_too_small() {
        let sizes = [0, 1, 999_000, 999_999, 1_000_000, 12_345_678, 1_234_500_001].map(size);
        assert_eq!(sizes, ["0 kB", "1 kB", "999 kB", "1000 kB", "1.0 MB", "12.4 MB", "1,234.6 MB"]);
    }

    #[test]
    fn lines_are_as_full_as_they_can_be() {
        let text = wrapped(&"word ".repeat(40));
        let lines: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lines, [79, 79, 39]);
        let long = "x".repeat(90);
        assert_eq!(wrapped(&format!("a {long} b")), format!("a\n{long}\nb"));
    }
}
