//! Whether the writer's connection is at work, and answers.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::SqliteConnection;

use super::{Store, StoreError, error::Doing};

/// SQLite says so often that a statement goes on: a hundred times a second, at a guess, which nobody notices.
const EVERY: i32 = 100_000;

/// How often a statement of the writer's connection has gone on since the start. A process has one writer, whose connection
/// may be replaced.
static STEPS: AtomicU64 = AtomicU64::new(0);

/// Has the steps of a connection counted.
pub(super) async fn count_steps(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let goes_on = || {
        STEPS.fetch_add(1, Ordering::Relaxed);
        true
    };
    connection.lock_handle().await?.set_progress_handler(EVERY, goes_on);
    Ok(())
}

/// A number that grows while a long statement of the writer's connection is at work.
pub fn steps() -> u64 {
    STEPS.load(Ordering::Relaxed)
}

impl Store {
    /// Makes sure that the connection that writes answers, and that its file is where it was. It waits in line for it, as
    /// everybody does.
    ///
    /// # Errors
    /// Where it does not, or is not.
    pub async fn answers(&self) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        writer.make_sure_it_is_there()?;
        sqlx::query("SELECT max(run_id) FROM _sync_runs")
            .execute(&mut writer.connection)
            .await
            .doing("see whether the database answers")?;
        Ok(())
    }
}
