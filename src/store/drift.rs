//! Drift on record: how the shape of an endpoint's records changes, in `_sync_schema_changes`.
//!
//! What has changed is told by the table before and after a page ([`between`]), and noted in the page's transaction. Until
//! an endpoint was read whole once, its fields are its schema and no change.

mod presence;
mod told;

use std::collections::{BTreeSet, HashMap};

use sqlx::{Row, SqliteConnection};

pub(super) use self::presence::is_read_whole;
pub use self::told::Told;
use super::{RunId, Store, StoreError, error::Doing, schema::Table};
use crate::rows::{ColumnType, Fate, PathId, Paths, Record, Redactor, Value};

/// So many characters of an example are kept: enough to see what it is.
const EXAMPLE_LENGTH: usize = 80;

/// What has changed about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It had not been sent before.
    NewField,
    /// It had not been sent before, and its table has no room for a column.
    NoRoom,
    /// It met a JSON type that it had not met before.
    ChangedType,
    /// A value did not fit its column, which was rebuilt.
    RebuiltColumn,
    /// No record of a complete sweep had it any more.
    VanishedField,
    /// It had vanished, and came again.
    FieldIsBack,
}

impl Change {
    const ALL: [Self; 6] = [
        Self::NewField,
        Self::NoRoom,
        Self::ChangedType,
        Self::RebuiltColumn,
        Self::VanishedField,
        Self::FieldIsBack,
    ];

    /// The words in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewField => "new field",
            Self::NoRoom => "no room",
            Self::ChangedType => "changed type",
            Self::RebuiltColumn => "rebuilt column",
            Self::VanishedField => "vanished field",
            Self::FieldIsBack => "field is back",
        }
    }
}

/// A change of the shape of an endpoint's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// What has changed.
    pub change: Change,
    /// The field.
    pub json_path: String,
    /// The column that holds it.
    pub column: String,
    /// The JSON types that it had met before; of a rebuilt column its type.
    pub before: Option<String>,
    /// Those that it has met now.
    pub after: Option<String>,
}

/// Which values of a field show its change.
enum Shown<'t> {
    Any,
    /// Those of a JSON type that is not among these.
    OfOtherType(&'t BTreeSet<String>),
    /// Those that a column of this type does not hold.
    NotFitting(ColumnType),
}

impl Shown<'_> {
    fn shows(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::OfOtherType(json_types) => !json_types.contains(value.json_type()),
            Self::NotFitting(declared) => !declared.fits(value),
        }
    }
}

/// What a page has changed, each change with the values that show it: decided without SQL.
fn between<'t>(before: &'t Table, after: &Table) -> Vec<(SchemaChange, Shown<'t>)> {
    let mut changes = Vec::new();
    let met = |change, json_path: &str, column: &str, before: Option<String>, after: String| {
        let (json_path, column) = (json_path.to_owned(), column.to_owned());
        SchemaChange { change, json_path, column, before, after: Some(after) }
    };
    let new_types = |before: &BTreeSet<String>, after: &BTreeSet<String>| {
        let new: BTreeSet<String> = after.difference(before).cloned().collect();
        (!before.is_empty() && !new.is_empty()).then(|| (joined(before), joined(&new)))
    };
    for (index, column) in after.columns.iter().enumerate() {
        let (path, name) = (column.json_path.as_str(), column.name.as_str());
        let Some(earlier) = before.columns.get(index) else {
            let new = met(Change::NewField, path, name, None, joined(&column.json_types));
            changes.push((new, Shown::Any));
            continue;
        };
        if let Some((had, new)) = new_types(&earlier.json_types, &column.json_types) {
            let other = met(Change::ChangedType, path, name, Some(had), new);
            changes.push((other, Shown::OfOtherType(&earlier.json_types)));
        }
        if earlier.declared != column.declared && !earlier.json_types.is_empty() {
            let types = (earlier.declared.as_sql().to_owned(), column.declared.as_sql().to_owned());
            let rebuilt = met(Change::RebuiltColumn, path, name, Some(types.0), types.1);
            changes.push((rebuilt, Shown::NotFitting(earlier.declared)));
        }
    }
    let earlier = before.extra.as_ref().map_or(&[][..], |extra| &extra.fields);
    if let Some(extra) = &after.extra {
        for (index, field) in extra.fields.iter().enumerate() {
            let (path, name) = (field.json_path.as_str(), extra.column.as_str());
            let Some(earlier) = earlier.get(index) else {
                let new = met(Change::NoRoom, path, name, None, joined(&field.json_types));
                changes.push((new, Shown::Any));
                continue;
            };
            if let Some((had, new)) = new_types(&earlier.json_types, &field.json_types) {
                let other = met(Change::ChangedType, path, name, Some(had), new);
                changes.push((other, Shown::OfOtherType(&earlier.json_types)));
            }
        }
    }
    changes
}

