//! What can go wrong with the database, in words for the person who must mend it.

use std::path::{Path, PathBuf};

use sqlx::{error::DatabaseError, migrate::MigrateError};

/// Why the database cannot be used, or why an endpoint's rows cannot be stored in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is there, and its first bytes cannot be read.
    #[error("cannot read the database `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database, or a lock file beside it, cannot be made or opened for writing.
    #[error(
        "cannot open `{}` for writing: its folder must exist, and both must be writable by this user",
        path.display()
    )]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's permissions cannot be set.
    #[error(
        "cannot set the permissions of `{}` to {mode:04o}: it must belong to this user, or `database.mode` must be as it is",
        path.display()
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
        /// What the system said.
        source: std::io::Error,
    },
    /// The lock file beside the database cannot be locked.
    #[error("cannot lock `{}`", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process does not finish opening the database.
    #[error(
        "`{}` is held by a process that does not finish opening the database: find out which one, and whether its disk is busy",
        path.display()
    )]
    Opening {
        /// The lock file.
        path: PathBuf,
    },
    /// The file cannot be opened as a database.
    #[error("cannot open the database `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: Cause,
    },
    /// The file is no database at all; it was not touched.
    #[error(
        "`{}` is not a SQLite database: set `database.path` to a file of its own, or put a backup in its place if it was this program's once",
        path.display()
    )]
    NotSqlite {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to another program; it was not touched.
    #[error(
        "`{}` is another program's database, it does not bear this program's mark: set `database.path` to a file of its own",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged, and is left as it is from then on.
    #[error(
        "`{}` is damaged ({found}), and nothing more is written to it: stop what uses it, keep a copy of it with its `-wal`, and put the last backup in its place, or what `sqlite3 {} .recover` saves, or nothing: the next run makes a new one then",
        path.display(), path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// Beside the file lies the log of another one; neither was touched.
    #[error(
        "`{}` is the log of another database than `{}`, such as the one that was there before, and SQLite would apply it: move it away, and the `-shm` too, and the next run goes on",
        log.display(), path.display()
    )]
    StrayLog {
        /// The file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// A newer version of this program has written the file; it was not touched.
    #[error(
        "`{}` was written by a newer version of this program (its schema is {found}, this version knows up to {known}): run that version, or restore a backup",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema's version in the file.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// There is no file yet, and it was only to be read.
    #[error("there is no database `{}` yet: the first run makes it", path.display())]
    Absent {
        /// Where it would be.
        path: PathBuf,
    },
    /// An older version of this program has written the file, and it was only to be read.
    #[error(
        "`{}` was written by an older version of this program: the next run brings it up to date",
        path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
    },
    /// The file is no longer the one that was opened.
    #[error(
        "the database `{}` was deleted, moved or replaced while it was in use: put it back, or the next run goes on with what is in its place, and makes a new one where nothing is",
        path.display()
    )]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// A statement failed.
    #[error("{}cannot {doing}", place(.database.as_ref()))]
    Sql {
        /// The file, where it is known yet.
        database: Option<PathBuf>,
        /// What was being done, as the end of "cannot …".
        doing: &'static str,
        /// What SQLite said.
        source: Cause,
    },
    /// The endpoint's table was made with another key.
    #[error(
        "table `{table}` was made with the key {stored}, the configuration now says {configured}: set the key back, rename the endpoint, or have the table made anew, with its rows kept under another name: mapiq-sync rebuild {table}"
    )]
    KeyChanged {
        /// The table.
        table: String,
        /// The JSON paths of the key that the table has.
        stored: String,
        /// The JSON paths that the configuration names.
        configured: String,
    },
    /// The endpoint's name is taken by a table or view that is not this program's.
    #[error(
        "there is a {kind} named `{table}` that is not this program's: rename it, or the endpoint"
    )]
    NameTaken {
        /// The table's name.
        table: String,
        /// `table` or `view`.
        kind: String,
    },
    /// The endpoint's table is gone, though the run has made sure of it.
    #[error("table `{table}` was dropped while it was being filled: the next run makes it anew")]
    TableGone {
        /// The table.
        table: String,
    },
    /// The endpoint's table lacks columns that this program has made.
    #[error(
        "table `{table}` no longer has the columns {}: drop the table, and the next run fills it anew",
        .columns.join(", ")
    )]
    ColumnsGone {
        /// The table.
        table: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// The endpoint's table must be made anew, and columns that others have added to it could not be made as they were.
    #[error(
        "table `{table}` must be made anew, since the type of a field has changed, but has columns that are not this program's and cannot be kept: {}; move them to a table of their own",
        .columns.join(", ")
    )]
    ColumnsAdded {
        /// The table.
        table: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// There is no room for another column, not even for the one that takes the fields for which there is none.
    #[error(
        "table `{table}` would need {columns} columns, and can have {limit}: move columns that are not this program's to a table of their own"
    )]
    TooManyColumns {
        /// The table.
        table: String,
        /// How many columns it would need.
        columns: usize,
        /// How many it may have.
        limit: usize,
    },
}

fn place(database: Option<&PathBuf>) -> String {
    database.map_or_else(String::new, |path| format!("`{}`: ", path.display()))
}

impl StoreError {
    /// A statement has failed.
    pub(super) fn failed(doing: &'static str, source: Cause) -> Self {
        Self::Sql { database: None, doing, source }
    }

