//! The one connection that writes.

use std::{collections::HashMap, sync::Arc};

use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};

use super::{Settings, StoreError, error::Doing, open, schema::Table};

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
        self.connection.begin_with("BEGIN IMMEDIATE").await.doing(doing)
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
