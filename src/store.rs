//! Everything that speaks SQL: tables, upsert, checkpoints, ledger, journal of runs.
//!
//! One connection a process, behind a fair lock: SQLite has one writer at a time anyway, and readers are other programs.

mod alerts;
mod alive;
mod backup;
mod check;
mod columns;
mod coverage;
mod daemon;
mod damage;
mod ddl;
mod definition;
mod drift;
mod error;
mod files;
mod group;
mod header;
mod history;
mod holders;
mod journal;
mod ledger;
mod live;
mod lock;
mod log;
mod missing;
mod open;
mod outlook;
mod overview;
mod page;
mod pauses;
mod proposal;
mod query;
mod reading;
mod rejects;
mod room;
mod row_set;
mod runs;
mod schema;
mod scrub;
mod seen;
mod served;
mod set_aside;
mod size;
mod statements;
mod sweeps;
mod upsert;
mod usable;
mod widths;
mod writer;

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use tokio::sync::{Mutex, MutexGuard};

use self::writer::Writer;
pub use self::{
    alerts::{Alert, AlertKind, ToldAt},
    alive::steps,
    backup::{Backup, BackupError, backup},
    check::Checked,
    coverage::Coverage,
    daemon::DaemonProcess,
    drift::{Change, SchemaChange, Told},
    error::{Cause, StoreError},
    group::GroupOutlook,
    holders::Holder,
    journal::{Effort, EndpointEnd, PausedEndpoint, RunEnd, RunId, RunResult, Trigger},
    ledger::{Asker, Reservation, Reserved, Settlement, TOKEN_GROUP},
    live::{DateColumn, DatedFrom},
    lock::FileLock,
    log::FullLog,
    missing::{Judgement, ReadSlice},
    outlook::{Cost, EndpointOutlook, Outlook, PastSweep, outlook},
    overview::{
        Asked, Budget, EndpointOverview, EndpointRunOverview, JobOverview, Overview, RunOverview,
        overview,
    },
    pauses::AskedPause,
    proposal::{ColumnChange, Proposal, ProposedColumn},
    query::{Grid, query},
    rejects::{KeptReject, RejectBounds, Retried, Retry, rejects},
    row_set::RowSet,
    runs::{PastRun, RunFilter, runs},
    scrub::{Scrubbed, erase::Erasure},
    seen::Reading,
    served::Served,
    set_aside::SetAside,
    size::{Sizes, sizes},
    sweeps::{Bounds, Dates, Origin, Plan, Slice, Sweep, SweepId},
    usable::{Presence, Usable, usable},
    widths::LearntWidth,
};
use crate::{
    clock::{Clock, format_utc},
    rows::{Paths, Record},
};

/// Where the database is and who may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The SQLite file.
    pub path: PathBuf,
    /// The file's permission bits.
    pub mode: u32,
    /// How many rejected records are kept, and how long.
    pub rejects: RejectBounds,
}

/// The database. Cheap to clone; all clones share one connection.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Arc<Mutex<Writer>>,
    clock: Clock,
    settings: Arc<Settings>,
    /// Set with the first sign of damage in the file, with what was found: from then on nothing is written to it.
    damage: Arc<OnceLock<String>>,
}

/// A page to store, with the checkpoint that says so.
#[derive(Debug)]
pub struct Page<'p> {
    /// The run that it was asked for in.
    pub run: RunId,
    /// The endpoint, whose name is the table's.
    pub endpoint: &'p str,
    /// The sweep that it belongs to.
    pub sweep: SweepId,
    /// The slice of the sweep.
    pub slice: i64,
    /// What its rows are remembered for.
    pub reading: Reading,
    /// What its slice has returned so far; `None` where the page is all of it.
    pub earlier: Option<&'p Earlier>,
    /// What the records' path ids mean.
    pub paths: &'p Paths,
    /// The records, in the order sent.
    pub records: &'p [Record<'p>],
    /// The records that cannot be stored.
    pub rejects: &'p [RejectedRecord],
    /// What the page has cost since the one before.
    pub effort: Effort,
    /// Where the slice stands after this page.
    pub turn: Turn<'p>,
    /// Where it stands instead, if more than so many rows came before in this pass.
    pub if_reordered: Option<(u64, Turn<'p>)>,
}

/// The rows that a slice has returned so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earlier {
    /// In all passes over its listing.
    pub in_slice: RowSet,
    /// In the present one, where it is not the first.
    pub in_pass: Option<RowSet>,
}

impl Earlier {
    /// In the present pass.
    pub fn in_pass(&self) -> &RowSet {
        self.in_pass.as_ref().unwrap_or(&self.in_slice)
    }

    /// Adds what a page has returned.
    pub fn add(&mut self, rows: &RowSet) {
        self.in_slice |= rows;
        if let Some(in_pass) = &mut self.in_pass {
            *in_pass |= rows;
        }
    }
}

/// Where a slice stands after a page, and what is known of it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn<'p> {
    /// Where it stands.
    pub checkpoint: Checkpoint<'p>,
    /// Whether not all rows that the page stands for are known.
    pub unsure: bool,
    /// Whether its listing has ended, and may not have returned rows that were there all the time.
    pub lacks: bool,
}

