//! Tables whose records change their shape from page to page and from run to run, through the real binary.

mod drift;
mod rebuilt;
mod vanished;
mod wide;

use std::sync::{Arc, Mutex};

use rusqlite::types::Value;

use crate::support::{Answer, Api, Finished, Sandbox};

/// An endpoint of one page that says what it is told to, and the program's folder.
struct Endpoint {
    body: Arc<Mutex<String>>,
    _api: Api,
    sandbox: Sandbox,
}

impl Endpoint {
    /// Names the endpoint `records`; `key` is as the configuration has it.
    fn new(key: &str) -> Self {
        let body = Arc::new(Mutex::new("[]".to_owned()));
        let served = Arc::clone(&body);
        let api = Api::serve(move |_| {
            Answer::json(served.lock().expect("nobody panics with it").clone())
        });
        let endpoint =
            format!("[[endpoint]]\nname = \"records\"\npath = \"/records\"\nkey = {key}\n");
        let sandbox = Sandbox::with_api(&api.url(), &endpoint);
        Self { body, _api: api, sandbox }
    }

    /// Has the API send these records from now on.
    fn send<R: AsRef<str>>(&self, records: &[R]) {
        let records: Vec<&str> = records.iter().map(AsRef::as_ref).collect();
        *self.body.lock().expect("nobody panics with it") = format!("[{}]", records.join(","));
    }

    /// Sends these records in a run that must end well.
    #[track_caller]
    fn sync<R: AsRef<str>>(&self, records: &[R]) -> Finished {
        self.send(records);
        self.sandbox.run(&["--run-now"]).expect_status(0)
    }

    /// How many rows the last run has added, changed and left alone.
    fn counts(&self) -> (i64, i64, i64) {
        let count = |what: &str| {
            self.sandbox.count(&format!(
                "SELECT rows_{what} FROM _sync_endpoint_runs ORDER BY run_id DESC LIMIT 1"
            ))
        };
        (count("new"), count("changed"), count("unchanged"))
    }

    /// The values of a query's only column, as SQL spells them.
    #[track_caller]
    fn values(&self, sql: &str) -> Vec<String> {
        let spelled = |row: Vec<Value>| match row.into_iter().next() {
            Some(Value::Integer(value)) => value.to_string(),
            Some(Value::Real(value)) => format!("{value:?}"),
            Some(Value::Text(text)) => format!("'{text}'"),
            Some(Value::Null) | None => "NULL".to_owned(),
            Some(Value::Blob(bytes)) => format!("{bytes:02x?}"),
        };
        self.sandbox.query(sql).into_iter().map(spelled).collect()
    }

