//! The rows that a sweep has seen: remembered with each page, compactly, until it is judged which are missing.

use futures_util::{Stream, TryStreamExt};
use sqlx::SqliteConnection;

use super::{Page, Store, StoreError, SweepId, error::Doing, row_set::RowSet};

/// What a sweep's pages are remembered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It will not be judged which rows are missing: nothing is remembered.
    Unjudged,
    /// Changes only, which tell of no row that it is missing, but what they return is there.
    Changes,
    /// The first read.
    First,
    /// What is asked once more, to make sure of what the first read did not return. Rows that are as stored were counted
    /// then.
    Second,
}

/// Remembers the rows of a page, in its own transaction, before its checkpoint moves on.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    page: &Page<'_>,
    rows: &RowSet,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO _sync_seen (sweep_id, slice, page, row_ids) \
         SELECT sweep_id, slice, pages + 1, ? FROM _sync_checkpoints WHERE sweep_id = ? AND slice = ?",
    )
    .bind(rows.to_bytes())
    .bind(page.sweep.0)
    .bind(page.slice)
    .execute(connection)
    .await?;
    Ok(())
}

/// An endpoint's sweeps that are over, and of which it is still remembered what they have seen.
pub(super) async fn finished(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT sweep_id FROM _sync_sweeps WHERE sweep_id IN (SELECT sweep_id FROM _sync_seen) AND endpoint = ? AND finished_at IS NOT NULL",
    )
    .bind(endpoint)
    .fetch_all(connection)
    .await
}

/// Forgets what a sweep has seen.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    sweep: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM _sync_seen WHERE sweep_id = ?")
        .bind(sweep)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets what an endpoint's sweeps have seen that are over, judged or not.
pub(super) async fn forget_finished(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<(), sqlx::Error> {
    for sweep in finished(connection, endpoint).await? {
        forget(connection, sweep).await?;
    }
    Ok(())
}

impl Store {
    /// The rows that a slice has returned on the pages after the one given, as far as they are remembered.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn returned(
        &self,
        sweep: SweepId,
        slice: i64,
        after: u64,
    ) -> Result<RowSet, StoreError> {
        let mut writer = self.writer().await?;
        let pages = sqlx::query_scalar(
            "SELECT row_ids FROM _sync_seen WHERE sweep_id = ? AND slice = ? AND page > ?",
        )
        .bind(sweep.0)
        .bind(slice)
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .fetch(&mut writer.connection);
        union(pages).await.doing("read which rows a slice has returned")
    }
}

/// All rows that a sweep has seen.
pub(super) async fn seen(
    connection: &mut SqliteConnection,
    sweep: i64,
) -> Result<RowSet, sqlx::Error> {
    let pages = sqlx::query_scalar("SELECT row_ids FROM _sync_seen WHERE sweep_id = ?")
        .bind(sweep)
        .fetch(connection);
    union(pages).await
}

async fn union(
    mut pages: impl Stream<Item = Result<Vec<u8>, sqlx::Error>> + Unpin,
) -> Result<RowSet, sqlx::Error> {
    let mut union = RowSet::default();
    while let Some(page) = pages.try_next().await? {
        union |= &RowSet::from_bytes(&page).map_err(|error| sqlx::Error::Decode(error.into()))?;
    }
    Ok(union)
}
