//! Records that could not be stored: each is kept once, in `_sync_rejects`, with its reason and where it was met.

mod list;
mod retry;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;

pub use self::{
    list::{KeptReject, rejects},
    retry::{Retried, Retry},
};
use super::Page;
use crate::clock::format_utc;

/// How many rejected records are kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectBounds {
    /// So many of an endpoint: those that were met last.
    pub keep: u32,
    /// So long after they were met last.
    pub age: TimeDelta,
}

impl Default for RejectBounds {
    fn default() -> Self {
        Self { keep: 10_000, age: TimeDelta::days(90) }
    }
}

/// Keeps a page's records that cannot be stored. The page is that of the checkpoint, which has not been moved on yet.
pub(super) async fn put_aside(
    connection: &mut SqliteConnection,
    page: &Page<'_>,
    now: &str,
) -> Result<(), sqlx::Error> {
    for reject in page.rejects {
        sqlx::query(
            "INSERT INTO _sync_rejects (endpoint, reason, record, digest, first_seen_at, last_seen_at, run_id, slice, page) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?5, ?6, lower || '/' || upper, pages + 1 FROM _sync_checkpoints WHERE sweep_id = ?7 AND slice = ?8 \
             ON CONFLICT (endpoint, digest) DO UPDATE SET last_seen_at = excluded.last_seen_at, run_id = excluded.run_id, \
             slice = excluded.slice, page = excluded.page",
        )
        .bind(page.endpoint)
        .bind(&reject.reason)
        .bind(&reject.record)
        .bind(digest(&reject.reason, &reject.record))
        .bind(now)
        .bind(page.run.0)
        .bind(page.sweep.0)
        .bind(page.slice)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Tells a reject from the endpoint's others.
pub(super) fn digest(reason: &str, record: &str) -> Vec<u8> {
    blake3::hash(format!("{reason}\0{record}").as_bytes()).as_bytes().to_vec()
}

/// Drops what has grown too old, of every endpoint, and of this one what is too much. Both look at an index alone.
pub(super) async fn prune(
    connection: &mut SqliteConnection,
    endpoint: &str,
    bounds: &RejectBounds,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if let Some(since) = now.checked_sub_signed(bounds.age) {
        sqlx::query(
            "DELETE FROM _sync_rejects WHERE reject_id IN (SELECT reject_id FROM _sync_rejects WHERE last_seen_at < ?)",
        )
        .bind(format_utc(since))
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query(
        "DELETE FROM _sync_rejects WHERE reject_id IN (SELECT reject_id FROM _sync_rejects WHERE endpoint = ? \
         ORDER BY last_seen_at DESC, reject_id DESC LIMIT -1 OFFSET ?)",
    )
    .bind(endpoint)
    .bind(bounds.keep)
    .execute(connection)
    .await?;
    Ok(())
}
