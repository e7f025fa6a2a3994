//! The one connection that writes.

use std::{
    collections::{BTreeSet, HashMap},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};

use super::{RunId, Settings, StoreError, error::Doing, files::Files, log, open, schema::Table};

/// A wait for another process's transaction that is longer is told of: a page's takes milliseconds.
const TOLD_AFTER: Duration = Duration::from_secs(10);

/// The connection, and what is known of the data tables at a version of the data (`PRAGMA data_version`).
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: SqliteConnection,
    pub(super) tables: HashMap<String, (i64, Table)>,
    pub(super) settings: Arc<Settings>,
    /// The files that are open; none while nothing is.
    files: Option<Files>,
    /// Whether it was told that the file is no longer there.
    gone: bool,
    /// The runs that have begun in the file that is open, and not ended yet: their numbers mean nothing in another one.
    pub(super) runs: BTreeSet<RunId>,
    /// Set while other programs hold the log.
    pub(super) held_log: Option<log::Held>,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, settings: Arc<Settings>) -> Self {
        let (tables, runs) = (HashMap::new(), BTreeSet::new());
        Self { connection, tables, settings, files: None, gone: false, runs, held_log: None }
    }

    /// Takes the files for those that were opened: from now on others in their place are told from them.
    pub(super) fn opened(&mut self) -> Result<(), StoreError> {
        self.files = Some(Files::of(&self.settings.path)?);
        self.gone = false;
        Ok(())
    }

    /// Makes sure that the file is still where others look for it.
    pub(super) fn make_sure_it_is_there(&mut self) -> Result<(), StoreError> {
        let path = &self.settings.path;
        self.gone = !self.files.as_ref().is_some_and(|files| files.are_at(path));
        if self.gone { Err(StoreError::Gone { path: path.clone() }) } else { Ok(()) }
    }

    /// Whether what is at the path now is to be opened: the file's end was told, and nobody works with it any more.
    pub(super) fn may_open_anew(&self) -> bool {
        self.gone && self.runs.is_empty()
    }

    /// Lets go of a file that was deleted, moved or replaced, and opens what is in its place, or a new one. The caller
    /// brings it up to date and says that it is `opened`.
    pub(super) async fn open_anew(&mut self) -> Result<(), StoreError> {
        let doing = "let go of the database that was deleted, moved or replaced";
        self.tables.clear();
        // A file that was only moved is to have all that is committed, without the log that it was moved away from.
        let busy: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut self.connection)
            .await
            .doing(doing)?;
        if busy != 0 {
            return Err(StoreError::Gone { path: self.settings.path.clone() });
        }
        // Closed before another is opened: with its files SQLite drops the locks of all connections that have them open.
        let nothing = open::nothing().await.doing(doing)?;
        let closed = std::mem::replace(&mut self.connection, nothing).close().await;
        let files = self.files.take();
        closed.doing(doing)?;
        if let Some(files) = files {
            let path = &self.settings.path;
            files
                .remove_beside()
                .map_err(|source| StoreError::Create { path: path.clone(), source })?;
        }
        self.connection = open::open(&self.settings).await?;
        tracing::warn!(
            database.path = %self.settings.path.display(),
            "the database was deleted, moved or replaced: what is in its place is opened, or a new one made"
        );
        Ok(())
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
    use crate::store::RejectBounds;

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
        let settings = Arc::new(Settings {
            path: folder.path().join("a.db"),
            mode: 0o600,
            rejects: RejectBounds::default(),
        });
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