    /// The declared type of a column.
    #[track_caller]
    fn declared(&self, column: &str) -> String {
        let sql = "SELECT name || ' ' || type FROM pragma_table_info('records')";
        let columns = self.sandbox.lines(sql);
        let found = columns.iter().find_map(|told| told.strip_prefix(column)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no column {column} in {columns:?}")).to_owned()
    }
}

#[test]
fn a_field_that_first_comes_on_page_300_gets_its_column_there() {
    const PAGES: usize = 305;
    let api = Api::serve(|asked| {
        let page = asked.number("page");
        let late =
            if page >= 300 { format!(r#","late":{{"at":"{page}"}}"#) } else { String::new() };
        let records = [2 * page, 2 * page + 1].map(|id| format!(r#"{{"id":{id},"v":1{late}}}"#));
        if page <= PAGES {
            Answer::json(format!("[{}]", records.join(",")))
        } else {
            Answer::json("[]")
        }
    });
    let sandbox = Sandbox::with_api(
        &api.url(),
        "[[endpoint]]\nname = \"records\"\npath = \"/records\"\nkey = [\"id\"]\n\
         pagination = { style = \"page\", page_param = \"page\", size_param = \"size\", size = 2 }\n",
    );
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(
        sandbox.lines("SELECT count(*), count(v), count(late_at), min(late_at) FROM records"),
        ["610|610|12|300"]
    );
    assert_eq!(
        sandbox.count("SELECT count(*) FROM records WHERE late_at IS NULL AND id < 600"),
        598
    );

    // The column that was added changes no row's content.
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(
        sandbox.lines("SELECT rows_new, rows_changed, rows_unchanged FROM _sync_endpoint_runs"),
        ["610|0|0", "0|0|610"]
    );
}

/// A field, what three runs send for it one record each, and what its column is and holds after each of them.
type Growth = (&'static str, [(&'static str, &'static str, &'static [&'static str]); 3]);

const GROWTHS: [Growth; 8] = [
    (
        "fraction",
        [
            ("1", "INTEGER", &["1"]),
            ("0.5", "REAL", &["1.0", "0.5"]),
            ("\"x\"", "TEXT", &["'1'", "'0.5'", "'x'"]),
        ],
    ),
    (
        "padded",
        [
            ("7", "INTEGER", &["7"]),
            ("\"007\"", "TEXT", &["'7'", "'007'"]),
            ("[1.0,null]", "TEXT", &["'7'", "'007'", "'[1.0,null]'"]),
        ],
    ),
    (
        "flag",
        [
            ("true", "BOOLEAN", &["1"]),
            ("1", "TEXT", &["'true'", "'1'"]),
            ("\"yes\"", "TEXT", &["'true'", "'1'", "'yes'"]),
        ],
    ),
    (
        "exact",
        [
            ("9007199254740993", "INTEGER", &["9007199254740993"]),
            ("0.5", "TEXT", &["'9007199254740993'", "'0.5'"]),
            ("false", "TEXT", &["'9007199254740993'", "'0.5'", "'false'"]),
        ],
    ),
    (
        "large",
        [
            ("0.1", "REAL", &["0.1"]),
            ("9223372036854775808", "TEXT", &["'0.1'", "'9223372036854775808'"]),
            ("1e400", "TEXT", &["'0.1'", "'9223372036854775808'", "'1e400'"]),
        ],
    ),
    (
        "list",
        [
            ("[{\"a\":1}]", "TEXT", &["'[{\"a\":1}]'"]),
            ("2", "TEXT", &["'[{\"a\":1}]'", "'2'"]),
            ("\"x\"", "TEXT", &["'[{\"a\":1}]'", "'2'", "'x'"]),
        ],
    ),
    // As an object it has columns of other names, and this one is NULL.
    (
        "sometimes",
        [
            ("5", "INTEGER", &["5"]),
            ("{\"inner\":6}", "INTEGER", &["5", "NULL"]),
            ("0.5", "REAL", &["5.0", "NULL", "0.5"]),
        ],
    ),
    (
        "later_inner",
        [
            ("{\"inner\":1}", "INTEGER", &["1"]),
            ("\"scalar\"", "INTEGER", &["1", "NULL"]),
            ("{\"inner\":\"x\"}", "TEXT", &["'1'", "NULL", "'x'"]),
        ],
    ),
];

#[test]
fn a_field_whose_type_changes_twice_keeps_every_value_as_it_was_sent() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    let mut records: Vec<String> = Vec::new();
    for run in 0..3 {
        let fields = GROWTHS.map(|(column, sent)| {
            // `later_inner` is the column of what is within `later`.
            let field = column.strip_suffix("_inner").unwrap_or(column);
            format!(r#","{field}":{}"#, sent[run].0)
        });
        records.push(format!(r#"{{"id":{run}{}}}"#, fields.concat()));
        endpoint.sync(&records);
        for (column, sent) in &GROWTHS {
            let (_, declared, values) = sent[run];
            assert_eq!(endpoint.declared(column), declared, "{column} in run {run}");
            let stored = endpoint.values(&format!("SELECT {column} FROM records ORDER BY id"));
            assert_eq!(stored, values, "{column} in run {run}");
        }
    }
    assert_eq!(
        endpoint.values("SELECT sometimes_inner FROM records ORDER BY id"),
        ["NULL", "6", "NULL"]
    );
    assert_eq!(
        endpoint.values("SELECT later FROM records ORDER BY id"),
        ["NULL", "'scalar'", "NULL"]
    );
    // Neither the new columns nor the new types are changes of a row.
    endpoint.sync(&records);
    assert_eq!(endpoint.counts(), (0, 0, 3));
}

#[test]
fn a_key_of_three_parts_one_of_them_nested_takes_its_types_when_the_first_rows_come() {
    const KEY: &str =
        "SELECT name || ' ' || type FROM pragma_table_info('records') WHERE pk > 0 ORDER BY pk";
    let endpoint = Endpoint::new(r#"["site.code", "number", "day"]"#);
    endpoint.sync::<&str>(&[]);
    assert_eq!(endpoint.sandbox.lines(KEY), ["site_code TEXT", "number TEXT", "day TEXT"]);
    assert_eq!(endpoint.counts(), (0, 0, 0));

    let record = |site: &str, number: &str, day: &str, v: u8| {
        format!(r#"{{"v":{v},"day":"{day}","number":{number},"site":{{"code":"{site}"}}}}"#)
    };
    let mut records = vec![
        record("A", "1", "2026-01-01", 1),
        record("A", "1", "2026-01-02", 2),
        record("A", "2", "2026-01-01", 3),
        record("B", "1", "2026-01-01", 4),
    ];
    endpoint.sync(&records);
    assert_eq!(endpoint.sandbox.lines(KEY), ["site_code TEXT", "number INTEGER", "day TEXT"]);
    assert_eq!(endpoint.counts(), (4, 0, 0));

    // The parts tell rows apart together, and each may yet change its type.
    records[2] = record("A", "2", "2026-01-01", 5);
    records.push(record("A", "\"01\"", "2026-01-01", 6));
    records.push(r#"{"v":7,"day":"2026-01-01","number":1,"site":{}}"#.to_owned());
    endpoint.send(&records);
    endpoint.sandbox.run(&["--run-now"]);
    assert_eq!(endpoint.counts(), (1, 1, 3));
    assert_eq!(endpoint.sandbox.lines(KEY), ["site_code TEXT", "number TEXT", "day TEXT"]);
    assert_eq!(
        endpoint
            .sandbox
            .lines("SELECT site_code, number, day, v FROM records ORDER BY site_code, number, day"),
        [
            "A|01|2026-01-01|6",
            "A|1|2026-01-01|1",
            "A|1|2026-01-02|2",
            "A|2|2026-01-01|5",
            "B|1|2026-01-01|4"
        ]
    );
    assert_eq!(
        endpoint.sandbox.lines("SELECT reason FROM _sync_rejects"),
        ["key part `site.code` is missing"]
    );
}

#[test]
fn keys_that_are_numbers_tell_rows_apart_by_value_whatever_other_keys_come() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    let record = |id: &str| format!(r#"{{"id":{id},"sent":{}}}"#, serde_json::Value::from(id));
    let mut keys = vec!["-9223372036854775808", "9223372036854775807", "1", "0"];
    endpoint.sync(&keys.iter().map(|key| record(key)).collect::<Vec<_>>());
    assert_eq!(endpoint.declared("id"), "INTEGER");
    assert_eq!(
        endpoint.values("SELECT id FROM records ORDER BY id"),
        ["-9223372036854775808", "0", "1", "9223372036854775807"]
    );

    // 1.0 and -0 are the rows of 1 and 0, sent in another way; 2^63 is one more than any INTEGER.
    keys.extend(["1.0", "-0", "9223372036854775808", "\"007\"", "7", "2.50"]);
    endpoint.sync(&keys.iter().map(|key| record(key)).collect::<Vec<_>>());
    assert_eq!(endpoint.counts(), (4, 4, 2));
    assert_eq!(endpoint.declared("id"), "TEXT");
    assert_eq!(
        endpoint.sandbox.lines("SELECT id, sent FROM records ORDER BY _first_seen_at, sent"),
        [
            "0|-0",
            "-9223372036854775808|-9223372036854775808",
            "1|1.0",
            "9223372036854775807|9223372036854775807",
            "007|\"007\"",
            "2.5|2.50",
            "7|7",
            "9223372036854775808|9223372036854775808",
        ]
    );
}

/// A database of the first version tells a column by its name, and knows of no fields without one.
#[test]
fn what_the_first_version_knew_of_its_columns_is_taken_over() {
    const COLUMNS: &str = "SELECT * FROM _sync_columns ORDER BY _rowid_";
    let endpoint = Endpoint::new(r#"["id"]"#);
    let records = [r#"{"id":1,"b":1,"a":{"c":"x"}}"#];
    endpoint.sync(&records);
    let columns = endpoint.sandbox.lines(COLUMNS);
    let first = include_str!("../../migrations/0001_bookkeeping.sql");
    let table =
        first.split("CREATE TABLE _sync_columns ").nth(1).and_then(|sql| sql.split(");").next());
    let table = table.expect("the first migration makes the table");
    rusqlite::Connection::open(endpoint.sandbox.database())
        .expect("the database can be opened")
        .execute_batch(&format!(
            "CREATE TABLE first {table}); INSERT INTO first SELECT * FROM _sync_columns; DROP TABLE _sync_columns;
            ALTER TABLE first RENAME TO _sync_columns; DELETE FROM _sync_migrations WHERE version = 5;"
        ))
        .expect("the SQL is valid");

    endpoint.sync(&records);
    assert_eq!(endpoint.counts(), (0, 0, 1));
    assert_eq!(endpoint.sandbox.lines(COLUMNS), columns);
    endpoint.sync(&[r#"{"id":1,"b":0.5,"a":{"c":"x"},"d":1}"#]);
    assert_eq!(endpoint.sandbox.lines("SELECT b, a_c, d FROM records"), ["0.5|x|1"]);
}
