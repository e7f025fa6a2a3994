//! The daily look through the whole file, for damage that no run would meet.

use std::{fs, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use sqlx::{
    ConnectOptions, Connection,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio_util::sync::CancellationToken;

use super::{
    Store, StoreError,
    error::{Cause, Doing},
    lock::beside,
    log::NOTICED,
    open::BUSY_TIMEOUT,
};
use crate::clock::format_utc;

const CHECK: &str = "check the database";

/// How often the file is checked.
const EVERY: TimeDelta = TimeDelta::days(1);

/// So many steps of SQLite's machine pass between two looks whether to go on: well below a millisecond.
const STEPS: i32 = 10_000;

/// How a check went that has found no damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The file is whole.
    Whole,
    /// It was given up, since the log could not be reused meanwhile and has grown large.
    PutOff,
    /// It was asked to stop.
    Stopped,
}

impl Store {
    /// How long it is until the file is to be checked: a day after the last check by any process, or after the first run.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn next_check(&self) -> Result<Duration, StoreError> {
        let mut writer = self.writer().await?;
        let last: Option<String> = sqlx::query_scalar(
            "SELECT coalesce((SELECT finished_at FROM _sync_checks WHERE kind = 'quick_check'), \
             (SELECT started_at FROM _sync_runs ORDER BY run_id LIMIT 1))",
        )
        .fetch_one(&mut writer.connection)
        .await
        .doing("read when the database was checked")?;
        let last = last.map(|stamp| DateTime::parse_from_rfc3339(&stamp).map(|at| at.to_utc()));
        let now = self.clock.now().wall;
        // A stamp that somebody has spoilt says nothing.
        Ok(wait(last.map(|last| last.unwrap_or(DateTime::UNIX_EPOCH)), now))
    }

    /// Looks through the whole file, on a connection of its own, so that nobody waits for it. Damage is the last that is done to
    /// the file, as whenever it is met.
    ///
    /// # Errors
    /// Where the file is damaged, or cannot be read.
    pub async fn check(&self, stop: &CancellationToken) -> Result<Checked, StoreError> {
        let started = self.clock.now().boot;
        self.writer().await?.make_sure_it_is_there()?;
        let found = match self.look_through(stop).await {
            Ok(found) => found,
            Err(_) if stop.is_cancelled() => return Ok(Checked::Stopped),
            Err(error) if error.is_interrupt() => return Ok(Checked::PutOff),
            Err(error) => {
                // What was looked at then may have been another file, with the log of this one.
                self.writer().await?.make_sure_it_is_there()?;
                return Err(self.locate(StoreError::failed(CHECK, error)));
            }
        };
        self.writer().await?.make_sure_it_is_there()?;
        if let Some(found) = found {
            let path = self.settings.path.clone();
            let found = format!("a check has found: {found}");
            return Err(self.locate(StoreError::Damaged { path, found }));
        }
        let now = self.clock.now();
        let duration_ms = now.boot.since(started).as_millis();
        let mut writer = self.writer().await?;
        sqlx::query("INSERT OR REPLACE INTO _sync_checks (kind, finished_at, duration_ms) VALUES ('quick_check', ?, ?)")
            .bind(format_utc(now.wall))
            .bind(i64::try_from(duration_ms).unwrap_or(i64::MAX))
            .execute(&mut writer.connection)
            .await
            .doing("note that the database was checked")?;
        Ok(Checked::Whole)
    }

    /// Tells what is damaged, where something is.
    async fn look_through(&self, stop: &CancellationToken) -> Result<Option<String>, Cause> {
        let path = &self.settings.path;
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging()
            .connect()
            .await
            .map_err(Cause::new)?;
        let (log, stop) = (beside(path, "-wal"), stop.clone());
        // What is read keeps the log from being reused: a file that takes long is no reason to let that grow.
        let goes_on = move || {
            !stop.is_cancelled() && fs::metadata(&log).is_ok_and(|found| found.len() <= NOTICED)
        };
        connection.lock_handle().await.map_err(Cause::new)?.set_progress_handler(STEPS, goes_on);
        let found = quick_check(&mut connection).await.map_err(Cause::new);
        connection.close().await.map_err(Cause::new)?;
        found
    }
}

