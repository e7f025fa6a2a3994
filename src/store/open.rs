//! Opens the database: makes it, or makes sure that it is ours, and brings its bookkeeping tables up to date.

use std::{
    borrow::Cow,
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

use super::{
    Settings, StoreError, alive, damage, ddl,
    error::{Cause, Doing},
    files,
    header::{self, APPLICATION_ID},
    lock,
};

/// The bookkeeping tables' migrations, in order; a released one never changes.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "bookkeeping", include_str!("../../migrations/0001_bookkeeping.sql")),
    (2, "windows", include_str!("../../migrations/0002_windows.sql")),
    (3, "limits", include_str!("../../migrations/0003_limits.sql")),
    (4, "privacy", include_str!("../../migrations/0004_privacy.sql")),
    (5, "columns by path", include_str!("../../migrations/0005_columns_by_path.sql")),
    (6, "missing rows", include_str!("../../migrations/0006_missing.sql")),
    (7, "drift and rejects", include_str!("../../migrations/0007_drift_and_rejects.sql")),
    (8, "changes only", include_str!("../../migrations/0008_since.sql")),
    (9, "holders", include_str!("../../migrations/0009_holders.sql")),
    (10, "moving listings", include_str!("../../migrations/0010_moving_listings.sql")),
    (11, "schedules", include_str!("../../migrations/0011_schedules.sql")),
    (12, "service", include_str!("../../migrations/0012_service.sql")),
    (13, "alerts", include_str!("../../migrations/0013_alerts.sql")),
];

const MIGRATIONS_TABLE: &str = "_sync_migrations";

/// How long a statement waits for another process's transaction. A page's takes milliseconds, but one that copies a table to
/// change a column's type takes about ten seconds for a million rows.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_mins(10);

/// Statements kept prepared: a few dozen texts a table, since the last statement of a page holds fewer rows.
const STATEMENT_CACHE: usize = 256;

/// Opens the writer's connection. A file that is damaged, as far as can be told without reading all of it, stays as it is.
pub(super) async fn open(settings: &Settings) -> Result<SqliteConnection, StoreError> {
    let path = &settings.path;
    header::make_sure_it_is_ours(path)?;
    damage::make_sure_of_none(path)?;
    // Two processes that make the same file at once would each run the migrations.
    let _opening = lock::lock_opening(path, settings.mode).await?;
    make_file(path, settings.mode)?;
    make_sure_it_can_be_read(path).await?;
    damage::forget(path);
    let opened = connect(path).await;
    let mut connection = opened
        .map_err(|source| StoreError::Open { path: path.clone(), source: Cause::new(source) })?;
    match bring_up_to_date(&mut connection, settings).await {
        Ok(()) => Ok(connection),
        Err(error) => {
            if error.is_damage() {
                leave(connection);
            }
            Err(error)
        }
    }
}

/// Lets go of a connection to a damaged file, for good: with a connection that is closed its log is copied into the file.
pub(super) fn leave(connection: SqliteConnection) {
    std::mem::forget(connection);
}

/// Reads the schema, in a way that changes no file; this tells a damaged first page, and a schema that is none.
pub(super) async fn make_sure_it_can_be_read(path: &Path) -> Result<(), StoreError> {
    // Where all that there is is in the file, SQLite needs no other one. Else a reader still empties no log.
    let alone = header::stands_alone(path);
    let looked = async {
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(alone)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging()
            .connect()
            .await?;
        sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&mut connection).await?;
        connection.close().await
    };
    match looked.await.map_err(Cause::new) {
        // Unless another process has begun to write meanwhile: what was read then means nothing.
        Err(source) if source.is_damage() && alone == header::stands_alone(path) => {
            Err(StoreError::Open { path: path.to_owned(), source })
        }
        // Whatever else keeps it from being read, it is the opening that tells it.
        _ => Ok(()),
    }
}

async fn bring_up_to_date(
    connection: &mut SqliteConnection,
    settings: &Settings,
) -> Result<(), StoreError> {
    let path = &settings.path;
    version(connection, path).await?;
    set_mode(path, settings.mode).map_err(|source| StoreError::Mode {
        path: path.clone(),
        mode: settings.mode,
        source,
    })?;
    prepare(connection, path).await.doing("prepare the database")
}

/// Makes the file with its permissions before anything is in it: SQLite gives its `-wal` and `-shm` files the same ones.
/// A file that is there is left alone: its mode is set once it has been found to be ours.
fn make_file(path: &Path, mode: u32) -> Result<(), StoreError> {
    match files::create(path, mode) {
        Ok(_) => Ok(()),
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
    alive::count_steps(&mut connection).await?;
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
    let known = known_version();
    match found {
        Some(found) if found > known => {
            Err(StoreError::Newer { path: path.to_owned(), found, known })
        }
        found => Ok(found.unwrap_or(0)),
    }
}

/// The version that the migrations bring a database to.
pub(super) fn known_version() -> i64 {
    MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0)
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
    let mark: u32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
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
