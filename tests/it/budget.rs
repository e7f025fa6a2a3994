//! The limiter through the binary: whoever asks, and however it ends, the API never has to refuse a request.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    listing::{Gate, Window, endpoint, page, pages_asked, whole},
    support::{Api, Sandbox, wait_until},
};

const STORED: &str = "SELECT id, name, even FROM users ORDER BY id";

/// An API with one limit for everything, whose listings have so many pages.
fn limited(window: &Arc<Window>, pages: usize) -> Api {
    let window = Arc::clone(window);
    Api::serve(move |asked| window.answer(|| page(asked, pages)))
}

/// Adds a job of the same name for each of some endpoints.
fn add_jobs(sandbox: &Sandbox, endpoints: &[&str]) {
    let mut config = fs::read_to_string(sandbox.path().join("config.toml"))
        .expect("the test's configuration can be read");
    for name in endpoints {
        let job = format!(
            "[[job]]\nname = \"{name}\"\nschedule = \"* * * * * *\"\nendpoints = [\"{name}\"]\n"
        );
        config.push_str(&job);
    }
    sandbox.write("config.toml", &config);
}

#[test]
fn two_processes_at_once_reach_the_limit_and_never_exceed_it() {
    const LIMIT: usize = 10;
    const PER: Duration = Duration::from_secs(2);
    const PAGES: usize = 15;
    let window = Window::new(LIMIT, PER);
    let (started, both) = (AtomicUsize::new(0), Gate::new());
    let api = Api::serve({
        let window = Arc::clone(&window);
        move |asked| {
            window.answer(|| {
                // The first page of the one is held back until the other one is there.
                if asked.number("page") == 1 && started.fetch_add(1, Ordering::SeqCst) == 1 {
                    both.open();
                }
                both.pass();
                page(asked, PAGES)
            })
        }
    });
    let limit = "rate_limit = { requests = 10, per = \"2s\" }";
    let endpoints = endpoint("first", "/v2/users", &format!("params = {{ who = \"1\" }}\n{limit}"))
        + &endpoint("second", "/v2/users", &format!("params = {{ who = \"2\" }}\n{limit}"));
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "30s");
    add_jobs(&sandbox, &["first", "second"]);

    let first = sandbox.start(&["--run-now", "--job", "first"]);
    let second = sandbox.start(&["--run-now", "--job", "second"]);
    first.wait().expect_status(0);
    second.wait().expect_status(0);

    let asked = api.asked_for("/v2/users");
    assert_eq!(asked.len(), 2 * PAGES, "no page is asked for twice");
    assert_eq!(window.busiest(), LIMIT, "the limit is reached, and not exceeded");
    // The requests fill three windows, so that they cannot take less than two; three would be a window wasted.
    let both = asked.iter().filter(|asked| asked.number("page") == 1).map(|asked| asked.at).max();
    let last = asked.iter().map(|asked| asked.at).max();
    let took = last.zip(both).map(|(last, both)| last.duration_since(both));
    assert!(took < Some(3 * PER), "30 requests at 10 in 2 s took {took:?}");
}

#[test]
fn a_killed_process_leaves_its_part_of_the_budget_spent() {
    const PAGES: usize = 8;
    let window = Window::new(4, Duration::from_secs(1));
    let gate = Gate::new();
    let api = Api::serve({
        let (window, gate) = (Arc::clone(&window), Arc::clone(&gate));
        move |asked| {
            window.answer(|| {
                gate.pass();
                page(asked, PAGES)
            })
        }
    });
    let endpoints = endpoint("users", "/users", "rate_limit = { requests = 4, per = \"1s\" }");
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "2s");

    gate.allow(2);
    let killed = sandbox.start(&["--run-now"]);
    wait_until("the third page is asked for", || api.asked_for("/users").len() == 3);
    killed.signal(Signal::KILL);
    killed.wait();
    gate.open();
    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 3, 4, 5, 6, 7, 8]);
    assert!(window.busiest() <= 4, "{} requests in a second", window.busiest());
    assert_eq!(sandbox.lines(STORED), whole(PAGES));
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_requests"), 9);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_requests WHERE settled_at IS NULL"), 1);
}

