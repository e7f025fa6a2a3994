//! One endpoint written through the real store, without HTTP, and read with another SQLite library.

use std::{path::PathBuf, rc::Rc};

use mapiq_sync::{
    clock::Clock,
    rows::{FieldPath, Flattener, Transforms},
    store::{
        Bounds, Checkpoint, Effort, Page, Plan, Reading, RejectBounds, RejectedRecord, RowCounts,
        RunId, Settings, Store, StoreError, SweepId, Trigger, Turn,
    },
};
use rusqlite::Connection;
use serde_json::value::RawValue;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The endpoint's name, and its table's.
pub(crate) const TABLE: &str = "records";

/// A database, the endpoint's settings, and the run in hand.
pub(crate) struct Stored {
    folder: Rc<TempDir>,
    runtime: Runtime,
    store: Option<Store>,
    transforms: Transforms,
    flattener: Flattener,
    run: Option<(RunId, SweepId, i64)>,
}

/// A dotted path.
pub(crate) fn path(text: &str) -> FieldPath {
    text.parse().expect("the test's path is valid")
}

/// A key and no other transform.
pub(crate) fn keyed(key: &[&str]) -> Transforms {
    Transforms { key: key.iter().map(|part| path(part)).collect(), ..Transforms::default() }
}

impl Stored {
    /// An empty database.
    pub(crate) fn new(transforms: Transforms) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self::within(Rc::new(folder), transforms)
    }

    /// The same database and settings in another process, as far as the store can tell.
    pub(crate) fn another(&self) -> Self {
        Self::within(Rc::clone(&self.folder), self.transforms.clone())
    }

    fn within(folder: Rc<TempDir>, transforms: Transforms) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime starts");
        let mut stored = Self {
            folder,
            runtime,
            store: None,
            flattener: Flattener::new(transforms.clone()),
            transforms,
            run: None,
        };
        stored.open();
        stored
    }

    /// An empty database with a run begun.
    pub(crate) fn begun(transforms: Transforms) -> Self {
        let mut stored = Self::new(transforms);
        stored.begin().expect("the endpoint's run begins");
        stored
    }

    /// The database's path.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("mapiq.db")
    }

    /// Takes other transforms from the next run on.
    pub(crate) fn configure(&mut self, transforms: Transforms) {
        self.transforms = transforms;
    }

    /// Opens the database, or closes it and opens it again.
    pub(crate) fn open(&mut self) {
        if let Some(store) = self.store.take() {
            self.runtime.block_on(store.close()).expect("the database closes");
        }
        let settings =
            Settings { path: self.database(), mode: 0o600, rejects: RejectBounds::default() };
        let clock = Clock::system().expect("Linux tells its boot id");
        let store = self.runtime.block_on(Store::open(settings, clock));
        self.store = Some(store.expect("the database opens"));
    }

    /// Begins a run, as the sweep does; gives its number.
    pub(crate) fn begin(&mut self) -> Result<i64, StoreError> {
        let store = self.store.clone().expect("the database is open");
        self.flattener = Flattener::new(self.transforms.clone());
        let (run, sweep, slice) = self.runtime.block_on(async {
            let run = store.begin_run("job", Trigger::RunNow).await?;
            store.begin_endpoint_run(run, TABLE).await?;
            store.ensure_table(TABLE, self.flattener.paths()).await?;
            let plan = Plan {
                fingerprint: "{}",
                backfill: None,
                slices: &[Bounds::default()],
                judges: true,
                covers: false,
                forgets: false,
            };
            let sweep = store.open_sweep(run, TABLE, &plan).await?;
            let slice = sweep.slices.first().map_or(0, |slice| slice.number);
            Ok::<_, StoreError>((run, sweep.id, slice))
        })?;
        self.run = Some((run, sweep, slice));
        Ok(run.0)
    }

    /// Stores a page of the run in hand.
    pub(crate) fn page<R: AsRef<str>>(&mut self, records: &[R]) -> Result<RowCounts, StoreError> {
        let (run, sweep, slice) = self.run.expect("a run has begun");
        let mut flat = Vec::new();
        let mut rejects = Vec::new();
        for record in records {
            let raw: &RawValue =
                serde_json::from_str(record.as_ref()).expect("the test's JSON is valid");
            match self.flattener.flatten(raw) {
                Ok(record) => flat.push(record),
                Err(reason) => rejects.push(RejectedRecord {
                    reason: reason.to_string(),
                    record: self.flattener.redact(raw),
                }),
            }
        }
        let page = Page {
            run,
            endpoint: TABLE,
            sweep,
            slice,
            reading: Reading::First,
            earlier: None,
            paths: self.flattener.paths(),
            records: &flat,
            rejects: &rejects,
            effort: Effort::default(),
            turn: Turn { checkpoint: Checkpoint::Next("{}"), unsure: false, lacks: false },
            if_reordered: None,
        };
        let store = self.store.as_ref().expect("the database is open");
        Ok(self.runtime.block_on(store.commit_page(&page))?.rows)
    }

    /// Stores a page that must be stored.
    #[track_caller]
    pub(crate) fn stored<R: AsRef<str>>(&mut self, records: &[R]) -> RowCounts {
        match self.page(records) {
            Ok(rows) => rows,
            Err(error) => panic!("the page is not stored: {error:?}"),
        }
    }

    /// Another program's connection.
    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.database()).expect("the database can be opened")
    }

    /// Carries out what a user does to the database.
    #[track_caller]
    pub(crate) fn user(&self, sql: &str) {
        self.connection().execute_batch(sql).expect("the test's SQL is valid");
    }

    /// The rows of a query, each value as SQL spells it (`'text'`, `1.0`, `NULL`), joined by `|`.
    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        let connection = self.connection();
        let mut statement = connection.prepare(sql).expect("the test's SQL is valid");
        let columns = statement.column_count();
        let spelled = |value: rusqlite::types::Value| match value {
            rusqlite::types::Value::Null => "NULL".to_owned(),
            rusqlite::types::Value::Integer(value) => value.to_string(),
            rusqlite::types::Value::Real(value) => format!("{value:?}"),
            rusqlite::types::Value::Text(text) => format!("'{text}'"),
            rusqlite::types::Value::Blob(bytes) => format!("{bytes:02x?}"),
        };
        statement
            .query_map([], |row| {
                let values = (0..columns).map(|column| row.get(column).map(spelled));
                Ok(values.collect::<Result<Vec<_>, _>>()?.join("|"))
            })
            .and_then(Iterator::collect)
            .expect("the query can be answered")
    }
}
