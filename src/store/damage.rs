//! A note beside a database in which damage was met, by which a later start is refused at once. Else it would go on with the file
//! until it meets the same page again, and write more meanwhile.

use std::{
    error::Error,
    fs, io,
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{StoreError, files, lock::beside};

/// Its name begins with the database's: it goes along where that is put aside, or removed with what lies beside it.
fn note(database: &Path) -> PathBuf {
    beside(database, "-damaged")
}

/// Notes what was found, and in which state of the file. Where that cannot be, a later run meets the damage as this one did.
pub(super) fn remember(database: &Path, mode: u32, found: &str) {
    let path = note(database);
    let write = || {
        let text = format!("{}\n{found}\n", state(database)?);
        // What is there is about an earlier state.
        fs::remove_file(&path).ok();
        files::create(&path, mode)?.map_or(Ok(()), |mut file| file.write_all(text.as_bytes()))
    };
    if let Err(error) = write() {
        tracing::warn!(error = &error as &dyn Error, file = %path.display(), "that the database is damaged cannot be noted");
    }
}

/// Makes sure that no damage was met in the file as it is: whatever has changed it since, such as a backup in its place, may have
/// mended it.
///
/// # Errors
/// Where damage was met in it.
pub(super) fn make_sure_of_none(database: &Path) -> Result<(), StoreError> {
    let note = note(database);
    let Ok(text) = fs::read_to_string(&note) else { return Ok(()) };
    let Some((noted, found)) = text.split_once('\n') else { return Ok(()) };
    if state(database).is_ok_and(|state| state == noted) {
        let found =
            format!("a run has met this before, as `{}` notes: {}", note.display(), found.trim());
        return Err(StoreError::Damaged { path: database.to_owned(), found });
    }
    Ok(())
}

/// What differs once a file was changed or replaced: nothing is written to one that is damaged.
fn state(database: &Path) -> io::Result<String> {
    let found = fs::metadata(database)?;
    let (changed, nanoseconds) = (found.mtime(), found.mtime_nsec());
    Ok(format!("{} {} {} {changed}.{nanoseconds:09}", found.dev(), found.ino(), found.len()))
}

/// Removes the note of a file that was opened, which is about another state of it.
pub(super) fn forget(database: &Path) {
    let path = note(database);
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(error = &error as &dyn Error, file = %path.display(), "a note of damage that is over cannot be removed");
    }
}
