//! Why there is no backup.

use std::{io, path::PathBuf};

use crate::store::StoreError;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error(
        "there is no database `{}` yet: the first run makes it; is `database.path` right?",
        database.display()
    )]
    Missing {
        /// Where it would be.
        database: PathBuf,
    },
    /// The backup would take the place of the database, or of a file that SQLite or this program keeps beside it.
    #[error(
        "`{}` is the database itself, or belongs to it: name another file for the backup",
        path.display()
    )]
    Itself {
        /// The file.
        path: PathBuf,
    },
    /// There is something else in its place.
    #[error(
        "`{}` is there already, and is no backup of such a database: move it away, or name another file",
        path.display()
    )]
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// The file that would be replaced has a log, which SQLite would take for the backup's.
    #[error(
        "`{}` is there: another program has the earlier backup open, or has left it unfinished; close it there, or remove both files",
        path.display()
    )]
    InUse {
        /// The log.
        path: PathBuf,
    },
    /// SQLite knows no such name.
    #[error("`{}` is no name that SQLite knows: name a file whose path is UTF-8", .0.display())]
    Unspeakable(
        /// The file.
        PathBuf,
    ),
    /// The disk has no room for it.
    #[error(
        "no space left for the backup on the disk of `{}`: it takes {} MB{}; free some, or name a file on another disk",
        path.display(), megabytes(*needed), free.map_or_else(String::new, |free| format!(", and {} MB are free", free / 1_000_000))
    )]
    NoRoom {
        /// The backup.
        path: PathBuf,
        /// How many bytes it takes.
        needed: u64,
        /// How many there were, where it was not even tried.
        free: Option<u64>,
    },
    /// The file cannot be written.
    #[error("cannot write the backup `{}`: its folder must exist, and be writable by this user", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The copy is not whole.
    #[error("the copy is not whole ({found}), and was removed: is the disk sound?")]
    Unsound {
        /// What is wrong with it.
        found: String,
    },
    /// It was asked to stop.
    #[error(
        "stopped by a signal: there is no new backup, and what was there before is there still"
    )]
    Stopped,
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] StoreError),
}

/// Rounded up: a megabyte must not be told as none.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}
