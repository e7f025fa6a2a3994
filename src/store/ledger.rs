//! The limiter's ledger: one line a request, shared by all processes on this database.

use std::time::Duration;

use sqlx::SqliteConnection;

use super::{RunId, Store, StoreError, error::Doing, pauses::not_before};
use crate::{
    clock::{BootTime, Now, format_utc},
    limits::{self, Admission, Limit, WaitReason},
};

/// The group of the token endpoint: a pause of it pauses every other group.
pub const TOKEN_GROUP: &str = "(token endpoint)";

/// Lines are kept this long, or a whole period where that is longer.
const KEPT: Duration = Duration::from_hours(24);

const RESERVE: &str = "reserve a request in the rate limit's ledger";

/// A request that the ledger has let through. It must be settled or released.
#[derive(Debug)]
#[must_use = "a reservation is settled at the response, or released when nothing was sent"]
pub struct Reservation {
    /// `None` where the group has no limit, and so no ledger.
    request_id: Option<i64>,
    reserved_at: BootTime,
}

impl Reservation {
    /// How long ago it was made; the time that its request may take counts from then.
    pub fn age(&self, now: BootTime) -> Duration {
        now.since(self.reserved_at)
    }
}

/// What the ledger says to a request.
#[derive(Debug)]
pub enum Reserved {
    /// It may be sent now.
    Granted(Reservation),
    /// Not before then.
    Wait {
        /// On the boot clock.
        until: BootTime,
        /// What for.
        reason: WaitReason,
    },
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Whose budget is used.
    pub group: &'a str,
    /// For which endpoint.
    pub endpoint: &'a str,
    /// In which run; `None` outside of one.
    pub run: Option<RunId>,
}

impl Store {
    /// Reserves one request of a group's budget, in one short transaction.
    ///
    /// `longest` is how long the request may take: should this process die, the request counts from then.
    ///
    /// # Errors
    /// Where the ledger cannot be written: then nothing may be sent.
    pub async fn reserve(
        &self,
        asker: Asker<'_>,
        limit: Limit,
        longest: Duration,
    ) -> Result<Reserved, StoreError> {
        let mut writer = self.writer.lock().await;
        if limit.requests == 0 {
            let not_before =
                not_before(&mut writer.connection, asker.group).await.doing(RESERVE)?;
            let reserved_at = self.clock.now().boot;
            return Ok(match limits::admit(reserved_at, limit, &[], not_before) {
                Admission::Now => Reserved::Granted(Reservation { request_id: None, reserved_at }),
                Admission::Wait { until, reason } => Reserved::Wait { until, reason },
            });
        }
        let mut transaction = writer.begin(RESERVE).await?;
        // Only now, since another process may have held the database for a while.
        let now = self.clock.now();
        let not_before = not_before(&mut transaction, asker.group).await.doing(RESERVE)?;
        let counts_from =
            counts_from(&mut transaction, asker.group, limit, now).await.doing(RESERVE)?;
        match limits::admit(now.boot, limit, &counts_from, not_before) {
            Admission::Wait { until, reason } => Ok(Reserved::Wait { until, reason }),
            Admission::Now => {
                let request_id =
                    self.insert(&mut transaction, asker, now, longest).await.doing(RESERVE)?;
                transaction.commit().await.doing(RESERVE)?;
                Ok(Reserved::Granted(Reservation {
                    request_id: Some(request_id),
                    reserved_at: now.boot,
                }))
            }
        }
    }

    async fn insert(
        &self,
        connection: &mut SqliteConnection,
        asker: Asker<'_>,
        now: Now,
        longest: Duration,
    ) -> Result<i64, sqlx::Error> {
        let inserted = sqlx::query(
            "INSERT INTO _sync_requests (limit_group, endpoint, run_id, reserved_at, counts_from_at, counts_from_ns, boot_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(asker.group)
        .bind(asker.endpoint)
        .bind(asker.run.map(|run| run.0))
        .bind(format_utc(now.wall))
        .bind(format_utc(now.wall + longest))
        .bind(now.boot.saturating_add(longest).as_nanos())
        .bind(self.clock.boot_id())
        .execute(connection)
        .await?;
        Ok(inserted.last_insert_rowid())
    }

    /// Settles a request at its response, or at its failure after the send: its slot is free again one period from now.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn settle(
        &self,
        reservation: Reservation,
        status: Option<u16>,
    ) -> Result<(), StoreError> {
        let Some(request_id) = reservation.request_id else { return Ok(()) };
        let mut writer = self.writer.lock().await;
        let now = self.clock.now();
        sqlx::query(
            "UPDATE _sync_requests SET settled_at = ?1, status = ?2, counts_from_at = ?1, counts_from_ns = ?3 WHERE request_id = ?4",
        )
        .bind(format_utc(now.wall))
        .bind(status)
        .bind(now.boot.as_nanos())
        .bind(request_id)
        .execute(&mut writer.connection)
        .await
        .doing("settle a request in the rate limit's ledger")?;
        Ok(())
    }

    /// Frees the slot of a request that was never sent.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn release(&self, reservation: Reservation) -> Result<(), StoreError> {
        let Some(request_id) = reservation.request_id else { return Ok(()) };
        let mut writer = self.writer.lock().await;
        sqlx::query("DELETE FROM _sync_requests WHERE request_id = ?")
            .bind(request_id)
            .execute(&mut writer.connection)
            .await
            .doing("release a request in the rate limit's ledger")?;
        Ok(())
    }
}

async fn counts_from(
    connection: &mut SqliteConnection,
    group: &str,
    limit: Limit,
    now: Now,
) -> Result<Vec<BootTime>, sqlx::Error> {
    sqlx::query("DELETE FROM _sync_requests WHERE limit_group = ? AND counts_from_ns < ?")
        .bind(group)
        .bind(now.boot.saturating_sub(limit.per.max(KEPT)).as_nanos())
        .execute(&mut *connection)
        .await?;
    let lines: Vec<i64> = sqlx::query_scalar(
        "SELECT counts_from_ns FROM _sync_requests WHERE limit_group = ? AND counts_from_ns > ?",
    )
    .bind(group)
    .bind(now.boot.saturating_sub(limit.per).as_nanos())
    .fetch_all(connection)
    .await?;
    Ok(lines.into_iter().map(BootTime::from_nanos).collect())
}
