//! Whether the database can be used, looked at without using it: nothing is made, opened for writing or locked.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, AtFlags, CWD, accessat},
    io::Errno,
    process::geteuid,
};
use sqlx::SqliteConnection;

use super::{Settings, StoreError, damage, lock::beside, reading, room};

/// The database as it lies there, with all that a run needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usable {
    /// Whether it is there.
    pub state: Presence,
    /// How many bytes are free on its disk, where that can be told.
    pub free: Option<u64>,
    /// Files that root has made in the folder of another user, in whose way they are.
    pub of_root: Vec<PathBuf>,
    /// Whether it was root that looked, who may do what the folder's owner may not.
    pub by_root: bool,
}

/// Whether there is a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// None yet: the first run makes it.
    Absent,
    /// One of this version.
    Current,
    /// One of an earlier version: the next run brings it up to date.
    Older,
}

/// Looks whether a run could use the database, for endpoints of these names.
///
/// # Errors
/// Where it is another program's, damaged, or of a newer version; where this user may not write it, or what is beside it; or
/// where its folder is not there.
pub async fn usable(settings: &Settings, endpoints: &[&str]) -> Result<Usable, StoreError> {
    let path = &settings.path;
    let nothing = |connection: SqliteConnection| async move { (connection, Ok(())) };
    let state = match reading::read(path, "read the database's version", nothing).await {
        Ok(None) => Presence::Absent,
        Ok(Some(())) => Presence::Current,
        Err(StoreError::Older { .. }) => Presence::Older,
        Err(error) => return Err(error),
    };
    damage::make_sure_of_none(path)?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let may = |file: &Path, access| {
        let may = accessat(CWD, file, access, AtFlags::EACCESS);
        may.map_err(|error| StoreError::Create { path: file.to_owned(), source: error.into() })
    };
    may(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| match error {
        StoreError::Create { source, .. } => StoreError::Create { path: path.clone(), source },
        error => error,
    })?;
    let of_endpoints = endpoints.iter().map(|endpoint| format!("-lock-{endpoint}"));
    let suffixes = ["", "-wal", "-shm", "-lock"].map(str::to_owned);
    let files = suffixes.into_iter().chain(of_endpoints).map(|suffix| beside(path, &suffix));
    let files: Vec<PathBuf> = files.filter(|file| file.exists()).collect();
    for file in &files {
        may(file, Access::READ_OK | Access::WRITE_OK)?;
    }
    make_sure_of_mode(settings)?;
    let owner = |path: &Path| fs::metadata(path).map(|found| found.uid()).ok();
    let is_root = |path: &Path| owner(path) == Some(0);
    let is_of_another = !is_root(folder);
    let of_root = files.into_iter().filter(|file| is_of_another && is_root(file)).collect();
    let by_root = geteuid().is_root() && is_of_another;
    Ok(Usable { state, free: room::free(folder), of_root, by_root })
}

/// Only its owner may give a file other permissions.
fn make_sure_of_mode(settings: &Settings) -> Result<(), StoreError> {
    let Ok(found) = fs::metadata(&settings.path) else { return Ok(()) };
    let me = geteuid();
    let may = me.is_root() || found.uid() == me.as_raw();
    if may || found.mode() & 0o7777 == settings.mode {
        return Ok(());
    }
    let (path, mode) = (settings.path.clone(), settings.mode);
    Err(StoreError::Mode { path, mode, source: Errno::PERM.into() })
}
