//! The guarded upsert of a page: finds out which rows are new or differ, and writes only those.

mod look_up;

use std::sync::Arc;

use indexmap::IndexMap;
use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteArguments};

use self::look_up::{Key, Stored, ids_of, look_up};
use super::{
    RowCounts, RowSet, RunId,
    schema::{Place, Table},
    statements::{self, bind, places, quoted},
};
use crate::rows::{Paths, Record, SqlValue};

/// Rows written in one statement: each statement crosses to the connection's thread, and those of some hundred rows cost
/// more to parse than they save.
const WRITTEN_AT_ONCE: usize = 20;

/// SQLite's limit on the places of a statement (`SQLITE_MAX_VARIABLE_NUMBER`).
const MAX_PLACES: usize = 32_766;

/// Why a value has a form for its column.
const EVERY_VALUE_FITS: &str = "the table was changed to hold every value of the page";

/// What is written into the bookkeeping columns.
pub(super) struct Stamp {
    pub(super) now: Arc<str>,
    pub(super) run: RunId,
}

/// A record with the values of its columns.
struct RowValues<'p> {
    hash: [u8; 16],
    /// One for each of the table's columns.
    values: Vec<Option<SqlValue<'p>>>,
    /// The fields that have no column, as one JSON object.
    extra: Option<String>,
}

/// Writes the records that are new or differ from what is stored; the table already has a column for every value. The rows
/// of all records are added to `seen`, where that is asked for.
pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    table: &Table,
    paths: &Paths,
    records: &[Record<'_>],
    stamp: &Stamp,
    mut seen: Option<&mut RowSet>,
) -> Result<RowCounts, sqlx::Error> {
    let mut counts = RowCounts::default();
    let places = table.places_of(paths);
    let rows: Vec<_> = last_of_each_key(table, records, &mut counts).into_iter().collect();
    let found = look_up(connection, table, &rows, stamp.run).await?;
    let (mut new, mut changed) = (Vec::new(), Vec::new());
    for ((key, record), (stored, id)) in rows.into_iter().zip(found) {
        if let (Some(seen), Some(id)) = (seen.as_deref_mut(), id) {
            seen.insert(id);
        }
        match stored {
            Stored::Unchanged => counts.unchanged += 1,
            Stored::New => {
                counts.new += 1;
                new.push((key, record));
            }
            Stored::Changed | Stored::Conflicting => {
                counts.conflicting += u64::from(stored == Stored::Conflicting);
                counts.changed += 1;
                changed.push((key, record));
            }
        }
    }
    let written = WRITTEN_AT_ONCE.min(MAX_PLACES / table.width()).max(1);
    let insert = if table.has_triggers { Write::Upsert } else { Write::Insert };
    for (how, records) in [(insert, &new), (Write::Upsert, &changed)] {
        for records in records.chunks(written) {
            let rows = records.iter().map(|(_, record)| row_values(table, paths, &places, record));
            write(connection, table, how, &rows.collect::<Vec<_>>(), stamp).await?;
        }
    }
    if let Some(seen) = seen {
        ids_of(connection, table, &new, seen).await?;
    }
    Ok(counts)
}

/// Drops all but the last record of each key: of a key that comes twice the later one wins.
fn last_of_each_key<'p>(
    table: &Table,
    records: &'p [Record<'_>],
    counts: &mut RowCounts,
) -> IndexMap<Key<'p>, &'p Record<'p>> {
    let declared: Vec<_> = table.key().iter().map(|column| column.declared).collect();
    let mut rows = IndexMap::with_capacity(records.len());
    for record in records {
        // The key's parts come first in a record.
        let parts = record.fields.iter().zip(&declared);
        let key: Key<'p> = parts
            .map(|((_, value), declared)| value.to_sql(*declared).expect(EVERY_VALUE_FITS).into())
            .collect();
        match rows.insert(key, record) {
            None => {}
            Some(earlier) if earlier.hash == record.hash => counts.unchanged += 1,
            Some(_) => {
                counts.conflicting += 1;
                counts.changed += 1;
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
                    *place = Some(value.to_sql(column.declared).expect(EVERY_VALUE_FITS));
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

/// How rows are written.
#[derive(Clone, Copy)]
enum Write {
    /// Rows whose keys are not there. A statement that fails is not undone by itself (`OR FAIL`), as the transaction is: else
    /// SQLite would copy every page that it touches to a temporary file before, which is more than all else that is written.
    /// Not for a table with triggers: SQLite takes the clause for that of the statements in them, too.
    Insert,
    /// Rows whose keys may be there.
    Upsert,
}

async fn write(
    connection: &mut SqliteConnection,
    table: &Table,
    how: Write,
    rows: &[RowValues<'_>],
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
    let name = quoted(&table.name);
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
    let (columns, values) = (columns.join(", "), places(rows.len(), columns.len()));
    let sql = match how {
        Write::Insert => format!("INSERT OR FAIL INTO {name} ({columns}) VALUES {values}"),
        Write::Upsert => format!(
            "INSERT INTO {name} ({columns}) VALUES {values} ON CONFLICT ({}) DO UPDATE SET {}",
            key.join(", "),
            updated.join(", ")
        ),
    };
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

pub(super) fn bind_value(
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
