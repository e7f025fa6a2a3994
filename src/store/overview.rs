//! How every job and endpoint is doing, read as any other reader would: without writing, and without waiting for who writes.

mod budget;

use std::path::Path;

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

pub use self::budget::Budget;
use super::{
    Alert, DaemonProcess, Holder, StoreError, alerts, coverage::moment, daemon, group, holders,
    reading::read_existing,
};
use crate::{clock::Clock, limits::Limit};

const READ: &str = "read how the endpoints are doing";

/// What to tell of: the names that the configuration has.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The jobs.
    pub jobs: Vec<String>,
    /// The endpoints.
    pub endpoints: Vec<String>,
    /// The groups, with their limits.
    pub groups: Vec<(String, Limit)>,
}

/// How everything is doing, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The daemon that uses the file, where one lives that can be seen from here.
    pub daemon: Option<DaemonProcess>,
    /// The jobs asked for, in that order.
    pub jobs: Vec<JobOverview>,
    /// The endpoints asked for, in that order.
    pub endpoints: Vec<EndpointOverview>,
    /// The groups asked for, in that order.
    pub budgets: Vec<Budget>,
    /// When the file was last found to be whole.
    pub checked_at: Option<DateTime<Utc>>,
    /// The alerts that hold, as they are on record.
    pub alerts: Vec<Alert>,
}

/// How a job is doing.
#[derive(Clone, Debug)]
pub struct JobOverview {
    /// Its name.
    pub job: String,
    /// Its last run; `None`: it has never run.
    pub last: Option<RunOverview>,
}

/// A run, as the journal has it.
#[derive(Clone, Debug)]
pub struct RunOverview {
    /// Its number.
    pub run_id: i64,
    /// What started it.
    pub trigger: String,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; `None`: it runs still, or was interrupted.
    pub finished_at: Option<DateTime<Utc>>,
    /// How it ended: `ok`, `paused` or `failed`.
    pub result: Option<String>,
}

/// How an endpoint is doing.
#[derive(Clone, Debug)]
pub struct EndpointOverview {
    /// Its name.
    pub endpoint: String,
    /// Its last run; `None`: it was never asked.
    pub last: Option<EndpointRunOverview>,
    /// The moment from which its rows are: when the last sweep was begun that has come to its end.
    pub as_of: Option<DateTime<Utc>>,
    /// Who is at work on it, where that can be told from here.
    pub holder: Option<Holder>,
    /// The pages of the sweep that is left open; `None`: none is.
    pub unfinished_pages: Option<u64>,
    /// Records that cannot be stored.
    pub rejects: u64,
    /// Rows that wait for a person's yes to be marked as deleted.
    pub deletions_waiting: Option<u64>,
    /// Changes of the records' shape that are on record.
    pub schema_changes: u64,
    /// When the shape changed last.
    pub schema_changed_at: Option<DateTime<Utc>>,
}

/// An endpoint's part in a run, as the journal has it.
#[derive(Clone, Debug)]
pub struct EndpointRunOverview {
    /// The run.
    pub run: RunOverview,
    /// The job.
    pub job: String,
    /// Why it paused or failed.
    pub message: Option<String>,
    /// When it may go on, where a limit has paused it.
    pub not_before: Option<DateTime<Utc>>,
    /// Pages stored.
    pub pages: u64,
    /// Rows that were new, changed, unchanged, and marked as deleted.
    pub rows: [u64; 4],
    /// Records that could not be stored.
    pub rejected: u64,
    /// Requests sent.
    pub requests: u64,
    /// Milliseconds that it has waited for the rate limit.
    pub waited_ms: u64,
    /// How many records were read and how many the API stated, where the two differ.
    pub mismatch: Option<(u64, u64)>,
    /// How many listings moved each time that they were read.
    pub listings_moved: u64,
}

/// Tells how everything is doing.
///
/// # Errors
/// Where the file is not there, cannot be read, is another program's, or of another version than this one.
pub async fn overview(path: &Path, clock: &Clock, asked: &Asked) -> Result<Overview, StoreError> {
    let read = |mut connection: SqliteConnection| async move {
        let read = read(&mut connection, clock, asked).await;
        (connection, read)
    };
    read_existing(path, READ, read).await
}

async fn read(
    connection: &mut SqliteConnection,
    clock: &Clock,
    asked: &Asked,
) -> Result<Overview, sqlx::Error> {
    let mut overview = Overview {
        daemon: daemon::read(connection, clock.boot_id()).await?,
        checked_at: checked_at(connection).await?,
        alerts: alerts::read(connection).await?,
        ..Overview::default()
    };
    overview.alerts.retain(|alert| alert.ended_at.is_none());
    for job in &asked.jobs {
        let last = last_run(connection, job).await?;
        overview.jobs.push(JobOverview { job: job.clone(), last });
    }
    for endpoint in &asked.endpoints {
        overview.endpoints.push(read_endpoint(connection, clock, endpoint).await?);
    }
    let now = clock.now();
    for (group, limit) in &asked.groups {
        let used = group::read(connection, group, now, clock.boot_id()).await?;
        overview.budgets.push(Budget::new(group, *limit, used, now));
    }
    Ok(overview)
}

