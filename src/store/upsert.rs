//! The guarded upsert of a page: finds out which rows are new or differ, and writes only those.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteArguments};

use super::{
    RowCounts, RunId,
    schema::{Place, Table},
    statements::{self, bind, places, quoted},
};
use crate::rows::{Paths, Record, SqlValue};

/// Keys looked up in one statement.
const LOOKED_UP_AT_ONCE: usize = 200;

/// Rows written in one statement: each statement crosses to the connection's thread, and those of some hundred rows cost
/// more to parse than they save.
const WRITTEN_AT_ONCE: usize = 20;

/// SQLite's limit on the places of a statement (`SQLITE_MAX_VARIABLE_NUMBER`).
const MAX_PLACES: usize = 32_766;

/// What is written into the bookkeeping columns.
pub(super) struct Stamp {
    pub(super) now: Arc<str>,
    pub(super) run: RunId,
}

/// A row as the table has it.
struct Stored {
    hash: Vec<u8>,
    deleted: bool,
    run: RunId,
}

/// A record with the values of its columns.
struct RowValues<'p> {
    hash: [u8; 16],
    /// One for each of the table's columns.
    values: Vec<Option<SqlValue<'p>>>,
    /// The fields that have no column, as one JSON object.
    extra: Option<String>,
}

/// Writes the records that are new or differ from what is stored; the table already has a column for every value.
pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    table: &Table,
    paths: &Paths,
    records: &[Record<'_>],
    stamp: &Stamp,
) -> Result<RowCounts, sqlx::Error> {
    let mut counts = RowCounts::default();
    let rows = last_of_each_key(table, paths, records, &mut counts);
    let mut changed = Vec::new();
    let looked_up = LOOKED_UP_AT_ONCE.min(MAX_PLACES / (table.key().len() + 1)).max(1);
    for rows in rows.chunks(looked_up) {
        for (row, stored) in rows.iter().zip(look_up(connection, table, rows).await?) {
            match stored {
                None => counts.new += 1,
                Some(stored) if stored.hash == row.hash && !stored.deleted => {
                    counts.unchanged += 1;
                    continue;
                }
                Some(stored) => {
                    // A row without a hash was changed by this run, but not by a record.
                    let was_written = stored.hash.iter().any(|byte| *byte != 0);
                    if stored.run == stamp.run && was_written {
                        counts.conflicting += 1;
                    }
                    counts.changed += 1;
                }
            }
            changed.push(row);
        }
    }
    for rows in changed.chunks(WRITTEN_AT_ONCE.min(MAX_PLACES / table.width()).max(1)) {
        write(connection, table, rows, stamp).await?;
    }
    Ok(counts)
}

/// Drops all but the last record of each key: of a key that comes twice the later one wins.
fn last_of_each_key<'p>(
    table: &Table,
    paths: &Paths,
    records: &'p [Record<'_>],
    counts: &mut RowCounts,
) -> Vec<RowValues<'p>> {
    let places = table.places_of(paths);
    let key = table.key();
    let mut rows: Vec<RowValues<'p>> = Vec::with_capacity(records.len());
    let mut by_key: HashMap<Vec<KeyValue<'p>>, usize> = HashMap::with_capacity(records.len());
    for record in records {
        let row = row_values(table, paths, &places, record);
        // The key's parts come first in a record.
        let values = record
            .fields
            .iter()
            .zip(&key)
            .filter_map(|((_, value), column)| value.to_sql(column.declared));
        match by_key.entry(values.map(KeyValue::from).collect()) {
            Entry::Vacant(entry) => {
                entry.insert(rows.len());
                rows.push(row);
            }
            Entry::Occupied(entry) => {
                if let Some(earlier) = rows.get_mut(*entry.get()) {
                    if earlier.hash == row.hash {
                        counts.unchanged += 1;
                    } else {
                        counts.conflicting += 1;
                        counts.changed += 1;
                    }
                    *earlier = row;
                }
            }
        }
    }
    rows
}

fn row_values<'p>(
    table: &Table,
    paths: &Paths,
    places: &[Option<Place>],
    record: &'p Record<'_>,
) -> RowValues<'p> {
    let mut values: Vec<Option<SqlValue<'p>>> = Vec::new();
    values.resize_with(table.columns.len(), || None);
    let mut extra = String::new();
    for (path, value) in &record.fields {
        match places.get(path.index()).copied().flatten() {
            Some(Place::Column(index)) => {
                if let Some((column, place)) = table.columns.get(index).zip(values.get_mut(index)) {
                    *place = Some(
                        value
                            .to_sql(column.declared)
                            .expect("the table was changed to hold every value of the page"),
                    );
                }
            }
            Some(Place::Extra(_)) => {
                extra.push(if extra.is_empty() { '{' } else { ',' });
                extra.push_str(&serde_json::Value::from(paths.json_path(*path)).to_string());
                extra.push(':');
                extra.push_str(&value.to_json());
            }
            None => {}
        }
    }
    let extra = (!extra.is_empty()).then(|| extra + "}");
    RowValues { hash: record.hash, values, extra }
}

