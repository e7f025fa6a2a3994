//! What is on record of fields that come and change, and what is told of it.

use std::sync::{Arc, Mutex};

use super::Endpoint;
use crate::{
    stored::{Stored, keyed},
    support::{Answer, Api, Sandbox},
};

const CHANGES: &str = "SELECT run_id, endpoint, change, json_path, column_name, before, after, example FROM _sync_schema_changes ORDER BY change_id";

/// The line of the summary that tells of the endpoint's fields, if there is one.
fn told(stderr: &str) -> Option<&str> {
    stderr.lines().filter(|line| line.starts_with("records: ")).find(|line| line.contains('`'))
}

#[test]
fn what_a_first_run_brings_is_no_change_and_what_comes_later_is_one() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    // Not even a table with a few columns changes by the first records: an empty endpoint has brought no field.
    for first in [&[][..], &[r#"{"id":1,"badge":7,"share":1,"on":{"day":"2026-06-01"}}"#]] {
        let run = endpoint.sync(first);
        assert_eq!((endpoint.sandbox.lines(CHANGES), told(&run.stderr)), (vec![], None));
    }

    let changed = [
        r#"{"id":1,"badge":7,"share":1,"on":{"day":"2026-06-01"}}"#,
        r#"{"id":2,"badge":"007","share":0.50,"on":{"day":"2026-06-02","floor":3},"tags":["a", "b"]}"#,
        r#"{"id":3,"badge":true,"on":{"floor":4},"tags":[]}"#,
    ];
    let run = endpoint.sync(&changed);
    let expected = [
        "3|records|changed type|badge|badge|number|boolean,string|\"007\"",
        "3|records|rebuilt column|badge|badge|INTEGER|TEXT|\"007\"",
        "3|records|rebuilt column|share|share|INTEGER|REAL|0.50",
        "3|records|new field|on.floor|on_floor||number|3",
        "3|records|new field|tags|tags||array|[\"a\",\"b\"]",
    ];
    assert_eq!(endpoint.sandbox.lines(CHANGES), expected);
    assert_eq!(
        told(&run.stderr),
        Some(
            "records: `badge` changed from number to boolean and string: the column was rebuilt as TEXT; \
             `share`: the column was rebuilt as REAL; new field `on.floor`; new field `tags`"
        )
    );
    let stamps = "SELECT count(*) FROM _sync_schema_changes JOIN _sync_runs USING (run_id) WHERE changed_at BETWEEN started_at AND finished_at";
    assert_eq!(endpoint.sandbox.count(stamps), 5);

    // Once.
    let run = endpoint.sync(&changed);
    assert_eq!(endpoint.sandbox.lines(CHANGES), expected);
    assert_eq!(told(&run.stderr), None);
}

