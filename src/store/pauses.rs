//! The stored pauses, and the stamps of earlier boots.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Row, SqliteConnection};

use super::{Store, StoreError, TOKEN_GROUP, error::Doing, writer::Writer};
use crate::{
    clock::{BootTime, Now, format_utc},
    limits,
};

/// A pause that the API asks for.
#[derive(Clone, Copy, Debug)]
pub struct AskedPause<'a> {
    /// The group that is not to be asked.
    pub group: &'a str,
    /// For how long from now.
    pub length: Duration,
    /// What the API said.
    pub reason: &'a str,
}

impl Store {
    /// Stores a pause that no reserved request has brought; a longer one that is stored already stays.
    ///
    /// # Errors
    /// Where the pause cannot be stored.
    pub async fn pause(&self, pause: &AskedPause<'_>) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let now = self.clock.now();
        write(&mut writer.connection, pause, now, self.clock.boot_id()).await.doing("store a pause")
    }

    /// Clears the pauses that hold for a group, its own and that of the token endpoint; gives those that were not over yet,
    /// each with its group, its end and what the API had said.
    ///
    /// # Errors
    /// Where they cannot be cleared.
    pub async fn clear_pauses(
        &self,
        group: &str,
    ) -> Result<Vec<(String, DateTime<Utc>, String)>, StoreError> {
        let doing = "clear a stored pause";
        let mut writer = self.writer().await?;
        let now = self.clock.now();
        let rows = sqlx::query(
            "DELETE FROM _sync_pauses WHERE limit_group IN (?, ?) RETURNING limit_group, not_before_ns, reason",
        )
        .bind(group)
        .bind(TOKEN_GROUP)
        .fetch_all(&mut writer.connection)
        .await
        .doing(doing)?;
        let mut cleared = Vec::new();
        for row in rows {
            let until = BootTime::from_nanos(row.try_get(1).doing(doing)?);
            if until > now.boot {
                let group = row.try_get(0).doing(doing)?;
                cleared.push((group, wall_of(until, now), row.try_get(2).doing(doing)?));
            }
        }
        Ok(cleared)
    }

    /// The end of the longest pause that holds for a group; it may have passed.
    ///
    /// # Errors
    /// Where the pauses cannot be read.
    pub async fn not_before(&self, group: &str) -> Result<Option<BootTime>, StoreError> {
        let mut writer = self.writer().await?;
        not_before(&mut writer.connection, group).await.doing("read the stored pauses")
    }
}

/// Stores a pause; a longer one that is stored already stays.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    pause: &AskedPause<'_>,
    now: Now,
    boot_id: &str,
) -> Result<(), sqlx::Error> {
    let until = now.boot.saturating_add(pause.length);
    sqlx::query(
        "INSERT INTO _sync_pauses (limit_group, reason, set_at, length_ms, not_before_at, not_before_ns, boot_id) VALUES (?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (limit_group) DO UPDATE SET reason = excluded.reason, set_at = excluded.set_at, length_ms = excluded.length_ms, \
         not_before_at = excluded.not_before_at, not_before_ns = excluded.not_before_ns, boot_id = excluded.boot_id \
         WHERE excluded.not_before_ns > not_before_ns",
    )
    .bind(pause.group)
    .bind(pause.reason)
    .bind(format_utc(now.wall))
    .bind(i64::try_from(pause.length.as_millis()).unwrap_or(i64::MAX))
    .bind(format_utc(wall_of(until, now)))
    .bind(until.as_nanos())
    .bind(boot_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// The end of the longest pause that holds for a group; one that has passed says nothing.
pub(super) async fn not_before(
    connection: &mut SqliteConnection,
    group: &str,
) -> Result<Option<BootTime>, sqlx::Error> {
    let until: Option<i64> = sqlx::query_scalar(
        "SELECT max(not_before_ns) FROM _sync_pauses WHERE limit_group IN (?, ?)",
    )
    .bind(group)
    .bind(TOKEN_GROUP)
    .fetch_one(connection)
    .await?;
    Ok(until.map(BootTime::from_nanos))
}

/// Brings the stamps of earlier boots onto this boot's clock; from then on the wall clock may jump as it likes.
pub(super) async fn rebase(writer: &mut Writer, now: Now, boot_id: &str) -> Result<(), StoreError> {
    let doing = "bring the rate limit's ledger onto this boot's clock";
    let mut transaction = writer.begin(doing).await?;
    let requests =
        sqlx::query("SELECT request_id, counts_from_at FROM _sync_requests WHERE boot_id <> ?")
            .bind(boot_id)
            .fetch_all(&mut *transaction)
            .await
            .doing(doing)?;
    for row in requests {
        let (request_id, at): (i64, String) =
            (row.try_get(0).doing(doing)?, row.try_get(1).doing(doing)?);
        let placed = limits::rebase(now, wall(&at, now));
        sqlx::query("UPDATE _sync_requests SET counts_from_ns = ?, counts_from_at = ?, boot_id = ? WHERE request_id = ?")
            .bind(placed.as_nanos())
            .bind(format_utc(wall_of(placed, now)))
            .bind(boot_id)
            .bind(request_id)
            .execute(&mut *transaction)
            .await
            .doing(doing)?;
    }
    let pauses = sqlx::query(
        "SELECT limit_group, not_before_at, length_ms FROM _sync_pauses WHERE boot_id <> ?",
    )
    .bind(boot_id)
    .fetch_all(&mut *transaction)
    .await
    .doing(doing)?;
    for row in pauses {
        let (group, at): (String, String) =
            (row.try_get(0).doing(doing)?, row.try_get(1).doing(doing)?);
        let length: i64 = row.try_get(2).doing(doing)?;
        let length = Duration::from_millis(u64::try_from(length).unwrap_or(0));
        let placed = limits::rebase_pause(now, wall(&at, now), length);
        sqlx::query("UPDATE _sync_pauses SET not_before_ns = ?, not_before_at = ?, boot_id = ? WHERE limit_group = ?")
            .bind(placed.as_nanos())
            .bind(format_utc(wall_of(placed, now)))
            .bind(boot_id)
            .bind(group)
            .execute(&mut *transaction)
            .await
            .doing(doing)?;
    }
    transaction.commit().await.doing(doing)
}

/// A stamp of the ledger; one that somebody has spoilt counts as now.
pub(super) fn wall(stamp: &str, now: Now) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(stamp).map_or(now.wall, |stamp| stamp.with_timezone(&Utc))
}

/// The wall clock's reading at a moment of the boot clock.
pub(super) fn wall_of(moment: BootTime, now: Now) -> DateTime<Utc> {
    now.wall + TimeDelta::nanoseconds(moment.as_nanos().saturating_sub(now.boot.as_nanos()))
}
