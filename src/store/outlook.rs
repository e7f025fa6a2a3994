//! What a database tells of the next run: read beside whoever writes to it, and without leaving a trace.

use std::{collections::HashMap, path::Path, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{
    ConnectOptions, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{
    Bounds, Coverage, LearntWidth, Origin, Sweep, TOKEN_GROUP, coverage,
    coverage::moment,
    error::{Cause, Doing, StoreError},
    header,
    lock::beside,
    open, pauses, sweeps, widths,
};
use crate::{
    clock::{BootTime, Clock, Now},
    limits,
};

const DOING: &str = "read what the next run has to ask for";

/// So many runs back it is looked how much they have cost.
const RUNS: i64 = 5;

/// What is known of endpoints, and of the groups whose budgets they use.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// By endpoint.
    pub endpoints: HashMap<String, EndpointOutlook>,
    /// By group.
    pub groups: HashMap<String, GroupOutlook>,
}

/// What is known of an endpoint.
#[derive(Clone, Debug, Default)]
pub struct EndpointOutlook {
    /// What complete sweeps have covered.
    pub coverage: Option<Coverage>,
    /// How wide a slice its API takes.
    pub learnt: Option<LearntWidth>,
    /// The sweep that an earlier run has left open, with the settings that it was made with.
    pub open: Option<(String, Sweep)>,
    /// The last complete sweep that has asked for everything.
    pub whole: Option<PastSweep>,
    /// The last one that has asked for changes.
    pub changes: Option<PastSweep>,
    /// What its last runs that came to their end have cost, the newest first.
    pub costs: Vec<Cost>,
}

/// A complete sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastSweep {
    /// The run that has finished it, where that is on record.
    pub run: Option<i64>,
    /// The settings that it was made with.
    pub fingerprint: String,
    /// What each slice asked for, and its pages.
    pub slices: Vec<(Bounds, u64)>,
}

/// What a run that has read a whole sweep has cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The slices of its sweep.
    pub slices: u64,
    /// Pages stored.
    pub pages: u64,
    /// Requests sent.
    pub requests: u64,
    /// How long it took, less the waits for the limit.
    pub worked: Duration,
}

/// What of a group's budget is in use.
#[derive(Clone, Debug, Default)]
pub struct GroupOutlook {
    /// The lines of the ledger, on this boot's clock.
    pub counts_from: Vec<BootTime>,
    /// The end of the longest pause that holds for it.
    pub not_before: Option<BootTime>,
}

/// Reads what is known of these endpoints, each with its group; nothing where there is no database yet. It writes nothing, not
/// even the files that SQLite has beside a database in use.
///
/// # Errors
/// Where the file cannot be read, or is not this version's.
pub async fn outlook(
    path: &Path,
    clock: &Clock,
    endpoints: &[(&str, &str)],
) -> Result<Option<Outlook>, StoreError> {
    header::make_sure_it_is_ours(path)?;
    let is_empty = std::fs::metadata(path).map_or(true, |found| found.len() == 0);
    if is_empty && header::stands_alone(path) {
        return Ok(None);
    }
    loop {
        let alone = is_unused(path);
        let read = read(path, clock, endpoints, alone).await.map_err(|error| error.at(path));
        // Whoever has begun to write meanwhile may have changed the file under the reader's hands.
        if !alone || is_unused(path) {
            return read;
        }
    }
}

/// Whether no process has the database open: then it can be read as it lies, which needs no file beside it.
fn is_unused(path: &Path) -> bool {
    ["-wal", "-shm"].iter().all(|suffix| !beside(path, suffix).exists())
}

async fn read(
    path: &Path,
    clock: &Clock,
    endpoints: &[(&str, &str)],
    alone: bool,
) -> Result<Option<Outlook>, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(alone);
    let opened = options.busy_timeout(open::BUSY_TIMEOUT).disable_statement_logging();
    let mut connection = opened
        .connect()
        .await
        .map_err(|source| StoreError::Open { path: path.to_owned(), source: Cause::new(source) })?;
    let read = look(&mut connection, path, clock, endpoints).await;
    connection.close().await.doing(DOING)?;
    read
}

async fn look(
    connection: &mut SqliteConnection,
    path: &Path,
    clock: &Clock,
    endpoints: &[(&str, &str)],
) -> Result<Option<Outlook>, StoreError> {
    match open::version(connection, path).await? {
        0 => return Ok(None),
        version if version < open::known_version() => {
            return Err(StoreError::Older { path: path.to_owned() });
        }
        _ => {}
    }
    let mut transaction = connection.begin().await.doing(DOING)?;
    let mut outlook = Outlook::default();
    let now = clock.now();
    for (endpoint, group) in endpoints {
        let known = endpoint_outlook(&mut transaction, endpoint, clock.boot_id()).await?;
        outlook.endpoints.insert((*endpoint).to_owned(), known);
        if !outlook.groups.contains_key(*group) {
            let known = group_outlook(&mut transaction, group, now, clock.boot_id()).await;
            outlook.groups.insert((*group).to_owned(), known.doing(DOING)?);
        }
    }
    transaction.rollback().await.doing(DOING)?;
    Ok(Some(outlook))
}

