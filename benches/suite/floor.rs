//! The floor: what copying a listing costs at the least, in a bare loop without any of the program's guarantees.
//!
//! Fetch, parse into a struct, a prepared upsert a row, a transaction a page: no token, no checkpoint, no types that are
//! learnt, no limits. The SQLite is the program's own, linked from the same build, with the same journal.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    str::FromStr,
};

use anyhow::{Context, Result, bail, ensure};
use rusqlite::{Connection as Database, OptionalExtension, Statement, ToSql, params};

use crate::{
    child::{self, Cost},
    client::{Connection, page_path},
    records::{FIELDS, Listing, Reservation},
};

/// The columns of the floor and, beside its own, of the program, in the order in which [`write`] binds them.
pub(crate) const COLUMNS: [(&str, &str); FIELDS] = [
    ("id", "TEXT PRIMARY KEY"),
    ("user_id", "TEXT"),
    ("user_external_id", "TEXT"),
    ("user_first_name", "TEXT"),
    ("user_last_name", "TEXT"),
    ("user_email", "TEXT"),
    ("date", "TEXT"),
    ("local_start", "TEXT"),
    ("local_end", "TEXT"),
    ("status", "TEXT"),
    ("created_at", "TEXT"),
    ("updated_at", "TEXT"),
    ("checked_in_at", "TEXT"),
    ("workspace_node_id", "TEXT"),
    ("workspace_node_type", "TEXT"),
    ("workspace_desk_id", "TEXT"),
    ("workspace_desk_name", "TEXT"),
    ("workspace_area_id", "TEXT"),
    ("workspace_area_name", "TEXT"),
    ("workspace_floor_id", "TEXT"),
    ("workspace_floor_name", "TEXT"),
    ("workspace_floor_number", "INTEGER"),
    ("workspace_floor_has_map", "BOOLEAN"),
    ("workspace_building_id", "TEXT"),
    ("workspace_building_name", "TEXT"),
    ("license_plate", "TEXT"),
    ("source", "TEXT"),
];

/// How the floor treats the rows that it fetches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Each is written.
    Written,
    /// Each is written unless the hash that is stored beside it is that of the record: a prepared look-up by key.
    ///
    /// The other bare ways take longer where nothing has changed: `DO UPDATE … WHERE` a column differs half as long again,
    /// writing each again about as much.
    Compared,
}

/// Runs the floor in a process of its own.
pub(crate) fn measure(address: &str, file: &Path, page_size: u64, rows: Rows) -> Result<Cost> {
    let file = file.to_str().context("the target folder's name is text")?;
    let rows = if rows == Rows::Written { WRITTEN } else { COMPARED };
    child::measure_role(&["floor", address, file, &page_size.to_string(), rows])
}

const WRITTEN: &str = "written";
const COMPARED: &str = "compared";

impl FromStr for Rows {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            WRITTEN => Ok(Self::Written),
            COMPARED => Ok(Self::Compared),
            _ => bail!("rows are written or compared, not `{text}`"),
        }
    }
}

/// The floor's process.
pub(crate) fn run(address: &str, file: &Path, page_size: u64, rows: Rows) -> Result<()> {
    let database = Database::open(file)?;
    let mode: String =
        database.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    ensure!(mode == "wal", "the journal is {mode}");
    database.pragma_update(None, "synchronous", "NORMAL")?;
    let extra = if rows == Rows::Compared { ", hash INTEGER" } else { "" };
    let columns = COLUMNS.map(|(name, declared)| format!("{name} {declared}")).join(", ");
    database
        .execute_batch(&format!("CREATE TABLE IF NOT EXISTS reservations ({columns}{extra})"))?;
    let mut upsert = database.prepare(&upsert(rows))?;
    let mut look_up = (rows == Rows::Compared)
        .then(|| database.prepare("SELECT hash FROM reservations WHERE id = ?"))
        .transpose()?;

    let mut connection = Connection::open(address)?;
    let (mut read, mut page) = (0, 1);
    loop {
        connection.get(&page_path(page, page_size))?;
        let listing: Listing<'_> = serde_json::from_slice(connection.body())?;
        let transaction = database.unchecked_transaction()?;
        for row in &listing.items {
            let Some(look_up) = &mut look_up else {
                write(&mut upsert, row, None)?;
                continue;
            };
            let hash = hash(row);
            let stored: Option<i64> = look_up.query_row([row.id], |row| row.get(0)).optional()?;
            if stored != Some(hash) {
                write(&mut upsert, row, Some(hash))?;
            }
        }
        transaction.commit()?;
        read += listing.items.len() as u64;
        if listing.items.is_empty() || read >= listing.total_count {
            return Ok(());
        }
        page += 1;
    }
}

fn upsert(rows: Rows) -> String {
    let mut names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    if rows == Rows::Compared {
        names.push("hash");
    }
    let others = names.get(1..).unwrap_or_default();
    let updates: Vec<String> =
        others.iter().map(|name| format!("{name} = excluded.{name}")).collect();
    format!(
        "INSERT INTO reservations ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}",
        names.join(", "),
        vec!["?"; names.len()].join(", "),
        updates.join(", "),
    )
}

fn hash(row: &Reservation<'_>) -> i64 {
    let mut hasher = DefaultHasher::new();
    row.hash(&mut hasher);
    hasher.finish().cast_signed()
}

fn write(upsert: &mut Statement<'_>, row: &Reservation<'_>, hash: Option<i64>) -> Result<()> {
    let Reservation { user, workspace, .. } = row;
    let values: &[&dyn ToSql] = params![
        row.id,
        user.id,
        user.external_id,
        user.first_name,
        user.last_name,
        user.email,
        row.date,
        row.local_start,
        row.local_end,
        row.status,
        row.created_at,
        row.updated_at,
        row.checked_in_at,
        workspace.node_id,
        workspace.node_type,
        workspace.desk_id,
        workspace.desk_name,
        workspace.area_id,
        workspace.area_name,
        workspace.floor_id,
        workspace.floor_name,
        workspace.floor_number,
        workspace.floor_has_map,
        workspace.building_id,
        workspace.building_name,
        row.license_plate,
        row.source,
    ];
    for (place, value) in (1..).zip(values) {
        upsert.raw_bind_parameter(place, value)?;
    }
    if let Some(hash) = hash {
        upsert.raw_bind_parameter(FIELDS + 1, hash)?;
    }
    upsert.raw_execute()?;
    Ok(())
}
