//! What complete sweeps have covered, and when that was so: changes since then are all that is left to ask for.

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Bounds, Store, StoreError, SweepId, error::Doing};
use crate::clock::BootTime;

/// What is known of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The settings of the sweeps that it is known from.
    pub fingerprint: String,
    /// The dates that are covered.
    pub dates: Bounds,
    /// Of what moment it is known.
    pub known_at: DateTime<Utc>,
    /// The same moment by the boot's own clock; `None`: it was another boot.
    pub known_at_boot: Option<BootTime>,
    /// When the last complete sweep was begun that has asked for everything.
    pub full_at: DateTime<Utc>,
    /// Whether deletions wait for a person's yes.
    pub deletions_wait: bool,
}

impl Store {
    /// What is known of an endpoint that is asked for changes only; `None` where nothing is, or it cannot be understood.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn coverage(&self, endpoint: &str) -> Result<Option<Coverage>, StoreError> {
        let mut writer = self.writer().await?;
        let coverage = of(&mut writer.connection, endpoint, self.clock.boot_id());
        coverage.await.doing("read what is covered already")
    }
}

/// What is known of an endpoint.
pub(super) async fn of(
    connection: &mut SqliteConnection,
    endpoint: &str,
    boot_id: &str,
) -> Result<Option<Coverage>, sqlx::Error> {
    let line = sqlx::query(
        "SELECT fingerprint, lower, upper, known_at, iif(boot_id = ?, known_ns, NULL), full_at, \
         EXISTS (SELECT 1 FROM _sync_endpoint_runs AS e WHERE e.endpoint = c.endpoint AND e.deletions_waiting IS NOT NULL) \
         FROM _sync_coverage AS c WHERE endpoint = ?",
    )
    .bind(boot_id)
    .bind(endpoint)
    .fetch_optional(connection)
    .await?;
    line.as_ref().map(read).transpose().map(Option::flatten)
}

fn read(line: &SqliteRow) -> Result<Option<Coverage>, sqlx::Error> {
    let (Some(known_at), Some(full_at)) = (moment(line, 3)?, moment(line, 5)?) else {
        return Ok(None);
    };
    Ok(Some(Coverage {
        fingerprint: line.try_get(0)?,
        dates: Bounds { lower: line.try_get(1)?, upper: line.try_get(2)?, since: None },
        known_at,
        known_at_boot: line.try_get::<Option<i64>, _>(4)?.map(BootTime::from_nanos),
        full_at,
        deletions_wait: line.try_get(6)?,
    }))
}

/// A stamp; `None` where there is none, or it cannot be understood.
pub(super) fn moment(
    line: &SqliteRow,
    column: usize,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let text: Option<String> = line.try_get(column)?;
    Ok(text.and_then(|text| DateTime::parse_from_rfc3339(&text).ok()).map(|at| at.to_utc()))
}

/// Notes what a sweep has covered, once all of it is read. What is known is of the moment when it was begun: what has changed
/// since then may have been missed by its first pages.
pub(super) async fn note(
    connection: &mut SqliteConnection,
    sweep: SweepId,
) -> Result<(), sqlx::Error> {
    // A line that was deleted while changes were read stays so: they are not everything.
    sqlx::query(
        "INSERT INTO _sync_coverage (endpoint, fingerprint, lower, upper, known_at, known_ns, boot_id, full_at) \
         SELECT s.endpoint, s.fingerprint, min(p.lower), max(p.upper), s.started_at, s.started_ns, s.boot_id, iif(s.since IS NULL, s.started_at, c.full_at) \
         FROM _sync_sweeps AS s JOIN _sync_checkpoints AS p USING (sweep_id) LEFT JOIN _sync_coverage AS c ON c.endpoint = s.endpoint \
         WHERE s.sweep_id = ? AND s.result = 'complete' AND s.covers AND (s.since IS NULL OR c.full_at IS NOT NULL) GROUP BY s.sweep_id \
         ON CONFLICT (endpoint) DO UPDATE SET fingerprint = excluded.fingerprint, lower = excluded.lower, upper = excluded.upper, \
         known_at = excluded.known_at, known_ns = excluded.known_ns, boot_id = excluded.boot_id, full_at = excluded.full_at",
    )
    .bind(sweep.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// A sweep covers nothing: its listing has not returned all that it stated.
pub(super) async fn cannot_tell(
    connection: &mut SqliteConnection,
    sweep: SweepId,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE _sync_sweeps SET covers = 0 WHERE sweep_id = ?")
        .bind(sweep.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets what is known of an endpoint: everything is to be asked for again.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM _sync_coverage WHERE endpoint = ?")
        .bind(endpoint)
        .execute(connection)
        .await?;
    Ok(())
}
