//! `mapiq-sync rejects --retry`.

use std::fs::File;

use super::Desks;
use crate::support::Finished;

/// A record that cannot be stored because of its name, which the configuration can leave out.
fn spoilt(members: &str) -> String {
    format!(r#"{{{members},"name":"\ud800"}}"#)
}

const WITHOUT_NAME: &str = "exclude = [\"name\"]";

const COUNTS: &str = "SELECT rows_new, rows_changed, rows_unchanged, rejected, result FROM _sync_endpoint_runs WHERE endpoint = 'desks' ORDER BY run_id DESC LIMIT 1";

impl Desks {
    #[track_caller]
    fn retry(&self, status: i32) -> Finished {
        self.sandbox.run(&["rejects", "--retry"]).expect_status(status)
    }

    fn rejects(&self) -> Vec<String> {
        self.sandbox
            .lines("SELECT endpoint, reason FROM _sync_rejects ORDER BY endpoint, reject_id")
    }
}

#[test]
fn what_can_be_stored_now_is_stored_as_the_api_would_have_brought_it() {
    const ROWS: &str =
        "SELECT id, at_floor, tags, share, _run_id, _deleted_at IS NULL FROM desks ORDER BY id";
    let desks = Desks::new("");
    desks.send(
        "desks",
        &[
            &spoilt(r#""id":1,"at":{"floor":2},"tags":[ 1.0, "a" ]"#),
            &spoilt(r#""id":2,"share":0.50"#),
            r#"{"id":3}"#,
        ],
    );
    desks.run(65);
    let asked = desks.api.asked().len();
    desks.configure(WITHOUT_NAME);
    let retried = desks.retry(0);
    insta::assert_snapshot!(retried.stdout, @r"
    endpoint  result  stored  dropped  left
    --------  ------  ------  -------  ----
    desks     ok           2        0     0
    ");
    assert_eq!(
        retried.stderr,
        "desks: new field `at.floor`; new field `tags`; new field `share`\n"
    );
    assert_eq!(desks.api.asked().len(), asked, "nothing is asked of the API");
    assert_eq!(desks.rejects(), [""; 0]);
    let rows = ["1|2|[1.0,\"a\"]||2|1", "2|||0.5|2|1", "3||||1|1"];
    assert_eq!(desks.sandbox.lines(ROWS), rows);
    assert_eq!(
        desks.sandbox.lines("SELECT job, trigger, result FROM _sync_runs WHERE run_id = 2"),
        ["rejects|retry|ok"]
    );
    assert_eq!(desks.sandbox.lines(COUNTS), ["2|0|0|0|ok"]);
    // The next run finds them as it would have stored them.
    desks.run(0);
    assert_eq!(desks.sandbox.lines(COUNTS), ["0|0|3|0|ok"]);
    assert_eq!(desks.sandbox.lines(ROWS), rows);
}

#[test]
fn what_still_cannot_be_stored_stays_with_its_reason_of_now() {
    let desks = Desks::new("");
    desks.send("desks", &[&spoilt(r#""id":1"#), &spoilt(r#""id":null"#), r#"{"a":1}"#]);
    desks.run(65);
    desks.configure(WITHOUT_NAME);
    desks.retry(65).expect_stderr(
        "error: desks: 2 records still cannot be stored; `mapiq-sync rejects --endpoint desks` says why",
    );
    let left = ["desks|key part `id` is null", "desks|key part `id` is missing"];
    assert_eq!(desks.rejects(), left);
    assert_eq!(desks.sandbox.lines("SELECT id FROM desks"), ["1"]);
    assert_eq!(desks.sandbox.lines(COUNTS), ["1|0|0|2|ok"]);
    desks.retry(65);
    assert_eq!(desks.rejects(), left);
    assert_eq!(desks.sandbox.lines(COUNTS), ["0|0|0|2|ok"]);
    // The API's next answer meets the same lines.
    desks.run(65);
    assert_eq!(desks.rejects(), left);
}

#[test]
fn a_row_is_overwritten_by_a_record_that_came_later_and_by_no_other() {
    let desks = Desks::new("");
    let good = |id: u32, v: &str| format!(r#"{{"id":{id},"v":"{v}"}}"#);
    let bad = |id: u32, v: &str| spoilt(&format!(r#""id":{id},"v":"{v}""#));
    // Of three rows the later record is rejected, of three others an earlier one.
    let send = |records: &[String], status| {
        desks.send("desks", &records.iter().map(String::as_str).collect::<Vec<_>>());
        desks.run(status);
    };
    send(&[good(1, "row"), bad(2, "reject"), good(3, "row"), good(4, "row"), bad(5, "reject")], 65);
    send(
        &[bad(1, "reject"), good(2, "row"), bad(3, "reject"), bad(4, "reject"), good(5, "row")],
        65,
    );
    // The third and the fourth are found unchanged, and so are not written, before the fourth is rejected once more.
    send(&[bad(1, "reject"), good(2, "row"), good(3, "row"), good(4, "row"), good(5, "row")], 65);
    send(&[bad(1, "reject"), good(2, "row"), good(3, "row"), bad(4, "reject"), good(5, "row")], 65);
    desks.execute(
        "UPDATE desks SET _deleted_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = 4",
    );
    desks.configure(WITHOUT_NAME);
    let retried = desks.retry(0);
    assert_eq!(
        desks.sandbox.lines("SELECT id, v, _deleted_at IS NULL FROM desks ORDER BY id"),
        ["1|reject|1", "2|row|1", "3|row|1", "4|row|0", "5|row|1"]
    );
    assert_eq!(
        retried.stderr,
        "desks: dropped 4 records, since what the API has sent later is stored\n"
    );
    assert_eq!(desks.rejects(), [""; 0]);
    assert_eq!(desks.sandbox.lines(COUNTS), ["0|1|0|0|ok"]);
}

#[test]
fn of_two_rejected_records_of_one_key_the_later_one_is_stored() {
    let desks = Desks::new("");
    for v in ["early", "late", "early", "last"] {
        desks.send("desks", &[&spoilt(&format!(r#""id":1,"v":"{v}""#))]);
        desks.run(65);
    }
    desks.send("desks", &[&spoilt(r#""id":1,"v":"late""#)]);
    desks.run(65);
    desks.configure(WITHOUT_NAME);
    desks.retry(0);
    assert_eq!(desks.sandbox.lines("SELECT id, v FROM desks"), ["1|late"]);
}

#[test]
fn what_is_hashed_is_hashed_once_and_what_is_hashed_later_too() {
    const HASHED: &str = "hash = [\"email\", \"guests[].email\", \"home\"]\nexclude = [\"name\"]";
    let people = r#""email":"planted@x","guests":[{"email":"planted@y","seat":1},{"email":null}],"home":{"street":"planted"}"#;
    let record = |id: u32| format!(r#"{{"id":{id},{people}}}"#);
    for before in ["", "hash = [\"email\", \"guests[].email\", \"home\"]"] {
        let mut desks = Desks::new(before);
        desks.sandbox.set("MAPIQ_HASH_KEY", "a-key-for-the-tests-of-rejects");
        desks.send("desks", &[&spoilt(&format!(r#""id":1,{people}"#)), r#"{"id":7}"#]);
        desks.run(65);
        desks.configure(HASHED);
        desks.retry(0);
        desks.send("desks", &[&record(1), &record(2), r#"{"id":7}"#]);
        desks.run(0);
        assert_eq!(desks.sandbox.lines(COUNTS), ["1|0|2|0|ok"], "{before}");
        let columns = "SELECT count(DISTINCT email || guests || home), sum(guests LIKE '%\"seat\":1%') FROM desks WHERE id < 7";
        assert_eq!(desks.sandbox.lines(columns), ["1|2"]);
        let bytes = std::fs::read(desks.sandbox.database()).expect("the file can be read");
        assert!(!String::from_utf8_lossy(&bytes).contains("planted"), "{before}");
        let examples =
            "SELECT json_path, example FROM _sync_schema_changes WHERE example IS NOT NULL";
        assert_eq!(desks.sandbox.lines(examples), [""; 0]);
    }
}

#[test]
fn an_endpoint_that_another_process_is_at_work_on_is_left_for_later() {
    let desks = Desks::new("");
    desks.send("desks", &[&spoilt(r#""id":1"#)]);
    desks.send("rooms", &["null"]);
    desks.run(65);
    desks.configure(WITHOUT_NAME);
    let lock = File::create(desks.sandbox.path().join("mapiq.db-lock-desks"))
        .expect("the lock file can be opened");
    lock.lock().expect("nobody else holds it");
    let told = desks.retry(75).stderr;
    assert!(
        told.contains("error: desks unfinished: another process is syncing this endpoint"),
        "{told}"
    );
    // The others are tried.
    assert!(told.contains("error: rooms: 1 record still cannot be stored"), "{told}");
    assert_eq!(desks.rejects().len(), 2);
    drop(lock);
    desks.retry(65);
    assert_eq!(desks.rejects(), ["rooms|the record is null, not an object"]);
    desks.sandbox.run(&["rejects", "--retry", "--endpoint", "desks"]).expect_status(0);
}

#[test]
fn without_rejects_without_a_key_and_without_a_database_nothing_is_done() {
    let mut desks = Desks::new("");
    let absent = desks.retry(74);
    assert!(absent.stderr.contains("there is no database"), "{}", absent.stderr);
    assert!(!desks.sandbox.database().exists());
    desks.send("rooms", &["null"]);
    desks.run(65);
    let none = desks.sandbox.run(&["rejects", "--retry", "--endpoint", "desks"]).expect_status(0);
    assert_eq!(none.stdout, "no record was rejected\n");
    assert_eq!(desks.sandbox.count("SELECT count(*) FROM _sync_runs"), 1);
    // No credentials are needed, but the key of what is hashed.
    desks.sandbox.unset("MAPIQ_CLIENT_ID");
    desks.sandbox.unset("MAPIQ_CLIENT_SECRET");
    desks.retry(65);
    desks.configure("hash = [\"email\"]");
    desks.retry(78).expect_stderr("MAPIQ_HASH_KEY");
    desks.sandbox.run(&["rejects", "--retry", "--json"]).expect_status(2);
    desks.sandbox.run(&["rejects", "--retry", "--endpoint", "room"]).expect_status(78);
    desks.sandbox.set("MAPIQ_HASH_KEY", "a-key-for-the-tests-of-rejects");
    desks.sandbox.run(&["rejects", "--retry", "--endpoint", "room"]).expect_status(2);
    // What the configuration no longer has an endpoint for stays.
    desks.execute("UPDATE _sync_rejects SET endpoint = 'earlier'");
    let left = desks.retry(65);
    assert_eq!(
        left.stderr,
        "error: the configuration no longer has earlier: what was rejected stays\n"
    );
    assert_eq!(left.stdout, "");
}

#[test]
fn all_of_an_endpoints_records_are_stored_or_none() {
    let desks = Desks::new("");
    desks.send("desks", &[r#"{"id":9}"#, &spoilt(r#""id":1"#), &spoilt(r#""id":2"#)]);
    desks.run(65);
    desks.execute(
        "CREATE TRIGGER no BEFORE INSERT ON desks WHEN NEW.id = 2 BEGIN SELECT raise(ABORT, 'no'); END",
    );
    desks.configure(WITHOUT_NAME);
    desks.retry(1).expect_stderr("error: desks failed: cannot use the database: ");
    assert_eq!(desks.rejects().len(), 2);
    assert_eq!(desks.sandbox.lines("SELECT id FROM desks"), ["9"]);
    assert_eq!(
        desks.sandbox.lines("SELECT result FROM _sync_runs ORDER BY run_id"),
        ["ok", "failed"]
    );
    desks.execute("DROP TRIGGER no");
    desks.retry(0);
    assert_eq!(desks.sandbox.lines("SELECT id FROM desks ORDER BY id"), ["1", "2", "9"]);
}

#[test]
fn with_another_key_they_go_into_a_table_that_is_made_anew() {
    let desks = Desks::new("key = [\"node.id\"]");
    desks.send("desks", &[r#"{"id":1,"a":"x"}"#, r#"{"id":"007"}"#]);
    desks.run(65);
    assert_eq!(desks.sandbox.count("SELECT count(*) FROM desks"), 0);
    desks.configure("key = [\"id\"]");
    desks.retry(1).expect_stderr("table `desks` was made with the key node.id");
    desks.execute("DROP TABLE desks");
    desks.retry(0);
    assert_eq!(
        desks.sandbox.lines("SELECT id, typeof(id), a FROM desks ORDER BY id"),
        ["007|text|", "1|text|x"]
    );
    desks.run(0);
    assert_eq!(desks.sandbox.lines(COUNTS), ["0|0|2|0|ok"]);
}
