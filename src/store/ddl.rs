//! Every statement that makes or changes a data table.

mod removal;

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteArguments};

pub(super) use self::removal::{drop_column, forget_samples, put_triggers_back, take_triggers};
use super::{
    schema::{Column, Table},
    statements::{self, quoted},
};
use crate::rows::{self, ColumnType, EXACT_IN_REAL};

/// Rows whose REAL values are spelled anew in one statement.
const SPELLED_AT_ONCE: usize = 500;

/// Makes a data table under `name`, which is the table's own or, in a rebuild, a temporary one.
pub(super) async fn create_table(
    connection: &mut SqliteConnection,
    table: &Table,
    name: &str,
) -> Result<(), sqlx::Error> {
    let mut sql = format!("CREATE TABLE {} (\n", quoted(name));
    for column in &table.columns {
        sql.push_str(&definition(column));
        sql.push_str(",\n");
    }
    for (bookkeeping, definition) in statements::BOOKKEEPING {
        sql.extend(["    ", &quoted(bookkeeping), " ", definition, ",\n"]);
    }
    let key: Vec<String> = table.key().iter().map(|column| quoted(&column.name)).collect();
    sql.extend(["    PRIMARY KEY (", &key.join(", "), ")\n)"]);
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Adds a column at the table's end.
pub(super) async fn add_column(
    connection: &mut SqliteConnection,
    table: &str,
    column: &Column,
) -> Result<(), sqlx::Error> {
    let sql = format!("ALTER TABLE {} ADD COLUMN {}", quoted(table), definition(column).trim());
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

fn definition(column: &Column) -> String {
    let not_null = if column.key_part.is_some() { " NOT NULL" } else { "" };
    format!("    {} {}{not_null}", quoted(&column.name), column.declared.as_sql())
}

/// Whether every whole number stored in the column survives as a REAL.
pub(super) async fn survives_as_real(
    connection: &mut SqliteConnection,
    table: &str,
    column: &str,
) -> Result<bool, sqlx::Error> {
    let (table, column) = (quoted(table), quoted(column));
    let sql = format!(
        "SELECT NOT EXISTS (SELECT 1 FROM {table} WHERE {column} NOT BETWEEN -{EXACT_IN_REAL} AND {EXACT_IN_REAL})"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await
}

/// Rebuilds a table whose columns change their types from those of `before` to those of `after`.
///
/// Row ids and the users' own indexes and triggers are kept; views need nothing, since the table has its name back at the
/// end. Runs inside the caller's transaction.
pub(super) async fn rebuild(
    connection: &mut SqliteConnection,
    before: &Table,
    after: &Table,
) -> Result<(), sqlx::Error> {
    let name = &before.name;
    let temporary = format!("_sync_rebuilt_{name}");
    // Indexes that SQLite makes itself, for the key, have no text.
    let kept: Vec<String> = sqlx::query_scalar(
        "SELECT sql FROM sqlite_schema WHERE tbl_name = ? COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid",
    )
    .bind(name)
    .fetch_all(&mut *connection)
    .await?;
    create_table(connection, after, &temporary).await?;
    copy(connection, before, after, &temporary).await?;
    for (old, new) in before.columns.iter().zip(&after.columns) {
        if (old.declared, new.declared) == (ColumnType::Real, ColumnType::Text) {
            spell_reals(connection, name, &old.name, &temporary).await?;
        }
    }
    for sql in [
        format!("DROP TABLE {}", quoted(name)),
        format!("ALTER TABLE {} RENAME TO {}", quoted(&temporary), quoted(name)),
    ]
    .into_iter()
    .chain(kept)
    {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn copy(
    connection: &mut SqliteConnection,
    before: &Table,
    after: &Table,
    target: &str,
) -> Result<(), sqlx::Error> {
    let mut columns = vec!["_rowid_".to_owned()];
    let mut values = columns.clone();
    for (old, new) in before.columns.iter().zip(&after.columns) {
        columns.push(quoted(&new.name));
        values.push(converted(old, new.declared));
    }
    for (bookkeeping, _) in statements::BOOKKEEPING {
        columns.push(quoted(bookkeeping));
        values.push(quoted(bookkeeping));
    }
    let sql = format!(
        "INSERT INTO {} ({}) SELECT {} FROM {} ORDER BY _rowid_",
        quoted(target),
        columns.join(", "),
        values.join(", "),
        quoted(&before.name)
    );
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// A stored value of a column in its new type.
fn converted(column: &Column, to: ColumnType) -> String {
    let name = quoted(&column.name);
    match (column.declared, to) {
        (ColumnType::Boolean, ColumnType::Text) => {
            format!("CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END")
        }
        (ColumnType::Integer, ColumnType::Text) => format!("CAST({name} AS TEXT)"),
        // SQLite prints 15 digits of a double, so `spell_reals` puts the right text; until then a key's must be unique.
        (ColumnType::Real, ColumnType::Text) => {
            format!("CASE WHEN {name} IS NOT NULL THEN '?' || _rowid_ END")
        }
        _ => name,
    }
}

/// Spells the doubles of a column as JSON does, with as few digits as tell them apart from their neighbours.
async fn spell_reals(
    connection: &mut SqliteConnection,
    source: &str,
    column: &str,
    target: &str,
) -> Result<(), sqlx::Error> {
    let select = format!(
        "SELECT _rowid_, {column} FROM {source} WHERE _rowid_ >= ? AND {column} IS NOT NULL ORDER BY _rowid_ LIMIT {SPELLED_AT_ONCE}",
        column = quoted(column),
        source = quoted(source),
    );
    let mut from = Some(i64::MIN);
    while let Some(first) = from {
        let rows = sqlx::query(AssertSqlSafe(select.as_str()))
            .bind(first)
            .fetch_all(&mut *connection)
            .await?;
        let Some(last) = rows.last() else { break };
        from = last.try_get::<i64, _>(0)?.checked_add(1);
        let places = vec!["(?, ?)"; rows.len()].join(", ");
        let update = format!(
            "WITH _sync_new (id, text) AS (VALUES {places}) UPDATE {} SET {} = _sync_new.text FROM _sync_new WHERE _rowid_ = _sync_new.id",
            quoted(target),
            quoted(column),
        );
        let mut arguments = SqliteArguments::default();
        for row in &rows {
            statements::bind(&mut arguments, row.try_get::<i64, _>(0)?)?;
            statements::bind(&mut arguments, rows::spell_real(row.try_get(1)?))?;
        }
        sqlx::query_with(AssertSqlSafe(update), arguments).execute(&mut *connection).await?;
    }
    Ok(())
}
