//! How it ends.

use rustix::process::Signal;

use super::{USERS, held_back, one_user, started, wait_for_log, wait_for_runs};
use crate::{
    listing::Gate,
    support::{Answer, Api, Asked, Sandbox, wait_until},
};

/// The same endpoint, one record a page.
const PAGED: &str = "[[endpoint]]\nname = \"users\"\npath = \"/v2/users\"\nkey = [\"id\"]\n\
     records = \"items\"\ntotal = \"totalCount\"\n\
     pagination = { style = \"page\", page_param = \"page\", size_param = \"size\", size = 1, first = 1 }\n";

/// One page of three.
fn page(asked: &Asked) -> Answer {
    Answer::json(format!(r#"{{"items":[{{"id":{}}}],"totalCount":3}}"#, asked.number("page")))
}

#[test]
fn either_signal_ends_it_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let api = Api::serve(|_| one_user());
        let mut sandbox = Sandbox::with_api(&api.url(), USERS);
        let (daemon, _manager) = started(&mut sandbox);
        wait_for_runs(&sandbox, 1, "ok");
        daemon.signal(signal);
        daemon.wait().expect_status(0);
        // All is in the file itself.
        assert!(!sandbox.path().join("mapiq.db-wal").exists());
        assert_eq!(sandbox.count("SELECT count(*) FROM _sync_runs WHERE result IS NOT 'ok'"), 0);
    }
}

#[test]
fn a_signal_lets_the_page_in_hand_be_stored_and_the_next_run_goes_on_behind_it() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |asked| {
        if asked.number("page") == 2 {
            held.pass();
        }
        page(asked)
    });
    let mut sandbox = Sandbox::with_api(&api.url(), PAGED);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    let (daemon, manager) = started(&mut sandbox);
    wait_until("the second page is asked for", || api.asked_for("/v2/users").len() == 2);
    daemon.signal(Signal::TERM);
    manager.wait_for("STOPPING=1");
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 1);
    gate.open();
    daemon.wait().expect_status(0);

    assert_eq!(sandbox.lines("SELECT id FROM users"), ["1", "2"]);
    assert_eq!(sandbox.lines("SELECT result FROM _sync_runs"), ["paused"]);
    let endpoint = "SELECT result, message, pages, requests FROM _sync_endpoint_runs";
    assert_eq!(sandbox.lines(endpoint), ["paused|stopped by a signal; the next run goes on|2|2"]);

    let asked = api.asked_for("/v2/users").len();
    let (daemon, _manager) = {
        std::fs::remove_file(sandbox.path().join("notify")).expect("the socket is there");
        started(&mut sandbox)
    };
    wait_for_runs(&sandbox, 1, "ok");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
    assert_eq!(api.asked_for("/v2/users").get(asked).map(|asked| asked.number("page")), Some(3));
    assert_eq!(sandbox.lines("SELECT id FROM users"), ["1", "2", "3"]);
}

#[test]
fn a_second_signal_does_not_wait_for_the_page_in_hand() {
    let (gate, api, mut sandbox) = held_back();
    let (daemon, manager) = started(&mut sandbox);
    wait_until("the page is asked for", || !api.asked_for("/v2/users").is_empty());
    daemon.signal(Signal::TERM);
    manager.wait_for("STOPPING=1");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0).expect_stderr("leaving at once");
    // Nothing was stored: it did not wait until the answer came after all.
    assert_eq!(sandbox.lines("SELECT result IS NULL FROM _sync_runs"), ["1"]);
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 0);
    gate.open();
}

#[test]
fn a_signal_during_a_wait_for_the_limit_ends_it_at_once() {
    let api = Api::serve(page);
    let mut sandbox = Sandbox::with_api(&api.url(), PAGED);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "2");
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__PER", "5m");
    sandbox.set("RUST_LOG", "mapiq_sync=debug");
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_log(&daemon, "waits for the rate limit");
    daemon.signal(Signal::INT);
    daemon.wait().expect_status(0);
    assert_eq!(sandbox.lines("SELECT result FROM _sync_runs"), ["paused"]);
    assert_eq!(sandbox.lines("SELECT id FROM users"), ["1", "2"]);
}
