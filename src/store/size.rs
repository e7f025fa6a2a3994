//! How large the database's files are.

use std::{fs, path::Path};

use super::{Store, lock::beside};

/// The sizes of the database's files, in bytes; of one that is not there, nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The file itself.
    pub database: u64,
    /// Its write-ahead log.
    pub log: u64,
}

/// The sizes of a database's files. Never waits for the database.
pub fn sizes(path: &Path) -> Sizes {
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    Sizes { database: size(path), log: size(&beside(path, "-wal")) }
}

impl Store {
    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.settings.path
    }
}
