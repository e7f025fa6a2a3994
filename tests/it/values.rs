//! What is sent is what is stored: random records through the real store, and read back.

mod cases;
mod generate;
mod json;
mod model;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rusqlite::types::Value;

use self::{
    json::{Decimal, Json, Keys, key_text, keys_of},
    model::{Model, Settings},
};
use crate::stored::{Stored, TABLE, keyed, path};

/// What the store adds to every row.
const BOOKKEEPING: [&str; 5] = ["_first_seen_at", "_changed_at", "_deleted_at", "_run_id", "_hash"];

/// Notes every row that is written, as a user's own triggers may: those must outlive every rebuild of the table.
const AUDIT: &str = "CREATE TABLE audit (row_id INTEGER, write TEXT);
    CREATE TRIGGER audit_new AFTER INSERT ON records BEGIN INSERT INTO audit VALUES (new._rowid_, 'new'); END;
    CREATE TRIGGER audit_changed AFTER UPDATE ON records BEGIN INSERT INTO audit VALUES (new._rowid_, 'changed'); END;";

/// A column as `_sync_columns` tells of it.
#[derive(Debug)]
struct Column {
    name: String,
    keys: Keys,
    declared: String,
    json_types: BTreeSet<String>,
    key_part: Option<i64>,
}

/// A row as it is stored: its values by column.
type Row = BTreeMap<String, Value>;

/// The whole table at one moment.
struct Table {
    columns: Vec<Column>,
    rows: BTreeMap<Vec<String>, Row>,
    writes: i64,
    rejects: BTreeSet<String>,
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::with_cases(48) })]

    /// After every page the table holds the last record of each key, as sent; and what is the same is not written again.
    #[test]
    fn records_are_read_back_as_they_were_sent((settings, runs) in generate::endpoint()) {
        let mut transforms = keyed(&settings.key);
        transforms.exclude = vec![path(settings.exclude)];
        transforms.json = vec![path(settings.json)];
        let mut stored = Stored::begun(transforms);
        stored.user(AUDIT);
        let mut model = Model::new(settings.clone());
        let mut before = read(&stored);
        for (reopened, pages) in &runs {
            if *reopened {
                stored.open();
            }
            let run = stored.begin().expect("the run begins");
            for page in pages {
                let texts: Vec<String> = page.iter().map(Json::text).collect();
                let counts = stored.stored(&texts);
                prop_assert_eq!(counts, model.page(page, run));
                let after = read(&stored);
                check(&settings, &model, &after)?;
                check_kept(&model, &before, &after)?;
                before = after;
            }
        }
        prop_assert_eq!(stored.rows("PRAGMA integrity_check"), ["'ok'"]);

        // The same content once more: not one row is written.
        stored.begin().expect("the run begins");
        let again: Vec<String> = model.rows.values().map(|row| record(&settings, &row.fields)).collect();
        for page in again.chunks(3) {
            prop_assert_eq!(stored.stored(page).unchanged, page.len() as u64);
        }
        let after = read(&stored);
        prop_assert_eq!(before.rows, after.rows);
        prop_assert_eq!(before.writes, after.writes);
    }
}

/// A record made anew of its fields.
fn record(settings: &Settings, fields: &BTreeMap<Keys, Json>) -> String {
    fn put(members: &mut Vec<(String, Json)>, keys: &[String], value: &Json) {
        let Some((key, below)) = keys.split_first() else { return };
        if below.is_empty() {
            members.push((key.clone(), value.clone()));
            return;
        }
        let place = members.iter().position(|(other, _)| other == key).unwrap_or_else(|| {
            members.push((key.clone(), Json::Object(Vec::new())));
            members.len() - 1
        });
        if let Some((_, Json::Object(members))) = members.get_mut(place) {
            put(members, below, value);
        }
    }
    let mut members = Vec::new();
    for (keys, value) in fields {
        put(&mut members, keys, value);
    }
    members.push((settings.exclude.to_owned(), Json::Text("another one each time".into())));
    Json::Object(members).text()
}

fn read(stored: &Stored) -> Table {
    let connection = stored.connection();
    let mut statement = connection
        .prepare("SELECT column_name, json_path, type, json_types, key_part FROM _sync_columns WHERE endpoint = ?")
        .expect("the columns are told of");
    let columns: Vec<Column> = statement
        .query_map([TABLE], |row| {
            let json_path: String = row.get(1)?;
            let json_types: String = row.get(3)?;
            Ok(Column {
                name: row.get(0)?,
                keys: keys_of(&json_path),
                declared: row.get(2)?,
                json_types: json_types
                    .split(',')
                    .filter(|kind| !kind.is_empty())
                    .map(str::to_owned)
                    .collect(),
                key_part: row.get(4)?,
            })
        })
        .and_then(Iterator::collect)
        .expect("the columns can be read");
    let mut statement = connection
        .prepare("SELECT _rowid_ AS _rowid_, * FROM records")
        .expect("the table is there");
    let names: Vec<String> =
        statement.column_names().iter().map(|name| (*name).to_owned()).collect();
    let rows: Vec<Row> = statement
        .query_map([], |row| {
            names.iter().enumerate().map(|(at, name)| Ok((name.clone(), row.get(at)?))).collect()
        })
        .and_then(Iterator::collect)
        .expect("the rows can be read");
    let count = rows.len();
    let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (key_of(&columns, &row), row)).collect();
    assert_eq!(rows.len(), count, "no key is there twice");
    let writes = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'audit'",
        [],
        |row| row.get(0),
    );
    let writes = match writes {
        Ok(1) => connection.query_row("SELECT count(*) FROM audit", [], |row| row.get(0)),
        other => other,
    };
    let mut statement =
        connection.prepare("SELECT record FROM _sync_rejects").expect("the rejects are there");
    let rejects = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect);
    Table {
        columns,
        rows,
        writes: writes.expect("the audit can be read"),
        rejects: rejects.expect("the rejects can be read"),
    }
}

