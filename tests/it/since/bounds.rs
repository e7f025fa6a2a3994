//! Since when changes are asked for: the start of the last sweep that has come to its end.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rustix::process::Signal;

use super::{
    api, asked, asked_since, follows_on, gated, listing, lock, page, put, run, stored, users,
};
use crate::{
    listing::Gate,
    support::{Answer, Api, Sandbox, wait_until},
};

#[test]
fn what_has_changed_arrives_by_the_start_of_the_last_sweep_less_the_lookback() {
    let listed = listing(1..=5);
    let api = api(&listed);
    let sandbox = users(&api, "");
    assert_eq!(run(&sandbox, &api), ["", "", ""], "at first it asks for everything");

    put(&listed, 2, "b");
    put(&listed, 6, "a");
    let said = sandbox.run(&["--run-now"]).expect_status(0);
    let bound = follows_on(&sandbox, 1);
    assert_eq!(asked_since(&api, 3), [&*bound], "two changes are a page");
    assert_eq!(stored(&sandbox), ["1|a", "2|b", "3|a", "4|a", "5|a", "6|a"]);
    let since = sandbox.lines("SELECT since FROM _sync_sweeps ORDER BY sweep_id");
    assert_eq!(since[0], "");
    assert_eq!(since[1].split_at(19).0, bound.split_at(19).0);
    said.expect_stderr(&format!("users  asks for what has changed since {}", since[1]))
        .expect_stderr(&format!("users: asked only for what has changed since {}", since[1]));
    let counts = "SELECT rows_new, rows_changed, rows_unchanged, rows_deleted FROM _sync_endpoint_runs WHERE run_id = 2";
    assert_eq!(sandbox.lines(counts), ["1|1|0|0"]);

    let asked = run(&sandbox, &api);
    assert_eq!(asked, [follows_on(&sandbox, 2)]);
}

#[test]
fn a_sweep_that_was_killed_goes_on_with_its_bound_and_counts_from_its_own_start() {
    let listed = listing(1..=3);
    let gate = Gate::new();
    let api = gated(&listed, &gate);
    let sandbox = users(&api, "");
    gate.allow(2);
    sandbox.run(&["--run-now"]).expect_status(0);
    for id in 4..=7 {
        put(&listed, id, "a");
    }
    gate.allow(1);
    let running = sandbox.start(&["--run-now"]);
    wait_until("the second page is asked for", || asked(&api) == 2 + 2);
    running.signal(Signal::KILL);
    running.wait();
    gate.open();
    // As if that had been some hours ago: it is that moment which counts, not the one when it is taken up.
    sandbox.execute(
        "UPDATE _sync_sweeps SET started_at = strftime('%Y-%m-%dT%H:%M:%fZ', started_at, '-3 hours') WHERE finished_at IS NULL",
    );

    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("users  goes on after 1 page");
    let bound = follows_on(&sandbox, 1);
    assert_eq!(asked_since(&api, 2), [&*bound, &*bound, &*bound]);
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 7);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_sweeps"), 2);

    let asked = run(&sandbox, &api);
    assert_eq!(asked[0], follows_on(&sandbox, 2));
}

#[test]
fn a_run_that_fails_does_not_move_the_bound() {
    let listed = listing(1..=3);
    let broken = Arc::new(AtomicBool::new(false));
    let api = Api::serve({
        let (listed, broken) = (Arc::clone(&listed), Arc::clone(&broken));
        move |asked| {
            if broken.load(Ordering::SeqCst) {
                return Answer::status(403, "{}");
            }
            page(&listed, asked)
        }
    });
    let sandbox = users(&api, "");
    run(&sandbox, &api);
    put(&listed, 1, "b");
    broken.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        sandbox.run(&["--run-now"]).expect_status(1);
    }
    broken.store(false, Ordering::SeqCst);
    let asked = run(&sandbox, &api);
    assert_eq!(asked, [follows_on(&sandbox, 1)]);
    assert_eq!(stored(&sandbox), ["1|b", "2|a", "3|a"]);
}

#[test]
fn a_listing_that_returns_less_than_it_states_does_not_move_the_bound() {
    let listed = listing(1..=3);
    let short = Arc::new(AtomicBool::new(false));
    let api = Api::serve({
        let (listed, short) = (Arc::clone(&listed), Arc::clone(&short));
        move |asked| {
            if short.load(Ordering::SeqCst) {
                return Answer::json(r#"{"items":[],"total":1}"#);
            }
            page(&listed, asked)
        }
    });
    let sandbox = users(&api, "");
    run(&sandbox, &api);
    put(&listed, 1, "b");
    short.store(true, Ordering::SeqCst);
    sandbox.run(&["--run-now"]).expect_status(65).expect_stderr("the API stated 1 record");
    short.store(false, Ordering::SeqCst);
    let asked = run(&sandbox, &api);
    assert_eq!(asked, [follows_on(&sandbox, 1)]);
    assert_eq!(stored(&sandbox), ["1|b", "2|a", "3|a"]);
}

#[test]
fn a_record_that_cannot_be_stored_moves_it_all_the_same() {
    let listed = listing(1..=3);
    let api = api(&listed);
    let sandbox = users(&api, "");
    run(&sandbox, &api);
    put(&listed, 2, r"\ud800");
    sandbox.run(&["--run-now"]).expect_status(65);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_rejects"), 1, "it is kept there");
    lock(&listed).remove(&2);
    let asked = run(&sandbox, &api);
    assert_eq!(asked, [follows_on(&sandbox, 2)]);
}

#[test]
fn the_moment_is_written_as_the_api_takes_it_on_every_page() {
    let api = Api::serve(|asked| {
        let next = if asked.param("after").is_empty() { "\"x\"" } else { "null" };
        let id = if next == "null" { 2 } else { 1 };
        Answer::json(format!(r#"{{"items":[{{"id":{id}}}],"next":{next}}}"#))
    });
    let sandbox = Sandbox::with_api(
        &api.url(),
        "[[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\nrecords = \"items\"\n\
         pagination = { style = \"cursor\", param = \"after\", next = \"next\" }\n\
         since = { param = \"changedSince\", format = \"%d.%m.%Y %H:%M %:z\", lookback = \"90m\" }\n",
    );
    for _ in 0..2 {
        sandbox.run(&["--run-now"]).expect_status(0);
    }
    let started = "SELECT strftime('%d.%m.%Y %H:%M +00:00', started_at, '-90 minutes') FROM _sync_sweeps WHERE sweep_id = 1";
    let bound = &sandbox.lines(started)[0];
    let asked: Vec<_> = api
        .asked_for("/users")
        .iter()
        .map(|asked| asked.param("changedSince").to_owned())
        .collect();
    assert_eq!(asked, ["", "", bound, bound]);
}