/// What became of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// Of its records.
    pub rows: RowCounts,
    /// The rows that they are.
    pub row_ids: RowSet,
    /// Whether [`Page::if_reordered`] was the case.
    pub is_reordered: bool,
}

/// A record that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Why.
    pub reason: String,
    /// The record as JSON, without what must not be stored.
    pub record: String,
}

/// Where a slice stands after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint<'p> {
    /// The pagination goes on from this state.
    Next(&'p str),
    /// That was the last page.
    Complete,
    /// There was no such page: the one before was the last.
    PastTheEnd,
    /// There was no such page, and the listing is read once more from this state.
    NextPass(&'p str),
}

impl Checkpoint<'_> {
    /// How many pages it accounts for.
    pub fn pages(&self) -> u64 {
        match self {
            Self::Next(_) | Self::Complete => 1,
            Self::PastTheEnd | Self::NextPass(_) => 0,
        }
    }
}

/// What became of a page's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows that were not there.
    pub new: u64,
    /// Rows whose content differed, or that had been deleted.
    pub changed: u64,
    /// Rows that were as stored, and were not written.
    pub unchanged: u64,
    /// The same, which came before in this slice: a listing that moves is asked for some rows again.
    pub again: u64,
    /// Records whose key this run has written already, with other content; counted as changed too. One whose first copy was
    /// as stored, and so not written, is not noticed.
    pub conflicting: u64,
}

impl std::ops::AddAssign for RowCounts {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.again += other.again;
        self.conflicting += other.conflicting;
    }
}

impl Store {
    /// Opens the database: makes it where there is none, makes sure that it is this program's, and brings its bookkeeping
    /// tables up to date.
    ///
    /// # Errors
    /// Where the file cannot be read or written, is another program's or of a newer version; it is not touched then.
    pub async fn open(settings: Settings, clock: Clock) -> Result<Self, StoreError> {
        let settings = Arc::new(settings);
        let at = |error: StoreError| error.at(&settings.path);
        let connection = open::open(&settings).await.map_err(at)?;
        let mut writer = Writer::new(connection, Arc::clone(&settings));
        if let Err(error) = pauses::rebase(&mut writer, clock.now(), clock.boot_id()).await {
            if error.is_damage() {
                open::leave(writer.connection);
            }
            return Err(at(error));
        }
        writer.opened()?;
        let writer = Arc::new(Mutex::new(writer));
        Ok(Self { writer, clock, settings, damage: Arc::default() })
    }

    /// The connection that writes, unless the file is damaged.
    async fn writer(&self) -> Result<MutexGuard<'_, Writer>, StoreError> {
        let writer = self.writer.lock().await;
        self.damage().map_or(Ok(writer), Err)
    }

    /// What it was opened with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is wrong with the file, where something is; nothing more is written to it then.
    pub fn damage(&self) -> Option<StoreError> {
        let found = self.damage.get()?.clone();
        Some(StoreError::Damaged { path: self.settings.path.clone(), found })
    }

    /// Names the file in an error that does not name it yet, for those who read it away from the configuration. Where it
    /// tells of damage, that is the last that is done to the file.
    #[must_use]
    pub fn locate(&self, error: StoreError) -> StoreError {
        let error = error.at(&self.settings.path);
        if let StoreError::Damaged { found, .. } = &error {
            self.damage.get_or_init(|| {
                damage::remember(&self.settings.path, self.settings.mode, found);
                found.clone()
            });
        }
        error
    }

    /// Closes the database, once every clone but this one is gone.
    ///
    /// # Errors
    /// Where SQLite reports one; everything committed stays.
    pub async fn close(self) -> Result<(), StoreError> {
        let is_damaged = self.damage.get().is_some();
        match Arc::try_unwrap(self.writer) {
            Ok(writer) if is_damaged => {
                open::leave(writer.into_inner().connection);
                Ok(())
            }
            Ok(writer) => open::close(writer.into_inner().connection).await,
            Err(_) => Ok(()),
        }
    }

    /// Takes the lock of an endpoint, across processes; `None` where another process is at work on it.
    ///
    /// # Errors
    /// Where the lock file cannot be used.
    pub fn try_lock(&self, endpoint: &str) -> Result<Option<FileLock>, StoreError> {
        lock::try_lock_endpoint(&self.settings.path, endpoint, self.settings.mode)
    }

    /// Makes an endpoint's table where there is none yet, so that it is there even while it is empty.
    ///
    /// # Errors
    /// Where it cannot be made, or the stored one has another key.
    pub async fn ensure_table(&self, endpoint: &str, paths: &Paths) -> Result<(), StoreError> {
        let now = format_utc(self.clock.now().wall);
        columns::ensure_table(&mut *self.writer().await?, endpoint, paths, &now).await
    }

    /// Stores a page in one transaction: its rows, its rejects, the run's counts and the checkpoint, all or nothing.
    ///
    /// # Errors
    /// Where the page cannot be stored; then nothing of it is.
    pub async fn commit_page(&self, page: &Page<'_>) -> Result<Committed, StoreError> {
        let mut writer = self.writer().await?;
        writer.make_sure_it_is_there()?;
        page::commit(&mut writer, page, self.clock.now().wall).await
    }
}