/// For each change a value that shows it, if the page has one that may be kept.
fn examples(
    changes: &[(SchemaChange, Shown<'_>)],
    paths: &Paths,
    records: &[Record<'_>],
) -> Vec<Option<String>> {
    let by_path: HashMap<&str, PathId> = paths.ids().map(|id| (paths.json_path(id), id)).collect();
    let mut wanted: HashMap<PathId, Vec<usize>> = HashMap::new();
    for (index, (change, _)) in changes.iter().enumerate() {
        let id = by_path.get(change.json_path.as_str()).filter(|id| !paths.is_private(**id));
        if let Some(id) = id {
            wanted.entry(*id).or_default().push(index);
        }
    }
    let mut examples = vec![None; changes.len()];
    for (path, value) in records.iter().flat_map(|record| &record.fields) {
        for index in wanted.get(path).into_iter().flatten() {
            if examples[*index].is_none() && changes[*index].1.shows(value) {
                examples[*index] = Some(shortened(&value.to_json()));
            }
        }
    }
    examples
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(EXAMPLE_LENGTH) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
        None => text.to_owned(),
    }
}

fn joined(json_types: &BTreeSet<String>) -> String {
    json_types.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

/// Records that have changed their endpoint's table.
pub(super) struct Met<'p> {
    pub(super) run: RunId,
    pub(super) endpoint: &'p str,
    pub(super) paths: &'p Paths,
    pub(super) records: &'p [Record<'p>],
}

/// Notes what a page has changed of its endpoint's table.
pub(super) async fn record_page(
    connection: &mut SqliteConnection,
    page: &Met<'_>,
    before: &Table,
    after: &Table,
    now: &str,
) -> Result<(), sqlx::Error> {
    if !presence::is_known(connection, page.endpoint).await? {
        return Ok(());
    }
    let changes = between(before, after);
    let examples = examples(&changes, page.paths, page.records);
    for ((change, _), example) in changes.iter().zip(examples) {
        record(connection, page.run, page.endpoint, change, example, now).await?;
    }
    Ok(())
}

async fn record(
    connection: &mut SqliteConnection,
    run: RunId,
    endpoint: &str,
    change: &SchemaChange,
    example: Option<String>,
    now: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO _sync_schema_changes (changed_at, run_id, endpoint, change, json_path, column_name, before, after, example) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(now)
    .bind(run.0)
    .bind(endpoint)
    .bind(change.change.as_str())
    .bind(&change.json_path)
    .bind(&change.column)
    .bind(&change.before)
    .bind(&change.after)
    .bind(example)
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes the examples of fields that must no longer be stored, or that hold something that must not.
pub(super) async fn forget_examples(
    connection: &mut SqliteConnection,
    endpoint: &str,
    redactor: &mut Redactor,
) -> Result<(), sqlx::Error> {
    let shown: Vec<(i64, String)> = sqlx::query_as(
        "SELECT change_id, json_path FROM _sync_schema_changes WHERE endpoint = ? AND example IS NOT NULL",
    )
    .bind(endpoint)
    .fetch_all(&mut *connection)
    .await?;
    for (id, json_path) in shown {
        if redactor.fate(&json_path) != Fate::Kept {
            sqlx::query("UPDATE _sync_schema_changes SET example = NULL WHERE change_id = ?")
                .bind(id)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// Forgets which fields the endpoint's sweeps have brought: its table is made anew.
pub(super) async fn start_over(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM _sync_presence WHERE endpoint = ?")
        .bind(endpoint)
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// What a run has noted of an endpoint, in the order in which it was met.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn schema_changes(
        &self,
        run: RunId,
        endpoint: &str,
    ) -> Result<Vec<SchemaChange>, StoreError> {
        let doing = "read which fields have changed";
        let mut writer = self.writer().await?;
        let rows = sqlx::query(
            "SELECT change, json_path, column_name, before, after FROM _sync_schema_changes WHERE endpoint = ? AND run_id = ? ORDER BY change_id",
        )
        .bind(endpoint)
        .bind(run.0)
        .fetch_all(&mut writer.connection)
        .await
        .doing(doing)?;
        let changes = rows.iter().map(|row| {
            let word: &str = row.try_get(0)?;
            let change = Change::ALL.into_iter().find(|change| change.as_str() == word);
            Ok(SchemaChange {
                change: change.ok_or_else(|| {
                    sqlx::Error::Decode(format!("`{word}` is no change of a field").into())
                })?,
                json_path: row.try_get(1)?,
                column: row.try_get(2)?,
                before: row.try_get(3)?,
                after: row.try_get(4)?,
            })
        });
        changes.collect::<Result<_, sqlx::Error>>().doing(doing)
    }
}

#[cfg(test)]
mod tests;
