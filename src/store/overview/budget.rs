//! What is left of a group's budget, by the ledger and the stored pauses.

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection};

use crate::{
    clock::{BootTime, Now},
    limits::{self, Admission, Limit},
    store::{
        TOKEN_GROUP,
        pauses::{wall, wall_of},
    },
};

/// A group's budget, at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The group.
    pub group: String,
    /// Its limit.
    pub limit: Limit,
    /// Requests that may be made at once; `None`: there is no limit.
    pub left: Option<u32>,
    /// When the next request may go at the earliest; `None`: at once.
    pub free_at: Option<DateTime<Utc>>,
    /// The pause that holds for it, with what the API said.
    pub pause: Option<(DateTime<Utc>, String)>,
}

/// Reads a group's budget. Stamps of an earlier boot are placed on this one's clock, as the next process that writes will.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    group: &str,
    limit: Limit,
    now: Now,
    boot_id: &str,
) -> Result<Budget, sqlx::Error> {
    let counts_from = counts_from(connection, group, now, boot_id).await?;
    let pause = pause(connection, group, now, boot_id).await?;
    let free_at = match limits::admit(now.boot, limit, &counts_from, pause.as_ref().map(|p| p.0)) {
        Admission::Now => None,
        Admission::Wait { until, .. } => Some(wall_of(until, now)),
    };
    let used = limits::used(now.boot, limit, &counts_from);
    Ok(Budget {
        group: group.to_owned(),
        limit,
        left: (limit.requests > 0).then(|| limit.requests.saturating_sub(used)),
        free_at,
        pause: pause.map(|(until, reason)| (wall_of(until, now), reason)),
    })
}

/// From when each of a group's requests counts.
async fn counts_from(
    connection: &mut SqliteConnection,
    group: &str,
    now: Now,
    boot_id: &str,
) -> Result<Vec<BootTime>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT counts_from_ns, counts_from_at, boot_id = ? FROM _sync_requests WHERE limit_group = ?",
    )
    .bind(boot_id)
    .bind(group)
    .fetch_all(connection)
    .await?;
    let placed = rows.iter().map(|row| {
        let (nanos, at, is_ours): (i64, String, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let moment =
            if is_ours { BootTime::from_nanos(nanos) } else { limits::rebase(now, wall(&at, now)) };
        Ok(moment)
    });
    placed.collect()
}

/// The longest pause that holds for a group and is not over, with what the API said.
async fn pause(
    connection: &mut SqliteConnection,
    group: &str,
    now: Now,
    boot_id: &str,
) -> Result<Option<(BootTime, String)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT not_before_ns, not_before_at, length_ms, reason, boot_id = ? FROM _sync_pauses WHERE limit_group IN (?, ?)",
    )
    .bind(boot_id)
    .bind(group)
    .bind(TOKEN_GROUP)
    .fetch_all(connection)
    .await?;
    let mut longest: Option<(BootTime, String)> = None;
    for row in rows {
        let (nanos, at, length): (i64, String, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (reason, is_ours): (String, bool) = (row.try_get(3)?, row.try_get(4)?);
        let length = std::time::Duration::from_millis(u64::try_from(length).unwrap_or(0));
        let until = if is_ours {
            BootTime::from_nanos(nanos)
        } else {
            limits::rebase_pause(now, wall(&at, now), length)
        };
        if until > now.boot && longest.as_ref().is_none_or(|(longest, _)| *longest < until) {
            longest = Some((until, reason));
        }
    }
    Ok(longest)
}
