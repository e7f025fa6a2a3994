//! An API that suddenly returns far too little empties no table.

use super::{api, assert_settled, deleted, listing, lock, users};

const GUARD: &str = "missing = { max_share = 0.3, min_rows = 2 }";

const WAITING: &str =
    "SELECT run_id, deletions_waiting FROM _sync_endpoint_runs WHERE deletions_waiting IS NOT NULL";

#[test]
fn too_many_deletions_wait_for_a_yes() {
    let listed = listing(1..=8);
    let api = api(&listed);
    let sandbox = users(&api, GUARD);
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).retain(|id, _| *id > 3);
    for run in [2, 3] {
        let finished = sandbox.run(&["--run-now"]).expect_status(65);
        finished.expect_stderr(
            "error: users: 3 of 8 rows are no longer returned, nothing was marked; if that is right: mapiq-sync --run-now --confirm-deletions",
        );
        assert_eq!(deleted(&sandbox, "users"), [""; 0]);
        assert_eq!(sandbox.lines(WAITING), [format!("{run}|3")], "it is told where it holds");
    }

    // One of them is back when the yes comes.
    lock(&listed).insert(3, "a".into());
    sandbox.run(&["--run-now", "--confirm-deletions"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), ["1|4", "2|4"]);
    assert_eq!(sandbox.lines(WAITING), [""; 0]);
    assert_settled(&sandbox);
}

#[test]
fn rows_that_come_back_need_no_yes() {
    let listed = listing(1..=8);
    let api = api(&listed);
    let sandbox = users(&api, GUARD);
    sandbox.run(&["--run-now"]).expect_status(0);
    let gone: Vec<_> = (1..=3).filter_map(|id| lock(&listed).remove_entry(&id)).collect();
    sandbox.run(&["--run-now"]).expect_status(65);
    lock(&listed).extend(gone);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    assert_eq!(sandbox.lines(WAITING), [""; 0]);
    assert_settled(&sandbox);
}

#[test]
fn few_rows_and_a_small_share_need_no_yes() {
    let listed = listing(1..=10);
    let api = api(&listed);
    let sandbox = users(&api, GUARD);
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).retain(|id, _| *id > 3);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(
        deleted(&sandbox, "users"),
        ["1|2", "2|2", "3|2"],
        "three of ten are no more than 0.3"
    );
    lock(&listed).retain(|id, _| *id > 5);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users").len(), 5, "two are no more than min_rows");
}

#[test]
fn without_a_guard_nothing_waits() {
    let listed = listing(1..=8);
    let api = api(&listed);
    let sandbox = users(&api, "missing = { min_rows = 2, confirm = false }");
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).clear();
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users").len(), 8);
}

#[test]
fn the_daemon_warns_of_deletions_that_wait() {
    let listed = listing(1..=8);
    let api = api(&listed);
    let sandbox = users(&api, GUARD);
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).clear();
    let daemon = sandbox.start(&[]);
    crate::support::wait_until("it warns", || {
        daemon.stderr().contains("too many rows are no longer returned")
    });
    daemon.signal(rustix::process::Signal::TERM);
    daemon.wait().expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
}

#[test]
fn the_yes_is_one_for_a_run() {
    let listed = listing(1..=1);
    let api = api(&listed);
    let sandbox = users(&api, "");
    sandbox.run(&["--confirm-deletions"]).expect_status(2).expect_stderr("--run-now");
}
