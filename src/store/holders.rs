//! Who is at work on an endpoint, for those who find its lock taken.

use std::{fmt, fs, process};

use chrono::{DateTime, TimeDelta, Utc};
use rustix::process::{Pid, test_kill_process};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{RunId, Store, StoreError, Trigger, error::Doing, overview::DaemonProcess};
use crate::clock::{Clock, format_utc};

const NOTE_DAEMON: &str = "note which daemon uses the database";

/// The process that is at work on an endpoint, and how far it is; shown as
/// `` `mapiq-sync` (pid 4711), job bookings, since 14:02:10 UTC, 14 pages so far ``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    process_id: i64,
    job: String,
    trigger: String,
    since: DateTime<Utc>,
    pages: i64,
    /// What it waits for, and until when.
    waits: Option<(String, DateTime<Utc>)>,
    told_at: DateTime<Utc>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`mapiq-sync` (pid {}), ", self.process_id)?;
        if self.trigger == Trigger::Retry.as_str() {
            f.write_str("`rejects --retry`")?;
        } else {
            write!(f, "job {}", self.job)?;
        }
        let pages = if self.pages == 1 { "page" } else { "pages" };
        write!(f, ", since {}, {} {pages} so far", self.time(self.since), self.pages)?;
        match &self.waits {
            Some((reason, until)) => write!(f, ", waits until {} ({reason})", self.time(*until)),
            None => Ok(()),
        }
    }
}

impl Holder {
    /// The job whose run it is.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// What it waits for, and until when.
    pub fn waits(&self) -> Option<(&str, DateTime<Utc>)> {
        self.waits.as_ref().map(|(reason, until)| (reason.as_str(), *until))
    }

    /// Its process.
    pub fn process_id(&self) -> i64 {
        self.process_id
    }

    /// The pages of its run so far.
    pub fn pages(&self) -> i64 {
        self.pages
    }

    /// A moment, by the time of day where that says which day is meant.
    fn time(&self, moment: DateTime<Utc>) -> String {
        let is_near = (moment - self.told_at).abs() < TimeDelta::hours(24);
        let format = if is_near { "%H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
        moment.format(format).to_string()
    }
}

impl Store {
    /// Who is at work on an endpoint whose lock is taken, where that can be told: a process that has just begun has not said
    /// so yet, and one of another container, or that was killed, is not to be named.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn holder(&self, endpoint: &str) -> Result<Option<Holder>, StoreError> {
        let mut writer = self.writer().await?;
        let holder = read(&mut writer.connection, &self.clock, endpoint).await;
        holder.doing("read who is at work on an endpoint")
    }

    /// Notes that this process is the daemon that uses the file.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn note_daemon(&self) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(NOTE_DAEMON).await?;
        sqlx::query("DELETE FROM _sync_daemon")
            .execute(&mut *transaction)
            .await
            .doing(NOTE_DAEMON)?;
        sqlx::query(
            "INSERT INTO _sync_daemon (process_id, process_namespace, boot_id, version, started_at) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(i64::from(process::id()))
        .bind(namespace())
        .bind(self.clock.boot_id())
        .bind(env!("CARGO_PKG_VERSION"))
        .bind(format_utc(self.clock.now().wall))
        .execute(&mut *transaction)
        .await
        .doing(NOTE_DAEMON)?;
        transaction.commit().await.doing(NOTE_DAEMON)
    }

    /// Notes that it no longer does; what another one has noted meanwhile stays.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn forget_daemon(&self) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query("DELETE FROM _sync_daemon WHERE process_id = ? AND process_namespace = ?")
            .bind(i64::from(process::id()))
            .bind(namespace())
            .execute(&mut writer.connection)
            .await
            .doing(NOTE_DAEMON)?;
        Ok(())
    }

    /// Notes what an endpoint's run waits for, or that it no longer does.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn note_wait(
        &self,
        run: RunId,
        endpoint: &str,
        wait: Option<(&str, DateTime<Utc>)>,
    ) -> Result<(), StoreError> {
        let (reason, until) = wait.unzip();
        let mut writer = self.writer().await?;
        sqlx::query(
            "UPDATE _sync_holders SET waits_for = ?, waits_until = ? WHERE endpoint = ? AND run_id = ?",
        )
        .bind(reason)
        .bind(until.map(format_utc))
        .bind(endpoint)
        .bind(run.0)
        .execute(&mut writer.connection)
        .await
        .doing("note what an endpoint waits for")?;
        Ok(())
    }
}

