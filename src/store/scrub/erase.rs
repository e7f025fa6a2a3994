//! Makes sure that removed values are in no free space of the file and not in its log.

use std::{path::Path, time::Duration};

use sqlx::SqliteConnection;

use crate::store::{Store, StoreError, error::Doing, log, room};

const ERASE: &str = "erase removed values from the file";

/// How long readers are waited for: meanwhile no other process writes. Who reads longer is waited for by the next run.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of removed values in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// There were none.
    NotDue,
    /// They are gone.
    Done,
    /// They are still in the file or its log, since another program reads an earlier state of it.
    Waiting,
    /// They are still in the file, since its disk has no room to write it anew.
    NoRoom {
        /// How many bytes that takes.
        needed: u64,
        /// How many there are.
        free: u64,
    },
}

impl Store {
    /// Writes the file anew where values were removed from it, and empties its log.
    ///
    /// What is left undone, even by a crash, is taken up by the next call.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn erase(&self) -> Result<Erasure, StoreError> {
        let mut writer = self.writer().await?;
        writer.recover().await?;
        erase(&mut writer.connection, &self.settings.path).await.doing(ERASE)
    }
}

async fn erase(connection: &mut SqliteConnection, path: &Path) -> Result<Erasure, sqlx::Error> {
    let Some((step, since)) = due(connection).await? else { return Ok(Erasure::NotDue) };
    if step == "vacuum" {
        // Looked at beforehand: a try would fill the disk for everybody else on it, run after run.
        // A temporary copy of the content, and one in the log.
        let needed = room::taken(connection).await?.saturating_mul(2);
        if let Some(free) = room::free(path).filter(|free| *free < needed) {
            return Ok(Erasure::NoRoom { needed, free });
        }
        // Zeroing what is deleted (`PRAGMA secure_delete`) is not enough: a page that was split keeps copies of what has
        // moved. Row ids stay in every table with an index, as those with a key are.
        sqlx::query("VACUUM").execute(&mut *connection).await?;
        is_written_anew(connection, &since).await?;
    }
    if !log::empty(connection, PATIENCE).await? {
        return Ok(Erasure::Waiting);
    }
    is_done(connection, &since).await?;
    Ok(Erasure::Done)
}

/// The step that is due, and since when.
async fn due(connection: &mut SqliteConnection) -> Result<Option<(String, String)>, sqlx::Error> {
    sqlx::query_as("SELECT step, since FROM _sync_erasure").fetch_optional(connection).await
}

/// Notes that the file was written anew for what is due since then: not for what another process has noted meanwhile.
async fn is_written_anew(
    connection: &mut SqliteConnection,
    since: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE _sync_erasure SET step = 'truncate' WHERE since = ?")
        .bind(since)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes the same of the log.
async fn is_done(connection: &mut SqliteConnection, since: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM _sync_erasure WHERE since = ?")
        .bind(since)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that removed values may still be in the file.
pub(super) async fn note(connection: &mut SqliteConnection, now: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM _sync_erasure").execute(&mut *connection).await?;
    sqlx::query("INSERT INTO _sync_erasure (step, since) VALUES ('vacuum', ?)")
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{RejectBounds, Settings, open};

    #[tokio::test]
    async fn what_another_process_has_noted_meanwhile_stays_due() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let settings = Settings {
            path: folder.path().join("a.db"),
            mode: 0o600,
            rejects: RejectBounds::default(),
        };
        let mut connection = open::open(&settings).await.expect("a new database opens");
        let ours = "2026-11-24T00:00:00.000Z";
        note(&mut connection, ours).await.expect("it is noted");
        note(&mut connection, "2026-11-24T00:00:01.000Z").await.expect("it is noted");
        is_written_anew(&mut connection, ours).await.expect("the database can be written");
        is_done(&mut connection, ours).await.expect("the database can be written");
        let due = due(&mut connection).await.expect("the database can be read");
        assert_eq!(due.map(|(step, _)| step).as_deref(), Some("vacuum"));
    }
}
