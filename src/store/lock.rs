//! Kernel file locks, on files of their own beside the database: closing a second descriptor of the database itself would
//! drop SQLite's locks. A lock ends with its process, so none is ever stale.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{StoreError, files};

/// How often, and how many times, it is looked whether another process has given a lock back: a minute in all.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: u32 = 1200;

/// Held until dropped.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// Waits for the lock that serializes the opening of a database.
pub(super) async fn lock_opening(database: &Path, mode: u32) -> Result<FileLock, StoreError> {
    let path = beside(database, "-lock");
    wait_for(&path, mode).await?.ok_or(StoreError::Opening { path })
}

/// Waits for the lock by which one process at a time tells of alerts; `None` where another one holds it all the time.
pub(super) async fn lock_alerts(
    database: &Path,
    mode: u32,
) -> Result<Option<FileLock>, StoreError> {
    // No endpoint has such a name.
    wait_for(&beside(database, "-lock-_alerts"), mode).await
}

async fn wait_for(path: &Path, mode: u32) -> Result<Option<FileLock>, StoreError> {
    let file = open(path, mode)?;
    // Not the lock that waits by itself: it would hold up the thread, and with it the signals.
    for _ in 0..LOOKS {
        if locked(&file, path)? {
            return Ok(Some(FileLock { _file: file }));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(None)
}

/// Takes the lock of one endpoint; `None` where another process holds it.
pub(super) fn try_lock_endpoint(
    database: &Path,
    endpoint: &str,
    mode: u32,
) -> Result<Option<FileLock>, StoreError> {
    let path = beside(database, &format!("-lock-{endpoint}"));
    let file = open(&path, mode)?;
    Ok(locked(&file, &path)?.then_some(FileLock { _file: file }))
}

fn locked(file: &File, path: &Path) -> Result<bool, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(StoreError::Lock { path: path.to_owned(), source }),
    }
}

fn open(path: &Path, mode: u32) -> Result<File, StoreError> {
    let file = files::create(path, mode).and_then(|created| match created {
        Some(file) => Ok(file),
        None => OpenOptions::new().write(true).open(path),
    });
    file.map_err(|source| StoreError::Create { path: path.to_owned(), source })
}

pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
