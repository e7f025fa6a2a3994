//! The write-ahead log, which cannot be reused while another program keeps on reading from it: noticed, told, bounded, and
//! emptied once that has ended.

use std::{fmt, fs, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{
    Store, StoreError, error::Doing, lock::beside, open::BUSY_TIMEOUT, room, writer::Writer,
};
use crate::clock::{BootTime, Now};

const LOOK: &str = "look after the write-ahead log";

/// A log of this size is worth a look: the size that `journal_size_limit` cuts an idle one back to, and four times the one at
/// which it is copied into the file.
pub(super) const NOTICED: u64 = 64 << 20;

/// No page is asked for while the log is larger than this, and held.
const LARGEST: u64 = 1 << 30;

/// How long those are waited for that read from the log. Meanwhile nobody writes, so that each who begins to read has the last
/// state before them, which is in the file by the end.
const PATIENCE: Duration = Duration::from_millis(250);

/// How soon after a wait in vain there may be another.
const NEXT_WAIT: Duration = Duration::from_secs(10);

/// What is known of a log that other programs hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    since: DateTime<Utc>,
    next_wait: BootTime,
}

/// A log that may not grow any further, since another program keeps on reading an earlier state of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullLog {
    /// How large it is.
    pub bytes: u64,
    /// Since when this process knows that it is held.
    pub since: DateTime<Utc>,
}

impl fmt::Display for FullLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.format("%Y-%m-%d %H:%M:%S");
        write!(f, "the database's log has {} MB, held since {since} UTC", self.bytes / 1_000_000)
    }
}

impl Store {
    /// Looks after the log; `Some` where it has grown so large that nothing more is to be asked for.
    ///
    /// # Errors
    /// Where the database cannot be used.
    pub async fn look_after_log(&self) -> Result<Option<FullLog>, StoreError> {
        let mut writer = self.writer().await?;
        look_after(&mut writer, self.clock.now()).await
    }
}

/// The same with the connection in hand.
pub(super) async fn look_after(
    writer: &mut Writer,
    now: Now,
) -> Result<Option<FullLog>, StoreError> {
    let path = writer.settings.path.clone();
    let size = fs::metadata(beside(&path, "-wal")).map_or(0, |found| found.len());
    if size <= NOTICED {
        if writer.held_log.is_some() {
            // Another process has emptied it.
            let_go(writer, now);
        }
        return Ok(None);
    }
    writer.recover().await?;
    let (used, is_copied) = copy(&mut writer.connection).await.doing(LOOK)?;
    // What is beyond that is of no use, and is cut off with the next transaction.
    if used <= NOTICED {
        let_go(writer, now);
        return Ok(None);
    }
    // Readers of a moment, of which there may always be one, are waited for now and then. One that holds on is not; once its
    // time is over, all is copied, and it takes but a try.
    let is_due = writer.held_log.is_none_or(|held| held.next_wait <= now.boot);
    let patience = is_due.then_some(PATIENCE).or(is_copied.then_some(Duration::ZERO));
    if let Some(patience) = patience
        && empty(&mut writer.connection, patience).await.doing(LOOK)?
    {
        let_go(writer, now);
        return Ok(None);
    }
    let next_wait = now.boot.saturating_add(NEXT_WAIT);
    if let Some(held) = writer.held_log.as_mut().filter(|_| is_due) {
        held.next_wait = next_wait;
    }
    let held = *writer.held_log.get_or_insert_with(|| {
        tracing::warn!(
            log.bytes = used,
            "a program keeps on reading an earlier state of the database, whose log grows meanwhile: is there a transaction that \
             somebody has left open?"
        );
        Held { since: now.wall, next_wait }
    });
    let full = FullLog { bytes: used, since: held.since };
    Ok(is_full(used, room::free(&path)).then_some(full))
}

/// Notes that nobody holds the log any more.
fn let_go(writer: &mut Writer, now: Now) {
    if let Some(held) = writer.held_log.take() {
        let held_s = (now.wall - held.since).num_seconds();
        tracing::info!(held_s, "nobody holds the database's log any more: it is emptied");
    }
}

/// Whether a held log may not grow any further: it must leave as much room on its disk as it takes.
fn is_full(used: u64, free: Option<u64>) -> bool {
    used > LARGEST || free.is_some_and(|free| used > free)
}

/// Copies into the file what nobody's reading keeps from it, without waiting for anybody; tells how many bytes of the log are in
/// use, and whether all of it is copied.
async fn copy(connection: &mut SqliteConnection) -> Result<(u64, bool), sqlx::Error> {
    let (_, frames, copied): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *connection).await?;
    let page: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(connection).await?;
    // A frame is a page with a header of 24 bytes (<https://www.sqlite.org/fileformat.html>, section 4.1).
    let used = u64::try_from(frames.saturating_mul(page + 24)).unwrap_or(0);
    Ok((used, frames == copied))
}

/// Copies the log into the file and cuts it to nothing, unless somebody reads from it for longer than that; tells whether it is
/// done. Meanwhile nobody writes.
pub(super) async fn empty(
    connection: &mut SqliteConnection,
    patience: Duration,
) -> Result<bool, sqlx::Error> {
    wait_for(connection, patience).await?;
    let emptied =
        sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
    wait_for(connection, BUSY_TIMEOUT).await?;
    let is_busy: i64 = emptied?;
    Ok(is_busy == 0)
}

async fn wait_for(connection: &mut SqliteConnection, length: Duration) -> Result<(), sqlx::Error> {
    let pragma = AssertSqlSafe(format!("PRAGMA busy_timeout = {}", length.as_millis()));
    sqlx::query(pragma).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_log_is_full_at_a_gibibyte_or_at_half_of_the_room() {
        const GIB: u64 = 1 << 30;
        assert!(!is_full(GIB, Some(GIB)));
        assert!(is_full(GIB + 1, Some(100 * GIB)));
        assert!(!is_full(GIB / 4, Some(GIB / 4)));
        assert!(is_full(GIB / 4 + 1, Some(GIB / 4)));
        assert!(!is_full(GIB, None));
        assert!(is_full(GIB + 1, None));
    }
}
