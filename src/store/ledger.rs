//! The limiter's ledger: one line a request, shared by all processes on this database.

use std::time::Duration;

use sqlx::SqliteConnection;

use super::{
    RunId, Store, StoreError,
    error::Doing,
    pauses::{self, AskedPause, not_before},
};
use crate::{
    clock::{BootTime, Now, format_utc},
    limits::{self, Admission, Limit, WaitReason},
};

/// The group of the token endpoint: a pause of it pauses every other group.
pub const TOKEN_GROUP: &str = "(token endpoint)";

/// Lines are kept this long, or a whole period where that is longer.
const KEPT: Duration = Duration::from_hours(24);

const RESERVE: &str = "reserve a request in the rate limit's ledger";
const SETTLE: &str = "settle a request in the rate limit's ledger";

/// A request that the ledger has let through. It must be settled.
#[derive(Debug)]
#[must_use = "a reservation is settled at the response, or when nothing was sent"]
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
        /// The earliest moment, should what is on its way end now.
        at_best: BootTime,
        /// What for.
        reason: WaitReason,
    },
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It was answered, with this status: its slot is free again one period from now.
    Answered(u16),
    /// It failed after the send, which counts alike.
    Failed,
    /// It was never sent: its slot is free at once.
    Unsent,
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
        let mut writer = self.writer().await?;
        writer.make_sure_it_is_there()?;
        if limit.requests == 0 {
            let reserved_at = self.clock.now().boot;
            let admission = admission(&mut writer.connection, asker.group, limit, reserved_at);
            return Ok(match admission.await.doing(RESERVE)? {
                Admission::Now => Reserved::Granted(Reservation { request_id: None, reserved_at }),
                Admission::Wait { until, at_best, reason } => {
                    Reserved::Wait { until, at_best, reason }
                }
            });
        }
        let mut transaction = writer.begin(RESERVE).await?;
        // Only now, since another process may have held the database for a while.
        let now = self.clock.now();
        tidy(&mut transaction, asker.group, limit, now.boot).await.doing(RESERVE)?;
        match admission(&mut transaction, asker.group, limit, now.boot).await.doing(RESERVE)? {
            Admission::Wait { until, at_best, reason } => {
                Ok(Reserved::Wait { until, at_best, reason })
            }
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

    /// When a group's next request may go at the earliest, as far as is known; nothing is reserved.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn free_at(&self, group: &str, limit: Limit) -> Result<BootTime, StoreError> {
        let mut writer = self.writer().await?;
        let now = self.clock.now().boot;
        let admission = admission(&mut writer.connection, group, limit, now);
        Ok(match admission.await.doing("read the rate limit's ledger")? {
            Admission::Now => now,
            Admission::Wait { at_best, .. } => at_best,
        })
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

    /// Settles a request, and stores the pause that its answer asks for, in one transaction: whatever ends the process, no
    /// other one asks again before the pause is over.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn settle(
        &self,
        reservation: Reservation,
        settlement: Settlement,
        pause: Option<&AskedPause<'_>>,
    ) -> Result<(), StoreError> {
        if reservation.request_id.is_none() && pause.is_none() {
            return Ok(());
        }
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(SETTLE).await?;
        let now = self.clock.now();
        if let Some(request_id) = reservation.request_id {
            write(&mut transaction, request_id, settlement, now).await.doing(SETTLE)?;
        }
        if let Some(pause) = pause {
            let boot_id = self.clock.boot_id();
            pauses::write(&mut transaction, pause, now, boot_id).await.doing(SETTLE)?;
        }
        transaction.commit().await.doing(SETTLE)
    }
}

async fn write(
    connection: &mut SqliteConnection,
    request_id: i64,
    settlement: Settlement,
    now: Now,
) -> Result<(), sqlx::Error> {
    let status = match settlement {
        Settlement::Answered(status) => Some(status),
        Settlement::Failed => None,
        Settlement::Unsent => {
            sqlx::query("DELETE FROM _sync_requests WHERE request_id = ?")
                .bind(request_id)
                .execute(connection)
                .await?;
            return Ok(());
        }
    };
    sqlx::query(
        "UPDATE _sync_requests SET settled_at = ?1, status = ?2, counts_from_at = ?1, counts_from_ns = ?3 WHERE request_id = ?4",
    )
    .bind(format_utc(now.wall))
    .bind(status)
    .bind(now.boot.as_nanos())
    .bind(request_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a request of a group may go, by its lines in the ledger and the pauses that hold for it.
async fn admission(
    connection: &mut SqliteConnection,
    group: &str,
    limit: Limit,
    now: BootTime,
) -> Result<Admission, sqlx::Error> {
    let not_before = not_before(&mut *connection, group).await?;
    let counts_from = if limit.requests == 0 {
        Vec::new()
    } else {
        sqlx::query_scalar(
            "SELECT counts_from_ns FROM _sync_requests WHERE limit_group = ? AND counts_from_ns > ?",
        )
        .bind(group)
        .bind(now.saturating_sub(limit.per).as_nanos())
        .fetch_all(connection)
        .await?
    };
    let counts_from: Vec<BootTime> = counts_from.into_iter().map(BootTime::from_nanos).collect();
    Ok(limits::admit(now, limit, &counts_from, not_before))
}

/// Drops a group's lines that have long ceased to count.
async fn tidy(
    connection: &mut SqliteConnection,
    group: &str,
    limit: Limit,
    now: BootTime,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM _sync_requests WHERE limit_group = ? AND counts_from_ns < ?")
        .bind(group)
        .bind(now.saturating_sub(limit.per.max(KEPT)).as_nanos())
        .execute(connection)
        .await?;
    Ok(())
}