/// The first that there is to say of damage: SQLite tells what it finds as it goes on, and may end with an error.
async fn quick_check(connection: &mut SqliteConnection) -> Result<Option<String>, sqlx::Error> {
    let mut told = sqlx::query_scalar::<_, String>("PRAGMA quick_check").fetch(connection);
    while let Some(line) = told.try_next().await? {
        if let Some(damage) = damage(&line) {
            return Ok(Some(damage));
        }
    }
    Ok(None)
}

/// What a line tells of damage. What a table's own declarations forbid is somebody's business, and no damage.
fn damage(told: &str) -> Option<String> {
    let mut damage = told.lines().filter(|line| {
        *line != "ok"
            && !line.starts_with("*** in database")
            && !line.starts_with("NULL value in ")
            && !line.starts_with("CHECK constraint failed in ")
    });
    damage.next().map(str::to_owned)
}

/// How long it is until the next check; a new file needs none at once, and a stamp in the future puts it off no further than
/// one of now.
fn wait(last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Duration {
    let last = last.unwrap_or(now).min(now);
    (EVERY - (now - last)).to_std().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        store::{RejectBounds, Settings},
    };

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn a_file_is_checked_once_a_day_whatever_the_clock_does() {
        let now = DateTime::from_timestamp(1_795_500_000, 0).expect("a valid moment");
        assert_eq!(wait(None, now), DAY, "a new file");
        assert_eq!(wait(Some(now - TimeDelta::hours(23)), now), DAY / 24);
        assert_eq!(wait(Some(now - TimeDelta::hours(24)), now), Duration::ZERO);
        assert_eq!(wait(Some(DateTime::UNIX_EPOCH), now), Duration::ZERO);
        assert_eq!(wait(Some(now + TimeDelta::days(400)), now), DAY);
    }

    #[test]
    fn damage_is_told_from_what_declarations_forbid() {
        for told in ["ok", "NULL value in own.id", "CHECK constraint failed in own"] {
            assert_eq!(damage(told), None);
        }
        let tree = "Tree 9 page 12: btreeInitPage() returns error code 11";
        let told = format!("*** in database main ***\n{tree}\nPage 13: never used");
        assert_eq!(damage(&told).as_deref(), Some(tree));
    }

    /// A database with a table that takes more than a moment to look through.
    async fn opened() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let settings = Settings {
            path: folder.path().join("a.db"),
            mode: 0o600,
            rejects: RejectBounds::default(),
        };
        let clock = Clock::system().expect("Linux tells its boot id");
        let store = Store::open(settings, clock).await.expect("a new database opens");
        let fill = "CREATE TABLE own AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT i FROM n";
        let mut writer = store.writer().await.expect("it is sound");
        sqlx::query(fill).execute(&mut writer.connection).await.expect("it can be written");
        drop(writer);
        (folder, store)
    }

    async fn checks(store: &Store) -> i64 {
        let mut writer = store.writer().await.expect("it is sound");
        let count = sqlx::query_scalar("SELECT count(*) FROM _sync_checks");
        count.fetch_one(&mut writer.connection).await.expect("the table is there")
    }

    #[tokio::test]
    async fn a_check_ends_when_it_is_told_to() {
        let (_folder, store) = opened().await;
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(store.check(&stop).await.expect("it is sound"), Checked::Stopped);
        assert_eq!(checks(&store).await, 0);
        assert_eq!(
            store.check(&CancellationToken::new()).await.expect("it is sound"),
            Checked::Whole
        );
        assert_eq!(checks(&store).await, 1);
        assert!(store.next_check().await.expect("it can be read") > DAY / 2);
    }

    #[tokio::test]
    async fn a_check_is_put_off_while_the_log_is_large() {
        let (folder, store) = opened().await;
        let log = fs::OpenOptions::new().write(true).open(folder.path().join("a.db-wal"));
        // SQLite takes no notice of what is behind the log's last transaction.
        log.and_then(|log| log.set_len(NOTICED + 1)).expect("the log is there");
        let checked = store.check(&CancellationToken::new()).await.expect("it is sound");
        assert_eq!(checked, Checked::PutOff);
        assert_eq!(checks(&store).await, 0);
        assert!(store.damage().is_none());
    }
}
