//! The data tables as they stand: found through `_sync_columns`, made, and changed to hold a page.

use std::collections::BTreeSet;

use sqlx::{Row, SqliteConnection};

use super::{
    StoreError, ddl,
    error::Doing,
    schema::{Changes, Column, MAX_COLUMNS, Table},
    statements::BOOKKEEPING,
    writer::Writer,
};
use crate::rows::{ColumnType, Paths};

/// Makes an endpoint's table where there is none, or checks that the stored one is the endpoint's.
pub(super) async fn ensure_table(
    writer: &mut Writer,
    endpoint: &str,
    paths: &Paths,
    now: &str,
) -> Result<(), StoreError> {
    let doing = "make the endpoint's table";
    let mut transaction = writer.begin(doing).await?;
    if let Some(table) = load(&mut transaction, endpoint, doing).await? {
        return table.make_sure_of_key(paths);
    }
    let taken: Option<String> = sqlx::query_scalar(
        "SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE AND type <> 'trigger'",
    )
    .bind(endpoint)
    .fetch_optional(&mut *transaction)
    .await
    .doing(doing)?;
    if let Some(kind) = taken {
        return Err(StoreError::NameTaken { table: endpoint.to_owned(), kind });
    }
    let table = Table::new(endpoint, paths);
    ddl::create_table(&mut transaction, &table, endpoint).await.doing(doing)?;
    for column in &table.columns {
        record_column(&mut transaction, endpoint, column, now).await.doing(doing)?;
    }
    // What an open sweep has stored so far went with the table that was dropped.
    sqlx::query(
        "UPDATE _sync_sweeps SET finished_at = ?, result = 'superseded' WHERE endpoint = ? AND finished_at IS NULL",
    )
    .bind(now)
    .bind(endpoint)
    .execute(&mut *transaction)
    .await
    .doing(doing)?;
    transaction.commit().await.doing(doing)
}

impl Table {
    /// Makes sure that the stored table has the key that the configuration says.
    pub(super) fn make_sure_of_key(&self, paths: &Paths) -> Result<(), StoreError> {
        let json_paths = |table: &Self| {
            table.key().iter().map(|column| column.json_path.clone()).collect::<Vec<_>>()
        };
        let (stored, configured) = (json_paths(self), json_paths(&Self::new(&self.name, paths)));
        if stored == configured {
            return Ok(());
        }
        Err(StoreError::KeyChanged {
            table: self.name.clone(),
            stored: stored.join(", "),
            configured: configured.join(", "),
        })
    }
}

/// Reads what `_sync_columns` says of a table; `None` where the endpoint has none yet.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    endpoint: &str,
    doing: &'static str,
) -> Result<Option<Table>, StoreError> {
    let columns = stored_columns(connection, endpoint).await.doing(doing)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let present: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_xinfo(?)")
        .bind(endpoint)
        .fetch_all(connection)
        .await
        .doing(doing)?;
    let made = || {
        columns.iter().map(|column| column.name.as_str()).chain(BOOKKEEPING.map(|(name, _)| name))
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
    Ok(Some(Table { name: endpoint.to_owned(), columns, added_by_users }))
}

/// The columns that `_sync_columns` tells of; none where there is no table.
async fn stored_columns(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<Vec<Column>, sqlx::Error> {
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
    for row in rows {
        let column_type: String = row.try_get(2)?;
        let json_types: String = row.try_get(3)?;
        let key_part: Option<i64> = row.try_get(4)?;
        columns.push(Column {
            name: row.try_get(0)?,
            json_path: row.try_get(1)?,
            declared: ColumnType::parse(&column_type).ok_or_else(|| {
                sqlx::Error::Decode(format!("`{column_type}` in _sync_columns is no type").into())
            })?,
            json_types: json_types
                .split(',')
                .filter(|json_type| !json_type.is_empty())
                .map(str::to_owned)
                .collect(),
            key_part: key_part.and_then(|part| usize::try_from(part.checked_sub(1)?).ok()),
        });
    }
    Ok(columns)
}

/// Carries the changes out, on the database and on `table`.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    table: &mut Table,
    changes: Changes,
    now: &str,
) -> Result<(), StoreError> {
    let doing = "change the endpoint's table to hold a page";
    let columns = table.width() + changes.added.len();
    if columns > MAX_COLUMNS {
        return Err(StoreError::TooManyColumns {
            table: table.name.clone(),
            columns,
            limit: MAX_COLUMNS,
        });
    }
    if !changes.rebuilt.is_empty() {
        rebuild(connection, table, changes.rebuilt, doing).await?;
    }
    for (index, json_types) in changes.json_types {
        if let Some(column) = table.columns.get_mut(index) {
            column.json_types = json_types;
            update_column(connection, &table.name, column).await.doing(doing)?;
        }
    }
    for column in changes.added {
        ddl::add_column(connection, &table.name, &column).await.doing(doing)?;
        record_column(connection, &table.name, &column, now).await.doing(doing)?;
        table.columns.push(column);
    }
    Ok(())
}

async fn rebuild(
    connection: &mut SqliteConnection,
    table: &mut Table,
    rebuilt: Vec<(usize, ColumnType)>,
    doing: &'static str,
) -> Result<(), StoreError> {
    if !table.added_by_users.is_empty() {
        return Err(StoreError::ColumnsAdded {
            table: table.name.clone(),
            columns: table.added_by_users.clone(),
        });
    }
    let before = table.clone();
    for (index, to) in rebuilt {
        let Some(column) = table.columns.get_mut(index) else { continue };
        let was_seen = !column.json_types.is_empty();
        column.declared = match (column.declared, to) {
            (ColumnType::Integer, ColumnType::Real)
                if !ddl::survives_as_real(connection, &table.name, &column.name)
                    .await
                    .doing(doing)? =>
            {
                ColumnType::Text
            }
            _ => to,
        };
        update_column(connection, &table.name, column).await.doing(doing)?;
        // The type of a key of which nothing was seen yet is only provisional.
        if was_seen {
            tracing::info!(
                endpoint.name = table.name,
                column.name = column.name,
                column.r#type = column.declared.as_sql(),
                "a value does not fit its column: the column is rebuilt"
            );
        }
    }
    ddl::rebuild(connection, &before, table).await.doing(doing)
}

async fn record_column(
    connection: &mut SqliteConnection,
    endpoint: &str,
    column: &Column,
    now: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO _sync_columns (endpoint, column_name, json_path, type, json_types, key_part, first_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(endpoint)
    .bind(&column.name)
    .bind(&column.json_path)
    .bind(column.declared.as_sql())
    .bind(joined(&column.json_types))
    .bind(column.key_part.and_then(|part| i64::try_from(part + 1).ok()))
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

async fn update_column(
    connection: &mut SqliteConnection,
    endpoint: &str,
    column: &Column,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE _sync_columns SET type = ?, json_types = ? WHERE endpoint = ? AND column_name = ?",
    )
    .bind(column.declared.as_sql())
    .bind(joined(&column.json_types))
    .bind(endpoint)
    .bind(&column.name)
    .execute(connection)
    .await?;
    Ok(())
}

fn joined(json_types: &BTreeSet<String>) -> String {
    json_types.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}
