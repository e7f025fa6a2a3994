//! Carries out on what is stored what the configuration has come to exclude or to hash.
//!
//! What is stored changes in one transaction, which also notes that the old values may still be in the file's free space;
//! [`erase`] then sees to that.

mod applied;
pub(super) mod erase;
mod extra;
mod values;

use std::fmt;

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteArguments};

use self::applied::{Applied, Spelling};
use super::{
    RunId, Store, StoreError, columns, coverage, ddl, drift,
    error::Doing,
    rejects,
    schema::{Changes, Column, Table},
    statements::bind,
};
use crate::{
    clock::format_utc,
    rows::{ColumnType, Fate, Paths, Redactor, Transforms},
};

const SCRUB: &str = "remove what must no longer be stored";

/// Rejected records that are looked at in one statement.
const REJECTS_AT_ONCE: usize = 200;

/// What was removed from what an endpoint has stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Columns that are gone.
    pub dropped: Vec<String>,
    /// Columns without a value, left because users' indexes, views, triggers or columns of their own need them.
    pub emptied: Vec<String>,
    /// Columns with hashes in the place of values, or with nothing where it cannot be told what was sent.
    pub hashed: Vec<String>,
    /// Columns with JSON text that has changed.
    pub rewritten: Vec<String>,
    /// How many rejected records have changed.
    pub rejects: u64,
    /// Whether there are hashes that were made with another key.
    pub has_other_key: bool,
}

impl Scrubbed {
    /// Whether nothing was removed.
    pub fn is_empty(&self) -> bool {
        self.rejects == 0
            && [&self.dropped, &self.emptied, &self.hashed, &self.rewritten]
                .iter()
                .all(|columns| columns.is_empty())
    }
}

impl fmt::Display for Scrubbed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (what, columns) in [
            ("dropped", &self.dropped),
            ("emptied, but left for what users have made of it,", &self.emptied),
            ("hashed", &self.hashed),
            ("rewritten", &self.rewritten),
        ] {
            if !columns.is_empty() {
                write!(f, "{separator}{what} {}", columns.join(", "))?;
                separator = "; ";
            }
        }
        if self.rejects > 0 {
            write!(f, "{separator}rewritten {} of `_sync_rejects`", self.rejects)?;
        }
        Ok(())
    }
}

/// What marks a row that was changed here: it has no hash, so that the next page that has it writes it anew.
struct Mark<'m> {
    now: &'m str,
    run: RunId,
}

impl Mark<'_> {
    /// The hash of the row was made of the values that are removed, and could be used to guess them.
    const SET: &'static str = "_hash = zeroblob(16), _changed_at = ?, _run_id = ?";

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), sqlx::Error> {
        bind(arguments, self.now.to_owned())?;
        bind(arguments, self.run.0)
    }
}

impl Store {
    /// Excludes and hashes in what the endpoint has stored what the transforms say and earlier ones have let through.
    ///
    /// All or nothing of it is done. The old values may be in the file until [`erase`](Self::erase).
    ///
    /// # Errors
    /// Where the endpoint's table cannot be changed.
    pub async fn scrub(
        &self,
        run: RunId,
        endpoint: &str,
        transforms: &Transforms,
    ) -> Result<Scrubbed, StoreError> {
        let now = format_utc(self.clock.now().wall);
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(SCRUB).await?;
        let before = load(&mut transaction, endpoint).await.doing(SCRUB)?;
        let after = Applied::of(transforms);
        if before.as_ref() == Some(&after) {
            return Ok(Scrubbed::default());
        }
        let was_synced = before.is_some();
        let before = before.unwrap_or_default();
        let scrub = Scrub {
            endpoint,
            was_synced,
            before: &before,
            added: before.added(transforms),
            key: Paths::new(transforms),
            mark: Mark { now: &now, run },
        };
        let mut scrubbed = scrub.carry_out(&mut transaction).await?;
        scrubbed.has_other_key = before.has_other_key(&after);
        save(&mut transaction, endpoint, &after, &now).await.doing(SCRUB)?;
        // Rows that have not changed at the API are to come anew as well.
        coverage::forget(&mut transaction, endpoint).await.doing(SCRUB)?;
        transaction.commit().await.doing(SCRUB)?;
        // What was known of the table is no longer so.
        writer.tables.remove(endpoint);
        Ok(scrubbed)
    }
}