async fn endpoint_outlook(
    connection: &mut SqliteConnection,
    endpoint: &str,
    boot_id: &str,
) -> Result<EndpointOutlook, StoreError> {
    // Where its table was dropped, the next run knows nothing of it any more.
    let has_table: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)",
    )
    .bind(endpoint)
    .fetch_one(&mut *connection)
    .await
    .doing(DOING)?;
    if !has_table {
        return Ok(EndpointOutlook::default());
    }
    let whole = past_sweep(&mut *connection, endpoint, "s.since IS NULL").await.doing(DOING)?;
    let changes =
        past_sweep(&mut *connection, endpoint, "s.since IS NOT NULL").await.doing(DOING)?;
    Ok(EndpointOutlook {
        coverage: coverage::of(&mut *connection, endpoint, boot_id).await.doing(DOING)?,
        learnt: widths::of(&mut *connection, endpoint).await.doing(DOING)?,
        open: open_sweep(&mut *connection, endpoint).await.doing(DOING)?,
        whole,
        changes,
        costs: costs(connection, endpoint).await.doing(DOING)?,
    })
}

/// The sweep that a run would take up. One that asks once more for missing rows it gives up.
async fn open_sweep(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<Option<(String, Sweep)>, sqlx::Error> {
    let found: Option<(i64, String)> = sqlx::query_as(
        "SELECT sweep_id, fingerprint FROM _sync_sweeps WHERE endpoint = ? AND backfill IS NULL AND finished_at IS NULL AND read <> 2",
    )
    .bind(endpoint)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((id, fingerprint)) = found else { return Ok(None) };
    Ok(Some((fingerprint, sweeps::load(connection, id, Origin::Resumed).await?)))
}

async fn past_sweep(
    connection: &mut SqliteConnection,
    endpoint: &str,
    condition: &'static str,
) -> Result<Option<PastSweep>, sqlx::Error> {
    let sql = format!(
        "SELECT sweep_id, fingerprint, (SELECT max(run_id) FROM _sync_endpoint_runs AS e WHERE e.sweep_id = s.sweep_id AND e.endpoint = s.endpoint) \
         FROM _sync_sweeps AS s WHERE endpoint = ? AND backfill IS NULL AND result = 'complete' AND read = 1 AND {condition} ORDER BY sweep_id DESC LIMIT 1"
    );
    let found: Option<(i64, String, Option<i64>)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(endpoint)
        .fetch_optional(&mut *connection)
        .await?;
    let Some((id, fingerprint, run)) = found else { return Ok(None) };
    let slices = sqlx::query(
        "SELECT lower, upper, since, pages FROM _sync_checkpoints WHERE sweep_id = ? ORDER BY slice",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    let slice = |row: &SqliteRow| {
        let bounds =
            Bounds { lower: row.try_get(0)?, upper: row.try_get(1)?, since: moment(row, 2)? };
        Ok((bounds, u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0)))
    };
    let slices = slices.iter().map(slice).collect::<Result<_, sqlx::Error>>()?;
    Ok(Some(PastSweep { run, fingerprint, slices }))
}

/// What the last runs have cost that have read a whole sweep themselves.
async fn costs(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<Vec<Cost>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT count(*), e.pages, e.requests, e.waited_ms, e.started_at, e.finished_at FROM _sync_endpoint_runs AS e \
         JOIN _sync_checkpoints AS c USING (sweep_id) WHERE e.endpoint = ? AND e.result = 'ok' AND e.requests > 0 \
         GROUP BY e.run_id HAVING sum(c.pages) <= e.pages ORDER BY e.run_id DESC LIMIT ?",
    )
    .bind(endpoint)
    .bind(RUNS)
    .fetch_all(connection)
    .await?;
    let number = |row: &SqliteRow, column: usize| {
        row.try_get::<i64, _>(column).map(|number| u64::try_from(number).unwrap_or(0))
    };
    let cost = |row: &SqliteRow| {
        let took = match (moment(row, 4)?, moment(row, 5)?) {
            (Some(started), Some(finished)) => (finished - started).to_std().unwrap_or_default(),
            _ => Duration::ZERO,
        };
        Ok(Cost {
            slices: number(row, 0)?,
            pages: number(row, 1)?,
            requests: number(row, 2)?,
            worked: took.saturating_sub(Duration::from_millis(number(row, 3)?)),
        })
    };
    rows.iter().map(cost).collect()
}

/// What of a group's budget is in use. Stamps of an earlier boot are placed on this one's clock as the next opening will.
async fn group_outlook(
    connection: &mut SqliteConnection,
    group: &str,
    now: Now,
    boot_id: &str,
) -> Result<GroupOutlook, sqlx::Error> {
    let lines: Vec<(i64, String, bool)> = sqlx::query_as(
        "SELECT counts_from_ns, counts_from_at, boot_id = ? FROM _sync_requests WHERE limit_group = ?",
    )
    .bind(boot_id)
    .bind(group)
    .fetch_all(&mut *connection)
    .await?;
    let placed = |(ns, at, is_of_this_boot): (i64, String, bool)| {
        if is_of_this_boot {
            BootTime::from_nanos(ns)
        } else {
            limits::rebase(now, pauses::wall(&at, now))
        }
    };
    let counts_from = lines.into_iter().map(placed).collect();
    let stored: Vec<(i64, String, i64, bool)> = sqlx::query_as(
        "SELECT not_before_ns, not_before_at, length_ms, boot_id = ? FROM _sync_pauses WHERE limit_group IN (?, ?)",
    )
    .bind(boot_id)
    .bind(group)
    .bind(TOKEN_GROUP)
    .fetch_all(connection)
    .await?;
    let ends = stored.into_iter().map(|(ns, at, length, is_of_this_boot)| {
        if is_of_this_boot {
            return BootTime::from_nanos(ns);
        }
        let length = Duration::from_millis(u64::try_from(length).unwrap_or(0));
        let at: DateTime<Utc> = pauses::wall(&at, now);
        limits::rebase_pause(now, at, length)
    });
    Ok(GroupOutlook { counts_from, not_before: ends.max().filter(|end| *end > now.boot) })
}
