//! Groups: a pause or a spent limit holds up its own group, and nobody else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    listing::{Gate, Window, endpoint, page, pages_asked, refusal, whole},
    support::{Api, Sandbox, token, wait_until},
};

/// Users that are refused once for a whole minute, and rooms.
fn users_refused() -> Api {
    let asked_users = AtomicUsize::new(0);
    Api::serve(move |asked| {
        if asked.path == "/users" && asked_users.fetch_add(1, Ordering::SeqCst) == 0 {
            refusal(60)
        } else {
            page(asked, 3)
        }
    })
}

#[test]
fn endpoints_of_other_groups_do_not_wait_for_a_paused_one() {
    let api = users_refused();
    let endpoints = endpoint("users", "/users", "") + &endpoint("rooms", "/rooms", "");
    let sandbox = Sandbox::with_api(&api.url(), &endpoints);

    let running = sandbox.start(&["--run-now"]);
    wait_until("the users wait", || {
        running.stderr().contains("for users: the API has asked for a pause")
    });
    wait_until("the rooms are done", || running.stderr().contains("rooms  done"));
    assert_eq!(sandbox.lines("SELECT result FROM _sync_runs"), [""], "the users wait still");
    running.signal(Signal::TERM);
    running.wait().expect_status(75);

    assert_eq!(
        sandbox.lines("SELECT endpoint, result FROM _sync_endpoint_runs ORDER BY 1"),
        ["rooms|ok", "users|paused"]
    );
    assert_eq!(sandbox.lines("SELECT id, name, even FROM rooms ORDER BY id"), whole(3));
}

#[test]
fn endpoints_of_other_groups_do_not_wait_for_a_spent_limit() {
    let api = Api::serve(|asked| page(asked, 3));
    let limit = "rate_limit = { requests = 1, per = \"1h\" }";
    let endpoints = endpoint("users", "/users", limit) + &endpoint("rooms", "/rooms", "");
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "2h");

    let running = sandbox.start(&["--run-now"]);
    wait_until("the rooms are done", || running.stderr().contains("rooms  done"));
    wait_until("the users wait", || running.stderr().contains("for the rate limit of users"));
    running.signal(Signal::TERM);
    running.wait().expect_status(75);
    assert_eq!(pages_asked(&api, "/users"), [1]);
    assert_eq!(sandbox.lines("SELECT id, name, even FROM rooms ORDER BY id"), whole(3));
}

#[test]
fn a_refusal_of_one_endpoint_pauses_those_of_its_group() {
    for (paths, group) in [
        (["/users", "/rooms"], "rate_limit = { requests = 0, group = \"people\" }"),
        (["/users", "/users"], ""),
    ] {
        let [first, second] = paths;
        let gate = Gate::new();
        let held = Arc::clone(&gate);
        let api = Api::serve(move |asked| {
            // The second is refused while the first waits for its answer, and then the first's next page is not asked for.
            if asked.param("who") == "second" {
                held.open();
                return refusal(60);
            }
            held.pass();
            page(asked, 3)
        });
        let who = |name: &str| format!("params = {{ who = \"{name}\" }}\n{group}");
        let endpoints = endpoint("first", first, &who("first"))
            + &endpoint("second", second, &who("second"))
            + &endpoint("others", "/others", "");
        let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
        sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "1s");

        sandbox.run(&["--run-now"]).expect_status(75);

        let ends = "SELECT endpoint, result FROM _sync_endpoint_runs ORDER BY 1";
        assert_eq!(sandbox.lines(ends), ["first|paused", "others|ok", "second|paused"]);
        let asked = api.asked().iter().filter(|asked| asked.param("who") == "first").count();
        assert!(asked <= 1 + 1, "asked {asked} times: at most what was on its way already");
    }
}

#[test]
fn a_pause_of_the_token_endpoint_holds_up_all_groups_and_its_503_does_so_too() {
    let tokens = AtomicUsize::new(0);
    let api = Api::serve_all(move |asked| match asked.path.as_str() {
        "/token" if tokens.fetch_add(1, Ordering::SeqCst) == 0 => {
            crate::support::Answer::status(503, "").with("retry-after", "1")
        }
        "/token" => token("token", 3600),
        _ => page(asked, 1),
    });
    let endpoints = endpoint("users", "/users", "") + &endpoint("rooms", "/rooms", "");
    let sandbox = Sandbox::with_api(&api.url(), &endpoints);

    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(sandbox.lines("SELECT limit_group FROM _sync_pauses"), ["(token endpoint)"]);
    let tokens = api.asked_for("/token");
    let [refused, given] = tokens.as_slice() else { panic!("{} requests", tokens.len()) };
    let gap = given.at.duration_since(refused.at);
    assert!(gap >= Duration::from_secs(1), "asked again after {gap:?}");
}

