//! How every job and endpoint is doing, read as any other reader would: without writing, and without waiting for who writes.

mod budget;

use std::{fs, path::Path};

use chrono::{DateTime, Utc};
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};

pub use self::budget::Budget;
use super::{
    Holder, Store, StoreError,
    error::Doing,
    holders,
    lock::beside,
    open::{close, open_to_read},
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
    /// The file's size in bytes.
    pub bytes: u64,
    /// The size of the log beside it.
    pub log_bytes: u64,
}

/// A daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonProcess {
    /// Its process id.
    pub process_id: i64,
    /// Its version.
    pub version: String,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
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
    let mut connection = open_to_read(path).await?;
    let told = read(&mut connection, clock, asked).await.doing(READ);
    close(connection).await?;
    told.map(|told| with_sizes(told, path)).map_err(|error| error.at(path))
}

impl Store {
    /// The same of this database.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn overview(&self, asked: &Asked) -> Result<Overview, StoreError> {
        let mut writer = self.writer().await?;
        let told = read(&mut writer.connection, &self.clock, asked).await.doing(READ);
        told.map(|told| with_sizes(told, &self.settings.path))
    }
}

fn with_sizes(overview: Overview, path: &Path) -> Overview {
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    Overview { bytes: size(path), log_bytes: size(&beside(path, "-wal")), ..overview }
}

/// In one transaction: what it tells belongs together.
async fn read(
    connection: &mut SqliteConnection,
    clock: &Clock,
    asked: &Asked,
) -> Result<Overview, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let mut overview = Overview {
        daemon: holders::daemon(&mut transaction, clock.boot_id()).await?,
        checked_at: checked_at(&mut transaction).await?,
        ..Overview::default()
    };
    for job in &asked.jobs {
        let last = last_run(&mut transaction, job).await?;
        overview.jobs.push(JobOverview { job: job.clone(), last });
    }
    for endpoint in &asked.endpoints {
        overview.endpoints.push(read_endpoint(&mut transaction, clock, endpoint).await?);
    }
    let now = clock.now();
    for (group, limit) in &asked.groups {
        let budget = budget::read(&mut transaction, group, *limit, now, clock.boot_id());
        overview.budgets.push(budget.await?);
    }
    transaction.rollback().await?;
    Ok(overview)
}

async fn checked_at(
    connection: &mut SqliteConnection,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let stamp: Option<String> = sqlx::query_scalar("SELECT max(finished_at) FROM _sync_checks")
        .fetch_one(connection)
        .await?;
    Ok(moment(stamp))
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
        started_at: moment(row.try_get(2)?),
        finished_at: moment(row.try_get(3)?),
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
        as_of: moment(facts.try_get(0)?),
        holder: holders::read(connection, clock, endpoint).await?,
        unfinished_pages: facts.try_get::<Option<i64>, _>(1)?.map(count),
        rejects: count(facts.try_get(2)?),
        deletions_waiting: facts.try_get::<Option<i64>, _>(3)?.map(count),
        schema_changes: count(facts.try_get(4)?),
        schema_changed_at: moment(facts.try_get(5)?),
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
        not_before: moment(row.try_get(7)?),
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

/// A stamp; one that somebody has spoilt is none.
fn moment(stamp: Option<String>) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(&stamp?).ok().map(|at| at.to_utc())
}
