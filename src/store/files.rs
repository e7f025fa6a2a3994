//! The files of the open database: how they are made, and told from others that have taken their place.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
};

use super::{StoreError, lock::beside};

/// What SQLite keeps beside a database: the write-ahead log, and the index of it.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// A file's device and inode.
type Identity = (u64, u64);

/// The database's file and those beside it, as they were opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    database: Identity,
    beside: Vec<(PathBuf, Identity)>,
}

impl Files {
    /// Looks at the files of a database that is open.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let database = identity(path).map_err(|_| StoreError::Gone { path: path.to_owned() })?;
        let beside = BESIDE.iter().map(|suffix| beside(path, suffix));
        let beside = beside.filter_map(|path| Some((path.clone(), identity(&path).ok()?)));
        Ok(Self { database, beside: beside.collect() })
    }

    /// Whether the database is still where others look for it: one that was deleted SQLite goes on writing to.
    pub(super) fn are_at(&self, path: &Path) -> bool {
        identity(path).is_ok_and(|database| database == self.database)
    }

    /// Removes what is left beside a database that is gone: SQLite would take its log for that of the file in its place.
    pub(super) fn remove_beside(&self) -> io::Result<()> {
        for (path, stale) in &self.beside {
            if identity(path).is_ok_and(|found| found == *stale) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Makes a file that is not there; `None`: it is. What root makes belongs to the folder's owner and group, as the service
/// that the folder is for could not open it otherwise. (SQLite sees to that for the files that it makes itself.)
///
/// Only a file that was made here is handed over, never one that was found: that could be a link to any other.
pub(super) fn create(path: &Path, mode: u32) -> io::Result<Option<File>> {
    let file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(error),
    };
    if rustix::process::geteuid().is_root() {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let owner = fs::metadata(folder.unwrap_or(Path::new(".")))?;
        fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(Some(file))
}

fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_there_is_removed() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("a.db");
        for suffix in ["", "-wal", "-shm"] {
            fs::write(beside(&path, suffix), "old").expect("a file can be written");
        }
        let files = Files::of(&path).expect("the files are there");
        assert!(files.are_at(&path));
        // The file that comes in its place has a log of its own.
        let (moved, theirs) = (folder.path().join("moved"), folder.path().join("theirs"));
        fs::write(&theirs, "new").expect("a file can be written");
        fs::rename(&path, moved).expect("a file can be moved");
        fs::rename(theirs, beside(&path, "-wal")).expect("a file can be moved");

        assert!(!files.are_at(&path));
        files.remove_beside().expect("files can be removed");
        assert!(!beside(&path, "-shm").exists());
        let log = fs::read_to_string(beside(&path, "-wal")).expect("the new log is there");
        assert_eq!(log, "new");
        fs::write(&path, "another").expect("a file can be written");
        assert!(!files.are_at(&path), "another file has taken its place");
    }
}
