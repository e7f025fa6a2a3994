//! Every statement that makes or changes a data table.

mod removal;

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteArguments};

pub(super) use self::removal::{drop_column, forget_samples, put_triggers_back, take_triggers};
use super::{
    definition,
    schema::{Column, Table},
    statements::{self, quoted},
};
use crate::rows::{self, ColumnType, EXACT_IN_REAL};

/// Rows whose REAL values are spelled anew in one statement.
const SPELLED_AT_ONCE: usize = 500;

/// SQLite's cache while a table is copied, in KiB. Keys come in no order, so that each row's is written
/// somewhere else in their index: what does not fit the cache is read and written again for the next row.
const CACHE_WHILE_COPYING: u32 = 65_536;
/// SQLite's cache at all other times, in KiB.
pub(super) const CACHE: u32 = 8192;

/// A column that users have added.
pub(super) struct OwnColumn {
    /// As they have written it.
    definition: String,
    /// What SQLite has made of it.
    meaning: Meaning,
}

/// A column's name, type, default, whether it refuses NULL, and whether it is stored (0) or generated.
type Meaning = (String, String, Option<String>, i64, i64);

/// Reads how the columns were defined that users have added; a column that cannot be made out is left out.
pub(super) async fn own_columns(
    connection: &mut SqliteConnection,
    table: &Table,
) -> Result<Vec<OwnColumn>, sqlx::Error> {
    let sql: String =
        sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?")
            .bind(&table.name)
            .fetch_one(&mut *connection)
            .await?;
    let definitions = definition::columns(&sql);
    let mut own = Vec::new();
    for meaning in meanings(connection, &table.name).await? {
        let is_named = |name: &str| name.eq_ignore_ascii_case(&meaning.0);
        if table.added_by_users.iter().any(|name| is_named(name))
            && let Some((_, definition)) = definitions.iter().find(|(name, _)| is_named(name))
        {
            own.push(OwnColumn { definition: (*definition).to_owned(), meaning });
        }
    }
    Ok(own)
}

/// Whether a table has these columns, with all that SQLite has made of them before.
pub(super) async fn has_columns(
    connection: &mut SqliteConnection,
    table: &str,
    own: &[OwnColumn],
) -> Result<bool, sqlx::Error> {
    let meanings = meanings(connection, table).await?;
    Ok(own.iter().all(|column| meanings.contains(&column.meaning)))
}

async fn meanings(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<Vec<Meaning>, sqlx::Error> {
    sqlx::query_as("SELECT name, type, dflt_value, \"notnull\", hidden FROM pragma_table_xinfo(?)")
        .bind(table)
        .fetch_all(connection)
        .await
}

/// Makes a data table under `name`, which is the table's own or, in a rebuild, a temporary one.
pub(super) async fn create_table(
    connection: &mut SqliteConnection,
    table: &Table,
    name: &str,
    own: &[OwnColumn],
) -> Result<(), sqlx::Error> {
    let mut sql = format!("CREATE TABLE {} (\n", quoted(name));
    for column in &table.columns {
        sql.extend(["    ", &definition(column), ",\n"]);
    }
    if let Some(extra) = &table.extra {
        sql.extend(["    ", &quoted(&extra.column), " TEXT,\n"]);
    }
    for (bookkeeping, definition) in statements::BOOKKEEPING {
        sql.extend(["    ", &quoted(bookkeeping), " ", definition, ",\n"]);
    }
    for column in own {
        // A definition may end with a comment, which the end of the line ends.
        sql.extend(["    ", &column.definition, "\n,\n"]);
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
    add(connection, table, &definition(column)).await
}

/// Adds the column for the fields that have none of their own.
pub(super) async fn add_extra(
    connection: &mut SqliteConnection,
    table: &str,
    name: &str,
) -> Result<(), sqlx::Error> {
    add(connection, table, &format!("{} TEXT", quoted(name))).await
}

async fn add(
    connection: &mut SqliteConnection,
    table: &str,
    definition: &str,
) -> Result<(), sqlx::Error> {
    let sql = format!("ALTER TABLE {} ADD COLUMN {definition}", quoted(table));
    // Asked once: not worth a place among the statements that are kept prepared.
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

fn definition(column: &Column) -> String {
    let not_null = if column.key_part.is_some() { " NOT NULL" } else { "" };
    format!("{} {}{not_null}", quoted(&column.name), column.declared.as_sql())
}

/// How many rows a table has.
pub(super) async fn count_rows(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<i64, sqlx::Error> {
    let sql = format!("SELECT count(*) FROM {}", quoted(table));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await
}

/// For each of some columns whether every whole number stored in it survives as a REAL.
pub(super) async fn survive_as_real(
    connection: &mut SqliteConnection,
    table: &str,
    columns: &[&str],
) -> Result<Vec<bool>, sqlx::Error> {
    let conditions: Vec<String> = columns
        .iter()
        .map(|column| {
            let column = quoted(column);
            format!("ifnull(min({column} BETWEEN -{EXACT_IN_REAL} AND {EXACT_IN_REAL}), 1)")
        })
        .collect();
    let sql = format!("SELECT {} FROM {}", conditions.join(", "), quoted(table));
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await?;
    (0..columns.len()).map(|index| row.try_get(index)).collect()
}

/// Makes a table anew whose columns change their types from those of `before` to those of `after`, which may have more.
///
/// Row ids and the users' own columns, indexes and triggers are kept; views need nothing, since the table has its name back at the
/// end. Runs inside the caller's transaction.
pub(super) async fn rebuild(
    connection: &mut SqliteConnection,
    before: &Table,
    after: &Table,
    own: &[OwnColumn],
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
    create_table(connection, after, &temporary, own).await?;
    set_cache(connection, CACHE_WHILE_COPYING).await?;
    let copied = copy(connection, before, after, own, &temporary).await;
    let reset = set_cache(connection, CACHE).await;
    copied.and(reset)?;
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

/// Sets how much memory SQLite takes for the pages of the database.
pub(super) async fn set_cache(
    connection: &mut SqliteConnection,
    kib: u32,
) -> Result<(), sqlx::Error> {
    let pragma = format!("PRAGMA cache_size = -{kib}");
    sqlx::query(AssertSqlSafe(pragma)).execute(connection).await?;
    Ok(())
}

async fn copy(
    connection: &mut SqliteConnection,
    before: &Table,
    after: &Table,
    own: &[OwnColumn],
    target: &str,
) -> Result<(), sqlx::Error> {
    let mut columns = vec!["_rowid_".to_owned()];
    let mut values = columns.clone();
    for (old, new) in before.columns.iter().zip(&after.columns) {
        columns.push(quoted(&new.name));
        values.push(converted(old, new.declared));
    }
    let extra = before.extra.iter().map(|extra| extra.column.as_str());
    // A generated column is worked out anew.
    let own = own.iter().filter(|own| own.meaning.4 == 0).map(|own| own.meaning.0.as_str());
    for kept in extra.chain(statements::BOOKKEEPING.map(|(name, _)| name)).chain(own) {
        columns.push(quoted(kept));
        values.push(quoted(kept));
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
