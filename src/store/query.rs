//! Reads a database as an analyst would: read-only, any SQL.

use std::path::Path;

use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Row, TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{StoreError, error::Cause};

/// The answer to a query, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows; NULL is empty.
    pub rows: Vec<Vec<String>>,
}

/// Asks a database one question, without writing to it.
///
/// # Errors
/// Where the file cannot be opened or the statement fails.
pub async fn query(path: &Path, sql: &str) -> Result<Grid, StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source: Cause::new(source) };
    let options =
        SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let mut connection = options.connect().await.map_err(open)?;
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await;
    connection.close().await.map_err(open)?;
    let rows = rows.map_err(|source| StoreError::Sql {
        database: Some(path.to_owned()),
        doing: "answer the query",
        source: Cause::new(source),
    })?;
    let columns = rows
        .first()
        .map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect());
    Ok(Grid { columns: columns.unwrap_or_default(), rows: rows.iter().map(texts).collect() })
}

fn texts(row: &SqliteRow) -> Vec<String> {
    (0..row.len()).map(|index| text(row, index).unwrap_or_default()).collect()
}

fn text(row: &SqliteRow, index: usize) -> Option<String> {
    let value = row.try_get_raw(index).ok()?;
    match value.type_info().name() {
        "INTEGER" | "BOOLEAN" => row.try_get::<i64, _>(index).ok().map(|value| value.to_string()),
        "REAL" => row.try_get::<f64, _>(index).ok().map(|value| value.to_string()),
        "TEXT" => row.try_get(index).ok(),
        _ => None,
    }
}
