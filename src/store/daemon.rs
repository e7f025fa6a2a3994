//! Which daemon uses the database, for those who ask how everything is doing.

use std::process;

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection};

use super::{
    Store, StoreError,
    coverage::moment,
    error::Doing,
    holders::{lives, namespace},
};
use crate::clock::format_utc;

const NOTE: &str = "note which daemon uses the database";

/// A daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonProcess {
    /// Its process id.
    pub process_id: i64,
    /// Its version.
    pub version: String,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Notes that this process is the daemon that uses the file.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn note_daemon(&self) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(NOTE).await?;
        sqlx::query("DELETE FROM _sync_daemon").execute(&mut *transaction).await.doing(NOTE)?;
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
        .doing(NOTE)?;
        transaction.commit().await.doing(NOTE)
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
            .doing(NOTE)?;
        Ok(())
    }
}

/// The daemon that uses the file, where one lives that can be seen from here.
pub(super) async fn read(
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
        started_at: moment(&row, 2)?,
    };
    Ok(lives(daemon.process_id).then_some(daemon))
}
