//! Where a backup goes, and what it may replace there.

use std::{
    fs::{self, File, OpenOptions},
    io,
    ops::Deref,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
};

use super::BackupError;
use crate::store::{header, lock::beside};

/// A part file of this name is there only where a process of the same number was killed: the next name is tried.
const NAMES: u32 = 100;

/// Where a backup goes.
#[derive(Debug)]
pub(super) struct Target {
    /// As it was named, for messages.
    named: PathBuf,
    folder: PathBuf,
    /// In the folder; not a link.
    path: PathBuf,
}

impl Target {
    /// Makes sure that nothing is lost by it.
    pub(super) fn of(database: &Path, named: &Path) -> Result<Self, BackupError> {
        let write = |source| BackupError::Write { path: named.to_owned(), source };
        // A link stays one: what it leads to is replaced.
        let path = match fs::canonicalize(named) {
            Ok(path) => {
                make_sure_it_is_a_backup(database, named, &path)?;
                path
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if fs::symlink_metadata(named).is_ok() {
                    return Err(BackupError::Occupied { path: named.to_owned() });
                }
                let name = named.file_name().ok_or_else(|| write(error))?;
                let folder = named.parent().filter(|folder| !folder.as_os_str().is_empty());
                fs::canonicalize(folder.unwrap_or(Path::new("."))).map_err(write)?.join(name)
            }
            Err(error) => return Err(write(error)),
        };
        if belongs_to(database, &path) {
            return Err(BackupError::Itself { path: named.to_owned() });
        }
        // SQLite would apply them to the new file.
        for suffix in ["-wal", "-journal"] {
            let log = beside(&path, suffix);
            if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
                return Err(BackupError::InUse { path: log });
            }
        }
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { named: named.to_owned(), folder, path })
    }

    /// Makes an empty file beside it, which nobody else may read yet.
    pub(super) fn make_part(&self) -> Result<Part, BackupError> {
        for number in 0..NAMES {
            let path = beside(&self.path, &format!(".{}-{number}.part", process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(_) => return Ok(Part { path: Some(path) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => {
                    return Err(BackupError::Write { path: self.named.clone(), source });
                }
            }
        }
        Err(BackupError::Write {
            path: self.named.clone(),
            source: io::ErrorKind::AlreadyExists.into(),
        })
    }
}

/// Tells an earlier backup from everything else.
fn make_sure_it_is_a_backup(database: &Path, named: &Path, path: &Path) -> Result<(), BackupError> {
    let identity = |path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    if matches!((identity(database), identity(path)), (Ok(one), Ok(other)) if one == other) {
        return Err(BackupError::Itself { path: named.to_owned() });
    }
    let is_filled_file = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0);
    if is_filled_file && header::make_sure_it_is_ours(path).is_ok() {
        Ok(())
    } else {
        Err(BackupError::Occupied { path: named.to_owned() })
    }
}

/// Whether SQLite or this program may keep a file of that name beside the database.
fn belongs_to(database: &Path, path: &Path) -> bool {
    let Ok(database) = fs::canonicalize(database) else { return false };
    let own = ["-wal", "-shm", "-journal", "-lock"].map(|suffix| beside(&database, suffix));
    own.iter().any(|own| path == own)
        || path.to_string_lossy().starts_with(&*beside(&database, "-lock-").to_string_lossy())
}

/// The file that a backup is written to first; removed with this value.
#[derive(Debug)]
pub(super) struct Part {
    /// None once it has taken the backup's name.
    path: Option<PathBuf>,
}

impl Part {
    /// Lets it take the backup's name, for good.
    pub(super) fn take_its_name(mut self, target: &Target) -> io::Result<()> {
        fs::rename(&*self, &target.path)?;
        self.path = None;
        File::open(&target.folder)?.sync_all()
    }
}

impl Deref for Part {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Where not even that is possible, the error that led here tells of the disk.
            fs::remove_file(path).ok();
        }
    }
}
