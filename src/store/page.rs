//! The one transaction that everything rests on: a page's rows, its rejects, its counts and its checkpoint.

use std::collections::BTreeSet;

use sqlx::{Connection, Row, SqliteConnection};

use super::{
    Checkpoint, Page, PageOutcome, RowCounts, StoreError, Writer, ddl,
    error::Doing,
    schema::{Changes, Column, MAX_COLUMNS, Table},
    statements, upsert,
};
use crate::rows::{ColumnType, Paths};

const COMMIT: &str = "store a page";

/// Makes an endpoint's table where there is none, or checks that the stored one is the endpoint's.
pub(super) async fn ensure_table(
    writer: &mut Writer,
    endpoint: &str,
    paths: &Paths,
    now: &str,
) -> Result<(), StoreError> {
    let doing = "make the endpoint's table";
    let mut transaction = writer.connection.begin_with("BEGIN IMMEDIATE").await.doing(doing)?;
    if let Some(table) = load(&mut transaction, endpoint).await.doing(doing)? {
        let stored: Vec<&str> =
            table.key().iter().map(|column| column.json_path.as_str()).collect();
        let configured = Table::new(endpoint, paths);
        let configured: Vec<&str> =
            configured.key().iter().map(|column| column.json_path.as_str()).collect();
        if stored != configured {
            return Err(StoreError::KeyChanged {
                table: endpoint.to_owned(),
                stored: stored.join(", "),
                configured: configured.join(", "),
            });
        }
        return Ok(());
    }
    let taken: Option<String> =
        sqlx::query_scalar("SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE")
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
    transaction.commit().await.doing(doing)
}

/// Stores a page: all of it, or nothing.
pub(super) async fn commit(
    writer: &mut Writer,
    page: &Page<'_>,
    now: &str,
) -> Result<PageOutcome, StoreError> {
    let mut transaction = writer.connection.begin_with("BEGIN IMMEDIATE").await.doing(COMMIT)?;
    // Another process, or a user, may have changed the table since the last page.
    let version: i64 = sqlx::query_scalar("PRAGMA schema_version")
        .fetch_one(&mut *transaction)
        .await
        .doing(COMMIT)?;
    // Taken out, and put back only after the commit: after a failure the table is read afresh.
    let known = writer.tables.remove(page.endpoint).filter(|(at, _)| *at == version);
    let mut table = match known {
        Some((_, table)) => table,
        None => load(&mut transaction, page.endpoint)
            .await
            .doing(COMMIT)?
            .unwrap_or_else(|| Table::new(page.endpoint, page.paths)),
    };
    let changes = table.changes_for(page.paths, page.records);
    if !changes.is_empty() {
        change(&mut transaction, &mut table, changes, now).await?;
    }
    let stamp = upsert::Stamp { now: now.into(), run: page.run };
    let rows = upsert::upsert(&mut transaction, &table, page.paths, page.records, &stamp)
        .await
        .doing(COMMIT)?;
    reject(&mut transaction, page, now).await.doing(COMMIT)?;
    count(&mut transaction, page, &rows).await.doing(COMMIT)?;
    let sweep_complete = checkpoint(&mut transaction, page, now).await.doing(COMMIT)?;
    let version: i64 = sqlx::query_scalar("PRAGMA schema_version")
        .fetch_one(&mut *transaction)
        .await
        .doing(COMMIT)?;
    transaction.commit().await.doing(COMMIT)?;
    writer.tables.insert(page.endpoint.to_owned(), (version, table));
    Ok(PageOutcome { rows, sweep_complete })
}

