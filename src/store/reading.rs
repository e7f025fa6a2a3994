//! Reads a database beside whoever writes to it, and without leaving a trace.

use std::{fs, path::Path};

use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    StoreError,
    error::{Cause, Doing},
    header,
    lock::beside,
    open,
};

/// What a reader gives back: the connection, and what it has read.
pub(super) type Read<T> = (SqliteConnection, Result<T, sqlx::Error>);

/// Reads something of a database in one transaction: what it gives belongs together. Nothing where there is no database yet. It
/// writes nothing, not even the files that SQLite has beside a database in use, so the right to read is enough for it.
///
/// # Errors
/// Where the file cannot be read, is another program's, or of another version than this one.
pub(super) async fn read<T, F: Future<Output = Read<T>>>(
    path: &Path,
    doing: &'static str,
    work: impl Fn(SqliteConnection) -> F,
) -> Result<Option<T>, StoreError> {
    header::make_sure_it_is_ours(path)?;
    let is_empty = fs::metadata(path).map_or(true, |found| found.len() == 0);
    if is_empty && header::stands_alone(path) {
        return Ok(None);
    }
    loop {
        let alone = is_unused(path);
        let read = read_once(path, doing, &work, alone).await.map_err(|error| error.at(path));
        // Whoever has begun to write meanwhile may have changed the file under the reader's hands.
        if !alone || is_unused(path) {
            return read;
        }
    }
}

/// The same of a database that has to be there.
///
/// # Errors
/// As there, and where it is not.
pub(super) async fn read_existing<T, F: Future<Output = Read<T>>>(
    path: &Path,
    doing: &'static str,
    work: impl Fn(SqliteConnection) -> F,
) -> Result<T, StoreError> {
    read(path, doing, work).await?.ok_or_else(|| StoreError::Absent { path: path.to_owned() })
}

/// Whether no process has the database open: then it can be read as it lies, which needs no file beside it.
fn is_unused(path: &Path) -> bool {
    ["-wal", "-shm"].iter().all(|suffix| !beside(path, suffix).exists())
}

async fn read_once<T, F: Future<Output = Read<T>>>(
    path: &Path,
    doing: &'static str,
    work: &impl Fn(SqliteConnection) -> F,
    alone: bool,
) -> Result<Option<T>, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(alone);
    let opened = options.busy_timeout(open::BUSY_TIMEOUT).disable_statement_logging();
    let mut connection = opened
        .connect()
        .await
        .map_err(|source| StoreError::Open { path: path.to_owned(), source: Cause::new(source) })?;
    let read = match open::version(&mut connection, path).await? {
        0 => None,
        version if version < open::known_version() => {
            return Err(StoreError::Older { path: path.to_owned() });
        }
        _ => {
            // It ends with the connection: there is nothing to commit.
            sqlx::query("BEGIN").execute(&mut connection).await.doing(doing)?;
            let (given_back, read) = work(connection).await;
            connection = given_back;
            Some(read.doing(doing)?)
        }
    };
    open::close(connection).await?;
    Ok(read)
}
