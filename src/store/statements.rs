//! Pieces that the statements on data tables share.

use sqlx::{Arguments, Encode, Sqlite, Type, sqlite::SqliteArguments};

/// The bookkeeping columns of every data table, with their definitions.
pub(super) const BOOKKEEPING: [(&str, &str); 5] = [
    ("_first_seen_at", "TEXT NOT NULL"),
    ("_changed_at", "TEXT NOT NULL"),
    ("_deleted_at", "TEXT"),
    ("_run_id", "INTEGER NOT NULL"),
    ("_hash", "BLOB NOT NULL"),
];

/// A name as a SQL identifier: any text is one, in double quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Adds a value to a statement's arguments.
pub(super) fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(
    arguments: &mut SqliteArguments,
    value: T,
) -> Result<(), sqlx::Error> {
    arguments.add(value).map_err(sqlx::Error::Encode)
}

/// `(?, ?, …), (?, ?, …), …`: `rows` groups of `columns` places.
pub(super) fn places(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_quotes_stays_one_identifier() {
        assert_eq!(quoted(r#"a"b"#), r#""a""b""#);
    }

    #[test]
    fn places_are_grouped_by_row() {
        assert_eq!(places(2, 3), "(?, ?, ?), (?, ?, ?)");
    }
}