    /// Whether the file is damaged.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Open { source, .. } | Self::Sql { source, .. } => source.is_damage(),
            _ => false,
        }
    }

    /// Names the file that a failed statement was for, and tells a damaged one apart.
    #[must_use]
    pub(super) fn at(mut self, path: &Path) -> Self {
        let found = match &self {
            Self::Open { source, .. } if source.is_damage() => Some(source.message()),
            Self::Sql { doing, source, .. } if source.is_damage() => {
                Some(format!("cannot {doing}: {}", source.message()))
            }
            _ => None,
        };
        if let Some(found) = found {
            return Self::Damaged { path: path.to_owned(), found };
        }
        if let Self::Sql { database, .. } = &mut self {
            database.get_or_insert_with(|| path.to_owned());
        }
        self
    }

    /// Whether the whole database cannot be used, rather than one endpoint's table.
    pub fn database_unusable(&self) -> bool {
        match self {
            Self::Read { .. }
            | Self::Create { .. }
            | Self::Mode { .. }
            | Self::NotSqlite { .. }
            | Self::Lock { .. }
            | Self::Open { .. }
            | Self::Foreign { .. }
            | Self::Damaged { .. }
            | Self::StrayLog { .. }
            | Self::Newer { .. }
            | Self::Opening { .. }
            | Self::Absent { .. }
            | Self::Older { .. }
            | Self::Gone { .. } => true,
            Self::Sql { source, .. } => !source.concerns_statement(),
            Self::KeyChanged { .. }
            | Self::NameTaken { .. }
            | Self::TableGone { .. }
            | Self::ColumnsGone { .. }
            | Self::ColumnsAdded { .. }
            | Self::TooManyColumns { .. } => false,
        }
    }
}

/// SQLite's `SQLITE_IOERR_SHMSIZE`: the index of the write-ahead log cannot grow. It does not tell a full disk, which is
/// the common reason, from a broken one.
const NO_ROOM_FOR_INDEX: i32 = 4874;

/// What to do about that.
const NO_SPACE_OR_BROKEN: &str = "no space left on its disk, or the disk reported an error: free some, or see what the system's log says, and the next run goes on at the checkpoint";

/// What to do about a full disk.
const NO_SPACE: &str =
    "no space left on its disk: free some, and the next run goes on at the checkpoint";

/// What SQLite said, with what to do about it where that is known.
#[derive(Debug)]
pub struct Cause(sqlx::Error);

impl Cause {
    pub(super) fn new(error: sqlx::Error) -> Self {
        Self(error)
    }

    /// SQLite's primary result code, where it was SQLite that failed (`https://www.sqlite.org/rescode.html`).
    fn primary_code(&self) -> Option<i32> {
        self.code().map(|code| code & 0xff)
    }

    /// The same, extended: an I/O error's says in its upper bits what failed.
    fn code(&self) -> Option<i32> {
        self.said()?.code()?.parse().ok()
    }

    /// What SQLite itself said, in a migration too.
    fn said(&self) -> Option<&dyn DatabaseError> {
        match &self.0 {
            sqlx::Error::Migrate(error) => match &**error {
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    error.as_database_error()
                }
                _ => None,
            },
            error => error.as_database_error(),
        }
    }

    /// Whether one statement is at fault, or what users' own indexes and triggers make of it, and not the database.
    fn concerns_statement(&self) -> bool {
        matches!(self.primary_code(), Some(1 | 19)) && !matches!(self.0, sqlx::Error::Migrate(_))
    }

    /// Whether the file is damaged. What a virtual table of users' own says of itself is not meant (`SQLITE_CORRUPT_VTAB`).
    pub(super) fn is_damage(&self) -> bool {
        matches!(self.primary_code(), Some(11 | 26)) && self.code() != Some(267)
    }

    /// What SQLite said.
    fn message(&self) -> String {
        self.said().map_or_else(|| self.0.to_string(), |error| error.message().to_owned())
    }

    /// Whether the disk is full, as far as can be told.
    pub(super) fn is_no_space(&self) -> bool {
        self.code() == Some(NO_ROOM_FOR_INDEX) || self.primary_code() == Some(13)
    }

    /// Whether the statement was told to end.
    pub(super) fn is_interrupt(&self) -> bool {
        self.primary_code() == Some(9)
    }

    fn advice(&self) -> Option<&'static str> {
        if self.code() == Some(NO_ROOM_FOR_INDEX) {
            return Some(NO_SPACE_OR_BROKEN);
        }
        if self.is_no_space() {
            return Some(NO_SPACE);
        }
        match self.primary_code()? {
            5 | 6 => Some(
                "another program has held it locked for too long: find out which one writes to it",
            ),
            8 => Some("it, or its folder, is read-only for this user"),
            10 => Some(
                "the disk or its file system reported an error: is a quota used up, is it read-only by now, or does the system's log say more?",
            ),
            11 => {
                Some("the file is damaged: keep a copy, and restore a backup or start a new file")
            }
            14 => Some("the folder must exist and be writable by this user"),
            19 => Some("a unique index or a trigger that is not this program's refuses it"),
            26 => Some("the file is not a SQLite database: set `database.path` to another file"),
            _ => None,
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message())?;
        self.advice().map_or(Ok(()), |advice| write!(f, " ({advice})"))
    }
}

// The text above is SQLite's own message: there is no deeper cause to show.
impl std::error::Error for Cause {}

/// Says what was being done when a statement failed.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, sqlx::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::failed(doing, Cause::new(source)))
    }
}