#[test]
fn a_request_whose_process_was_killed_counts_from_when_it_would_have_timed_out() {
    let gate = Gate::new();
    let api = Api::serve({
        let gate = Arc::clone(&gate);
        move |asked| {
            gate.pass();
            page(asked, 1)
        }
    });
    let endpoints = endpoint("users", "/users", "rate_limit = { requests = 1, per = \"1s\" }");
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "2s");

    let killed = sandbox.start(&["--run-now"]);
    wait_until("the page is asked for", || api.asked_for("/users").len() == 1);
    killed.signal(Signal::KILL);
    killed.wait();
    gate.open();
    sandbox.run(&["--run-now"]).expect_status(0);

    let gap = sandbox.count(
        "SELECT CAST(1000 * (unixepoch(after.reserved_at, 'subsec') - unixepoch(lost.reserved_at, 'subsec')) AS INTEGER) \
         FROM _sync_requests AS lost JOIN _sync_requests AS after ON after.request_id > lost.request_id \
         WHERE lost.settled_at IS NULL",
    );
    // Stamps are cut to milliseconds, and the limiter's own clock is finer.
    assert!(gap >= 2_998, "the time-out of 2 s and the period of 1 s have to pass, not {gap} ms");
    assert_eq!(pages_asked(&api, "/users"), [1, 1]);
}

#[test]
fn endpoints_of_one_path_share_a_budget() {
    shared(["/users", "/users"], "rate_limit = { requests = 4, per = \"1s\" }");
}

#[test]
fn endpoints_of_one_group_share_a_budget() {
    shared(["/users", "/rooms"], "rate_limit = { requests = 4, per = \"1s\", group = \"people\" }");
}

#[track_caller]
fn shared(paths: [&str; 2], limit: &str) {
    let window = Window::new(4, Duration::from_secs(1));
    let api = limited(&window, 5);
    let [first, second] = paths;
    let sandbox = Sandbox::with_api(
        &api.url(),
        &(endpoint("first", first, limit) + &endpoint("second", second, limit)),
    );

    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(window.busiest(), 4, "the shared limit is reached, and not exceeded");
    assert_eq!(api.asked().iter().filter(|asked| asked.path != "/token").count(), 10);
}

#[test]
fn endpoints_of_different_paths_do_not_share_a_budget() {
    let api = Api::serve(|asked| page(asked, 4));
    let limit = "rate_limit = { requests = 4, per = \"1h\" }";
    let sandbox = Sandbox::with_api(
        &api.url(),
        &(endpoint("users", "/users", limit) + &endpoint("rooms", "/rooms", limit)),
    );

    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(
        sandbox.lines("SELECT limit_group, count(*) FROM _sync_requests GROUP BY 1 ORDER BY 1"),
        ["/rooms|4", "/users|4"]
    );
}

#[test]
fn without_a_limit_there_is_no_ledger_and_no_wait() {
    let api = Api::serve(|asked| page(asked, 30));
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));

    let finished = sandbox.run(&["--run-now"]).expect_status(0);

    assert!(!finished.stderr.contains("waiting"), "{}", finished.stderr);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_requests"), 0);
    assert_eq!(sandbox.lines(STORED), whole(30));
}

#[test]
fn a_second_run_at_once_keeps_to_what_the_first_has_left() {
    let window = Window::new(4, Duration::from_secs(5));
    let api = limited(&window, 3);
    let endpoints = endpoint("users", "/users", "rate_limit = { requests = 4, per = \"5s\" }");
    let sandbox = Sandbox::with_api(&api.url(), &endpoints);

    sandbox.run(&["--run-now"]).expect_status(0);
    let second = sandbox.run(&["--run-now"]).expect_status(0);

    second.expect_stderr("for the rate limit of users");
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 1, 2, 3]);
    assert_eq!(window.busiest(), 4, "the limit is reached, and not exceeded");
}