/// A key's part as something that can be compared: equal where SQLite finds it equal.
#[derive(PartialEq, Eq, Hash)]
enum KeyValue<'p> {
    Integer(i64),
    Real(u64),
    Text(Cow<'p, str>),
}

impl<'p> From<SqlValue<'p>> for KeyValue<'p> {
    fn from(value: SqlValue<'p>) -> Self {
        match value {
            SqlValue::Integer(value) => Self::Integer(value),
            // Adding zero makes one of the two zeros, which SQLite finds equal.
            SqlValue::Real(value) => Self::Real((value + 0.0).to_bits()),
            SqlValue::Text(value) => Self::Text(value),
        }
    }
}

/// Finds the stored rows of some keys, in the order of the keys.
async fn look_up(
    connection: &mut SqliteConnection,
    table: &Table,
    rows: &[RowValues<'_>],
) -> Result<Vec<Option<Stored>>, sqlx::Error> {
    let key = table.key_positions();
    let conditions: Vec<String> = table
        .key()
        .iter()
        .enumerate()
        .map(|(part, column)| format!("t.{} = k.column{}", quoted(&column.name), part + 2))
        .collect();
    // CROSS JOIN fixes the order: for each key given, one search in the key's index.
    let sql = format!(
        "SELECT k.column1, t._hash, t._deleted_at IS NOT NULL, t._run_id FROM (VALUES {}) AS k CROSS JOIN {} AS t WHERE {}",
        places(rows.len(), key.len() + 1),
        quoted(&table.name),
        conditions.join(" AND ")
    );
    let mut arguments = SqliteArguments::default();
    for (ordinal, row) in rows.iter().enumerate() {
        bind(
            &mut arguments,
            i64::try_from(ordinal).expect("a statement looks up some hundred keys"),
        )?;
        for &position in &key {
            bind_value(&mut arguments, row.values.get(position).and_then(Option::as_ref))?;
        }
    }
    let mut stored = Vec::new();
    stored.resize_with(rows.len(), || None);
    for row in sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_all(connection).await? {
        let ordinal: i64 = row.try_get(0)?;
        let found =
            Stored { hash: row.try_get(1)?, deleted: row.try_get(2)?, run: RunId(row.try_get(3)?) };
        if let Some(place) =
            usize::try_from(ordinal).ok().and_then(|ordinal| stored.get_mut(ordinal))
        {
            *place = Some(found);
        }
    }
    Ok(stored)
}

async fn write(
    connection: &mut SqliteConnection,
    table: &Table,
    rows: &[&RowValues<'_>],
    stamp: &Stamp,
) -> Result<(), sqlx::Error> {
    let extra = table.extra.as_ref().map(|extra| &extra.column);
    let mut columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| &column.name)
        .chain(extra)
        .map(|name| quoted(name))
        .collect();
    let key: Vec<String> = table.key().iter().map(|column| quoted(&column.name)).collect();
    // A row that comes back keeps the time when it was first seen, and loses its tombstone.
    let updated: Vec<String> = columns
        .iter()
        .filter(|column| !key.contains(column))
        .cloned()
        .chain(["_changed_at", "_deleted_at", "_run_id", "_hash"].map(quoted))
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    columns.extend(statements::BOOKKEEPING.iter().map(|(name, _)| quoted(name)));
    let sql = format!(
        "INSERT INTO {} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {}",
        quoted(&table.name),
        columns.join(", "),
        places(rows.len(), columns.len()),
        key.join(", "),
        updated.join(", ")
    );
    let mut arguments = SqliteArguments::default();
    for row in rows {
        for value in &row.values {
            bind_value(&mut arguments, value.as_ref())?;
        }
        if extra.is_some() {
            bind(&mut arguments, row.extra.as_deref().map(Arc::<str>::from))?;
        }
        bind(&mut arguments, Arc::clone(&stamp.now))?;
        bind(&mut arguments, Arc::clone(&stamp.now))?;
        bind(&mut arguments, None::<i64>)?;
        bind(&mut arguments, stamp.run.0)?;
        bind(&mut arguments, row.hash.to_vec())?;
    }
    sqlx::query_with(AssertSqlSafe(sql), arguments).execute(connection).await?;
    Ok(())
}

fn bind_value(
    arguments: &mut SqliteArguments,
    value: Option<&SqlValue<'_>>,
) -> Result<(), sqlx::Error> {
    match value {
        None => bind(arguments, None::<i64>),
        Some(SqlValue::Integer(value)) => bind(arguments, *value),
        Some(SqlValue::Real(value)) => bind(arguments, *value),
        Some(SqlValue::Text(text)) => bind(arguments, Arc::<str>::from(text.as_ref())),
    }
}
