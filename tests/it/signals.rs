//! SIGTERM and SIGINT to a run: the page in hand is finished, and what waits does not keep anybody waiting.

use std::{sync::Arc, time::Duration};

use rustix::process::Signal;

use crate::{
    listing::{Gate, endpoint, page, pages_asked, whole},
    support::{self, Answer, Api, Running, Sandbox, wait_until},
};

/// Whatever is done at once is done within this: a wait is looked at anew after five seconds anyway.
const AT_ONCE: Duration = Duration::from_secs(3);

const STORED: &str = "SELECT id, name, even FROM users ORDER BY id";

/// An API whose third page and those after it are held back by the gate.
fn held_at_the_third_page(gate: &Arc<Gate>) -> Api {
    let gate = Arc::clone(gate);
    Api::serve(move |asked| {
        if asked.number("page") >= 3 {
            gate.pass();
        }
        page(asked, 5)
    })
}

/// A sandbox whose runs log what they do about a signal.
fn sandbox(api: &Api, endpoints: &str) -> Sandbox {
    let mut sandbox = Sandbox::with_api(&api.url(), endpoints);
    sandbox.set("RUST_LOG", "mapiq_sync=info");
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    sandbox
}

fn wait_for(running: &Running, text: &str) {
    wait_until(text, || running.stderr().contains(text));
}

/// Asks a run to stop, and waits until it has understood.
fn stop(running: &Running, signal: Signal) {
    running.signal(signal);
    wait_for(running, "asked to stop");
}

#[test]
fn a_signal_in_mid_page_finishes_the_page_and_the_next_run_goes_on_behind_it() {
    for signal in [Signal::TERM, Signal::INT] {
        let gate = Gate::new();
        let api = held_at_the_third_page(&gate);
        let sandbox = sandbox(&api, &endpoint("users", "/users", ""));

        let running = sandbox.start(&["--run-now"]);
        wait_until("the third page is asked for", || api.asked_for("/users").len() == 3);
        stop(&running, signal);
        gate.open();
        running.wait().expect_status(75).expect_stderr("users unfinished: stopped by a signal");

        assert_eq!(sandbox.lines(STORED), whole(3), "the page in hand is stored");
        assert_eq!(sandbox.lines("SELECT result, pages FROM _sync_endpoint_runs"), ["paused|3"]);
        assert_eq!(sandbox.lines("SELECT result FROM _sync_runs"), ["paused"]);
        sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("goes on after 3 pages");
        assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 4, 5]);
        assert_eq!(sandbox.lines(STORED), whole(5));
    }
}

#[test]
fn a_second_signal_leaves_at_once() {
    let gate = Gate::new();
    let api = held_at_the_third_page(&gate);
    let sandbox = sandbox(&api, &endpoint("users", "/users", ""));

    let running = sandbox.start(&["--run-now"]);
    wait_until("the third page is asked for", || api.asked_for("/users").len() == 3);
    stop(&running, Signal::INT);
    let asked_again = support::now();
    running.signal(Signal::INT);
    running.wait().expect_status(75).expect_stderr("leaving at once");

    assert!(asked_again.elapsed() < AT_ONCE);
    gate.open();
    assert_eq!(sandbox.lines(STORED), whole(2), "the page in hand is given up");
    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("goes on after 2 pages");
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 3, 4, 5]);
    assert_eq!(sandbox.lines(STORED), whole(5));
}

#[test]
fn a_signal_ends_a_wait_for_the_limit() {
    let api = Api::serve(|asked| page(asked, 3));
    // Two endpoints of one group: the second waits for its turn to wait.
    let limit = "rate_limit = { requests = 1, per = \"60s\" }";
    let endpoints = endpoint("users", "/users", limit)
        + &endpoint("others", "/users", &format!("params = {{ other = \"1\" }}\n{limit}"));
    let sandbox = sandbox(&api, &endpoints);

    ends_at_once(&sandbox, "for the rate limit of");

    assert_eq!(
        sandbox.lines("SELECT endpoint, result FROM _sync_endpoint_runs ORDER BY 1"),
        ["others|paused", "users|paused"]
    );
    assert_eq!(api.asked_for("/users").len(), 1);
}

#[test]
fn a_signal_ends_a_pause() {
    let api = Api::serve(|_| Answer::status(429, "").with("retry-after", "60"));
    let sandbox = sandbox(&api, &endpoint("users", "/users", ""));

    ends_at_once(&sandbox, "the API has asked for a pause");

    assert_eq!(api.asked_for("/users").len(), 1);
}

#[test]
fn a_signal_ends_the_wait_before_another_try() {
    let api = Api::serve(|_| Answer::status(500, ""));
    let mut sandbox = sandbox(&api, &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "10m");

    ends_at_once(&sandbox, "trying again in");
}

fn ends_at_once(sandbox: &Sandbox, waiting: &str) {
    let running = sandbox.start(&["--run-now"]);
    wait_for(&running, waiting);
    let asked = support::now();
    running.signal(Signal::TERM);
    running.wait().expect_status(75).expect_stderr("stopped by a signal");
    assert!(asked.elapsed() < AT_ONCE);
}
