//! Personal data that must not be stored: the files' own bytes are searched for it.

mod drift;
mod extra;
mod own;
mod sequences;
mod settings;
mod traces;

use std::{
    fs,
    sync::{Arc, Mutex},
};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Finished, Sandbox};

/// A secret for hashes.
const KEY: &str = "a-key-for-the-tests-of-hashes";

/// A part of every value that must not be found.
const PLANTED: &str = "planted";

/// So many records that the table has hundreds of pages, some of which become free.
const MANY: usize = 3000;

/// An API with a list of people that a test can change, and a folder to sync it into.
struct Registry {
    records: Arc<Mutex<Vec<Value>>>,
    _api: Api,
    url: String,
    sandbox: Sandbox,
}

impl Registry {
    fn new(records: Vec<Value>) -> Self {
        let records = Arc::new(Mutex::new(records));
        let served = Arc::clone(&records);
        let api = Api::serve(move |_| {
            let records = served.lock().expect("no test panics while it holds this");
            Answer::json(Value::from(records.clone()).to_string())
        });
        let (url, sandbox) = (api.url(), Sandbox::new());
        Self { records, url, _api: api, sandbox }
    }

    /// Lets the API return other records from now on.
    fn returns(&self, records: Vec<Value>) {
        *self.records.lock().expect("no test panics while it holds this") = records;
    }

    /// Sets the endpoint's transforms.
    fn configure(&mut self, lines: &str) {
        let key = if lines.starts_with("key") { "" } else { "key = [\"id\"]\n" };
        let endpoint = format!(
            "[[endpoint]]\nname = \"users\"\npath = \"/users\"\non_missing = \"keep\"\n{key}{lines}\n"
        );
        self.sandbox.write(
            "config.toml",
            &format!(
                "[api]\nbase_url = \"{0}\"\ntoken_url = \"{0}/token\"\n[rate_limit]\nrequests = 0\n{endpoint}\n\
                 [[job]]\nname = \"all\"\nschedule = \"* * * * * *\"\nendpoints = [\"users\"]\n",
                self.url
            ),
        );
        self.sandbox.set("MAPIQ_HASH_KEY", KEY);
    }

    /// Runs the job with these transforms.
    #[track_caller]
    fn run(&mut self, lines: &str) -> Finished {
        self.configure(lines);
        self.sandbox.run(&["--run-now"])
    }

    /// Another program's connection: with one open, the log stays behind when the program ends.
    fn connection(&self) -> Connection {
        Connection::open(self.sandbox.database()).expect("the database can be opened")
    }