#[test]
fn a_table_that_was_dropped_starts_with_a_schema_of_its_own() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    endpoint.sync(&[r#"{"id":1,"a":1}"#]);
    rusqlite::Connection::open(endpoint.sandbox.database())
        .and_then(|connection| connection.execute_batch("DROP TABLE records"))
        .expect("the table can be dropped");
    endpoint.sync(&[r#"{"id":1,"b":1}"#]);
    assert_eq!(endpoint.sandbox.lines(CHANGES), [""; 0]);
    endpoint.sync(&[r#"{"id":1,"b":1,"c":null}"#]);
    assert_eq!(endpoint.sandbox.lines(CHANGES), [""; 0], "null has no type yet");
    endpoint.sync(&[r#"{"id":1,"b":1,"c":{"d":false}}"#]);
    assert_eq!(endpoint.sandbox.lines(CHANGES), ["4|records|new field|c.d|c_d||boolean|false"]);
}

#[test]
fn a_first_sweep_that_two_runs_have_read_is_the_schema_too() {
    let broken = Arc::new(Mutex::new(true));
    let is_broken = Arc::clone(&broken);
    let api = Api::serve(move |asked| match asked.number("page") {
        1 => Answer::json(r#"[{"id":1,"a":1},{"id":2,"a":2}]"#),
        2 if *is_broken.lock().expect("nobody panics with it") => Answer::status(500, "{}"),
        2 => Answer::json(r#"[{"id":3,"a":"x","b":1}]"#),
        _ => Answer::json("[]"),
    });
    let sandbox = Sandbox::with_api(
        &api.url(),
        "[[endpoint]]\nname = \"records\"\npath = \"/records\"\nkey = [\"id\"]\npagination = { style = \"page\", size = 2 }\n",
    );
    sandbox.run(&["--run-now"]).expect_status(1);
    *broken.lock().expect("nobody panics with it") = false;
    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("goes on after 1 page");
    assert_eq!(sandbox.lines("SELECT a, b FROM records ORDER BY id"), ["1|", "2|", "x|1"]);
    assert_eq!(sandbox.lines(CHANGES), [""; 0]);
}

#[test]
fn a_change_is_on_record_with_its_page_even_where_the_run_fails_later() {
    let late = Arc::new(Mutex::new(false));
    let is_late = Arc::clone(&late);
    let api = Api::serve(move |asked| {
        let late = *is_late.lock().expect("nobody panics with it");
        match asked.number("page") {
            1 if late => Answer::json(r#"[{"id":1,"new":"field"},{"id":2}]"#),
            1 => Answer::json(r#"[{"id":1},{"id":2}]"#),
            _ if late => Answer::status(500, "{}"),
            _ => Answer::json("[]"),
        }
    });
    let sandbox = Sandbox::with_api(
        &api.url(),
        "[[endpoint]]\nname = \"records\"\npath = \"/records\"\nkey = [\"id\"]\npagination = { style = \"page\", size = 2 }\n",
    );
    sandbox.run(&["--run-now"]).expect_status(0);
    *late.lock().expect("nobody panics with it") = true;
    sandbox.run(&["--run-now"]).expect_status(1).expect_stderr("records: new field `new`\n");
    assert_eq!(sandbox.lines(CHANGES), ["2|records|new field|new|new||string|\"field\""]);
}

#[test]
fn no_example_is_kept_of_a_field_that_the_configuration_keeps_private() {
    let mut endpoint = Endpoint::new(
        "[\"id\"]\nexclude = [\"plate\", \"guests[].email\"]\nhash = [\"email\", \"host.name\"]",
    );
    endpoint.sandbox.set("MAPIQ_HASH_KEY", "a-key-for-the-tests-of-drift");
    endpoint.sync(&[r#"{"id":1}"#]);
    let private = r#"{"id":1,"plate":"planted","email":"planted","host":{"name":"planted"},"guests":[{"email":"planted"}],"note":"seen"}"#;
    endpoint.sync(&[private, r#"{"id":2,"host":"planted"}"#]);
    assert_eq!(
        endpoint.sandbox.lines(CHANGES),
        [
            "2|records|new field|email|email||string|",
            "2|records|new field|host.name|host_name||string|",
            "2|records|new field|guests|guests||array|",
            "2|records|new field|note|note||string|\"seen\"",
            "2|records|new field|host|host||string|",
        ]
    );
    let bytes = std::fs::read(endpoint.sandbox.database()).expect("the database can be read");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // What `host` was sent as, instead of the object in which a name is hashed, is in its column, and nowhere else.
    assert_eq!(text.matches("planted").count(), 1);
}

#[test]
fn an_example_shows_no_more_than_its_beginning() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    endpoint.sync(&[r#"{"id":1}"#]);
    endpoint.sync(&[format!(r#"{{"id":1,"long":"{}"}}"#, "x".repeat(10_000))]);
    let example = endpoint.sandbox.lines("SELECT example FROM _sync_schema_changes");
    assert_eq!(example, [format!("\"{}…", "x".repeat(79))]);
}

#[test]
fn a_field_without_room_for_a_column_is_told_as_such() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    let wide: Vec<String> = (0..1899).map(|field| format!(r#","f{field}":1"#)).collect();
    let record = |more: &str| format!(r#"{{"id":1{}{more}}}"#, wide.concat());
    endpoint.sync(&[record("")]);
    let run = endpoint.sync(&[record(r#","late":5"#)]);
    assert_eq!(told(&run.stderr), Some("records: new field `late`, without room for a column"));
    let run = endpoint.sync(&[record(r#","late":"x""#)]);
    assert_eq!(told(&run.stderr), Some("records: `late` changed from number to string"));
    assert_eq!(
        endpoint.sandbox.lines(CHANGES),
        [
            "2|records|no room|late|_extra||number|5",
            "3|records|changed type|late|_extra|number|string|\"x\"",
        ]
    );
}

#[test]
fn many_changes_are_told_in_a_short_line_and_all_are_on_record() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    endpoint.sync(&[r#"{"id":1}"#]);
    let many: Vec<String> = (0..12).map(|field| format!(r#","f{field}":1"#)).collect();
    let run = endpoint.sync(&[format!(r#"{{"id":1{}}}"#, many.concat())]);
    assert_eq!(
        told(&run.stderr),
        Some(
            "records: new field `f0`; new field `f1`; new field `f2`; new field `f3`; new field `f4`; \
             and 7 more fields, see `_sync_schema_changes`"
        )
    );
    assert_eq!(endpoint.sandbox.count("SELECT count(*) FROM _sync_schema_changes"), 12);
}

#[test]
fn a_page_that_is_not_stored_leaves_no_change_on_record() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":1}"#]);
    stored.user("INSERT INTO _sync_presence VALUES ('records', 'id', 'present')");
    stored.user(
        "CREATE TRIGGER no BEFORE UPDATE ON _sync_checkpoints BEGIN SELECT raise(ABORT, 'no'); END",
    );
    stored.page(&[r#"{"id":1,"a":1}"#]).expect_err("the checkpoint cannot be written");
    assert_eq!(stored.rows("SELECT count(*) FROM _sync_schema_changes"), ["0"]);
    stored.user("DROP TRIGGER no");
    stored.stored(&[r#"{"id":1,"a":1}"#]);
    assert_eq!(stored.rows("SELECT change FROM _sync_schema_changes"), ["'new field'"]);
}

/// A database of an earlier version has endpoints that were read whole.
#[test]
fn what_an_earlier_version_has_read_whole_has_its_schema() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    endpoint.sync(&[r#"{"id":1}"#]);
    rusqlite::Connection::open(endpoint.sandbox.database())
        .and_then(|connection| {
            connection.execute_batch(
                "DROP TABLE _sync_schema_changes; DROP TABLE _sync_presence; DROP INDEX _sync_rejects_by_age;
                ALTER TABLE _sync_rejects DROP COLUMN slice; ALTER TABLE _sync_rejects DROP COLUMN page;
                DELETE FROM _sync_migrations WHERE version = 7",
            )
        })
        .expect("the SQL is valid");
    endpoint.sync(&[r#"{"id":1,"a":1}"#]);
    assert_eq!(endpoint.sandbox.lines(CHANGES), ["2|records|new field|a|a||number|1"]);
}
