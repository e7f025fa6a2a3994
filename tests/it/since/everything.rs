//! When everything is asked for, although changes might do.

use super::{LONG_AGO, api, asked, gated, listing, lock, put, run, stored, users, utc};
use crate::{
    listing::Gate,
    support::{Sandbox, wait_until},
};

/// As if the last complete sweep, and the last full one, had been begun so much earlier.
fn earlier(sandbox: &Sandbox, known: &str, full: &str) {
    let format = "%Y-%m-%dT%H:%M:%fZ";
    sandbox.execute(&format!(
        "UPDATE _sync_coverage SET known_at = strftime('{format}', known_at, '{known}'), full_at = strftime('{format}', full_at, '{full}')"
    ));
}

#[test]
fn everything_is_asked_for_as_often_as_it_is_due() {
    let listed = listing(1..=2);
    let api = api(&listed);
    let sandbox = users(&api, "");
    run(&sandbox, &api);
    // A record that does not know when it was changed is in no list of changes.
    put(&listed, 3, "a");
    lock(&listed).entry(3).and_modify(|item| item.updated = None);
    lock(&listed).entry(1).and_modify(|item| item.v = "b".into());
    assert_eq!(run(&sandbox, &api).len(), 1);
    assert_eq!(stored(&sandbox), ["1|a", "2|a"]);

    earlier(&sandbox, "-0 days", "-6 days");
    assert_ne!(run(&sandbox, &api), [""]);
    earlier(&sandbox, "-0 days", "-1 day");
    sandbox
        .run(&["--run-now"])
        .expect_status(0)
        .expect_stderr("users  asks for everything: the last time is 7 days ago");
    assert_eq!(stored(&sandbox), ["1|b", "2|a", "3|a"]);
    assert_ne!(run(&sandbox, &api), ["", ""], "it was just done");
}

#[test]
fn a_clock_that_was_ahead_is_not_believed() {
    let listed = listing(1..=2);
    let api = api(&listed);
    let sandbox = users(&api, "");
    run(&sandbox, &api);
    let reads_everything = || {
        let said = sandbox.run(&["--run-now"]).expect_status(0);
        said.stderr.contains("asks for everything: the clock has been changed")
    };

    // The last sweep is of a moment that is yet to come.
    earlier(&sandbox, "+1 day", "-0 days");
    assert!(reads_everything());
    assert!(!reads_everything());
    // So is the last full one.
    earlier(&sandbox, "-0 days", "+2 days");
    assert!(reads_everything());
    // That moment has come meanwhile, but by the boot's clock more time has passed.
    sandbox.execute("UPDATE _sync_coverage SET known_ns = known_ns - 31 * 60 * 1000000000");
    assert!(reads_everything());
    // A clock that is only put right may differ by less than the lookback allows for.
    sandbox.execute("UPDATE _sync_coverage SET known_ns = known_ns - 20 * 60 * 1000000000");
    assert!(!reads_everything());
    // Of another boot there is no more to know.
    sandbox.execute(
        "UPDATE _sync_coverage SET known_ns = known_ns - 31 * 60 * 1000000000, boot_id = 'another'",
    );
    assert!(!reads_everything());
}

#[test]
fn another_configuration_asks_for_everything() {
    let listed = listing(1..=2);
    let api = api(&listed);
    let mut sandbox = users(&api, "params = { kind = \"a\" }");
    run(&sandbox, &api);
    let change = |sandbox: &mut Sandbox, key: &str, value: &str| {
        sandbox.set(&format!("MAPIQ_SYNC__ENDPOINT__USERS__{key}"), value);
    };
    for (key, value) in [
        ("PARAMS", "{ kind = 'b' }"),
        ("EXCLUDE", "['w']"),
        ("TYPES", "{ v = 'text' }"),
        ("JSON", "['x']"),
        ("PAGINATION__SIZE", "2"),
        ("SINCE__FORMAT", "%Y-%m-%dT%H:%M:%S%.3fZ"),
    ] {
        change(&mut sandbox, key, value);
        assert_eq!(run(&sandbox, &api), [""], "{key}");
        assert_ne!(run(&sandbox, &api), [""], "{key} has stayed");
    }
    for (key, value) in [("SINCE__LOOKBACK", "2h"), ("SINCE__FULL_EVERY", "1d")] {
        change(&mut sandbox, key, value);
        assert_ne!(run(&sandbox, &api), [""], "{key} changes no row");
    }
}