    /// The database's file and its log.
    fn bytes(&self) -> String {
        let mut bytes = fs::read(self.sandbox.database()).expect("the database can be read");
        bytes.extend(fs::read(self.sandbox.path().join("mapiq.db-wal")).unwrap_or_default());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Fails where a planted value is in the file or its log.
    #[track_caller]
    fn expect_gone(&self) {
        let bytes = self.bytes();
        if let Some(at) = bytes.find(PLANTED) {
            let near: String = bytes.get(at..).unwrap_or_default().chars().take(60).collect();
            panic!("a planted value is still there: {near:?}");
        }
    }
}

/// A person with planted values in every form.
fn person(id: usize) -> Value {
    json!({
        "id": id,
        "email": format!("{PLANTED}-{id}@example.org"),
        "badge": 1000 + id,
        "host": id.is_multiple_of(2),
        "home": { "street": format!("{PLANTED} street {id}"), "city": "Rotterdam" },
        "guests": [{ "email": format!("{PLANTED}-guest-{id}@example.org"), "seat": id }, { "email": null }],
        "tags": [format!("{PLANTED} tag")],
        "filler": "x".repeat(60),
    })
}

fn people(count: usize) -> Vec<Value> {
    (1..=count).map(person).collect()
}

/// People, and two records that cannot be stored.
fn people_and_rejects() -> Vec<Value> {
    let mut records = people(MANY);
    for id in [json!(null), json!([7])] {
        let mut record = person(1);
        record["id"] = id;
        records.push(record);
    }
    records
}

const EXCLUDE: &str = r#"exclude = ["email", "home.street", "guests[].email", "tags"]"#;

const HASH: &str =
    r#"hash = ["email", "badge", "host", "home", "guests[].email", "tags", "filler"]"#;

#[test]
fn what_is_excluded_and_hashed_from_the_start_is_nowhere() {
    let mut registry = Registry::new(people_and_rejects());
    let settings = "exclude = ['home.street', 'tags']\nhash = ['email', 'guests[].email']";
    registry.configure(settings);
    registry.sandbox.run(&["--run-now"]).expect_status(65);
    registry.expect_gone();
    let emails = "SELECT count(DISTINCT email) FROM users WHERE length(email) = 32 AND email NOT GLOB '*[^0-9a-f]*'";
    assert_eq!(registry.sandbox.count(emails), i64::try_from(MANY).expect("it is small"));

    // The log of a program that is still running, or was killed, as well.
    let _open = registry.connection();
    registry.returns(people(MANY).into_iter().rev().skip(5).collect());
    registry.run(&format!("{settings}\njson = ['home']")).expect_status(0);
    registry.expect_gone();
}

#[test]
fn what_is_excluded_later_is_removed_from_the_file_and_its_log() {
    const ROWS: &str =
        "SELECT _rowid_, id, badge, home_city, _first_seen_at FROM users ORDER BY _rowid_";
    let mut registry = Registry::new(people_and_rejects());
    registry.run("").expect_status(65);
    let open = registry.connection();
    // Sparse row ids, as a table has where rows were deleted.
    open.execute_batch("DELETE FROM users WHERE id % 7 = 0").expect("the database can be written");
    assert!(registry.bytes().contains(PLANTED));
    let rows = registry.sandbox.lines(ROWS);

    registry.returns(vec![person(1)]);
    let told = registry.run(EXCLUDE).expect_status(0).stderr;
    assert!(
        told.contains(
            "users  removed from what is stored: dropped email, home_street, tags; rewritten guests; \
             rewritten 2 of `_sync_rejects`"
        ),
        "{told}"
    );
    assert!(!told.contains("came twice"), "{told}");
    registry.expect_gone();
    assert_eq!(registry.sandbox.lines(ROWS), rows);
    // A hash of what is gone would let it be guessed; only the row that came again has one.
    assert_eq!(registry.sandbox.lines("SELECT id FROM users WHERE _hash <> zeroblob(16)"), ["1"]);
    assert_eq!(
        registry.sandbox.lines("SELECT DISTINCT guests FROM users WHERE id = 2"),
        [r#"[{"seat":2},{}]"#]
    );
    assert_eq!(
        registry.sandbox.lines("SELECT column_name FROM _sync_columns ORDER BY rowid"),
        ["id", "badge", "filler", "guests", "home_city", "host"]
    );
    assert_eq!(registry.sandbox.lines("PRAGMA integrity_check"), ["ok"]);

    // The row that came again was written once more, and none after it.
    registry.run(EXCLUDE).expect_status(0);
    let changed = "SELECT group_concat(rows_changed) FROM (SELECT rows_changed FROM _sync_endpoint_runs ORDER BY run_id)";
    assert_eq!(registry.sandbox.lines(changed), ["0,1,0"]);
}

#[test]
fn what_is_hashed_later_has_the_hash_that_a_record_would_bring() {
    const ROWS: &str = "SELECT id, email, badge, host, home, guests, tags, filler FROM users WHERE id <> 2 ORDER BY id";
    let mut fresh = Registry::new(people(MANY));
    fresh.run(HASH).expect_status(0);
    fresh.expect_gone();

    let mut registry = Registry::new(people_and_rejects());
    registry.run("").expect_status(65);
    // Only one comes again; the others are hashed in their place.
    registry.returns(vec![person(1)]);
    registry.run(HASH).expect_status(0);
    registry.expect_gone();
    // The object was stored field by field, of which the hash of the whole cannot be made.
    assert_eq!(
        registry.sandbox.lines("SELECT count(*), count(home) FROM users"),
        [format!("{MANY}|1")]
    );
    let stored = registry.sandbox.lines(&ROWS.replace("home,", ""));
    assert_eq!(stored, fresh.sandbox.lines(&ROWS.replace("home,", "")));

    registry.returns(people(MANY));
    registry.run(HASH).expect_status(0);
    assert_eq!(registry.sandbox.lines(ROWS), fresh.sandbox.lines(ROWS));
    // A value is hashed once.
    registry.run(HASH).expect_status(0);
    assert_eq!(registry.sandbox.lines(ROWS), fresh.sandbox.lines(ROWS));
}

#[test]
fn values_that_were_overwritten_before_are_gone_too() {
    let mut registry = Registry::new(people(MANY));
    registry.run("").expect_status(0);
    let mut moved = people(MANY);
    for record in &mut moved {
        let id = record["id"].clone();
        record["email"] = json!(format!("moved-{PLANTED}-{id}@example.org"));
    }
    registry.returns(moved);
    registry.run("").expect_status(0);
    registry.returns((1..=MANY).map(|id| json!({ "id": id, "filler": "y" })).collect());
    registry.run("").expect_status(0);
    // No row has such a value any more, but the free space of the file has.
    assert_eq!(registry.sandbox.count("SELECT count(email) FROM users"), 0);
    assert!(registry.bytes().contains(PLANTED));

    registry.run(EXCLUDE).expect_status(0);
    registry.expect_gone();
}

#[test]
fn while_a_reader_keeps_an_earlier_state_it_is_said_and_tried_again() {
    let mut registry = Registry::new(people(MANY));
    registry.run("").expect_status(0);
    let reader = registry.connection();
    reader.execute_batch("BEGIN; SELECT count(*) FROM users;").expect("the database can be read");

    registry
        .run(EXCLUDE)
        .expect_status(0)
        .expect_stderr("removed values are still in the database's file or its log");
    assert!(registry.bytes().contains(PLANTED));
    // The reader sees what it began to read, whole.
    let seen: i64 = reader
        .query_row("SELECT count(email) FROM users", [], |row| row.get(0))
        .expect("the reader goes on");
    assert_eq!(seen, i64::try_from(MANY).expect("it is small"));

    reader.execute_batch("COMMIT").expect("the reader ends");
    let told = registry.run(EXCLUDE).expect_status(0).stderr;
    assert!(!told.contains("removed"), "{told}");
    registry.expect_gone();
    assert_eq!(registry.sandbox.count("SELECT count(*) FROM _sync_erasure"), 0);
}

#[test]
fn what_is_no_longer_excluded_comes_back_with_the_next_run() {
    let mut registry = Registry::new(people(3));
    registry.run(EXCLUDE).expect_status(0);
    registry.run("").expect_status(0);
    assert_eq!(registry.sandbox.count("SELECT count(email) FROM users"), 3);
    registry.run(EXCLUDE).expect_status(0);
    registry.expect_gone();
}
