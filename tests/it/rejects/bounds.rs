//! How many are kept, and how long.

use super::Desks;
use crate::{
    stored::{Stored, keyed},
    support::{Answer, Api, Sandbox},
};

const RECORDS: &str = "SELECT endpoint, record FROM _sync_rejects ORDER BY reject_id";

#[test]
fn of_too_many_those_are_kept_that_came_last_for_each_endpoint() {
    let mut desks = Desks::new("");
    desks.sandbox.set("MAPIQ_SYNC__REJECTS__KEEP", "3");
    desks.send("desks", &[r#"{"a":1}"#, r#"{"a":2}"#]);
    desks.send("rooms", &[r#"{"r":1}"#, r#"{"r":2}"#, r#"{"r":3}"#]);
    desks.run(65);
    // The second one comes again, so that the first and the third are the oldest.
    desks.send("desks", &[r#"{"a":3}"#]);
    desks.run(65);
    desks.send("desks", &[r#"{"a":2}"#, r#"{"a":4}"#]);
    desks.run(65);
    let rooms = ["rooms|{\"r\":1}", "rooms|{\"r\":2}", "rooms|{\"r\":3}"];
    let kept = desks.sandbox.lines(RECORDS);
    assert_eq!(
        kept.iter().filter(|line| line.starts_with("rooms")).collect::<Vec<_>>(),
        rooms.iter().collect::<Vec<_>>()
    );
    assert_eq!(
        kept.iter().filter(|line| line.starts_with("desks")).collect::<Vec<_>>(),
        ["desks|{\"a\":2}", "desks|{\"a\":3}", "desks|{\"a\":4}"]
    );
    // More than that on one page.
    desks.send("desks", &["5", "6", "7", "8", "9"]);
    desks.run(65);
    let kept = "SELECT record FROM _sync_rejects WHERE endpoint = 'desks' ORDER BY reject_id";
    assert_eq!(desks.sandbox.lines(kept), ["7", "8", "9"]);
    // What came on that page is still counted whole.
    assert_eq!(
        desks
            .sandbox
            .count("SELECT max(rejected) FROM _sync_endpoint_runs WHERE endpoint = 'desks'"),
        5
    );
    desks.sandbox.set("MAPIQ_SYNC__REJECTS__KEEP", "0");
    desks.send("rooms", &[]);
    desks.run(65);
    assert_eq!(desks.sandbox.lines(RECORDS), [""; 0]);
}

#[test]
fn what_has_not_come_for_days_is_dropped_where_nothing_is_rejected_any_more_too() {
    let desks = Desks::new("");
    desks.send("desks", &["1", "2", "3"]);
    desks.run(65);
    let age = |days: &str, record: &str| {
        desks.execute(&format!(
            "UPDATE _sync_rejects SET last_seen_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{days} days') WHERE record = '{record}'"
        ));
    };
    age("91", "1");
    age("89", "2");
    desks.execute("UPDATE _sync_rejects SET endpoint = 'no_longer' WHERE record = '1'");
    desks.send("desks", &[]);
    desks.run(0);
    assert_eq!(desks.sandbox.lines(RECORDS), ["desks|2", "desks|3"]);
    // One that comes again is as young as it was.
    age("89.99", "3");
    desks.send("desks", &["3"]);
    desks.run(65);
    age("91", "2");
    desks.send("desks", &[]);
    desks.run(0);
    assert_eq!(desks.sandbox.lines(RECORDS), ["desks|3"]);
}

#[test]
fn a_reject_tells_where_it_was_met() {
    let api = Api::serve(|asked| match asked.number("page") {
        1 => Answer::json(r#"[{"id":1},{"id":2}]"#),
        2 if asked.param("startDate") == "2020-01-02" => Answer::json(r#"[{"no":"key"}]"#),
        _ => Answer::json("[]"),
    });
    let settings = "path = \"/x\"\nkey = [\"id\"]\npagination = { style = \"page\", size = 2 }\n";
    let endpoints = format!(
        "[[endpoint]]\nname = \"dated\"\n{settings}window = {{ back = \"1d\", slice = \"1d\" }}\n"
    );
    let sandbox = Sandbox::with_api(&api.url(), &endpoints);
    sandbox.run(&["--run-now", "--from", "2020-01-01", "--to", "2020-01-03"]).expect_status(65);
    assert_eq!(
        sandbox.lines("SELECT run_id, page, slice FROM _sync_rejects"),
        ["1|2|2020-01-02T00:00:00/2020-01-03T00:00:00"]
    );

    let desks = Desks::new("");
    desks.send("desks", &["1"]);
    for run in 1..3 {
        desks.run(65);
        assert_eq!(
            desks.sandbox.lines("SELECT run_id, page, slice FROM _sync_rejects"),
            [format!("{run}|1|")]
        );
    }
}

#[test]
fn a_page_that_is_not_stored_keeps_what_was_rejected_before() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&["1"]);
    stored.user("UPDATE _sync_rejects SET last_seen_at = '2020-01-01T00:00:00.000Z'");
    stored.user(
        "CREATE TRIGGER no BEFORE UPDATE ON _sync_checkpoints BEGIN SELECT raise(ABORT, 'no'); END",
    );
    stored.page(&["2"]).expect_err("the checkpoint cannot be written");
    assert_eq!(stored.rows("SELECT record FROM _sync_rejects"), ["'1'"]);
    stored.user("DROP TRIGGER no");
    stored.stored(&["2"]);
    assert_eq!(stored.rows("SELECT record FROM _sync_rejects"), ["'2'"]);
}
