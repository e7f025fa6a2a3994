//! Killed in whatever state, a run is taken up where it stood, and its line says that it was interrupted.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rustix::process::Signal;

use super::assert_sound;
use crate::{
    listing::{Gate, endpoint, page, pages_asked, whole},
    support::{self, Answer, Api, Running, Sandbox, wait_until},
};

const ROWS: &str = "SELECT id, name, even FROM users ORDER BY id";

/// Kills a run once it has said something.
fn killed_when_it_says(sandbox: &Sandbox, text: &str) {
    let running = sandbox.start(&["--run-now"]);
    wait_until(text, || running.stderr().contains(text));
    kill(running);
}

fn kill(running: Running) {
    running.signal(Signal::KILL);
    running.wait();
}

/// One run was interrupted, and the one after it went to the end.
#[track_caller]
fn assert_interrupted_once(sandbox: &Sandbox) {
    assert_sound(sandbox);
    assert_eq!(
        sandbox.lines("SELECT result, message FROM _sync_endpoint_runs ORDER BY run_id"),
        ["paused|interrupted: its process ended", "ok|"]
    );
    assert_eq!(
        sandbox.lines("SELECT result, count(*) FROM _sync_sweeps GROUP BY 1"),
        ["complete|1"]
    );
}

#[test]
fn in_a_wait_for_the_limit() {
    let api = Api::serve(|asked| page(asked, 4));
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "2");
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__PER", "60s");

    killed_when_it_says(&sandbox, "for the rate limit of");
    assert_eq!(pages_asked(&api, "/users"), [1, 2]);
    // The wait is still known: the requests of the process that is gone count.
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "0s");
    sandbox.run(&["--run-now"]).expect_status(75);
    assert_eq!(pages_asked(&api, "/users"), [1, 2]);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "0");
    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 4]);
    assert_eq!(sandbox.lines(ROWS), whole(4));
    let results = "SELECT result FROM _sync_endpoint_runs ORDER BY run_id";
    assert_eq!(sandbox.lines(results), ["paused", "paused", "ok"]);
}

#[test]
fn in_a_wait_before_another_try() {
    let is_down = Arc::new(AtomicBool::new(true));
    let api = Api::serve({
        let is_down = Arc::clone(&is_down);
        move |asked| match asked.number("page") {
            3 if is_down.load(Ordering::SeqCst) => Answer::status(503, ""),
            _ => page(asked, 4),
        }
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "5m");

    killed_when_it_says(&sandbox, "trying again in");
    is_down.store(false, Ordering::SeqCst);
    sandbox.run(&["--run-now"]).expect_status(0);

    let asked = pages_asked(&api, "/users");
    assert_eq!(asked.iter().filter(|page| **page < 3).count(), 2, "{asked:?}");
    assert_eq!(sandbox.lines(ROWS), whole(4));
    assert_interrupted_once(&sandbox);
}

#[test]
fn with_a_token_that_is_dead_by_then() {
    let (tokens, gate) = (Arc::new(AtomicUsize::new(0)), Gate::new());
    let api = Api::serve_all({
        let (tokens, gate) = (Arc::clone(&tokens), Arc::clone(&gate));
        move |asked| {
            if asked.path == "/token" {
                let number = tokens.fetch_add(1, Ordering::SeqCst) + 1;
                return support::token(&format!("token-{number}"), 3600);
            }
            gate.pass();
            let newest = format!("Bearer token-{}", tokens.load(Ordering::SeqCst));
            let is_newest = asked.headers.get("authorization").is_some_and(|got| *got == newest);
            if is_newest { page(asked, 4) } else { Answer::status(401, "") }
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    gate.allow(2);

    let running = sandbox.start(&["--run-now"]);
    wait_until("the third page is asked for", || gate.waiting_and_allowed() == (1, 0));
    kill(running);
    gate.open();
    // Whatever token there was is none any more.
    tokens.fetch_add(1, Ordering::SeqCst);
    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 3, 4]);
    assert_eq!(sandbox.lines(ROWS), whole(4));
    assert_interrupted_once(&sandbox);
}

#[test]
fn in_a_second_pass_over_a_listing_that_has_moved() {
    const SIZE: usize = 10;
    // Between its second and its third page record 40 becomes the first: the last page will end with 39.
    let listed = Arc::new(Mutex::new((1..=40).collect::<Vec<usize>>()));
    let gate = Gate::new();
    let api = Api::serve({
        let (listed, gate) = (Arc::clone(&listed), Arc::clone(&gate));
        let served = AtomicUsize::new(0);
        move |asked| {
            gate.pass();
            let mut listed = listed.lock().expect("no test panics while it holds this");
            if served.fetch_add(1, Ordering::SeqCst) == 2 {
                listed.rotate_right(1);
            }
            let items = listed.iter().skip((asked.number("page") - 1) * SIZE).take(SIZE);
            let items: Vec<String> = items.map(|id| format!(r#"{{"id":{id}}}"#)).collect();
            Answer::json(format!(r#"{{"items":[{}],"total":40}}"#, items.join(",")))
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    gate.allow(6);

    let running = sandbox.start(&["--run-now"]);
    wait_until("the third page is asked for once more", || gate.waiting_and_allowed() == (1, 0));
    kill(running);
    gate.release();
    gate.open();
    let told = "moved while it was read: reads it once more";
    let finished = sandbox.run(&["--run-now"]).expect_status(0);
    assert!(!finished.stderr.contains(told), "{}", finished.stderr);

    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 4, 1, 2, 3, 3, 4]);
    assert_eq!(sandbox.lines("SELECT count(*), count(_deleted_at) FROM users"), ["40|0"]);
    let counts = "SELECT sum(rows_new), sum(rows_changed), sum(rows_unchanged), sum(listings_moved) FROM _sync_endpoint_runs";
    assert_eq!(sandbox.lines(counts), ["40|0|0|0"], "each row is counted once");
    assert_interrupted_once(&sandbox);
}
