//! What `_sync_columns` says of the data tables' columns: read, and kept true.

use std::collections::BTreeSet;

use sqlx::{Row, SqliteConnection};

use crate::{
    rows::ColumnType,
    store::{
        StoreError,
        error::Doing,
        schema::{Column, Extra, Field, Table},
        statements::BOOKKEEPING,
    },
};

/// What `_sync_columns` says instead of a type where the field is a member of the JSON object in the column.
const JSON: &str = "JSON";

/// Reads what `_sync_columns` says of a table; `None` where the endpoint has none yet.
pub(in crate::store) async fn load(
    connection: &mut SqliteConnection,
    endpoint: &str,
    doing: &'static str,
) -> Result<Option<Table>, StoreError> {
    let (columns, extra) = stored_columns(connection, endpoint).await.doing(doing)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let present: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_xinfo(?)")
        .bind(endpoint)
        .fetch_all(&mut *connection)
        .await
        .doing(doing)?;
    let has_triggers: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE)",
    )
    .bind(endpoint)
    .fetch_one(connection)
    .await
    .doing(doing)?;
    let made = || {
        let extra = extra.iter().map(|extra| extra.column.as_str());
        let columns = columns.iter().map(|column| column.name.as_str()).chain(extra);
        columns.chain(BOOKKEEPING.map(|(name, _)| name))
    };
    let gone: Vec<String> = made()
        .filter(|made| !present.iter().any(|name| name.eq_ignore_ascii_case(made)))
        .map(str::to_owned)
        .collect();
    // Without any of these it is a table that somebody else has made in the place of one that was dropped.
    if !present
        .iter()
        .any(|name| BOOKKEEPING.iter().any(|(made, _)| name.eq_ignore_ascii_case(made)))
    {
        return Err(StoreError::NameTaken { table: endpoint.to_owned(), kind: "table".into() });
    }
    if !gone.is_empty() {
        return Err(StoreError::ColumnsGone { table: endpoint.to_owned(), columns: gone });
    }
    let added_by_users = present
        .iter()
        .filter(|name| !made().any(|made| made.eq_ignore_ascii_case(name)))
        .cloned()
        .collect();
    Ok(Some(Table { name: endpoint.to_owned(), columns, extra, added_by_users, has_triggers }))
}

/// The columns that `_sync_columns` tells of; none where there is no table.
async fn stored_columns(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<(Vec<Column>, Option<Extra>), sqlx::Error> {
    // Where the user has dropped the table, its columns are no longer there either.
    let rows = sqlx::query(
        "SELECT column_name, json_path, c.type, json_types, key_part FROM _sync_columns AS c \
         WHERE endpoint = ? AND EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = endpoint) ORDER BY c.rowid",
    )
    .bind(endpoint)
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        sqlx::query("DELETE FROM _sync_columns WHERE endpoint = ?")
            .bind(endpoint)
            .execute(connection)
            .await?;
    }
    let mut columns = Vec::with_capacity(rows.len());
    let mut extra: Option<Extra> = None;
    for row in rows {
        let (name, json_path): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let column_type: String = row.try_get(2)?;
        let json_types: String = row.try_get(3)?;
        let json_types: BTreeSet<String> = json_types
            .split(',')
            .filter(|json_type| !json_type.is_empty())
            .map(str::to_owned)
            .collect();
        if column_type == JSON {
            let extra = extra.get_or_insert_with(|| Extra { column: name, fields: Vec::new() });
            extra.fields.push(Field { json_path, json_types });
            continue;
        }
        let key_part: Option<i64> = row.try_get(4)?;
        columns.push(Column {
            name,
            json_path,
            declared: ColumnType::parse(&column_type).ok_or_else(|| {
                sqlx::Error::Decode(format!("`{column_type}` in _sync_columns is no type").into())
            })?,
            json_types,
            key_part: key_part.and_then(|part| usize::try_from(part.checked_sub(1)?).ok()),
        });
    }
    Ok((columns, extra))
}

/// Adds a column's line.
pub(in crate::store) async fn record_column(
    connection: &mut SqliteConnection,
    endpoint: &str,
    column: &Column,
    now: &str,
) -> Result<(), sqlx::Error> {
    let line = Line {
        endpoint,
        column_name: &column.name,
        json_path: &column.json_path,
        column_type: column.declared.as_sql(),
        json_types: &column.json_types,
        key_part: column.key_part,
    };
    record(connection, &line, now).await
}

/// Adds the line of a field that is in the JSON column.
pub(in crate::store) async fn record_field(
    connection: &mut SqliteConnection,
    endpoint: &str,
    column: &str,
    field: &Field,
    now: &str,
) -> Result<(), sqlx::Error> {
    let line = Line {
        endpoint,
        column_name: column,
        json_path: &field.json_path,
        column_type: JSON,
        json_types: &field.json_types,
        key_part: None,
    };
    record(connection, &line, now).await
}

/// A line of `_sync_columns`.
struct Line<'l> {
    endpoint: &'l str,
    column_name: &'l str,
    json_path: &'l str,
    column_type: &'static str,
    json_types: &'l BTreeSet<String>,
    key_part: Option<usize>,
}

async fn record(
    connection: &mut SqliteConnection,
    line: &Line<'_>,
    now: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO _sync_columns (endpoint, column_name, json_path, type, json_types, key_part, first_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(line.endpoint)
    .bind(line.column_name)
    .bind(line.json_path)
    .bind(line.column_type)
    .bind(joined(line.json_types))
    .bind(line.key_part.and_then(|part| i64::try_from(part + 1).ok()))
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets the type in a column's line.
pub(in crate::store) async fn update_type(
    connection: &mut SqliteConnection,
    endpoint: &str,
    column: &Column,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE _sync_columns SET type = ? WHERE endpoint = ? AND json_path = ?")
        .bind(column.declared.as_sql())
        .bind(endpoint)
        .bind(&column.json_path)
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets the JSON types in a field's line.
pub(in crate::store) async fn update_json_types(
    connection: &mut SqliteConnection,
    endpoint: &str,
    json_path: &str,
    json_types: &BTreeSet<String>,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE _sync_columns SET json_types = ? WHERE endpoint = ? AND json_path = ?")
        .bind(joined(json_types))
        .bind(endpoint)
        .bind(json_path)
        .execute(connection)
        .await?;
    Ok(())
}

fn joined(json_types: &BTreeSet<String>) -> String {
    json_types.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}
