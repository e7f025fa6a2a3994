//! The one connection that writes.

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};

use super::{Settings, StoreError, error::Doing, open, schema::Table};

/// A wait for another process's transaction that is longer is told of: a page's takes milliseconds.
const TOLD_AFTER: Duration = Duration::from_secs(10);

/// The connection, and what is known of the data tables at a version of the data (`PRAGMA data_version`).
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: SqliteConnection,
    pub(super) tables: HashMap<String, (i64, Table)>,
    settings: Arc<Settings>,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, settings: Arc<Settings>) -> Self {
        Self { connection, tables: HashMap::new(), settings }
    }

    /// Begins a transaction that writes: it waits for the writers of other processes.
    pub(super) async fn begin(
        &mut self,
        doing: &'static str,
    ) -> Result<Transaction<'_, Sqlite>, StoreError> {
        self.recover().await?;
        begin(&mut self.connection, doing).await
    }

    /// Replaces a connection that can begin no transaction any more.
    ///
    /// After a full disk or an I/O error SQLite rolls back by itself. The library does not learn of it, and takes the
    /// connection to be within that transaction for ever.
    pub(super) async fn recover(&mut self) -> Result<(), StoreError> {
        if !self.connection.is_in_transaction() {
            return Ok(());
        }
        // A transaction that was dropped is rolled back by the connection's thread in its own time; this waits for it.
        self.connection.ping().await.doing("reach the database")?;
        if self.connection.is_in_transaction() {
            self.tables.clear();
            self.connection = open::reopen(&self.settings).await?;
        }
        Ok(())
    }
}

/// Begins a transaction that writes, on a connection that can begin one.
pub(super) async fn begin<'c>(
    connection: &'c mut SqliteConnection,
    doing: &'static str,
) -> Result<Transaction<'c, Sqlite>, StoreError> {
    let mut begun = pin!(connection.begin_with("BEGIN IMMEDIATE"));
    let begun = if let Ok(begun) = tokio::time::timeout(TOLD_AFTER, begun.as_mut()).await {
        begun
    } else {
        tracing::warn!(
            "another process holds the database's write lock; a large table whose column changes its type is copied in one transaction"
        );
        begun.await
    };
    begun.doing(doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A transaction with one line of some kilobytes.
    async fn write(writer: &mut Writer) -> Result<(), StoreError> {
        let doing = "write a line";
        let mut transaction = writer.begin(doing).await?;
        sqlx::query(
            "INSERT INTO _sync_runs (job, trigger, version, started_at) VALUES (hex(zeroblob(4000)), '', '', '')",
        )
        .execute(&mut *transaction)
        .await
        .doing(doing)?;
        transaction.commit().await.doing(doing)
    }

    /// Writes until there is no room.
    async fn fill(writer: &mut Writer) -> StoreError {
        loop {
            if let Err(error) = write(writer).await {
                return error;
            }
        }
    }

    #[tokio::test]
    async fn after_a_full_disk_the_next_transaction_begins() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let settings = Arc::new(Settings { path: folder.path().join("a.db"), mode: 0o600 });
        let connection = open::open(&settings).await.expect("a new database opens");
        let mut writer = Writer::new(connection, settings);
        // SQLite takes this for the size that the file has already: the next page is one too many, as on a full disk.
        sqlx::query("PRAGMA max_page_count = 1")
            .execute(&mut writer.connection)
            .await
            .expect("the pragma is known");

        let full = fill(&mut writer).await;
        assert!(full.database_unusable(), "{full}");
        // The library still takes the connection to be within the transaction that SQLite has ended.
        writer.connection.ping().await.expect("the connection lives");
        assert!(writer.connection.is_in_transaction());

        // The fresh connection has no such bound: there is room again.
        write(&mut writer).await.expect("a transaction begins and ends");
        assert!(!writer.connection.is_in_transaction());
    }
}
