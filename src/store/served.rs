//! What the runs of a job have served of its schedule.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{RunId, Store, StoreError, error::Doing, journal::count};

/// What the last run that served a job's schedule has served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// What the schedule asked for up to this moment is done with: the end of that run, or its start where it was cut short.
    pub until: DateTime<Utc>,
    /// Whether the end of its process has cut it short, or what went on after a pause of it.
    pub cut_short: bool,
}

impl Store {
    /// Tells what was served last of a job's schedule; `None`: the job has never run.
    ///
    /// A run of the whole job serves its schedule whoever asked for it, but for one by hand that did not come to its end:
    /// whoever stopped that has meant it. A backfill asks for dates of its own.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub async fn served(&self, job: &str) -> Result<Option<Served>, StoreError> {
        let doing = "read what was run of a job";
        let mut writer = self.writer().await?;
        let row = sqlx::query(
            "SELECT r.started_at, r.finished_at, r.cut_short OR r.finished_at IS NULL OR EXISTS (\
                 SELECT 1 FROM _sync_runs AS l WHERE l.job = r.job AND l.run_id > r.run_id AND l.trigger = 'resume' \
                 AND (l.cut_short OR l.finished_at IS NULL)) \
             FROM _sync_runs AS r WHERE r.job = ? AND r.trigger IN ('schedule', 'catch-up', 'start', 'signal', 'run-now') \
             AND NOT (r.trigger = 'run-now' AND (r.cut_short OR r.finished_at IS NULL)) \
             ORDER BY r.run_id DESC LIMIT 1",
        )
        .bind(job)
        .fetch_optional(&mut writer.connection)
        .await
        .doing(doing)?;
        let Some(row) = row else { return Ok(None) };
        let started: String = row.try_get(0).doing(doing)?;
        let finished: Option<String> = row.try_get(1).doing(doing)?;
        let cut_short: bool = row.try_get(2).doing(doing)?;
        let until = if cut_short { started } else { finished.unwrap_or(started) };
        // A stamp that somebody has spoilt tells nothing.
        Ok(until.parse().ok().map(|until| Served { until, cut_short }))
    }

    /// Records how many ticks of its job's schedule were skipped because of a run that goes on.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub async fn note_skipped(&self, run: RunId, ticks: u64) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query("UPDATE _sync_runs SET ticks_skipped = ? WHERE run_id = ?")
            .bind(count(ticks))
            .bind(run.0)
            .execute(&mut writer.connection)
            .await
            .doing("record that a tick was skipped")?;
        Ok(())
    }
}