async fn checked_at(
    connection: &mut SqliteConnection,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let row =
        sqlx::query("SELECT max(finished_at) FROM _sync_checks").fetch_one(connection).await?;
    moment(&row, 0)
}

/// The last run of a job; those that only took up again what a limit had paused are a part of an earlier one.
async fn last_run(
    connection: &mut SqliteConnection,
    job: &str,
) -> Result<Option<RunOverview>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT run_id, trigger, started_at, finished_at, result FROM _sync_runs \
         WHERE job = ? AND trigger NOT IN ('resume', 'retry') ORDER BY run_id DESC LIMIT 1",
    )
    .bind(job)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(run).transpose()
}

/// The first columns of a row: a run.
fn run(row: &SqliteRow) -> Result<RunOverview, sqlx::Error> {
    Ok(RunOverview {
        run_id: row.try_get(0)?,
        trigger: row.try_get(1)?,
        started_at: moment(row, 2)?,
        finished_at: moment(row, 3)?,
        result: row.try_get(4)?,
    })
}

async fn read_endpoint(
    connection: &mut SqliteConnection,
    clock: &Clock,
    endpoint: &str,
) -> Result<EndpointOverview, sqlx::Error> {
    let last = sqlx::query(
        "SELECT e.run_id, r.trigger, e.started_at, e.finished_at, e.result, r.job, e.message, e.not_before_at, e.pages, e.rows_new, \
         e.rows_changed, e.rows_unchanged, e.rows_deleted, e.rejected, e.requests, e.waited_ms, e.total_read, e.total_stated, e.listings_moved \
         FROM _sync_endpoint_runs AS e JOIN _sync_runs AS r ON r.run_id = e.run_id \
         WHERE e.endpoint = ? AND r.trigger <> 'retry' ORDER BY e.run_id DESC LIMIT 1",
    )
    .bind(endpoint)
    .fetch_optional(&mut *connection)
    .await?;
    let facts = sqlx::query(
        "SELECT (SELECT max(started_at) FROM _sync_sweeps WHERE endpoint = ?1 AND result = 'complete' AND read = 1 AND backfill IS NULL), \
         (SELECT sum(c.pages) FROM _sync_sweeps AS s JOIN _sync_checkpoints AS c ON c.sweep_id = s.sweep_id \
          WHERE s.endpoint = ?1 AND s.finished_at IS NULL AND s.read = 1), \
         (SELECT count(*) FROM _sync_rejects WHERE endpoint = ?1), \
         (SELECT e.deletions_waiting FROM _sync_endpoint_runs AS e WHERE e.endpoint = ?1 AND e.deletions_waiting IS NOT NULL \
          ORDER BY e.run_id DESC LIMIT 1), \
         (SELECT count(*) FROM _sync_schema_changes WHERE endpoint = ?1), \
         (SELECT max(changed_at) FROM _sync_schema_changes WHERE endpoint = ?1)",
    )
    .bind(endpoint)
    .fetch_one(&mut *connection)
    .await?;
    Ok(EndpointOverview {
        endpoint: endpoint.to_owned(),
        last: last.as_ref().map(endpoint_run).transpose()?,
        as_of: moment(&facts, 0)?,
        holder: holders::read(connection, clock, endpoint).await?,
        unfinished_pages: facts.try_get::<Option<i64>, _>(1)?.map(count),
        rejects: count(facts.try_get(2)?),
        deletions_waiting: facts.try_get::<Option<i64>, _>(3)?.map(count),
        schema_changes: count(facts.try_get(4)?),
        schema_changed_at: moment(&facts, 5)?,
    })
}

fn endpoint_run(row: &SqliteRow) -> Result<EndpointRunOverview, sqlx::Error> {
    let number = |column: usize| row.try_get::<i64, _>(column).map(count);
    let known =
        |column: usize| row.try_get::<Option<i64>, _>(column).map(|number| number.map(count));
    let (read, stated) = (known(16)?, known(17)?);
    Ok(EndpointRunOverview {
        run: run(row)?,
        job: row.try_get(5)?,
        message: row.try_get(6)?,
        not_before: moment(row, 7)?,
        pages: number(8)?,
        rows: [number(9)?, number(10)?, number(11)?, number(12)?],
        rejected: number(13)?,
        requests: number(14)?,
        waited_ms: number(15)?,
        mismatch: read.zip(stated),
        listings_moved: number(18)?,
    })
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