#[test]
fn settings_that_were_other_ones_for_a_while_leave_nothing_to_build_on() {
    let listed = listing(1..=2);
    let api = api(&listed);
    let mut sandbox = users(&api, "");
    run(&sandbox, &api);
    // Not asked for changes at all, and another list.
    let whole = std::fs::read_to_string(sandbox.path().join("config.toml")).expect("it is there");
    sandbox.write("config.toml", &whole.replace("since = { param = \"updatedAfter\" }\n", ""));
    sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__PARAMS", "{ kind = 'b' }");
    assert_eq!(run(&sandbox, &api), [""]);
    sandbox.write("config.toml", &whole);
    sandbox.unset("MAPIQ_SYNC__ENDPOINT__USERS__PARAMS");
    assert_eq!(run(&sandbox, &api), [""]);
    assert_eq!(stored(&sandbox), ["1|a", "2|a"]);
}

#[test]
fn a_person_can_ask_for_everything() {
    let listed = listing(1..=2);
    let api = api(&listed);
    let sandbox = users(&api, "");
    run(&sandbox, &api);
    assert_ne!(run(&sandbox, &api), [""]);
    sandbox.execute("DELETE FROM _sync_coverage WHERE endpoint = 'users'");
    assert_eq!(run(&sandbox, &api), [""]);
    assert_ne!(run(&sandbox, &api), [""]);
}

#[test]
fn a_person_can_ask_for_everything_while_changes_are_read() {
    let listed = listing(1..=2);
    let gate = Gate::new();
    let api = gated(&listed, &gate);
    let sandbox = users(&api, "");
    gate.allow(1);
    run(&sandbox, &api);
    let running = sandbox.start(&["--run-now"]);
    wait_until("changes are asked for", || asked(&api) == 2);
    sandbox.execute("DELETE FROM _sync_coverage");
    gate.open();
    running.wait().expect_status(0).expect_stderr("users: asked only for what has changed");
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_coverage"), 0);
    assert_eq!(run(&sandbox, &api), [""]);
}

#[test]
fn a_table_that_was_dropped_is_filled_again() {
    let listed = listing(1..=2);
    let api = api(&listed);
    let sandbox = users(&api, "");
    run(&sandbox, &api);
    sandbox.execute("DROP TABLE users");
    assert_eq!(run(&sandbox, &api), [""]);
    assert_eq!(stored(&sandbox), ["1|a", "2|a"]);
}

#[test]
fn a_field_that_no_change_has_had_has_not_vanished() {
    let listed = listing(1..=2);
    let api = api(&listed);
    let sandbox = users(&api, "");
    lock(&listed).entry(1).and_modify(|item| item.v = r#"a","w":"b"#.into());
    run(&sandbox, &api);
    put(&listed, 2, "b");
    assert_eq!(run(&sandbox, &api).len(), 1);
    assert_eq!(sandbox.lines("SELECT change, json_path FROM _sync_schema_changes"), [""; 0]);
}

#[test]
fn the_daemon_logs_what_was_asked_for_changes_only() {
    let listed = listing(1..=2);
    let api = api(&listed);
    let sandbox = users(&api, "");
    let daemon = sandbox.start(&[]);
    wait_until("a run asks for changes only", || {
        daemon.stderr().contains("changes_only=\"users\"")
    });
    let first = daemon.stderr().lines().find(|line| line.contains("run done")).map(str::to_owned);
    assert!(first.is_some_and(|line| !line.contains("changes_only")), "the first is a full one");
}

#[test]
fn what_other_settings_have_removed_in_between_is_asked_for_again() {
    let listed = listing(1..=2);
    let api = api(&listed);
    let mut sandbox = users(&api, "");
    run(&sandbox, &api);
    put(&listed, 3, r"\ud800");
    sandbox.run(&["--run-now"]).expect_status(65);
    lock(&listed).remove(&3);
    // This asks the API for nothing, but it carries out what is excluded.
    sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__EXCLUDE", "['v']");
    sandbox.run(&["rejects", "--retry"]).expect_status(0);
    assert_eq!(sandbox.lines("SELECT * FROM pragma_table_info('users') WHERE name = 'v'"), [""; 0]);
    sandbox.unset("MAPIQ_SYNC__ENDPOINT__USERS__EXCLUDE");
    assert_eq!(run(&sandbox, &api)[0], "");
    assert_eq!(sandbox.lines("SELECT id, v FROM users WHERE id < 3"), ["1|a", "2|a"]);
}

#[test]
fn changes_without_a_rejected_record_do_not_outdate_it() {
    let listed = listing(1..=2);
    let api = api(&listed);
    let mut sandbox = users(&api, "");
    run(&sandbox, &api);
    put(&listed, 2, r#"\ud800","w":"new"#);
    sandbox.run(&["--run-now"]).expect_status(65);
    // It is no longer among the changes.
    lock(&listed).entry(2).and_modify(|item| item.updated = Some(utc(LONG_AGO)));
    assert_eq!(run(&sandbox, &api).len(), 1);

    sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__EXCLUDE", "['v']");
    sandbox.run(&["rejects", "--retry"]).expect_status(0);
    assert_eq!(sandbox.lines("SELECT w FROM users WHERE id = 2"), ["new"]);
}
