//! A copy of the database that is whole, made while others write.

mod error;
mod target;

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio_util::sync::CancellationToken;

pub use self::error::BackupError;
use self::target::Target;
use super::{Settings, StoreError, damage, error::Cause, header, open, room, statements::quoted};

/// So many steps of SQLite's machine pass between two looks whether to stop: well below a millisecond.
const STEPS: i32 = 10_000;

/// Who opens or closes the database holds it exclusively for a moment only.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// A backup that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The tables but for the bookkeeping ones, by name, and how many rows each has.
    pub tables: Vec<(String, u64)>,
    /// When the newest run in it began.
    pub newest_run: Option<DateTime<Utc>>,
}

/// What a copy has in it.
struct Contents {
    tables: Vec<(String, u64)>,
    newest_run: Option<DateTime<Utc>>,
}

/// Copies the database to a file: first to one beside it, which takes its name once it is known to be whole and to be on the
/// disk. It is a reader as any other: nobody who writes waits for it.
///
/// # Errors
/// Where there is no database, the file must not be replaced, or the copy cannot be written or is not whole; also as soon as
/// `stop` is cancelled. Nothing is left behind then, and a backup that was there before is there still.
pub async fn backup(
    settings: &Settings,
    file: &Path,
    stop: &CancellationToken,
) -> Result<Backup, BackupError> {
    let database = &settings.path;
    match fs::metadata(database) {
        Ok(found) if found.len() > 0 => {}
        Ok(_) => return Err(BackupError::Missing { database: database.clone() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(BackupError::Missing { database: database.clone() });
        }
        Err(source) => return Err(StoreError::Read { path: database.clone(), source }.into()),
    }
    header::make_sure_it_is_ours(database)?;
    open::make_sure_it_can_be_read(database).await.map_err(|error| error.at(database))?;
    let target = Target::of(database, file)?;
    let part = target.make_part()?;
    let copied = copy(database, file, &part, stop).await;
    let contents = match copied {
        // Whatever it was that failed first: it was told to.
        _ if stop.is_cancelled() => return Err(BackupError::Stopped),
        Err(BackupError::Database(StoreError::Damaged { path, found })) => {
            damage::remember(database, settings.mode, &found);
            return Err(StoreError::Damaged { path, found }.into());
        }
        copied => copied?,
    };
    let write = |source| BackupError::Write { path: file.to_owned(), source };
    // The file is in nobody's hands any more: a descriptor of it that is closed drops SQLite's locks.
    let bytes = fs::set_permissions(&*part, Permissions::from_mode(settings.mode))
        .and_then(|()| File::open(&*part))
        .and_then(|copy| copy.sync_all().and_then(|()| copy.metadata()))
        .map_err(write)?
        .len();
    part.take_its_name(&target).map_err(write)?;
    let Contents { tables, newest_run } = contents;
    Ok(Backup { path: file.to_owned(), bytes, tables, newest_run })
}

/// Copies the database into an empty file, and looks at what is in it then.
async fn copy(
    database: &Path,
    file: &Path,
    part: &Path,
    stop: &CancellationToken,
) -> Result<Contents, BackupError> {
    let at = |doing: &'static str| {
        move |source| StoreError::failed(doing, Cause::new(source)).at(database)
    };
    let mut source = connect(database, false, stop).await.map_err(at("open the database"))?;
    let version = open::version(&mut source, database).await.map_err(|error| error.at(database))?;
    let needed = room::taken(&mut source).await.map_err(at("tell its size"))?;
    // Looked at beforehand: a try would fill the disk for everybody else on it, the database perhaps.
    if let Some(free) = room::free(part).filter(|free| *free < needed) {
        return Err(BackupError::NoRoom { path: file.to_owned(), needed, free: Some(free) });
    }
    let part_name = part.to_str().ok_or_else(|| BackupError::Unspeakable(part.to_owned()))?;
    // Not the pages as they lie, but what is in them: nothing that was deleted, and a file without a log.
    let copied = sqlx::query("VACUUM INTO ?").bind(part_name).execute(&mut source).await;
    let copied = copied.map_err(Cause::new);
    if copied.as_ref().is_err_and(Cause::is_damage) {
        open::leave(source);
    } else {
        source.close().await.map_err(at("close the database"))?;
    }
    copied.map_err(|cause| {
        if cause.is_no_space() {
            BackupError::NoRoom { path: file.to_owned(), needed, free: None }
        } else {
            StoreError::failed("copy the database", cause).at(database).into()
        }
    })?;
    let unsound = |found: String| BackupError::Unsound { found };
    let unreadable = |error: sqlx::Error| unsound(Cause::new(error).to_string());
    let mut copy = connect(part, true, stop).await.map_err(unreadable)?;
    let checked = check(&mut copy, version).await.map_err(unreadable)?;
    checked.map_err(unsound)?;
    let contents = look(&mut copy).await.map_err(unreadable)?;
    copy.close().await.map_err(unreadable)?;
    Ok(contents)
}

/// Connects to a file that is there; statements end with an error once they are to stop.
async fn connect(
    path: &Path,
    read_only: bool,
    stop: &CancellationToken,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        // Not the database: the last one to close it empties the log, which a reader cannot. Where this user may only read
        // the file, SQLite reads it.
        .read_only(read_only)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
        .connect()
        .await?;
    let stop = stop.clone();
    connection.lock_handle().await?.set_progress_handler(STEPS, move || !stop.is_cancelled());
    Ok(connection)
}

/// Checks the copy; what is wrong with it, if anything is.
async fn check(
    copy: &mut SqliteConnection,
    version: i64,
) -> Result<Result<(), String>, sqlx::Error> {
    let integrity: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *copy).await?;
    if integrity != "ok" {
        return Ok(Err(integrity));
    }
    let mark: u32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *copy).await?;
    let copied: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM _sync_migrations").fetch_one(copy).await?;
    // A newer one where the database was brought up to date between the two looks.
    if mark == header::APPLICATION_ID && copied >= Some(version) {
        Ok(Ok(()))
    } else {
        Ok(Err("it does not bear this program's mark and version".to_owned()))
    }
}

async fn look(copy: &mut SqliteConnection) -> Result<Contents, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         AND name NOT LIKE '\\_sync\\_%' ESCAPE '\\' ORDER BY name",
    )
    .fetch_all(&mut *copy)
    .await?;
    let mut tables = Vec::new();
    for name in names {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM {}", quoted(&name)));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut *copy).await?;
        tables.push((name, u64::try_from(rows).unwrap_or(0)));
    }
    let newest_run: Option<String> =
        sqlx::query_scalar("SELECT started_at FROM _sync_runs ORDER BY run_id DESC LIMIT 1")
            .fetch_optional(copy)
            .await?;
    let newest_run = newest_run.and_then(|stamp| DateTime::parse_from_rfc3339(&stamp).ok());
    Ok(Contents { tables, newest_run: newest_run.map(|stamp| stamp.to_utc()) })
}