/// What is to be done to one endpoint.
struct Scrub<'s> {
    endpoint: &'s str,
    /// Whether it has had a run before, so that the file may hold something of it, even where its table is gone.
    was_synced: bool,
    before: &'s Applied,
    added: Transforms,
    /// No more than the key's parts.
    key: Paths,
    mark: Mark<'s>,
}

impl Scrub<'_> {
    async fn carry_out(&self, connection: &mut SqliteConnection) -> Result<Scrubbed, StoreError> {
        let mut scrubbed = Scrubbed::default();
        if self.added.exclude.is_empty() && self.added.hash.is_empty() {
            return Ok(scrubbed);
        }
        let mut redactor = Redactor::new(self.added.clone());
        let table = columns::load(connection, self.endpoint, SCRUB).await?;
        let has_table = table.is_some();
        if let Some(table) = table {
            self.columns(connection, table, &mut redactor, &mut scrubbed).await?;
        }
        scrubbed.rejects = self.rejects(connection, &mut redactor).await.doing(SCRUB)?;
        drift::forget_examples(connection, self.endpoint, &mut redactor).await.doing(SCRUB)?;
        if self.was_synced || has_table || scrubbed.rejects > 0 {
            // Also where no row has such a value any more: what has been overwritten, or was in a table that somebody has
            // dropped, may be in the file's free space.
            erase::note(connection, self.mark.now).await.doing(SCRUB)?;
        }
        Ok(scrubbed)
    }

    async fn columns(
        &self,
        connection: &mut SqliteConnection,
        mut table: Table,
        redactor: &mut Redactor,
        scrubbed: &mut Scrubbed,
    ) -> Result<(), StoreError> {
        let fates: Vec<Fate> =
            table.columns.iter().map(|column| redactor.fate(&column.json_path)).collect();
        let with = |wanted: Fate| {
            (0..fates.len()).filter(|index| fates[*index] == wanted).collect::<Vec<_>>()
        };
        if with(Fate::Removed).iter().any(|index| table.columns[*index].key_part.is_some()) {
            // No key of the configuration is excluded, so this table has the key of an earlier one: it cannot go on anyway.
            table.make_sure_of_key(&self.key)?;
        }
        let widened = with(Fate::Hashed)
            .into_iter()
            .filter(|index| table.columns[*index].declared != ColumnType::Text)
            .map(|index| (index, ColumnType::Text));
        let changes = Changes { rebuilt: widened.collect(), ..Changes::default() };
        columns::change(connection, &mut table, changes, self.mark.now).await?;

        // Users' triggers would take what happens here for changes of theirs to follow, and might even copy the values.
        let triggers = ddl::take_triggers(connection, &table.name).await.doing(SCRUB)?;
        for index in with(Fate::Hashed) {
            self.hash(connection, &table, index, redactor).await.doing(SCRUB)?;
            scrubbed.hashed.push(table.columns[index].name.clone());
        }
        for index in with(Fate::Rewritten) {
            if self.rewrite(connection, &table, index, redactor).await.doing(SCRUB)? > 0 {
                scrubbed.rewritten.push(table.columns[index].name.clone());
            }
        }
        extra::scrub(connection, &table, &self.mark, redactor, scrubbed).await.doing(SCRUB)?;
        let removed: Vec<&Column> =
            with(Fate::Removed).iter().map(|index| &table.columns[*index]).collect();
        let names: Vec<&str> = removed.iter().map(|column| column.name.as_str()).collect();
        values::clear(connection, &table.name, &names, &self.mark).await.doing(SCRUB)?;
        ddl::put_triggers_back(connection, triggers).await.doing(SCRUB)?;
        for column in removed {
            let name = column.name.clone();
            if ddl::drop_column(connection, &table.name, &name).await.doing(SCRUB)? {
                forget(connection, &table.name, &column.json_path).await.doing(SCRUB)?;
                scrubbed.dropped.push(name);
            } else {
                scrubbed.emptied.push(name);
            }
        }
        ddl::forget_samples(connection, &table.name).await.doing(SCRUB)
    }

    /// Hashes the values of a column that is TEXT by now.
    async fn hash(
        &self,
        connection: &mut SqliteConnection,
        table: &Table,
        index: usize,
        redactor: &mut Redactor,
    ) -> Result<(), sqlx::Error> {
        let Some(column) = table.columns.get(index) else { return Ok(()) };
        let dotted = redactor.dotted(&column.json_path);
        let json_types = column.json_types.iter().map(String::as_str);
        let spelling = match self.before.spelling(&dotted, json_types) {
            // A key cannot be without a value. Two that differ by their characters stay different.
            Spelling::Unknown if column.key_part.is_some() => Spelling::String,
            spelling => spelling,
        };
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let is_key = column.key_part.is_some();
        values::replace(connection, &table.name, &column.name, is_key, &self.mark, |text| {
            match spelling {
                Spelling::String => redactor.hashed(&column.json_path, &quoted(text)),
                Spelling::Json => redactor.hashed(&column.json_path, text),
                Spelling::Unknown => None,
            }
        })
        .await?;
        extra::are_texts(connection, &table.name, &column.json_path).await
    }

    /// Rewrites the JSON text in a column; other text in it stays.
    async fn rewrite(
        &self,
        connection: &mut SqliteConnection,
        table: &Table,
        index: usize,
        redactor: &mut Redactor,
    ) -> Result<u64, sqlx::Error> {
        let Some(column) = table.columns.get(index).filter(|column| may_hold_json(column)) else {
            return Ok(0);
        };
        let is_key = column.key_part.is_some();
        values::replace(connection, &table.name, &column.name, is_key, &self.mark, |text| {
            let is_json = text.starts_with(['[', '{']);
            let rewritten = is_json.then(|| redactor.rewritten(&column.json_path, text)).flatten();
            rewritten.or_else(|| Some(text.to_owned()))
        })
        .await
    }

    async fn rejects(
        &self,
        connection: &mut SqliteConnection,
        redactor: &mut Redactor,
    ) -> Result<u64, sqlx::Error> {
        let select = format!(
            "SELECT reject_id, reason, record FROM _sync_rejects WHERE endpoint = ? AND reject_id > ? ORDER BY reject_id LIMIT {REJECTS_AT_ONCE}"
        );
        let mut changed = 0;
        let mut after = i64::MIN;
        loop {
            let rows = sqlx::query(AssertSqlSafe(select.as_str()))
                .bind(self.endpoint)
                .bind(after)
                .fetch_all(&mut *connection)
                .await?;
            let Some(last) = rows.last() else { return Ok(changed) };
            after = last.try_get(0)?;
            for row in &rows {
                let (reason, record): (&str, &str) = (row.try_get(1)?, row.try_get(2)?);
                let Some(rewritten) = redactor.record(record).filter(|text| text != record) else {
                    continue;
                };
                // Two that have differed only in what is gone are one.
                sqlx::query(
                    "UPDATE OR REPLACE _sync_rejects SET record = ?, digest = ? WHERE reject_id = ?",
                )
                .bind(&rewritten)
                .bind(rejects::digest(reason, &rewritten))
                .bind(row.try_get::<i64, _>(0)?)
                .execute(&mut *connection)
                .await?;
                changed += 1;
            }
        }
    }
}

fn may_hold_json(column: &Column) -> bool {
    ["array", "object"].iter().any(|json_type| column.json_types.contains(*json_type))
}

/// Takes a column that is gone out of the list of columns.
async fn forget(
    connection: &mut SqliteConnection,
    endpoint: &str,
    json_path: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM _sync_columns WHERE endpoint = ? AND json_path = ?")
        .bind(endpoint)
        .bind(json_path)
        .execute(connection)
        .await?;
    Ok(())
}

async fn load(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<Option<Applied>, sqlx::Error> {
    let stored: Option<String> =
        sqlx::query_scalar("SELECT applied FROM _sync_privacy WHERE endpoint = ?")
            .bind(endpoint)
            .fetch_optional(connection)
            .await?;
    let applied = |text: String| {
        serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))
    };
    stored.map(applied).transpose()
}

async fn save(
    connection: &mut SqliteConnection,
    endpoint: &str,
    applied: &Applied,
    now: &str,
) -> Result<(), sqlx::Error> {
    let applied =
        serde_json::to_string(applied).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO _sync_privacy (endpoint, applied, changed_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (endpoint) DO UPDATE SET applied = excluded.applied, changed_at = excluded.changed_at",
    )
    .bind(endpoint)
    .bind(applied)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}
