//! A note beside a database in which damage was met: before anything is written to it again, the whole file is looked through.
//! Else every start would go on with it until it meets the same page once more.

use std::{
    error::Error,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use super::{StoreError, check, files, lock::beside};

/// Its name begins with the database's: it goes along where that is put aside, or removed with what lies beside it.
fn note(database: &Path) -> PathBuf {
    beside(database, "-damaged")
}

/// Notes what was found. Where that cannot be, the next start meets the damage as this process did.
pub(super) fn remember(database: &Path, mode: u32, found: &str) {
    let path = note(database);
    let written = files::create(&path, mode).and_then(|file| match file {
        Some(mut file) => file.write_all(format!("{found}\n").as_bytes()),
        None => Ok(()),
    });
    if let Err(error) = written {
        tracing::warn!(error = &error as &dyn Error, file = %path.display(), "that the database is damaged cannot be noted");
    }
}

/// Looks through the file where damage was met in it before; whether that was so.
///
/// # Errors
/// Where it is damaged, or cannot be read.
pub(super) async fn make_sure_it_is_whole(database: &Path) -> Result<bool, StoreError> {
    if !note(database).exists() {
        return Ok(false);
    }
    match check::look_through(database, || true).await {
        Ok(None) => Ok(true),
        Ok(Some(found)) => Err(check::damaged(database, &found)),
        Err(cause) => Err(StoreError::failed(check::CHECK, cause).at(database)),
    }
}

/// Forgets what was noted of a file that is whole.
pub(super) fn forget(database: &Path) {
    tracing::info!("damage was met in the database before; it was looked through, and is whole");
    let path = note(database);
    if let Err(error) = fs::remove_file(&path) {
        tracing::warn!(error = &error as &dyn Error, file = %path.display(), "a note of damage cannot be removed: every start looks through the database");
    }
}
