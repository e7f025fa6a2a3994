//! The journal of runs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{Dates, Store, StoreError, error::Doing, holders, log, pauses};
use crate::clock::format_utc;

/// A run of a job, as `_sync_runs` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

/// What started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// `--run-now`.
    RunNow,
    /// The job's schedule.
    Schedule,
    /// A run that was missed, or that was cut short by the end of its process.
    CatchUp,
    /// The daemon's start.
    Start,
    /// SIGUSR1.
    Signal,
    /// The end of the wait that a limit has left an endpoint of the job to.
    Resume,
    /// `rejects --retry`.
    Retry,
    /// `--run-now` with dates: these, instead of the endpoints' windows.
    Backfill(Dates),
}

impl Trigger {
    /// The word in the database and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunNow => "run-now",
            Self::Schedule => "schedule",
            Self::CatchUp => "catch-up",
            Self::Start => "start",
            Self::Signal => "signal",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::Backfill(_) => "backfill",
        }
    }
}

/// How a run, or an endpoint's part in it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunResult {
    /// All done.
    Ok,
    /// Unfinished for now; a later run goes on.
    Paused,
    /// Failed.
    Failed,
}

impl RunResult {
    /// The word in the database and in what is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Paused => "paused",
            Self::Failed => "failed",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// Its result.
    pub result: RunResult,
    /// Whether the program was asked to end meanwhile.
    pub cut_short: bool,
    /// How many ticks of its job's schedule were skipped because of it.
    pub ticks_skipped: u64,
}

impl From<RunResult> for RunEnd {
    fn from(result: RunResult) -> Self {
        Self { result, cut_short: false, ticks_skipped: 0 }
    }
}

/// How an endpoint's run ended.
#[derive(Clone, Debug)]
pub struct EndpointEnd<'a> {
    /// Its result.
    pub result: RunResult,
    /// Why, where it did not end as [`RunResult::Ok`].
    pub message: Option<&'a str>,
    /// When it may go on, where a limit has paused it.
    pub not_before: Option<DateTime<Utc>>,
    /// Requests and waits that no page has accounted for yet.
    pub effort: Effort,
    /// How many records were read and how many the API stated, where the two differ.
    pub mismatch: Option<(u64, u64)>,
    /// How many listings moved each time that they were read.
    pub moved: u64,
}

/// An endpoint that a limit has left unfinished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausedEndpoint {
    /// Its name.
    pub endpoint: String,
    /// The job in whose run it was paused.
    pub job: String,
}

/// What the pages cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Requests sent.
    pub requests: u64,
    /// Time waited for the rate limit.
    pub waited: Duration,
}

impl std::ops::AddAssign for Effort {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.waited += other.waited;
    }
}

impl Effort {
    pub(super) fn requests(self) -> i64 {
        i64::try_from(self.requests).unwrap_or(i64::MAX)
    }