/// Reads what `_sync_columns` says of a table; `None` where the endpoint has none yet.
async fn load(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<Option<Table>, sqlx::Error> {
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
        return Ok(None);
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
    Ok(Some(Table { name: endpoint.to_owned(), columns }))
}

/// Carries the changes out, on the database and on `table`.
async fn change(
    connection: &mut SqliteConnection,
    table: &mut Table,
    changes: Changes,
    now: &str,
) -> Result<(), StoreError> {
    let doing = "change the endpoint's table to hold a page";
    let columns = table.columns.len() + changes.added.len() + statements::BOOKKEEPING.len();
    if columns > MAX_COLUMNS {
        return Err(StoreError::TooManyColumns {
            table: table.name.clone(),
            columns,
            limit: MAX_COLUMNS,
        });
    }
    // Of what holds nothing yet the type was provisional.
    let provisional: Vec<bool> =
        table.columns.iter().map(|column| column.json_types.is_empty()).collect();
    for (index, json_types) in changes.json_types {
        if let Some(column) = table.columns.get_mut(index) {
            column.json_types = json_types;
            update_column(connection, &table.name, column).await.doing(doing)?;
        }
    }
    if !changes.rebuilt.is_empty() {
        let before = table.clone();
        for (index, to) in changes.rebuilt {
            let Some(column) = table.columns.get_mut(index) else { continue };
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
            if provisional.get(index) != Some(&true) {
                tracing::info!(
                    endpoint.name = table.name,
                    column.name = column.name,
                    column.r#type = column.declared.as_sql(),
                    "a value does not fit its column: the column is rebuilt"
                );
            }
        }
        ddl::rebuild(connection, &before, table).await.doing(doing)?;
    }
    for column in changes.added {
        ddl::add_column(connection, &table.name, &column).await.doing(doing)?;
        record_column(connection, &table.name, &column, now).await.doing(doing)?;
        table.columns.push(column);
    }
    Ok(())
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

async fn reject(
    connection: &mut SqliteConnection,
    page: &Page<'_>,
    now: &str,
) -> Result<(), sqlx::Error> {
    for reject in page.rejects {
        let digest = blake3::hash(format!("{}\0{}", reject.reason, reject.record).as_bytes());
        sqlx::query(
            "INSERT INTO _sync_rejects (endpoint, reason, record, digest, first_seen_at, last_seen_at, run_id) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6) \
             ON CONFLICT (endpoint, digest) DO UPDATE SET last_seen_at = excluded.last_seen_at, run_id = excluded.run_id",
        )
        .bind(page.endpoint)
        .bind(&reject.reason)
        .bind(&reject.record)
        .bind(digest.as_bytes().to_vec())
        .bind(now)
        .bind(page.run.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn count(
    connection: &mut SqliteConnection,
    page: &Page<'_>,
    rows: &RowCounts,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE _sync_endpoint_runs SET pages = pages + 1, requests = requests + ?, waited_ms = waited_ms + ?, rows_new = rows_new + ?, rows_changed = rows_changed + ?, \
         rows_unchanged = rows_unchanged + ?, rejected = rejected + ? WHERE run_id = ? AND endpoint = ?",
    )
    .bind(page.effort.requests())
    .bind(page.effort.waited_ms())
    .bind(signed(rows.new))
    .bind(signed(rows.changed))
    .bind(signed(rows.unchanged))
    .bind(signed(page.rejects.len() as u64))
    .bind(page.run.0)
    .bind(page.endpoint)
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the slice's checkpoint on; with the last page of the last slice the sweep is complete.
async fn checkpoint(
    connection: &mut SqliteConnection,
    page: &Page<'_>,
    now: &str,
) -> Result<bool, sqlx::Error> {
    let (state, finished_at) = match page.checkpoint {
        Checkpoint::Next(state) => (Some(state), None),
        Checkpoint::Complete => (None, Some(now)),
    };
    sqlx::query(
        "UPDATE _sync_checkpoints SET state = ?, finished_at = ?, pages = pages + 1, updated_at = ? WHERE sweep_id = ? AND slice = ?",
    )
    .bind(state)
    .bind(finished_at)
    .bind(now)
    .bind(page.sweep.0)
    .bind(page.slice)
    .execute(&mut *connection)
    .await?;
    if finished_at.is_none() {
        return Ok(false);
    }
    let finished = sqlx::query(
        "UPDATE _sync_sweeps SET finished_at = ?1, result = 'complete' WHERE sweep_id = ?2 \
         AND NOT EXISTS (SELECT 1 FROM _sync_checkpoints WHERE sweep_id = ?2 AND finished_at IS NULL)",
    )
    .bind(now)
    .bind(page.sweep.0)
    .execute(connection)
    .await?;
    Ok(finished.rows_affected() > 0)
}

/// SQLite's integers have a sign; no count comes near 2^63.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
