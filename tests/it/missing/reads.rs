//! Two complete reads must agree, whichever runs they are of.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rustix::process::Signal;

use super::{
    api, asked, assert_settled, deleted, gated, listing, lock, page, users, users_without_total,
};
use crate::{
    listing::Gate,
    support::{Answer, Api, wait_until},
};

#[test]
fn a_row_that_is_gone_is_asked_for_once_more_and_marked_and_comes_back() {
    let listed = listing(1..=5);
    let api = api(&listed);
    let sandbox = users(&api, "");
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(asked(&api, "/users"), 3, "nothing is missing: nothing is asked for twice");
    assert_settled(&sandbox);
    let before = sandbox.lines("SELECT id, _first_seen_at, _changed_at FROM users WHERE id <> 4");

    lock(&listed).remove(&4);
    sandbox
        .run(&["--run-now"])
        .expect_status(0)
        .expect_stderr("users  1 row was not returned: asks once more, to make sure");
    assert_eq!(asked(&api, "/users"), 3 + 2 + 2);
    assert_eq!(deleted(&sandbox, "users"), ["4|2"]);
    assert_settled(&sandbox);
    let same = sandbox.lines("SELECT id, _first_seen_at, _changed_at FROM users WHERE id <> 4");
    assert_eq!(same, before, "the others are not written");
    let counts = "SELECT rows_new, rows_changed, rows_unchanged, rows_deleted, pages, deletions_waiting FROM _sync_endpoint_runs ORDER BY run_id DESC LIMIT 1";
    assert_eq!(sandbox.lines(counts), ["0|0|4|1|4|"]);
    let reads = "SELECT read, result, judges FROM _sync_sweeps ORDER BY sweep_id DESC LIMIT 2";
    assert_eq!(sandbox.lines(reads), ["2|complete|1", "1|complete|1"]);

    // What is marked is not missing again.
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(asked(&api, "/users"), 7 + 2);
    assert_eq!(deleted(&sandbox, "users"), ["4|2"]);

    lock(&listed).insert(4, "a".into());
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    assert_eq!(sandbox.lines(counts), ["0|1|4|0|3|"]);
    let kept = "SELECT _first_seen_at < _changed_at, _run_id FROM users WHERE id = 4";
    assert_eq!(sandbox.lines(kept), ["1|4"]);
}

#[test]
fn a_row_that_is_missing_in_one_read_only_is_not_marked() {
    let listed = listing(1..=3);
    let hide = Arc::new(AtomicUsize::new(0));
    let api = Api::serve({
        let (listed, hide) = (Arc::clone(&listed), Arc::clone(&hide));
        move |asked| {
            // The first page lacks a record, without a total that would tell.
            let all = page(&listed, asked);
            if asked.number("page") == 1
                && hide
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                    .is_ok()
            {
                return Answer::json(r#"{"items":[{"id":1,"v":"a"}],"total":3}"#);
            }
            all
        }
    });
    let sandbox = users_without_total(&api, "");
    sandbox.run(&["--run-now"]).expect_status(0);
    hide.store(1, Ordering::SeqCst);
    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("asks once more");
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    assert_settled(&sandbox);
}

#[test]
fn what_cannot_be_asked_for_at_once_the_next_complete_read_decides() {
    let listed = listing(1..=9);
    let api = api(&listed);
    // Five pages a sweep, and four requests within the limit's period, which is over at once.
    let sandbox = users(&api, "rate_limit = { requests = 4, per = \"50ms\" }");
    sandbox.run(&["--run-now"]).expect_status(0);
    let removed = [8, 9].map(|id| lock(&listed).remove(&id));
    assert!(removed.iter().all(Option::is_some));
    lock(&listed).insert(10, "a".into());
    lock(&listed).insert(11, "a".into());

    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(asked(&api, "/users"), 5 + 5);
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    assert_eq!(sandbox.lines("SELECT endpoint FROM _sync_missing"), ["users"]);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_seen"), 0);

    // One of the two is back.
    lock(&listed).insert(8, "a".into());
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), ["9|3"]);
    assert_settled(&sandbox);
}

#[test]
fn a_listing_with_another_total_than_stated_is_no_proof() {
    let listed = listing(1..=5);
    let wrong = Arc::new(AtomicBool::new(false));
    let api = Api::serve({
        let (listed, wrong) = (Arc::clone(&listed), Arc::clone(&wrong));
        move |asked| {
            if wrong.load(Ordering::SeqCst) {
                let items = if asked.number("page") == 1 { r#"{"id":1,"v":"a"}"# } else { "" };
                return Answer::json(format!(r#"{{"items":[{items}],"total":5}}"#));
            }
            page(&listed, asked)
        }
    });
    let sandbox = users(&api, "");
    sandbox.run(&["--run-now"]).expect_status(0);
    wrong.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        sandbox.run(&["--run-now"]).expect_status(65).expect_stderr("the API stated 5 records");
    }
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    assert_settled(&sandbox);
}

#[test]
fn a_record_that_can_no_longer_be_stored_is_no_deletion() {
    let listed = listing(1..=3);
    let api = api(&listed);
    let sandbox = users(&api, "");
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).insert(2, r"\ud800".into());
    for _ in 0..2 {
        sandbox.run(&["--run-now"]).expect_status(65);
    }
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    assert_settled(&sandbox);
}

#[test]
fn a_resumed_sweep_knows_what_it_saw_before() {
    let listed = listing(1..=8);
    let gate = Gate::new();
    let api = gated(&listed, &gate);
    let sandbox = users(&api, "");
    gate.allow(4);
    sandbox.run(&["--run-now"]).expect_status(0);

    let interrupt = |pages: usize| {
        let before = asked(&api, "/users");
        gate.allow(pages);
        let running = sandbox.start(&["--run-now"]);
        wait_until("the next page is asked for", || asked(&api, "/users") == before + pages + 1);
        // A request that came to the gate only after the kill would take what the next run is allowed.
        wait_until("it stands at the gate", || gate.waiting_and_allowed() == (1, 0));
        running.signal(Signal::KILL);
        running.wait();
        gate.release();
        wait_until("nobody stands at the gate", || gate.waiting_and_allowed().0 == 0);
    };
    interrupt(2);
    lock(&listed).remove(&8);
    lock(&listed).insert(9, "a".into());
    gate.allow(2 + 4);
    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("goes on after 2 pages");
    assert_eq!(deleted(&sandbox, "users"), ["8|3"]);
    assert_settled(&sandbox);

    // After more than an hour it stores what comes, but tells nothing of what does not; nor does it later in the same sweep.
    interrupt(2);
    sandbox.execute(
        "UPDATE _sync_checkpoints SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-61 minutes') WHERE finished_at IS NULL",
    );
    interrupt(1);
    lock(&listed).remove(&9);
    lock(&listed).insert(10, "a".into());
    gate.open();
    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("goes on after 3 pages");
    assert_eq!(deleted(&sandbox, "users"), ["8|3"]);
    assert_settled(&sandbox);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), ["8|3", "9|7"]);
}

