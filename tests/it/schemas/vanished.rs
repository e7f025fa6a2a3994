//! Fields that no record has any more.

use std::sync::{Arc, Mutex};

use super::Endpoint;
use crate::support::{Answer, Api, Sandbox};

const CHANGES: &str =
    "SELECT run_id, change, json_path, column_name FROM _sync_schema_changes ORDER BY change_id";

#[test]
fn a_field_that_vanishes_is_told_once_and_told_again_when_it_is_back() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    let with = [r#"{"id":1,"a":1,"desk":{"id":7}}"#, r#"{"id":2}"#];
    let without = [r#"{"id":1,"a":2}"#, r#"{"id":2}"#];
    endpoint.sync(&with);
    endpoint.sync(&with);
    endpoint.sync(&without).expect_stderr("records: vanished field `desk.id`\n");
    let told = endpoint.sync(&without).stderr;
    assert!(!told.contains("desk"), "{told}");
    // Nothing is no sign of anything.
    endpoint.sync::<&str>(&[]);
    endpoint.sync(&with).expect_stderr("records: field `desk.id` is back\n");
    endpoint.sync(&with);
    endpoint.sync(&without);
    assert_eq!(
        endpoint.sandbox.lines(CHANGES),
        [
            "3|vanished field|desk.id|desk_id",
            "6|field is back|desk.id|desk_id",
            "8|vanished field|desk.id|desk_id"
        ]
    );
}

#[test]
fn a_field_that_may_still_be_there_has_not_vanished() {
    let endpoint = Endpoint::new(r#"["id"]"#);
    endpoint.sync(&[r#"{"id":1,"a":1,"b":{"c":1},"d":{"e":1},"f":1,"g":1}"#]);
    // Null, within null, within an empty object, an object now, and not even looked at.
    endpoint.sync(&[r#"{"id":1,"a":null,"b":null,"d":{},"f":{"h":1},"g":1}"#]);
    endpoint.sync::<&str>(&[]);
    assert_eq!(endpoint.sandbox.lines(CHANGES), ["2|new field|f.h|f_h"]);
    // A record that cannot be stored has it, too.
    endpoint
        .send(&[r#"{"a":1,"b":{"c":1},"d":{"e":1},"f":{"h":1},"g":1}"#, r#"{"id":1,"f":{"h":1}}"#]);
    endpoint.sandbox.run(&["--run-now"]).expect_status(65);
    assert_eq!(endpoint.sandbox.lines(CHANGES), ["2|new field|f.h|f_h"]);
}

#[test]
fn a_field_that_the_configuration_leaves_out_has_not_vanished() {
    let endpoint = Endpoint::new("[\"id\"]\nexclude = []\njson = []");
    endpoint.sync(&[r#"{"id":1,"a":1,"b":{"c":1,"d":2}}"#]);
    // An index keeps the excluded column where it is.
    rusqlite::Connection::open(endpoint.sandbox.database())
        .and_then(|connection| connection.execute_batch("CREATE INDEX mine ON records (a)"))
        .expect("the index can be made");
    let config = std::fs::read_to_string(endpoint.sandbox.path().join("config.toml"))
        .expect("it was written");
    let config =
        config.replace("exclude = []", "exclude = [\"a\"]").replace("json = []", "json = [\"b\"]");
    endpoint.sandbox.write("config.toml", &config);
    endpoint.sync(&[r#"{"id":1,"b":{"c":1}}"#]);
    endpoint.sync(&[r#"{"id":1,"b":{"c":1}}"#]);
    assert_eq!(endpoint.sandbox.lines("SELECT a, b, b_c FROM records"), [r#"|{"c":1}|"#]);
    assert_eq!(endpoint.sandbox.lines(CHANGES), ["2|new field|b|b"]);
}

#[test]
fn a_run_that_has_not_read_all_of_a_sweep_tells_of_no_vanished_field() {
    let round = Arc::new(Mutex::new(0));
    let now = Arc::clone(&round);
    let api = Api::serve(move |asked| {
        let round = *now.lock().expect("nobody panics with it");
        match (asked.number("page"), round) {
            // Only the first page has it.
            (1, 0 | 1) => Answer::json(r#"[{"id":1,"a":1},{"id":2,"a":2}]"#),
            (1, _) => Answer::json(r#"[{"id":1},{"id":2}]"#),
            (2, 1) => Answer::status(500, "{}"),
            (2, _) => Answer::json(r#"[{"id":3}]"#),
            _ => Answer::json("[]"),
        }
    });
    let sandbox = Sandbox::with_api(
        &api.url(),
        "[[endpoint]]\nname = \"records\"\npath = \"/records\"\nkey = [\"id\"]\npagination = { style = \"page\", size = 2 }\n",
    );
    let run = |number, status| {
        *round.lock().expect("nobody panics with it") = number;
        sandbox.run(&["--run-now"]).expect_status(status)
    };
    run(0, 0);
    run(1, 1);
    run(2, 0).expect_stderr("goes on after 1 page");
    assert_eq!(sandbox.lines(CHANGES), [""; 0]);
    // One that has read all of it does.
    run(2, 0).expect_stderr("records: vanished field `a`\n");
    assert_eq!(sandbox.lines(CHANGES), ["4|vanished field|a|a"]);
}

#[test]
fn other_dates_that_were_asked_for_by_hand_say_nothing_of_the_fields() {
    let api = Api::serve(|asked| {
        let a = if asked.param("startDate") == "2020-01-01" { "" } else { r#","a":1"# };
        Answer::json(format!(r#"[{{"id":"{}"{a}}}]"#, asked.param("startDate")))
    });
    let sandbox = Sandbox::with_api(
        &api.url(),
        "[[endpoint]]\nname = \"records\"\npath = \"/records\"\nkey = [\"id\"]\nwindow = { back = \"1d\" }\n",
    );
    sandbox.run(&["--run-now"]).expect_status(0);
    sandbox.run(&["--run-now", "--from", "2020-01-01", "--to", "2020-01-01"]).expect_status(0);
    assert_eq!(sandbox.lines("SELECT a FROM records ORDER BY id"), ["", "1"]);
    assert_eq!(sandbox.lines(CHANGES), [""; 0]);
}
