//! Reads what was rejected, as any other reader would: without writing, and without waiting for who writes.

use std::path::Path;

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::store::{Store, StoreError, error::Doing, reading::read_existing};

const LIST: &str = "list the rejected records";

/// A record that could not be stored, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptReject {
    /// Its number.
    pub id: i64,
    /// The endpoint that sent it.
    pub endpoint: String,
    /// Why it could not be stored.
    pub reason: String,
    /// The record as JSON, without what must not be stored.
    pub record: String,
    /// When it came first.
    pub first_seen_at: String,
    /// When it came last.
    pub last_seen_at: String,
    /// The run that it came last in.
    pub run: i64,
    /// The dates that were asked for then; `None`: there is no window.
    pub slice: Option<String>,
    /// The page of that listing, from 1; `None` where an earlier version has met it.
    pub page: Option<i64>,
}

/// Lists the rejected records of all endpoints, or of one, in the order in which they came first.
///
/// # Errors
/// Where the file is not there, cannot be read, is another program's, or of another version than this one.
pub async fn rejects(path: &Path, endpoint: Option<&str>) -> Result<Vec<KeptReject>, StoreError> {
    let list = |mut connection: SqliteConnection| async move {
        let read = list(&mut connection, endpoint).await;
        (connection, read)
    };
    read_existing(path, LIST, list).await
}

/// Those of an endpoint, or of all.
async fn list(
    connection: &mut SqliteConnection,
    endpoint: Option<&str>,
) -> Result<Vec<KeptReject>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT reject_id, endpoint, reason, record, first_seen_at, last_seen_at, run_id, slice, page FROM _sync_rejects \
         WHERE ?1 IS NULL OR endpoint = ?1 ORDER BY reject_id",
    )
    .bind(endpoint)
    .fetch_all(connection)
    .await?;
    rows.iter().map(kept).collect()
}

fn kept(row: &SqliteRow) -> Result<KeptReject, sqlx::Error> {
    Ok(KeptReject {
        id: row.try_get(0)?,
        endpoint: row.try_get(1)?,
        reason: row.try_get(2)?,
        record: row.try_get(3)?,
        first_seen_at: row.try_get(4)?,
        last_seen_at: row.try_get(5)?,
        run: row.try_get(6)?,
        slice: row.try_get(7)?,
        page: row.try_get(8)?,
    })
}

impl Store {
    /// The same of this database, for who is about to write to it.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn rejects(&self, endpoint: Option<&str>) -> Result<Vec<KeptReject>, StoreError> {
        list(&mut self.writer().await?.connection, endpoint).await.doing(LIST)
    }
}