    pub(super) fn waited_ms(self) -> i64 {
        i64::try_from(self.waited.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Store {
    /// Records the start of a run. Where an earlier run was told that the file is no longer there, what is in its place is
    /// opened, or a new one made.
    ///
    /// # Errors
    /// Where the journal cannot be written, or the database's file is no longer there.
    pub async fn begin_run(&self, job: &str, trigger: Trigger) -> Result<RunId, StoreError> {
        let mut writer = self.writer().await?;
        if writer.may_open_anew() && writer.make_sure_it_is_there().is_err() {
            writer.open_anew().await?;
            pauses::rebase(&mut writer, self.clock.now(), self.clock.boot_id()).await?;
            writer.opened()?;
        }
        writer.make_sure_it_is_there()?;
        let now = format_utc(self.clock.now().wall);
        let inserted = sqlx::query(
            "INSERT INTO _sync_runs (job, trigger, version, started_at) VALUES (?, ?, ?, ?)",
        )
        .bind(job)
        .bind(trigger.as_str())
        .bind(env!("CARGO_PKG_VERSION"))
        .bind(now)
        .execute(&mut writer.connection)
        .await
        .doing("record the start of a run")?;
        let run = RunId(inserted.last_insert_rowid());
        writer.runs.insert(run);
        Ok(run)
    }

    /// Records the end of a run.
    ///
    /// # Errors
    /// Where the journal cannot be written, or the database's file is no longer there.
    pub async fn finish_run(&self, run: RunId, end: RunEnd) -> Result<(), StoreError> {
        let now = format_utc(self.clock.now().wall);
        let mut writer = self.writer().await?;
        writer.runs.remove(&run);
        writer.make_sure_it_is_there()?;
        sqlx::query(
            "UPDATE _sync_runs SET finished_at = ?, result = ?, cut_short = ?, ticks_skipped = ? WHERE run_id = ?",
        )
        .bind(now)
        .bind(end.result.as_str())
        .bind(end.cut_short)
        .bind(count(end.ticks_skipped))
        .bind(run.0)
        .execute(&mut writer.connection)
        .await
        .doing("record the end of a run")?;
        log::look_after(&mut writer, self.clock.now()).await.map(|_| ())
    }

    /// Records that a run has begun with an endpoint.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub async fn begin_endpoint_run(&self, run: RunId, endpoint: &str) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let now = format_utc(self.clock.now().wall);
        sqlx::query(
            "INSERT INTO _sync_endpoint_runs (run_id, endpoint, started_at) VALUES (?, ?, ?)",
        )
        .bind(run.0)
        .bind(endpoint)
        .bind(now)
        .execute(&mut writer.connection)
        .await
        .doing("record the start of an endpoint's run")?;
        Ok(())
    }

    /// Records that a run has an endpoint in hand, whose lock it holds, and as interrupted what an earlier one has left open
    /// with it: that one's process is gone. Those of this process only wait for their turn.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub async fn take_in_hand(&self, run: RunId, endpoint: &str) -> Result<(), StoreError> {
        let doing = "record that a run has an endpoint in hand";
        let mut writer = self.writer().await?;
        let now = format_utc(self.clock.now().wall);
        // As JSON, which a list of numbers is as it is shown.
        let ours = format!("{:?}", writer.runs.iter().map(|run| run.0).collect::<Vec<_>>());
        let mut transaction = writer.begin(doing).await?;
        for sql in [
            "UPDATE _sync_endpoint_runs SET finished_at = ?1, result = 'paused', message = 'interrupted: its process ended' \
             WHERE endpoint = ?2 AND run_id NOT IN (SELECT value FROM json_each(?3)) AND finished_at IS NULL",
            // One without any endpoint's run, too: that could not be recorded, or its process was gone before. Where it goes
            // on in another process, that records its end all the same.
            "UPDATE _sync_runs SET finished_at = ?1, result = 'paused', cut_short = 1 WHERE run_id NOT IN (SELECT value FROM json_each(?3)) AND finished_at IS NULL \
             AND coalesce((SELECT max(e.endpoint = ?2) FROM _sync_endpoint_runs AS e WHERE e.run_id = _sync_runs.run_id), 1) \
             AND NOT EXISTS (SELECT 1 FROM _sync_endpoint_runs AS e WHERE e.run_id = _sync_runs.run_id AND e.finished_at IS NULL)",
        ] {
            sqlx::query(sql)
                .bind(&now)
                .bind(endpoint)
                .bind(&ours)
                .execute(&mut *transaction)
                .await
                .doing(doing)?;
        }
        let boot_id = self.clock.boot_id();
        holders::note(&mut transaction, run, endpoint, boot_id, &now).await.doing(doing)?;
        transaction.commit().await.doing(doing)
    }

    /// Records how an endpoint's run ended, and that it no longer has the endpoint in hand.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub async fn finish_endpoint_run(
        &self,
        run: RunId,
        endpoint: &str,
        end: &EndpointEnd<'_>,
    ) -> Result<(), StoreError> {
        let now = format_utc(self.clock.now().wall);
        let (read, stated) = end.mismatch.unzip();
        let doing = "record the end of an endpoint's run";
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(doing).await?;
        sqlx::query(
            "UPDATE _sync_endpoint_runs SET finished_at = ?, result = ?, message = ?, requests = requests + ?, waited_ms = waited_ms + ?, \
             total_read = ?, total_stated = ?, listings_moved = ?, not_before_at = ? WHERE run_id = ? AND endpoint = ?",
        )
        .bind(now)
        .bind(end.result.as_str())
        .bind(end.message)
        .bind(end.effort.requests())
        .bind(end.effort.waited_ms())
        .bind(read.and_then(|read| i64::try_from(read).ok()))
        .bind(stated.and_then(|stated| i64::try_from(stated).ok()))
        .bind(count(end.moved))
        .bind(end.not_before.map(format_utc))
        .bind(run.0)
        .bind(endpoint)
        .execute(&mut *transaction)
        .await
        .doing(doing)?;
        holders::remove(&mut transaction, run, endpoint).await.doing(doing)?;
        transaction.commit().await.doing(doing)
    }

    /// The endpoints with an open sweep whose last run with it was paused by a limit. A run that only found the endpoint
    /// locked had no sweep, and a backfill is for the person who asked for it.
    ///
    /// # Errors
    /// Where the journal cannot be read, or the database's file is no longer there.
    pub async fn paused_endpoints(&self) -> Result<Vec<PausedEndpoint>, StoreError> {
        let doing = "read which endpoints are paused";
        let mut writer = self.writer().await?;
        writer.make_sure_it_is_there()?;
        let rows = sqlx::query(
            "SELECT e.endpoint, r.job FROM _sync_sweeps AS s \
             JOIN _sync_endpoint_runs AS e ON e.endpoint = s.endpoint \
             AND e.run_id = (SELECT max(last.run_id) FROM _sync_endpoint_runs AS last WHERE last.endpoint = s.endpoint AND last.sweep_id = s.sweep_id) \
             JOIN _sync_runs AS r ON r.run_id = e.run_id \
             WHERE s.finished_at IS NULL AND s.backfill IS NULL AND e.not_before_at IS NOT NULL ORDER BY e.endpoint",
        )
        .fetch_all(&mut writer.connection)
        .await
        .doing(doing)?;
        let paused = rows
            .iter()
            .map(|row| Ok(PausedEndpoint { endpoint: row.try_get(0)?, job: row.try_get(1)? }));
        paused.collect::<Result<_, sqlx::Error>>().doing(doing)
    }
}

/// A count as SQLite has it.
pub(super) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
