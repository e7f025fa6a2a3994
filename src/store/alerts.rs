//! Which alerts hold, and what was told of them.

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{FileLock, Store, StoreError, coverage::moment, error::Doing, lock};
use crate::clock::format_utc;

const READ: &str = "read the alerts";
const NOTE: &str = "note an alert";

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertKind {
    /// An endpoint's run has failed.
    Failed,
    /// An endpoint's data is older than it is meant to be.
    Stale,
    /// The token endpoint refuses the credentials.
    Credentials,
    /// The service cannot be reached.
    Unreachable,
    /// The database cannot be used; such an alert is not stored there.
    Database,
    /// Nothing is wrong: whether an alert arrives; not stored either.
    Test,
}

impl AlertKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Stale => "stale",
            Self::Credentials => "credentials",
            Self::Unreachable => "unreachable",
            Self::Database => "database",
            Self::Test => "test",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let stored = [Self::Failed, Self::Stale, Self::Credentials, Self::Unreachable];
        stored.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// When a channel was told of an alert; `None`: not yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToldAt {
    /// Of its beginning.
    pub began: Option<DateTime<Utc>>,
    /// Of its end.
    pub ended: Option<DateTime<Utc>>,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What it is about.
    pub kind: AlertKind,
    /// The endpoint; empty for what concerns all.
    pub subject: String,
    /// The endpoints that it holds for.
    pub endpoints: Vec<String>,
    /// Since when it holds.
    pub since: DateTime<Utc>,
    /// Why, for a person.
    pub message: String,
    /// When it ended; `None`: it holds.
    pub ended_at: Option<DateTime<Utc>>,
    /// What the webhook was told.
    pub webhook: ToldAt,
    /// What the command was told.
    pub command: ToldAt,
}

impl Alert {
    /// One that begins now, of which nobody was told.
    pub fn begun(kind: AlertKind, subject: &str, message: &str, since: DateTime<Utc>) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            endpoints: Vec::new(),
            since,
            message: message.to_owned(),
            ended_at: None,
            webhook: ToldAt::default(),
            command: ToldAt::default(),
        }
    }
}

impl Store {
    /// Waits for the lock by which one process at a time tells of alerts; `None`: another one has it all the time.
    ///
    /// # Errors
    /// Where the lock file cannot be used.
    pub async fn lock_alerts(&self) -> Result<Option<FileLock>, StoreError> {
        lock::lock_alerts(self.path(), self.settings().mode).await
    }

    /// The alerts that are on record.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn alerts(&self) -> Result<Vec<Alert>, StoreError> {
        let mut writer = self.writer().await?;
        read(&mut writer.connection).await.doing(READ)
    }

    /// Puts alerts on record in the place of all that are there. Whoever calls it holds the lock.
    ///
    /// # Errors
    /// Where the database cannot be written; then the record stays as it is.
    pub async fn note_alerts(&self, alerts: &[Alert]) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        writer.make_sure_it_is_there()?;
        let mut transaction = writer.begin(NOTE).await?;
        sqlx::query("DELETE FROM _sync_alerts").execute(&mut *transaction).await.doing(NOTE)?;
        for alert in alerts {
            sqlx::query(
                "INSERT INTO _sync_alerts (kind, subject, endpoints, since, message, ended_at, webhook_began_at, webhook_ended_at, \
                 command_began_at, command_ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(alert.kind.as_str())
            .bind(&alert.subject)
            .bind(alert.endpoints.join(","))
            .bind(format_utc(alert.since))
            .bind(&alert.message)
            .bind(alert.ended_at.map(format_utc))
            .bind(alert.webhook.began.map(format_utc))
            .bind(alert.webhook.ended.map(format_utc))
            .bind(alert.command.began.map(format_utc))
            .bind(alert.command.ended.map(format_utc))
            .execute(&mut *transaction)
            .await
            .doing(NOTE)?;
        }
        transaction.commit().await.doing(NOTE)
    }
}

/// All alerts on record; a line that somebody has spoilt is passed over.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Vec<Alert>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT kind, subject, endpoints, since, message, ended_at, webhook_began_at, webhook_ended_at, command_began_at, command_ended_at \
         FROM _sync_alerts ORDER BY kind, subject",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().filter_map(|row| alert(row).transpose()).collect()
}

fn alert(row: &SqliteRow) -> Result<Option<Alert>, sqlx::Error> {
    let kind: String = row.try_get(0)?;
    let (Some(kind), Some(since)) = (AlertKind::parse(&kind), moment(row, 3)?) else {
        return Ok(None);
    };
    let endpoints: String = row.try_get(2)?;
    Ok(Some(Alert {
        kind,
        subject: row.try_get(1)?,
        endpoints: endpoints
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        since,
        message: row.try_get(4)?,
        ended_at: moment(row, 5)?,
        webhook: ToldAt { began: moment(row, 6)?, ended: moment(row, 7)? },
        command: ToldAt { began: moment(row, 8)?, ended: moment(row, 9)? },
    }))
}