#[test]
fn a_kill_while_it_is_judged_leaves_that_to_the_next_run() {
    let listed = listing(1..=4);
    let gate = Gate::new();
    let api = gated(&listed, &gate);
    let sandbox = users(&api, "");
    gate.allow(2);
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).remove(&4);

    // The first read is complete, and the second one under way.
    gate.allow(2);
    let running = sandbox.start(&["--run-now"]);
    wait_until("it is asked for once more", || asked(&api, "/users") == 5);
    running.signal(Signal::KILL);
    running.wait();
    gate.open();
    assert_eq!(sandbox.lines("SELECT endpoint FROM _sync_missing"), ["users"]);
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);

    // The complete read of the next run is the second one.
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(asked(&api, "/users"), 5 + 2);
    assert_eq!(deleted(&sandbox, "users"), ["4|3"]);
    assert_settled(&sandbox);
    let results = "SELECT read, result FROM _sync_sweeps ORDER BY sweep_id";
    assert_eq!(sandbox.lines(results), ["1|complete", "1|complete", "2|superseded", "1|complete"]);
}

#[test]
fn what_a_sweep_has_returned_that_was_given_up_is_not_missing() {
    let listed = listing(1..=6);
    let gate = Gate::new();
    let api = gated(&listed, &gate);
    let mut sandbox = users(&api, "rate_limit = { requests = 2, per = \"50ms\" }");
    gate.allow(3);
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).remove(&1);
    gate.allow(3);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_missing"), 1);

    // It is back, and the first page of a sweep has it, which comes to no end.
    lock(&listed).insert(1, "a".into());
    gate.allow(1);
    let running = sandbox.start(&["--run-now"]);
    wait_until("the second page is asked for", || asked(&api, "/users") == 3 + 3 + 2);
    running.signal(Signal::KILL);
    running.wait();
    gate.open();
    lock(&listed).remove(&1);
    sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__PARAMS", "{ other = \"settings\" }");
    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("starts over");
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), ["1|5"]);
    assert_settled(&sandbox);
}

#[test]
fn a_sweep_that_was_complete_but_never_judged_is_followed_by_a_whole_one() {
    let listed = listing(1..=4);
    let api = api(&listed);
    let sandbox = users(&api, "");
    sandbox.run(&["--run-now"]).expect_status(0);
    // As a kill right after the last page's commit leaves it: the pages are remembered, the sweep is complete.
    sandbox.execute(
        "INSERT INTO _sync_seen SELECT sweep_id, 0, 1, x'00' FROM _sync_sweeps WHERE result = 'complete'",
    );
    lock(&listed).remove(&4);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), ["4|2"]);
    assert_settled(&sandbox);
}

#[test]
fn a_second_read_that_fails_leaves_it_to_the_next_run() {
    let listed = listing(1..=4);
    let broken = Arc::new(AtomicBool::new(false));
    let api = Api::serve({
        let (listed, broken) = (Arc::clone(&listed), Arc::clone(&broken));
        let since = AtomicUsize::new(0);
        move |asked| {
            if broken.load(Ordering::SeqCst) && since.fetch_add(1, Ordering::SeqCst) >= 2 {
                return Answer::status(403, r#"{"title":"no"}"#);
            }
            page(&listed, asked)
        }
    });
    let sandbox = users(&api, "");
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).remove(&4);
    broken.store(true, Ordering::SeqCst);
    sandbox.run(&["--run-now"]).expect_status(1);
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    broken.store(false, Ordering::SeqCst);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), ["4|3"]);
    assert_settled(&sandbox);
}

#[test]
fn a_second_read_that_the_api_refuses_for_long_does_not_keep_the_run_from_its_end() {
    let listed = listing(1..=4);
    let requests = Arc::new(AtomicUsize::new(0));
    let api = Api::serve({
        let (listed, requests) = (Arc::clone(&listed), Arc::clone(&requests));
        move |asked| {
            if requests.fetch_add(1, Ordering::SeqCst) == 4 {
                return crate::listing::refusal(3_600);
            }
            page(&listed, asked)
        }
    });
    let sandbox = users(&api, "");
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).remove(&4);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(sandbox.lines("SELECT endpoint FROM _sync_missing"), ["users"]);
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
}
