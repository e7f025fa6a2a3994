//! The history of runs, read as any other reader would.

use std::path::Path;

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    StoreError,
    error::Doing,
    open::{close, open_to_read},
};

/// Which runs to tell of.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only those of this job.
    pub job: Option<String>,
    /// Only those with this endpoint.
    pub endpoint: Option<String>,
    /// Only those that ended like this: `ok`, `paused` or `failed`; `open` are those that have not ended.
    pub result: Option<String>,
    /// At most so many lines.
    pub limit: i64,
}

/// An endpoint's part in a run that is on record; without the endpoint where the run had not come to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// The run's number.
    pub run_id: i64,
    /// The job.
    pub job: String,
    /// What started it.
    pub trigger: String,
    /// The program's version.
    pub version: String,
    /// The endpoint.
    pub endpoint: Option<String>,
    /// When it started.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// How it ended.
    pub result: Option<String>,
    /// Why, where it did not end as `ok`.
    pub message: Option<String>,
    /// Pages stored.
    pub pages: i64,
    /// Rows that were new, changed, unchanged, and marked as deleted.
    pub rows: [i64; 4],
    /// Records that could not be stored.
    pub rejected: i64,
    /// Requests sent.
    pub requests: i64,
    /// Milliseconds waited for the rate limit.
    pub waited_ms: i64,
}

/// Lists runs, the latest first, an endpoint's part in each a line.
///
/// # Errors
/// Where the file is not there, cannot be read, is another program's, or of another version than this one.
pub async fn runs(path: &Path, filter: &RunFilter) -> Result<Vec<PastRun>, StoreError> {
    let mut connection = open_to_read(path).await?;
    let listed = list(&mut connection, filter).await.doing("list the runs");
    close(connection).await?;
    listed.map_err(|error| error.at(path))
}

async fn list(
    connection: &mut SqliteConnection,
    filter: &RunFilter,
) -> Result<Vec<PastRun>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT r.run_id, r.job, r.trigger, r.version, e.endpoint, coalesce(e.started_at, r.started_at), \
         coalesce(e.finished_at, r.finished_at), coalesce(e.result, r.result), e.message, coalesce(e.pages, 0), coalesce(e.rows_new, 0), \
         coalesce(e.rows_changed, 0), coalesce(e.rows_unchanged, 0), coalesce(e.rows_deleted, 0), coalesce(e.rejected, 0), \
         coalesce(e.requests, 0), coalesce(e.waited_ms, 0) \
         FROM _sync_runs AS r LEFT JOIN _sync_endpoint_runs AS e ON e.run_id = r.run_id \
         WHERE (?1 IS NULL OR r.job = ?1) AND (?2 IS NULL OR e.endpoint = ?2) \
         AND (?3 IS NULL OR coalesce(e.result, r.result, 'open') = ?3) \
         ORDER BY r.run_id DESC, e.endpoint LIMIT ?4",
    )
    .bind(filter.job.as_deref())
    .bind(filter.endpoint.as_deref())
    .bind(filter.result.as_deref())
    .bind(filter.limit)
    .fetch_all(connection)
    .await?;
    rows.iter().map(past).collect()
}

fn past(row: &SqliteRow) -> Result<PastRun, sqlx::Error> {
    Ok(PastRun {
        run_id: row.try_get(0)?,
        job: row.try_get(1)?,
        trigger: row.try_get(2)?,
        version: row.try_get(3)?,
        endpoint: row.try_get(4)?,
        started_at: row.try_get(5)?,
        finished_at: row.try_get(6)?,
        result: row.try_get(7)?,
        message: row.try_get(8)?,
        pages: row.try_get(9)?,
        rows: [row.try_get(10)?, row.try_get(11)?, row.try_get(12)?, row.try_get(13)?],
        rejected: row.try_get(14)?,
        requests: row.try_get(15)?,
        waited_ms: row.try_get(16)?,
    })
}
