//! Rows that are missing: only what is not among everything is, and a change is a sign of life.

use rustix::process::Signal;

use super::{Listed, api, asked, full_is_due, gated, listing, lock, put, run, stored, users};
use crate::{
    listing::Gate,
    support::{Api, Sandbox, wait_until},
};

#[test]
fn a_row_that_is_gone_is_marked_by_a_full_sweep_only_and_revived_by_a_change() {
    let listed = listing(1..=3);
    let api = api(&listed);
    let sandbox = users(&api, "");
    run(&sandbox, &api);
    lock(&listed).remove(&3);
    put(&listed, 1, "b");
    assert_eq!(run(&sandbox, &api).len(), 1);
    assert_eq!(stored(&sandbox), ["1|b", "2|a", "3|a"]);
    assert_eq!(sandbox.lines("SELECT judges, since IS NULL FROM _sync_sweeps"), ["1|1", "0|0"]);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_seen"), 0);

    full_is_due(&sandbox);
    run(&sandbox, &api);
    assert_eq!(stored(&sandbox), ["1|b", "2|a", "3|a deleted"]);

    put(&listed, 3, "a");
    assert_ne!(run(&sandbox, &api), [""]);
    assert_eq!(stored(&sandbox), ["1|b", "2|a", "3|a"]);
}

/// A full sweep that misses the last two of nine rows, of more pages than the limit has requests: the next one decides.
fn two_are_missing(listed: &Listed, api: &Api) -> Sandbox {
    let sandbox = users(api, "rate_limit = { requests = 4, per = \"50ms\" }");
    run(&sandbox, api);
    for id in [8, 9] {
        lock(listed).remove(&id);
        put(listed, id + 100, "a");
    }
    full_is_due(&sandbox);
    assert_eq!(run(&sandbox, api).len(), 5, "it asks nothing once more");
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_missing"), 1);
    sandbox
}

#[test]
fn two_full_reads_agree_whatever_changes_came_between() {
    let listed = listing(1..=9);
    let api = api(&listed);
    let sandbox = two_are_missing(&listed, &api);
    for v in ["b", "c"] {
        put(&listed, 1, v);
        assert_ne!(run(&sandbox, &api)[0], "");
    }
    full_is_due(&sandbox);
    run(&sandbox, &api);
    let deleted = sandbox.lines("SELECT id FROM users WHERE _deleted_at IS NOT NULL");
    assert_eq!(deleted, ["8", "9"]);
}

#[test]
fn a_row_that_a_change_has_brought_between_two_reads_is_there() {
    let listed = listing(1..=9);
    let api = api(&listed);
    let sandbox = two_are_missing(&listed, &api);
    // It is returned as it is stored, so that it is not even written.
    put(&listed, 9, "a");
    run(&sandbox, &api);
    lock(&listed).remove(&9);
    let before = asked(&api);
    full_is_due(&sandbox);
    run(&sandbox, &api);
    assert_eq!(asked(&api), before + 5);
    let deleted = "SELECT id FROM users WHERE _deleted_at IS NOT NULL";
    assert_eq!(sandbox.lines(deleted), ["8"], "the other one was missed once");
    full_is_due(&sandbox);
    run(&sandbox, &api);
    assert_eq!(sandbox.lines(deleted), ["8", "9"]);
}

#[test]
fn changes_that_were_interrupted_for_hours_leave_what_is_missing_as_it_is() {
    let listed = listing(1..=9);
    let gate = Gate::new();
    let api = gated(&listed, &gate);
    gate.allow(5 + 5);
    let sandbox = two_are_missing(&listed, &api);
    for id in 1..=4 {
        put(&listed, id, "b");
    }
    gate.allow(1);
    let before = asked(&api);
    let running = sandbox.start(&["--run-now"]);
    wait_until("the second page is asked for", || asked(&api) == before + 2);
    running.signal(Signal::KILL);
    running.wait();
    gate.open();
    sandbox.execute(
        "UPDATE _sync_checkpoints SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-5 hours') WHERE finished_at IS NULL",
    );
    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("goes on after 1 page");
    full_is_due(&sandbox);
    run(&sandbox, &api);
    let deleted = sandbox.lines("SELECT id FROM users WHERE _deleted_at IS NOT NULL");
    assert_eq!(deleted, ["8", "9"]);
}

#[test]
fn where_rows_are_to_stay_nothing_is_left_to_remember() {
    let listed = listing(1..=3);
    let api = api(&listed);
    let sandbox = users(&api, "on_missing = \"keep\"");
    run(&sandbox, &api);
    lock(&listed).remove(&3);
    put(&listed, 1, "b");
    assert_ne!(run(&sandbox, &api), [""]);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_seen"), 0);
    full_is_due(&sandbox);
    run(&sandbox, &api);
    assert_eq!(stored(&sandbox), ["1|b", "2|a", "3|a"]);
}

#[test]
fn while_deletions_wait_for_an_answer_everything_is_asked_for() {
    let listed = listing(1..=4);
    let api = api(&listed);
    let sandbox = users(&api, "missing = { max_share = 0.3, min_rows = 1 }");
    run(&sandbox, &api);
    for id in [2, 3, 4] {
        lock(&listed).remove(&id);
    }
    full_is_due(&sandbox);
    for _ in 0..2 {
        sandbox.run(&["--run-now"]).expect_status(65).expect_stderr("3 of 4 rows are no longer");
    }
    sandbox
        .run(&["--run-now", "--confirm-deletions"])
        .expect_status(0)
        .expect_stderr("users  asks for everything: deletions wait for an answer");
    assert_eq!(stored(&sandbox), ["1|a", "2|a deleted", "3|a deleted", "4|a deleted"]);
    assert_ne!(run(&sandbox, &api), [""]);
}
