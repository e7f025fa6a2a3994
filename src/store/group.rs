//! What of a group's budget is in use, by the ledger and the stored pauses, for those who only read.

use std::time::Duration;

use sqlx::SqliteConnection;

use super::{TOKEN_GROUP, pauses::wall};
use crate::{
    clock::{BootTime, Now},
    limits,
};

/// What of a group's budget is in use.
#[derive(Clone, Debug, Default)]
pub struct GroupOutlook {
    /// The lines of the ledger, on this boot's clock.
    pub counts_from: Vec<BootTime>,
    /// The end of the longest pause that holds for it, with what the API has said; `None`: none does.
    pub pause: Option<(BootTime, String)>,
}

impl GroupOutlook {
    /// Before when it is not to be asked.
    pub fn not_before(&self) -> Option<BootTime> {
        self.pause.as_ref().map(|(end, _)| *end)
    }
}

/// Reads it. Stamps of an earlier boot are placed on this one's clock, as the next process that writes will.
pub(super) async fn read(
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
        if is_of_this_boot { BootTime::from_nanos(ns) } else { limits::rebase(now, wall(&at, now)) }
    };
    let counts_from = lines.into_iter().map(placed).collect();
    let stored: Vec<(i64, String, i64, String, bool)> = sqlx::query_as(
        "SELECT not_before_ns, not_before_at, length_ms, reason, boot_id = ? FROM _sync_pauses WHERE limit_group IN (?, ?)",
    )
    .bind(boot_id)
    .bind(group)
    .bind(TOKEN_GROUP)
    .fetch_all(connection)
    .await?;
    let pauses = stored.into_iter().map(|(ns, at, length, reason, is_of_this_boot)| {
        if is_of_this_boot {
            return (BootTime::from_nanos(ns), reason);
        }
        let length = Duration::from_millis(u64::try_from(length).unwrap_or(0));
        (limits::rebase_pause(now, wall(&at, now), length), reason)
    });
    let pause = pauses.max_by_key(|(end, _)| *end).filter(|(end, _)| *end > now.boot);
    Ok(GroupOutlook { counts_from, pause })
}
