//! Kernel file locks, on files of their own beside the database: closing a second descriptor of the database itself would
//! drop SQLite's locks. A lock ends with its process, so none is ever stale.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::StoreError;

/// Held until dropped.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// Waits for the lock that serializes the opening of a database.
pub(super) fn lock_opening(database: &Path, mode: u32) -> Result<FileLock, StoreError> {
    let path = beside(database, "-lock");
    let file = open(&path, mode)?;
    file.lock().map_err(|source| StoreError::Lock { path, source })?;
    Ok(FileLock { _file: file })
}

/// Takes the lock of one endpoint; `None` where another process holds it.
pub(super) fn try_lock_endpoint(
    database: &Path,
    endpoint: &str,
    mode: u32,
) -> Result<Option<FileLock>, StoreError> {
    let path = beside(database, &format!("-lock-{endpoint}"));
    let file = open(&path, mode)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(FileLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(StoreError::Lock { path, source }),
    }
}

fn open(path: &Path, mode: u32) -> Result<File, StoreError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(mode)
        .open(path)
        .map_err(|source| StoreError::Lock { path: path.to_owned(), source })
}

pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
