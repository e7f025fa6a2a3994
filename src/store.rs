//! Everything that speaks SQL: tables, upsert, checkpoints, ledger, journal of runs.

use std::path::PathBuf;

/// Where the database is and who may read it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The SQLite file.
    pub path: PathBuf,
    /// The file's permission bits.
    pub mode: u32,
}
