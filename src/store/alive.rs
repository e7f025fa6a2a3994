//! Whether the writer's connection is at work.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::SqliteConnection;

use super::Store;

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
    /// Waits until the writer's connection has answered: it waits in line for it, as everybody does. An error is an answer,
    /// too.
    pub async fn answers(&self) {
        if let Ok(mut writer) = self.writer().await
            && let Err(error) = sqlx::Connection::ping(&mut writer.connection).await
        {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the database answers with an error"
            );
        }
    }
}