/// Notes that this process is at work on an endpoint, in the place of whoever was.
pub(super) async fn note(
    connection: &mut SqliteConnection,
    run: RunId,
    endpoint: &str,
    boot_id: &str,
    now: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO _sync_holders (endpoint, run_id, process_id, process_namespace, boot_id, since) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(endpoint)
    .bind(run.0)
    .bind(i64::from(process::id()))
    .bind(namespace())
    .bind(boot_id)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a run no longer is.
pub(super) async fn remove(
    connection: &mut SqliteConnection,
    run: RunId,
    endpoint: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM _sync_holders WHERE endpoint = ? AND run_id = ?")
        .bind(endpoint)
        .bind(run.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Who is at work on an endpoint, where that can be told.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    clock: &Clock,
    endpoint: &str,
) -> Result<Option<Holder>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT h.process_id, h.since, h.waits_for, h.waits_until, r.job, r.trigger, e.pages FROM _sync_holders AS h \
         JOIN _sync_runs AS r ON r.run_id = h.run_id \
         JOIN _sync_endpoint_runs AS e ON e.run_id = h.run_id AND e.endpoint = h.endpoint \
         WHERE h.endpoint = ? AND h.boot_id = ? AND h.process_namespace = ?",
    )
    .bind(endpoint)
    .bind(clock.boot_id())
    .bind(namespace())
    .fetch_optional(connection)
    .await?;
    let holder = row.map(|row| told(&row, clock.now().wall)).transpose()?;
    Ok(holder.flatten().filter(|holder| lives(holder.process_id)))
}

/// The daemon that uses the file, where one lives that can be seen from here.
pub(super) async fn daemon(
    connection: &mut SqliteConnection,
    boot_id: &str,
) -> Result<Option<DaemonProcess>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT process_id, version, started_at FROM _sync_daemon WHERE boot_id = ? AND process_namespace = ? LIMIT 1",
    )
    .bind(boot_id)
    .bind(namespace())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let daemon = DaemonProcess {
        process_id: row.try_get(0)?,
        version: row.try_get(1)?,
        started_at: moment(&row.try_get::<String, _>(2)?),
    };
    Ok(lives(daemon.process_id).then_some(daemon))
}

/// A line of the table; `None` where somebody has spoilt its stamp. A wait that is over is none.
fn told(row: &SqliteRow, now: DateTime<Utc>) -> Result<Option<Holder>, sqlx::Error> {
    let (reason, until): (Option<String>, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
    let until = until.as_deref().and_then(moment).filter(|until| *until > now);
    let since: String = row.try_get(1)?;
    let Some(since) = moment(&since) else { return Ok(None) };
    Ok(Some(Holder {
        process_id: row.try_get(0)?,
        job: row.try_get(4)?,
        trigger: row.try_get(5)?,
        since,
        pages: row.try_get(6)?,
        waits: reason.zip(until),
        told_at: now,
    }))
}

fn moment(stamp: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(stamp).ok().map(|at| at.to_utc())
}

/// Where process ids mean what they mean here; empty where the system does not tell.
fn namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy().into_owned()
}

/// Whether there is a process of this id; one that may not be signalled is there too.
fn lives(process_id: i64) -> bool {
    let pid = i32::try_from(process_id).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_500_000 + seconds, 0).expect("a valid moment")
    }

    #[test]
    fn a_holder_is_told_with_what_it_does() {
        let holder = Holder {
            process_id: 4711,
            job: "bookings".to_owned(),
            trigger: "schedule".to_owned(),
            since: at(10),
            pages: 14,
            waits: None,
            told_at: at(70),
        };
        assert_eq!(
            holder.to_string(),
            "`mapiq-sync` (pid 4711), job bookings, since 06:00:10 UTC, 14 pages so far"
        );
        let waits = Some(("rate limit".to_owned(), at(100)));
        let waiting = Holder { waits, told_at: at(90_000), pages: 1, ..holder.clone() };
        assert_eq!(
            waiting.to_string(),
            "`mapiq-sync` (pid 4711), job bookings, since 2026-11-24 06:00:10 UTC, 1 page so far, waits until 2026-11-24 06:01:40 UTC (rate limit)"
        );
        let retry = Holder { trigger: "retry".to_owned(), job: "rejects".to_owned(), ..holder };
        assert!(retry.to_string().contains("(pid 4711), `rejects --retry`, since"), "{retry}");
    }

    #[test]
    fn a_process_that_has_ended_does_not_live() {
        assert!(lives(process::id().into()));
        assert!(lives(1), "it belongs to another user mostly, and is there all the same");
        let mut child = process::Command::new("true").spawn().expect("`true` starts");
        let ended = child.id();
        child.wait().expect("it ends");
        assert!(!lives(ended.into()));
        assert!(!lives(0) && !lives(i64::MAX));
    }
}