fn key_of(columns: &[Column], row: &Row) -> Vec<String> {
    let mut key: Vec<&Column> = columns.iter().filter(|column| column.key_part.is_some()).collect();
    key.sort_by_key(|column| column.key_part);
    key.iter()
        .map(|column| match (&*column.declared, &row[&column.name]) {
            ("BOOLEAN", Value::Integer(value)) => (*value == 1).to_string(),
            (_, Value::Integer(value)) => value.to_string(),
            (_, Value::Real(value)) => key_text(&Json::Number(format!("{value:?}"))),
            (_, Value::Text(text)) => text.clone(),
            (_, value) => panic!("{value:?} in a key"),
        })
        .collect()
}

/// Every row, every value, every column.
fn check(settings: &Settings, model: &Model, table: &Table) -> Result<(), TestCaseError> {
    let paths: BTreeSet<&Keys> = table.columns.iter().map(|column| &column.keys).collect();
    let with_key = model.sent.keys().chain(
        table.columns.iter().filter(|column| column.key_part.is_some()).map(|column| &column.keys),
    );
    prop_assert_eq!(paths, with_key.collect::<BTreeSet<_>>());
    for column in &table.columns {
        let Some(sent) = model.sent.get(&column.keys) else { continue };
        let kinds: BTreeSet<String> = sent.kinds.iter().map(|&kind| kind.to_owned()).collect();
        prop_assert_eq!(&column.json_types, &kinds);
        prop_assert!(
            sent.is_narrowest(&column.declared) || column.keys == [settings.json],
            "{:?} for {:?}",
            column,
            sent
        );
    }
    prop_assert_eq!(table.rows.keys().collect::<Vec<_>>(), model.rows.keys().collect::<Vec<_>>());
    for (key, row) in &table.rows {
        let expected = &model.rows[key];
        prop_assert_eq!(&row["_run_id"], &Value::Integer(expected.run));
        prop_assert_eq!(&row["_deleted_at"], &Value::Null);
        for column in &table.columns {
            let value = &row[&column.name];
            let sent = expected.fields.get(&column.keys);
            let is_same = if column.keys == [settings.json] {
                *value == sent.map_or(Value::Null, |sent| Value::Text(sent.text()))
            } else {
                is_as_sent(sent, &column.declared, value)
            };
            prop_assert!(
                is_same,
                "{:?} of {:?} is {:?}, but was sent as {:?}",
                column,
                key,
                value,
                sent
            );
        }
        prop_assert_eq!(row.len(), 1 + table.columns.len() + BOOKKEEPING.len());
    }
    prop_assert_eq!(table.writes, model.writes());
    prop_assert_eq!(&table.rejects, &model.rejects);
    Ok(())
}

/// Whether a column of this declared type holds a value as it was sent, in the storage that the type promises.
fn is_as_sent(sent: Option<&Json>, declared: &str, stored: &Value) -> bool {
    let same = |token: &str, stored: &str| Decimal::read(token) == Decimal::read(stored);
    match (sent, declared, stored) {
        (None, _, Value::Null) => true,
        (Some(Json::Boolean(sent)), "BOOLEAN", Value::Integer(value)) => *value == i64::from(*sent),
        (Some(Json::Number(token)), "INTEGER", Value::Integer(value)) => {
            same(token, &value.to_string())
        }
        (Some(Json::Number(token)), "REAL", Value::Real(value)) => {
            same(token, &format!("{value:?}"))
        }
        (Some(Json::Number(token)), "TEXT", Value::Text(text)) => same(token, text),
        (Some(Json::Text(sent)), "TEXT", Value::Text(text)) => sent == text,
        (Some(sent @ (Json::Boolean(_) | Json::Array(_))), "TEXT", Value::Text(text)) => {
            sent.text() == *text
        }
        _ => false,
    }
}

/// What must not change from page to page: row ids, the first time seen, and all of a row that is not written.
fn check_kept(model: &Model, before: &Table, after: &Table) -> Result<(), TestCaseError> {
    for (key, was) in &before.rows {
        let is = after.rows.get(key);
        prop_assert!(is.is_some(), "the row {:?} is gone", key);
        let is = is.expect("asserted above");
        prop_assert_eq!(&was["_rowid_"], &is["_rowid_"]);
        prop_assert_eq!(&was["_first_seen_at"], &is["_first_seen_at"]);
        if was["_hash"] == is["_hash"] {
            prop_assert_eq!(&was["_changed_at"], &is["_changed_at"]);
        }
        prop_assert!(model.rows.contains_key(key));
    }
    for column in &before.columns {
        let now = after.columns.iter().find(|other| other.keys == column.keys);
        prop_assert!(now.is_some_and(|now| now.name == column.name), "{:?} is gone", column);
    }
    Ok(())
}
