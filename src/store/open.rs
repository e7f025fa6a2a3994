//! Opens the database: makes it, or makes sure that it is ours, and brings its bookkeeping tables up to date.

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

use super::{
    Settings, StoreError, ddl,
    error::{Cause, Doing},
    lock,
};

/// `MpqS`, the mark of this program's databases; the first migration sets it too.
pub(super) const APPLICATION_ID: i64 = 1_299_214_675;

/// How every SQLite file begins (<https://www.sqlite.org/fileformat.html>, section 1.3).
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Where its header has the application id.
const MARK: usize = 68;

/// So much of the header is read: up to the end of the application id.
const HEADER: u64 = 72;

/// The bookkeeping tables' migrations, in order; a released one never changes.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "bookkeeping", include_str!("../../migrations/0001_bookkeeping.sql")),
    (2, "windows", include_str!("../../migrations/0002_windows.sql")),
    (3, "limits", include_str!("../../migrations/0003_limits.sql")),
    (4, "privacy", include_str!("../../migrations/0004_privacy.sql")),
    (5, "columns by path", include_str!("../../migrations/0005_columns_by_path.sql")),
];

const MIGRATIONS_TABLE: &str = "_sync_migrations";

/// How long a statement waits for another process's transaction. A page's takes milliseconds, but one that copies a table to
/// change a column's type takes about ten seconds for a million rows.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_mins(10);

/// Statements kept prepared: a few dozen texts a table, since the last statement of a page holds fewer rows.
const STATEMENT_CACHE: usize = 256;

/// Opens the writer's connection.
pub(super) async fn open(settings: &Settings) -> Result<SqliteConnection, StoreError> {
    let path = &settings.path;
    make_sure_it_is_ours(path)?;
    // Two processes that make the same file at once would each run the migrations.
    let _opening = lock::lock_opening(path, settings.mode).await?;
    make_file(path, settings.mode)?;
    let opened = connect(path).await;
    let mut connection = opened
        .map_err(|source| StoreError::Open { path: path.clone(), source: Cause::new(source) })?;
    version(&mut connection, path).await?;
    set_mode(path, settings.mode).map_err(|source| StoreError::Mode {
        path: path.clone(),
        mode: settings.mode,
        source,
    })?;
    prepare(&mut connection, path).await.doing("prepare the database")?;
    Ok(connection)
}

/// Tells another program's file by its first bytes. SQLite is not asked: opening and closing a database may change the
/// file and leave others beside it.
pub(super) fn make_sure_it_is_ours(path: &Path) -> Result<(), StoreError> {
    let mut header = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEADER).read_to_end(&mut header));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(StoreError::Read { path: path.to_owned(), source }),
        // There is nothing in it: one that is made just now, or that somebody has put there for us.
        Ok(0) => return Ok(()),
        Ok(_) => {}
    }
    if !header.starts_with(SQLITE) {
        return Err(StoreError::NotSqlite { path: path.to_owned() });
    }
    let mark = header.iter().skip(MARK).fold(0, |mark, byte| mark << 8 | i64::from(*byte));
    if mark == APPLICATION_ID { Ok(()) } else { Err(StoreError::Foreign { path: path.to_owned() }) }
}

/// Makes the file with its permissions before anything is in it: SQLite gives its `-wal` and `-shm` files the same ones.
/// A file that is there is left alone: its mode is set once it has been found to be ours.
fn make_file(path: &Path, mode: u32) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreError::Create { path: path.to_owned(), source }),
    }
}

/// Gives the file, and those that SQLite has made beside it, the permissions of the configuration.
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let file = lock::beside(path, suffix);
        match fs::metadata(&file) {
            Ok(found) if found.permissions().mode() & 0o7777 == mode => {}
            Ok(_) => fs::set_permissions(&file, Permissions::from_mode(mode))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENT_CACHE)
        .disable_statement_logging()
        .connect()
        .await?;
    // SQLite reads the file's header only now.
    sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&mut connection).await?;
    Ok(connection)
}

/// Tells the bookkeeping tables' version, and makes sure that it is none of the future; 0 where there are none yet.
pub(super) async fn version(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<i64, StoreError> {
    let doing = "read the database's version";
    // A crash in the very first opening leaves the mark, and nothing else.
    let begun: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = ?")
        .bind(MIGRATIONS_TABLE)
        .fetch_one(&mut *connection)
        .await
        .doing(doing)?;
    if begun == 0 {
        return Ok(0);
    }
    let found: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sync_migrations")
        .fetch_one(&mut *connection)
        .await
        .doing(doing)?;
    let known = MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0);
    match found {
        Some(found) if found > known => {
            Err(StoreError::Newer { path: path.to_owned(), found, known })
        }
        found => Ok(found.unwrap_or(0)),
    }
}

/// Opens another connection to a database that this process has prepared already.
pub(super) async fn reopen(settings: &Settings) -> Result<SqliteConnection, StoreError> {
    let path = &settings.path;
    let open = |source| StoreError::Open { path: path.clone(), source: Cause::new(source) };
    let mut connection = connect(path).await.map_err(open)?;
    configure(&mut connection, path).await.map_err(open)?;
    Ok(connection)
}

/// A connection to nothing, in the place of one that was closed.
pub(super) async fn nothing() -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new().in_memory(true).disable_statement_logging().connect().await
}

async fn configure(connection: &mut SqliteConnection, path: &Path) -> Result<(), sqlx::Error> {
    for pragma in [
        // Readers never wait for the writer.
        "PRAGMA journal_mode = WAL",
        // In WAL mode a power cut may cost the last commits, never the file: those pages are asked for again.
        "PRAGMA synchronous = NORMAL",
        // A table that is rebuilt takes its old name back without a rewrite of the users' views and triggers.
        "PRAGMA legacy_alter_table = ON",
        // 16 MiB of log before it is copied into the file: a page's rows touch many pages of the key's index, and each of
        // these is then copied once for several pages of the API instead of for each.
        "PRAGMA wal_autocheckpoint = 4096",
        // After a burst the log is cut back to this size.
        "PRAGMA journal_size_limit = 67108864",
    ] {
        sqlx::query(pragma).execute(&mut *connection).await?;
    }
    ddl::set_cache(connection, ddl::CACHE).await?;
    // Temporary files hold copies of the data: they belong on the same disk, which may be an encrypted one, and not in
    // /var/tmp. Where a full disk is told of, it is this one, too.
    let folder = fs::canonicalize(path).ok().and_then(|path| path.parent().map(Path::to_owned));
    if let Some(folder) = folder.as_deref().and_then(Path::to_str) {
        let set = format!("PRAGMA temp_store_directory = '{}'", folder.replace('\'', "''"));
        sqlx::query(AssertSqlSafe(set)).execute(connection).await?;
    }
    Ok(())
}

async fn prepare(connection: &mut SqliteConnection, path: &Path) -> Result<(), sqlx::Error> {
    let mark: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    if mark != APPLICATION_ID {
        // Before the log is on: the mark must be in the file itself from the first on, whatever ends the process.
        let set = AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}"));
        sqlx::query(set).execute(&mut *connection).await?;
    }
    configure(connection, path).await?;
    let migrations = MIGRATIONS.iter().map(|&(version, description, sql)| {
        Migration::new(
            version,
            Cow::Borrowed(description),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator
        .run_direct(None, connection, false)
        .await
        .map_err(|error| sqlx::Error::Migrate(Box::new(error)))
}

/// Closes the connection, which also empties the write-ahead log where no other process has the file open.
pub(super) async fn close(connection: SqliteConnection) -> Result<(), StoreError> {
    connection.close().await.doing("close the database")
}
