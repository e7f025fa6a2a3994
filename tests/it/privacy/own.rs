//! What users have made of a column that must go, and columns whose values cannot be told.

use serde_json::json;

use super::{EXCLUDE, KEY, PLANTED, Registry, people, people_and_rejects};

#[test]
fn a_column_that_users_need_stays_without_values() {
    let mut registry = Registry::new(people(20));
    registry.run("").expect_status(0);
    let open = registry.connection();
    open.execute_batch(
        "CREATE INDEX by_email ON users (email);
        CREATE VIEW streets AS SELECT id, home_street FROM users;
        CREATE TABLE log (what);
        CREATE TRIGGER changed AFTER UPDATE ON users WHEN old.tags IS NOT NULL
            BEGIN INSERT INTO log VALUES (old.email || old.tags); END;
        ANALYZE;",
    )
    .expect("the database can be written");
    // With what it has noted of the index's values.
    assert!(registry.sandbox.count("SELECT count(*) FROM sqlite_stat4 WHERE idx = 'by_email'") > 0);
    let own = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name IN ('by_email', 'streets', 'changed') ORDER BY name";
    let before = registry.sandbox.lines(own);

    registry.run(EXCLUDE).expect_status(0).expect_stderr(
        "emptied, but left for what users have made of it, email, home_street, tags",
    );
    registry.expect_gone();
    assert_eq!(registry.sandbox.lines(own), before);
    assert_eq!(registry.sandbox.count("SELECT count(*) FROM streets"), 20);
    assert_eq!(registry.sandbox.count("SELECT count(*) FROM log"), 0);
    assert_eq!(registry.sandbox.count("SELECT count(email) + count(tags) FROM users"), 0);

    // What they have made still works, and so does the endpoint.
    registry.returns((1..=20).map(|id| json!({ "id": id, "seat": 1 })).collect());
    registry.run(EXCLUDE).expect_status(0);
    assert_eq!(registry.sandbox.count("SELECT count(seat) FROM users"), 20);
}

#[test]
fn a_key_that_is_hashed_later_still_finds_its_rows() {
    for id in [|id: usize| json!(id), |id: usize| json!(format!("{PLANTED}-{id}"))] {
        let records: Vec<_> =
            (1..=300).map(|number| json!({ "id": id(number), "seat": number })).collect();
        let mut registry = Registry::new(records.clone());
        registry.run("").expect_status(0);
        let rows = "SELECT _rowid_, seat, _first_seen_at FROM users ORDER BY seat";
        let before = registry.sandbox.lines(rows);
        registry.run("hash = ['id']").expect_status(0);
        registry.expect_gone();
        assert_eq!(registry.sandbox.lines(rows), before);
        assert_eq!(registry.sandbox.count("SELECT count(*) FROM users WHERE length(id) = 32"), 300);
    }
}

#[test]
fn where_it_cannot_be_told_what_was_sent_nothing_is_kept() {
    let mut registry =
        Registry::new(vec![json!({ "id": 1, "v": 7 }), json!({ "id": 2, "v": "7" })]);
    registry.run("").expect_status(0);
    registry.returns(vec![json!({ "id": 1, "v": 7 })]);
    registry.run("hash = ['v']").expect_status(0);
    let stored = registry.sandbox.lines("SELECT id, length(v) FROM users ORDER BY id");
    assert_eq!(stored, ["1|32", "2|"]);
}

#[test]
fn another_key_is_told_and_gives_other_hashes() {
    let mut registry = Registry::new(people(2));
    registry.run("hash = ['email']").expect_status(0);
    let before = registry.sandbox.lines("SELECT email FROM users ORDER BY id");
    registry.returns(people(1));
    registry.sandbox.set("MAPIQ_HASH_KEY", &KEY.to_uppercase());
    let told = registry.sandbox.run(&["--run-now"]).expect_status(0).stderr;
    assert!(told.contains("the hash key has changed"), "{told}");
    let after = registry.sandbox.lines("SELECT email FROM users ORDER BY id");
    assert!(before[0] != after[0] && before[1] == after[1], "{before:?} {after:?}");
    let told = registry.sandbox.run(&["--run-now"]).expect_status(0).stderr;
    assert!(!told.contains("hash key"), "{told}");
}

#[test]
fn a_scrub_that_fails_at_its_end_has_changed_nothing_and_is_done_by_the_next_run() {
    const STATE: &str = "SELECT id, email, guests, hex(_hash), (SELECT sum(length(record)) FROM _sync_rejects) FROM users";
    let mut registry = Registry::new(people_and_rejects());
    registry.run("").expect_status(65);
    let open = registry.connection();
    open.execute_batch(
        "CREATE TRIGGER full BEFORE UPDATE ON _sync_privacy BEGIN SELECT raise(ABORT, 'no'); END;",
    )
    .expect("the database can be written");
    let before = registry.sandbox.lines(STATE);
    registry.run(EXCLUDE).expect_status(1).expect_stderr("cannot remove what must no longer be");
    assert_eq!(registry.sandbox.lines(STATE), before);
    assert_eq!(registry.sandbox.count("SELECT count(*) FROM _sync_erasure"), 0);

    open.execute_batch("DROP TRIGGER full").expect("the database can be written");
    registry.run(EXCLUDE).expect_status(65);
    registry.expect_gone();
}

#[test]
fn an_erasure_that_was_interrupted_is_done_by_the_next_run() {
    for step in ["vacuum", "truncate"] {
        let records = (1..=500).map(|id| json!({ "id": id, "email": format!("{PLANTED}-{id}") }));
        let mut registry = Registry::new(records.collect());
        registry.run("").expect_status(0);
        let open = registry.connection();
        let left = format!(
            "PRAGMA secure_delete = OFF; UPDATE users SET email = NULL; {}
            INSERT INTO _sync_erasure VALUES ('{step}', '');",
            if step == "vacuum" { "" } else { "VACUUM;" }
        );
        open.execute_batch(&left).expect("the database can be written");
        assert!(registry.bytes().contains(PLANTED));
        registry.run("").expect_status(0);
        registry.expect_gone();
        assert_eq!(registry.sandbox.count("SELECT count(*) FROM _sync_erasure"), 0);
    }
}
