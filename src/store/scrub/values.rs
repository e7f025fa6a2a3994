//! Replaces stored values, some hundred rows at a time.

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteArguments};

use super::Mark;
use crate::store::statements::{bind, quoted};

/// Rows read, and written, in one statement.
const AT_ONCE: usize = 200;

/// Columns whose values are taken away in one statement: SQLite bounds how deep an expression may be.
const COLUMNS_AT_ONCE: usize = 100;

/// Takes the values of some columns away, and marks the rows that had one.
pub(super) async fn clear(
    connection: &mut SqliteConnection,
    table: &str,
    columns: &[&str],
    mark: &Mark<'_>,
) -> Result<(), sqlx::Error> {
    for columns in columns.chunks(COLUMNS_AT_ONCE) {
        let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let sql = format!(
            "UPDATE {} SET {} = NULL, {} WHERE {} IS NOT NULL",
            quoted(table),
            columns.join(" = NULL, "),
            Mark::SET,
            columns.join(" IS NOT NULL OR "),
        );
        let mut arguments = SqliteArguments::default();
        mark.bind(&mut arguments)?;
        sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Puts what `replace` makes of a TEXT column's values in their place, and marks the rows whose value is another one;
/// tells how many these are.
///
/// A key's values are unique: where two become the same, they have been spellings of one, and the row met last stays.
pub(super) async fn replace(
    connection: &mut SqliteConnection,
    table: &str,
    column: &str,
    is_key: bool,
    mark: &Mark<'_>,
    mut replace: impl FnMut(&str) -> Option<String>,
) -> Result<u64, sqlx::Error> {
    let conflict = if is_key { "OR REPLACE " } else { "" };
    let (table, column) = (quoted(table), quoted(column));
    let select = format!(
        "SELECT _rowid_, {column} FROM {table} WHERE _rowid_ >= ? AND {column} IS NOT NULL ORDER BY _rowid_ LIMIT {AT_ONCE}"
    );
    let mut replaced = 0;
    let mut from = Some(i64::MIN);
    while let Some(first) = from {
        let rows = sqlx::query(AssertSqlSafe(select.as_str()))
            .bind(first)
            .fetch_all(&mut *connection)
            .await?;
        let Some(last) = rows.last() else { break };
        from = last.try_get::<i64, _>(0)?.checked_add(1);
        let mut changed: Vec<(i64, Option<String>)> = Vec::with_capacity(rows.len());
        for row in &rows {
            let text: &str = row.try_get(1)?;
            let other = replace(text);
            if other.as_deref() != Some(text) {
                changed.push((row.try_get(0)?, other));
            }
        }
        if changed.is_empty() {
            continue;
        }
        replaced += changed.len() as u64;
        let places = vec!["(?, ?)"; changed.len()].join(", ");
        // A name that no endpoint can have.
        let update = format!(
            "WITH _sync_new (id, text) AS (VALUES {places}) UPDATE {conflict}{table} SET {column} = _sync_new.text, {} \
             FROM _sync_new WHERE _rowid_ = _sync_new.id",
            Mark::SET
        );
        let mut arguments = SqliteArguments::default();
        for (id, text) in changed {
            bind(&mut arguments, id)?;
            bind(&mut arguments, text)?;
        }
        mark.bind(&mut arguments)?;
        sqlx::query_with(AssertSqlSafe(update), arguments).execute(&mut *connection).await?;
    }
    Ok(replaced)
}
