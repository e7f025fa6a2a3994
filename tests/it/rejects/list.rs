//! `mapiq-sync rejects`.

use super::Desks;
use crate::support::{Finished, Sandbox};

/// What is on stdout, with every moment spelled alike.
fn shown(finished: &Finished) -> String {
    const FORM: &str = "YYYY-MM-DDTHH:MM:SS.sssZ";
    let is_time = |word: &str| word.len() == FORM.len() && word.ends_with('Z');
    let words = finished.stdout.split(' ').map(|word| if is_time(word) { FORM } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_rejected_records_are_listed_as_a_table() {
    let desks = Desks::new("");
    desks.send("desks", &[r#"{"a":1}"#, r#"{"id":1,"x\n":"\ud800"}"#]);
    desks.run(65);
    desks.send("rooms", &["null"]);
    desks.run(65);
    let all = desks.sandbox.run(&["rejects"]).expect_status(0);
    assert_eq!(all.stderr, "");
    insta::assert_snapshot!(shown(&all), @r"
    id  endpoint  reason                                             first seen                last seen                 run  page
    --  --------  -------------------------------------------------  ------------------------  ------------------------  ---  ----
     1  desks     key part `id` is missing                           YYYY-MM-DDTHH:MM:SS.sssZ  YYYY-MM-DDTHH:MM:SS.sssZ    2     1
     2  desks     field `x�` holds a string that is no Unicode text  YYYY-MM-DDTHH:MM:SS.sssZ  YYYY-MM-DDTHH:MM:SS.sssZ    2     1
     3  rooms     the record is null, not an object                  YYYY-MM-DDTHH:MM:SS.sssZ  YYYY-MM-DDTHH:MM:SS.sssZ    2     1
    ");
    let rooms = desks.sandbox.run(&["rejects", "--endpoint", "rooms"]).expect_status(0);
    insta::assert_snapshot!(shown(&rooms), @r"
    id  endpoint  reason                             first seen                last seen                 run  page
    --  --------  ---------------------------------  ------------------------  ------------------------  ---  ----
     3  rooms     the record is null, not an object  YYYY-MM-DDTHH:MM:SS.sssZ  YYYY-MM-DDTHH:MM:SS.sssZ    2     1
    ");
}

#[test]
fn as_json_there_is_an_object_a_line_with_the_record() {
    let mut desks = Desks::new("exclude = [\"email\"]");
    desks.send("desks", &["{\"a\" : 1.00,\n\"email\":\"planted\"}", r#"{"id":[ "\ud800", {} ]}"#]);
    desks.run(65);
    let listed = desks.sandbox.run(&["rejects", "--json"]).expect_status(0).stdout;
    let lines: Vec<&str> = listed.lines().collect();
    let stamps = desks.sandbox.lines("SELECT first_seen_at FROM _sync_rejects");
    let line = |id: usize, reason: &str, record: &str| {
        let at = &stamps[id - 1];
        format!(
            r#"{{"id":{id},"endpoint":"desks","reason":"{reason}","first_seen_at":"{at}","last_seen_at":"{at}","run_id":1,"slice":null,"page":1,"record":{record}}}"#
        )
    };
    assert_eq!(
        lines,
        [
            line(1, "key part `id` is missing", r#"{"a":1.00}"#),
            line(2, "key part `id` is an array, not a scalar", r#"{"id":["\ud800",{}]}"#),
        ]
    );
    // Neither credentials nor a key are asked for.
    desks.sandbox.unset("MAPIQ_CLIENT_ID");
    desks.sandbox.unset("MAPIQ_CLIENT_SECRET");
    desks.configure("hash = [\"name\"]");
    assert_eq!(desks.sandbox.run(&["rejects", "--json"]).expect_status(0).stdout, listed);
}

#[test]
fn where_there_is_none_it_says_so() {
    let desks = Desks::new("");
    desks.run(0);
    assert_eq!(desks.sandbox.run(&["rejects"]).expect_status(0).stdout, "no record was rejected\n");
    assert_eq!(desks.sandbox.run(&["rejects", "--json"]).expect_status(0).stdout, "");
    desks
        .sandbox
        .run(&["rejects", "--endpoint", "dsks"])
        .expect_status(2)
        .expect_stderr("there is no endpoint `dsks`: the configuration has desks, rooms");
    // One that the configuration no longer has may still have left some.
    desks.send("desks", &["1"]);
    desks.run(65);
    desks.execute("UPDATE _sync_rejects SET endpoint = 'earlier'");
    let listed = desks.sandbox.run(&["rejects", "--endpoint", "earlier"]).expect_status(0).stdout;
    assert!(listed.contains("the record is a number, not an object"), "{listed}");
}

#[test]
fn it_reads_beside_a_writer_and_writes_nothing() {
    let desks = Desks::new("");
    desks.send("desks", &["1"]);
    desks.run(65);
    let mut writer =
        rusqlite::Connection::open(desks.sandbox.database()).expect("the database can be opened");
    let transaction = writer
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .expect("nobody else writes");
    transaction.execute("DELETE FROM _sync_rejects", []).expect("the table can be written");
    let listed = desks.sandbox.run(&["rejects"]).expect_status(0).stdout;
    assert!(listed.contains("the record is a number"), "{listed}");
    drop(transaction);
    drop(writer);
    let before = std::fs::read(desks.sandbox.database()).expect("the file can be read");
    desks.sandbox.run(&["rejects"]).expect_status(0);
    assert!(before == std::fs::read(desks.sandbox.database()).expect("the file can be read"));
}

#[test]
fn a_database_that_cannot_be_read_is_74_and_stays_as_it_is() {
    let sandbox = Sandbox::with_api(
        "http://127.0.0.1:1",
        "[[endpoint]]\nname = \"desks\"\npath = \"/desks\"\nkey = [\"id\"]\n",
    );
    let fails = |text: &str| {
        sandbox.run(&["rejects"]).expect_status(74).expect_stderr(text);
    };
    fails("there is no database `mapiq.db` yet: the first run makes it");
    assert!(!sandbox.database().exists());
    sandbox.write("mapiq.db", "this is no database");
    fails("`mapiq.db` is not a SQLite database");

    let desks = Desks::new("");
    desks.run(0);
    desks.execute("DELETE FROM _sync_migrations WHERE version > 6");
    desks
        .sandbox
        .run(&["rejects"])
        .expect_status(74)
        .expect_stderr("was written by an older version of this program");
    desks.sandbox.write("config.toml", "[api]\nx = 1\n");
    desks.sandbox.run(&["rejects"]).expect_status(78);
}