#[test]
fn a_group_of_one_budget_is_served_in_the_order_of_asking() {
    let window = Window::new(2, Duration::from_secs(1));
    let api = Api::serve({
        let window = Arc::clone(&window);
        move |asked| window.answer(|| page(asked, 4))
    });
    let limit = "rate_limit = { requests = 2, per = \"1s\", group = \"people\" }";
    let endpoints = endpoint("users", "/users", limit) + &endpoint("rooms", "/rooms", limit);
    let sandbox = Sandbox::with_api(&api.url(), &endpoints);

    sandbox.run(&["--run-now"]).expect_status(0);

    assert!(window.busiest() <= 2, "{} requests in a second", window.busiest());
    let asked: Vec<_> = api.asked().into_iter().filter(|asked| asked.path != "/token").collect();
    // Neither is ever more than one window ahead of the other.
    let mut ahead = 0_i32;
    for request in &asked {
        ahead += if request.path == "/users" { 1 } else { -1 };
        assert!(
            ahead.abs() <= 2,
            "{:?}",
            asked.iter().map(|asked| &asked.path).collect::<Vec<_>>()
        );
    }
    let waited = sandbox.count("SELECT min(waited_ms) FROM _sync_endpoint_runs");
    assert!(waited >= 2_000, "the wait for one's turn counts too: {waited} ms");
}

#[test]
fn a_request_that_is_on_its_way_is_no_wait_that_is_known_to_be_too_long() {
    let api = Api::serve(|asked| page(asked, 2));
    let limit = "rate_limit = { requests = 1, per = \"200ms\", group = \"people\" }";
    let endpoints = endpoint("users", "/users", limit) + &endpoint("rooms", "/rooms", limit);
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    // Less than the time-out until which the other's request may last, and more than it does last.
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "3s");
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "30s");

    sandbox.run(&["--run-now"]).expect_status(0);

    let waited = sandbox.count("SELECT max(waited_ms) FROM _sync_endpoint_runs");
    assert!(waited < 4_000, "three periods are waited for, and not {waited} ms");
}

#[test]
fn the_end_of_a_pause_is_told_by_the_clock() {
    let api = users_refused();
    let endpoints = endpoint("users", "/users", "");
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "10s");

    let finished = sandbox.run(&["--run-now"]).expect_status(75);

    let stored = sandbox.lines("SELECT substr(not_before_at, 12, 8) FROM _sync_endpoint_runs");
    let hour = stored.first().and_then(|time| time.split_once(':')).map_or("", |(hour, _)| hour);
    assert!(
        finished.stderr.lines().any(|line| line
            .contains(&format!("users unfinished: the rate limit asks for a wait until {hour}:"))
            && line.contains(" UTC (1 min")
            && line.contains("longer than `rate_limit.max_wait`")),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_limit_whose_wait_is_known_to_be_too_long_is_left_to_the_next_run() {
    let api = Api::serve(|asked| page(asked, 3));
    let limit = "rate_limit = { requests = 2, per = \"1h\" }";
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", limit));

    sandbox.run(&["--run-now"]).expect_status(75).expect_stderr("(1 h)");

    assert_eq!(pages_asked(&api, "/users"), [1, 2]);
    assert_eq!(sandbox.count("SELECT not_before_at IS NULL FROM _sync_endpoint_runs"), 0);
}

/// Puts the database into another boot, with its pause told by a wall clock that was so much ahead or behind.
fn after_a_reboot(sandbox: &Sandbox, clock_was_off: &str) {
    let file = rusqlite::Connection::open(sandbox.database()).expect("the database can be opened");
    let changed = file.execute(
        "UPDATE _sync_pauses SET boot_id = 'another', not_before_ns = 9000000000000000000, \
         not_before_at = strftime('%Y-%m-%dT%H:%M:%fZ', not_before_at, ?)",
        [clock_was_off],
    );
    assert_eq!(changed, Ok(1), "one pause is stored");
}

#[test]
fn a_clock_that_was_a_day_off_before_a_reboot_prolongs_no_pause() {
    for (clock_was_off, waits) in [("+1 day", true), ("+1 second", true), ("-1 day", false)] {
        let api = users_refused();
        let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
        sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "1s");
        sandbox.run(&["--run-now"]).expect_status(75);
        after_a_reboot(&sandbox, clock_was_off);

        let finished = sandbox.run(&["--run-now"]);

        if waits {
            // Not a day: no longer than it was meant to last.
            finished.expect_status(75).expect_stderr("(1 min");
        } else {
            finished.expect_status(0);
        }
    }
}
