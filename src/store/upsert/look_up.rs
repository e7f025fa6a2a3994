//! Finds out what the table has of a page's records.

use std::{borrow::Cow, sync::Arc};

use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteArguments};

use super::{MAX_PLACES, RowSet, RunId, Table, bind, places, quoted};
use crate::rows::{Record, SqlValue};

/// Records looked up in one statement.
const LOOKED_UP_AT_ONCE: usize = 200;

/// A record's key: equal where SQLite finds it equal.
pub(super) type Key<'p> = Vec<KeyPart<'p>>;

/// A part of a key as something that can be compared.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum KeyPart<'p> {
    Integer(i64),
    /// The bits of a double.
    Real(u64),
    Text(Cow<'p, str>),
}

impl<'p> From<SqlValue<'p>> for KeyPart<'p> {
    fn from(value: SqlValue<'p>) -> Self {
        match value {
            SqlValue::Integer(value) => Self::Integer(value),
            // Adding zero makes one of the two zeros, which SQLite finds equal.
            SqlValue::Real(value) => Self::Real((value + 0.0).to_bits()),
            SqlValue::Text(value) => Self::Text(value),
        }
    }
}

/// What the table has of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// No row of its key.
    New,
    /// A row of the same content.
    Unchanged,
    /// A row of another content, or a deleted one.
    Changed,
    /// A row of another content that a record of the same run has brought.
    Conflicting,
}

impl Stored {
    const fn letter(self) -> char {
        match self {
            Self::New => 'n',
            Self::Unchanged => 'u',
            Self::Changed => 'c',
            Self::Conflicting => 'x',
        }
    }

    fn of(letter: char) -> Option<Self> {
        [Self::New, Self::Unchanged, Self::Changed, Self::Conflicting]
            .into_iter()
            .find(|stored| stored.letter() == letter)
    }
}

/// What the table has of a record, and the row's id where there is one.
pub(super) type Found = (Stored, Option<i64>);

/// Reads what an answer says of one record: a letter, and the row's id.
fn found(told: &str) -> Option<Found> {
    let mut letters = told.chars();
    let stored = Stored::of(letters.next()?)?;
    Some((stored, letters.as_str().parse().ok()))
}

/// How the rows of some records are looked for.
#[derive(Clone, Copy)]
enum By {
    /// Where they lie if they were stored in the order in which they come now: the first one by its key, and the others
    /// behind it. It finds no other row; but those it finds, it finds without a search in the key's index, which for a large
    /// table means to read another page of the file for each.
    Order,
    /// By their keys.
    Key,
}

/// Finds out what the table has of some records, in their order.
pub(super) async fn look_up(
    connection: &mut SqliteConnection,
    table: &Table,
    rows: &[(Key<'_>, &Record<'_>)],
    run: RunId,
) -> Result<Vec<Found>, sqlx::Error> {
    let mut found = Vec::with_capacity(rows.len());
    for rows in rows.chunks(at_once(table)) {
        let mut chunk = ask(connection, table, rows, By::Order, run).await?;
        if chunk.iter().any(|(stored, _)| *stored == Stored::New) {
            chunk = ask(connection, table, rows, By::Key, run).await?;
        }
        found.append(&mut chunk);
    }
    Ok(found)
}

/// Adds the rows of records that have been written just now to a set.
pub(super) async fn ids_of(
    connection: &mut SqliteConnection,
    table: &Table,
    rows: &[(Key<'_>, &Record<'_>)],
    ids: &mut RowSet,
) -> Result<(), sqlx::Error> {
    for rows in rows.chunks(at_once(table)) {
        // The run matters only to what is told of a row's content.
        for (_, id) in ask(connection, table, rows, By::Key, RunId(0)).await? {
            if let Some(id) = id {
                ids.insert(id);
            }
        }
    }
    Ok(())
}

/// How many records are looked up in one statement.
fn at_once(table: &Table) -> usize {
    LOOKED_UP_AT_ONCE.min(MAX_PLACES / (table.key().len() + 2) - 1).max(1)
}

/// One row answers for all records, a letter and an id for each: each row of an answer is copied and handed from the connection's
/// thread by itself, which for unchanged records would cost more than all the rest that is done with them.
async fn ask(
    connection: &mut SqliteConnection,
    table: &Table,
    rows: &[(Key<'_>, &Record<'_>)],
    by: By,
    run: RunId,
) -> Result<Vec<Found>, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    bind(&mut arguments, run.0)?;
    for (ordinal, (key, record)) in (0_i64..).zip(rows) {
        bind(&mut arguments, ordinal)?;
        bind(&mut arguments, record.hash.to_vec())?;
        bind_key(&mut arguments, key)?;
    }
    if let (By::Order, Some((first, _))) = (by, rows.first()) {
        bind_key(&mut arguments, first)?;
    }
    let sql = AssertSqlSafe(sql(table, rows.len(), by));
    let told: String = sqlx::query_scalar_with(sql, arguments).fetch_one(connection).await?;
    let found: Vec<_> = told.split(',').filter_map(found).collect();
    if found.len() == rows.len() {
        Ok(found)
    } else {
        // Only a table that somebody has made without its primary key finds two rows for a key.
        Err(sqlx::Error::Protocol(format!("`{}` has several rows of one key", table.name)))
    }
}

/// The statement for so many records; its places are the run, then for each its ordinal, its hash and its key, and by order
/// the key of the first again.
fn sql(table: &Table, rows: usize, by: By) -> String {
    let name = quoted(&table.name);
    let key: Vec<String> = table.key().iter().map(|column| quoted(&column.name)).collect();
    let is_key = |part: fn(&str, usize) -> String| {
        // The values' first columns are the ordinal and the hash.
        let parts: Vec<_> = key.iter().zip(3..).map(|(name, column)| part(name, column)).collect();
        parts.join(" AND ")
    };
    let condition = match by {
        By::Key => is_key(|name, column| format!("t.{name} = k.column{column}")),
        // The sign keeps the key's index out of it.
        By::Order => format!(
            "t._rowid_ = (SELECT _rowid_ FROM {name} WHERE {}) + k.column1 AND {}",
            is_key(|name, _| format!("{name} = ?")),
            is_key(|name, column| format!("+t.{name} = k.column{column}")),
        ),
    };
    let [new, unchanged, changed, conflicting] =
        [Stored::New, Stored::Unchanged, Stored::Changed, Stored::Conflicting].map(Stored::letter);
    // A row without a hash was changed by this run, but not by a record. LEFT JOIN fixes the order: a search for each record.
    format!(
        "SELECT group_concat(CASE WHEN t._hash IS NULL THEN '{new}' \
         WHEN t._hash = k.column2 AND t._deleted_at IS NULL THEN '{unchanged}' \
         WHEN t._run_id = ? AND t._hash <> zeroblob(16) THEN '{conflicting}' ELSE '{changed}' END || coalesce(t._rowid_, ''), ',' ORDER BY k.column1) \
         FROM (VALUES {}) AS k LEFT JOIN {name} AS t ON {condition}",
        places(rows, key.len() + 2),
    )
}

fn bind_key(arguments: &mut SqliteArguments, key: &Key<'_>) -> Result<(), sqlx::Error> {
    for part in key {
        match part {
            KeyPart::Integer(value) => bind(arguments, *value)?,
            KeyPart::Real(bits) => bind(arguments, f64::from_bits(*bits))?,
            KeyPart::Text(text) => bind(arguments, Arc::<str>::from(text.as_ref()))?,
        }
    }
    Ok(())
}
