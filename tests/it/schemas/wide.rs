//! Records of more fields than a table has columns.

use std::collections::BTreeMap;

use super::Endpoint;
use crate::{
    stored::{Stored, keyed},
    support::Sandbox,
};

/// Data columns that a table gets by itself, the key's one included.
const ROOM: usize = 1900;

/// Members `prefix0`, `prefix1`, … with a value each.
fn members(prefix: &str, count: usize, value: impl Fn(usize) -> String) -> String {
    let member = |field| format!(r#","{prefix}{field}":{}"#, value(field));
    (0..count).map(member).collect::<Vec<_>>().concat()
}

fn record(id: u32, members: &str) -> String {
    format!(r#"{{"id":{id}{members}}}"#)
}

/// Every field of a row that is not null, as JSON: each is looked for where `_sync_columns` says that it is.
fn fields(sandbox: &Sandbox, id: u32) -> BTreeMap<String, serde_json::Value> {
    let connection = rusqlite::Connection::open(sandbox.database()).expect("it can be opened");
    let mut statement = connection
        .prepare(
            "SELECT json_path, column_name, type FROM _sync_columns WHERE endpoint = 'records'",
        )
        .expect("the columns are told of");
    let columns: Vec<(String, String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .and_then(Iterator::collect)
        .expect("the columns can be read");
    let mut statement =
        connection.prepare("SELECT * FROM records WHERE id = ?").expect("the table is there");
    statement
        .query_row([id], |row| {
            let mut fields = BTreeMap::new();
            for (json_path, column, declared) in &columns {
                let value = match row.get(column.as_str())? {
                    rusqlite::types::Value::Integer(value) => value.into(),
                    rusqlite::types::Value::Real(value) => value.into(),
                    rusqlite::types::Value::Text(text) if declared == "JSON" => {
                        let object: serde_json::Value =
                            serde_json::from_str(&text).expect("the column holds JSON");
                        object.get(json_path).cloned().unwrap_or_default()
                    }
                    rusqlite::types::Value::Text(text) => text.into(),
                    _ => serde_json::Value::Null,
                };
                if !value.is_null() {
                    fields.insert(json_path.clone(), value);
                }
            }
            Ok(fields)
        })
        .expect("the row is there")
}

/// A flat record's fields that are not null.
fn sent(record: &str) -> BTreeMap<String, serde_json::Value> {
    let fields: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(record).expect("the test's JSON is valid");
    fields.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

#[test]
fn fields_beyond_the_last_column_are_kept_as_json_and_told_of() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    let width = "SELECT count(*) FROM pragma_table_info('records')";
    let json = "SELECT count(*) FROM _sync_columns WHERE column_name = '_extra' AND type = 'JSON'";
    let first = record(1, &members("f", 2000, |field| field.to_string()));
    endpoint.sync(&[&first]).expect_stderr("the table has no room for more columns");
    assert_eq!(endpoint.sandbox.count(width), 1906);
    assert_eq!(endpoint.sandbox.count(json), 101);
    assert_eq!(fields(&endpoint.sandbox, 1), sent(&first));
    assert_eq!(
        endpoint.sandbox.lines("SELECT _extra ->> '$.f1999', json_types FROM records, _sync_columns WHERE json_path = 'f1999'"),
        ["1999|number"]
    );

    // The same again: not a row is written, and nobody is told again.
    let again = endpoint.sync(&[&first]);
    assert!(!again.stderr.contains("no room"), "{}", again.stderr);
    assert_eq!(endpoint.counts(), (0, 0, 1));

    let second = record(2, &members("g", 3000, |field| format!(r#""{field}""#)));
    endpoint.sync(&[&first, &second]);
    assert_eq!(endpoint.counts(), (1, 0, 1));
    assert_eq!(endpoint.sandbox.count(width), 1906);
    assert_eq!(endpoint.sandbox.count(json), 3101);
    assert_eq!(fields(&endpoint.sandbox, 1), sent(&first));
    assert_eq!(fields(&endpoint.sandbox, 2), sent(&second));

    // What is no longer sent is gone from there too, and a row with nothing there has NULL.
    let first = record(1, &members("f", 1950, |field| format!("{field}.5")));
    let second = record(2, r#","f0":1,"g0":null,"f1990":[null,1.50]"#);
    let third = record(3, r#","f1":2"#);
    endpoint.sync(&[&first, &second, &third]);
    assert_eq!(endpoint.counts(), (1, 2, 0));
    assert_eq!(fields(&endpoint.sandbox, 1), sent(&first));
    assert_eq!(
        endpoint.sandbox.lines("SELECT _extra FROM records WHERE id > 1 ORDER BY id"),
        [r#"{"f1990":[null,1.50]}"#, ""]
    );
    assert_eq!(
        endpoint
            .sandbox
            .lines("SELECT type, json_types FROM _sync_columns WHERE json_path = 'f1990'"),
        ["JSON|array,number"]
    );
    assert_eq!(endpoint.sandbox.count(width), 1906);
}

#[test]
fn of_5000_fields_of_a_first_record_none_is_lost_and_those_without_a_column_stand_as_sent() {
    let tokens =
        ["1.50", "9223372036854775808", "1e400", "true", r#""ü\"\\""#, r#"[1.0,{"a":null}]"#];
    let endpoint = Endpoint::new(r#"["number", "site.code"]"#);
    let value = |field: usize| tokens[field % tokens.len()].to_owned();
    let sent = members("f", 5000, value);
    // The key has its columns, wherever it stands.
    endpoint.sync(&[format!(r#"{{"a":1{sent},"number":1,"site":{{"code":"x"}}}}"#)]);
    assert_eq!(endpoint.sandbox.lines("SELECT number, site_code FROM records"), ["1|x"]);
    let columns = ROOM - 3;
    let expected: Vec<String> =
        (columns..5000).map(|field| format!(r#""f{field}":{}"#, value(field))).collect();
    let stored = endpoint.sandbox.lines("SELECT _extra FROM records");
    assert_eq!(stored, [format!("{{{}}}", expected.join(","))]);
    assert_eq!(
        endpoint.sandbox.lines("SELECT f0, f1, f3 FROM records"),
        ["1.5|9223372036854775808|1"]
    );
    assert_eq!(endpoint.sandbox.count("SELECT count(*) FROM _sync_columns"), 5003);
}

#[test]
fn names_that_differ_in_case_alone_stay_apart_beyond_the_last_column() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[record(1, &members("f", ROOM - 2, |_| "1".into()))]);
    // One has the last column, the others none.
    stored.stored(&[record(2, r#","Zone":1,"zone":2,"ZONE":3,"a":{"b":4},"a.b":5,"_extra":6"#)]);
    assert_eq!(
        stored.rows("SELECT zone, _extra FROM records WHERE id = 2"),
        [r#"1|'{"zone":2,"ZONE":3,"a.b":4,"\"a.b\"":5,"_extra":6}'"#]
    );
    assert_eq!(
        stored.rows(
            "SELECT json_path, column_name, type FROM _sync_columns ORDER BY _rowid_ DESC LIMIT 6"
        ),
        [
            "'_extra'|'_extra'|'JSON'",
            r#"'"a.b"'|'_extra'|'JSON'"#,
            "'a.b'|'_extra'|'JSON'",
            "'ZONE'|'_extra'|'JSON'",
            "'zone'|'_extra'|'JSON'",
            "'Zone'|'zone'|'INTEGER'",
        ]
    );
}

#[test]
fn a_wide_table_that_is_made_anew_keeps_what_has_no_column() {
    let mut stored = Stored::begun(keyed(&["id"]));
    let rows = ["1", "2"].map(|value| members("f", ROOM, |_| value.into()));
    stored.stored(&[record(1, &rows[0]), record(2, &rows[1])]);
    // Columns change their types, and what has none changes its type too.
    let text = members("f", ROOM, |field| format!(r#""{field}""#));
    stored.stored(&[record(3, &text)]);
    assert_eq!(
        stored.rows("SELECT id, f0, _extra FROM records ORDER BY id"),
        [r#"1|'1'|'{"f1899":1}'"#, r#"2|'2'|'{"f1899":2}'"#, r#"3|'0'|'{"f1899":"1899"}'"#]
    );
    assert_eq!(
        stored
            .rows("SELECT type, json_types FROM _sync_columns WHERE json_path IN ('f0', 'f1899')"),
        ["'TEXT'|'number,string'", "'JSON'|'number,string'"]
    );
    // Another process knows of it as well.
    let mut other = stored.another();
    other.begin().expect("the other's run begins");
    let rows = other.stored(&[record(3, &text), record(2, &rows[0])]);
    assert_eq!((rows.unchanged, rows.changed), (1, 1));
    assert_eq!(stored.rows("SELECT _extra FROM records WHERE id = 2"), [r#"'{"f1899":1}'"#]);
}

#[test]
fn the_column_makes_way_for_one_that_a_user_has_added() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[record(1, r#","_extra":0"#)]);
    stored.user("ALTER TABLE records ADD COLUMN _Extra DEFAULT 'mine'");
    stored.stored(&[record(2, &members("f", ROOM, |_| "1".into()))]);
    assert_eq!(
        stored.rows("SELECT _extra__2, _Extra, _extra__3 FROM records ORDER BY id"),
        ["0|'mine'|NULL", r#"NULL|'mine'|'{"f1898":1,"f1899":1}'"#]
    );
    stored.user("ALTER TABLE records DROP COLUMN _extra__3");
    let error = stored.page(&[record(3, "")]).expect_err("the column is missing");
    assert!(error.to_string().contains("no longer has the columns _extra__3"), "{error}");
}

/// The longest statement of such a page is several million characters long, and each value is a place in it.
#[test]
fn names_of_hundreds_of_characters_and_pages_of_hundreds_of_rows_stay_within_the_statements_limits()
{
    let mut stored = Stored::begun(keyed(&["id"]));
    let prefix = "x".repeat(300);
    let page: Vec<String> =
        (0..120).map(|id| record(id, &members(&prefix, 2000, |field| field.to_string()))).collect();
    assert_eq!(stored.stored(&page).new, 120);
    assert_eq!(
        stored.rows(&format!("SELECT count(*), count({prefix}1898), count(_extra) FROM records")),
        ["120|120|120"]
    );
    assert_eq!(stored.stored(&page).unchanged, 120);
}
