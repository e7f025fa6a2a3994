//! A limit is a pause, not a failure: what the API asks for, what is stored of it, and who obeys it.

use std::time::Duration;

use crate::{
    listing::{endpoint, page, pages_asked, refusal, whole},
    support::{Answer, Api, Asked, Finished, Sandbox, token, wait_until},
};

const STORED: &str = "SELECT id, name, even FROM users ORDER BY id";
const ENDS: &str =
    "SELECT endpoint, result FROM _sync_endpoint_runs WHERE run_id = 1 ORDER BY endpoint";

/// Users and rooms, without a limit; their groups are their paths.
fn users_and_rooms(api: &Api) -> Sandbox {
    Sandbox::with_api(
        &api.url(),
        &(endpoint("users", "/users", "") + &endpoint("rooms", "/rooms", "")),
    )
}

/// Answers for users by a script, and for rooms with three pages.
fn serve(users: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Api {
    Api::serve(move |asked| if asked.path == "/users" { users(asked) } else { page(asked, 3) })
}

/// Leaves every wait to the next run.
fn without_waiting(sandbox: &mut Sandbox) {
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "10ms");
}

#[test]
fn every_form_of_a_refusal_is_a_pause_of_its_length() {
    const MESSAGE: &str =
        r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 289 seconds."}"#;
    const QUOTA: &str = r#"{"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in 01:22:33."}"#;
    const DATE: (&str, &str) = ("date", "Tue, 24 Nov 2026 10:00:00 GMT");
    /// Status, headers, body, and the wait that they state in seconds.
    type Form = (u16, &'static [(&'static str, &'static str)], &'static str, i64);
    let forms: [Form; 12] = [
        (429, &[("retry-after", "17")], MESSAGE, 17),
        (429, &[("retry-after", "Tue, 24 Nov 2026 10:02:05 GMT"), DATE], MESSAGE, 125),
        (429, &[], MESSAGE, 289),
        (429, &[], "", 60),
        (429, &[], r#"{"statusCode":429,"message":"Rate limit is exceeded."}"#, 60),
        (429, &[("retry-after", "0")], "", 60),
        (429, &[("retry-after", "soon")], "", 60),
        (429, &[("retry-after", "-5")], "", 60),
        (429, &[("retry-after", "Tue, 24 Nov 2026 09:59:59 GMT"), DATE], "", 60),
        (429, &[("retry-after", "99999999999")], "", 24 * 60 * 60),
        (503, &[("retry-after", "90")], "", 90),
        (403, &[], QUOTA, 4_953),
    ];
    for (status, headers, body, seconds) in forms {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let said = format!("{status} {headers:?} {body}");
        let api = serve(move |_| {
            let answer = Answer::status(status, body);
            headers.iter().fold(answer, |answer, (name, value)| answer.with(name, value))
        });
        let mut sandbox = users_and_rooms(&api);
        without_waiting(&mut sandbox);

        sandbox.run(&["--run-now"]).expect_status(75).expect_stderr("users unfinished");

        assert_eq!(sandbox.lines(ENDS), ["rooms|ok", "users|paused"], "{said}");
        assert_eq!(sandbox.lines("SELECT limit_group FROM _sync_pauses"), ["/users"], "{said}");
        let stored = sandbox.count("SELECT length_ms FROM _sync_pauses");
        // Whole seconds may have been cut off, so that one more is allowed.
        assert!((seconds * 1000..=(seconds + 1) * 1000).contains(&stored), "{said}: {stored} ms");

        sandbox.run(&["--run-now", "--job", "all"]).expect_status(75);
        assert_eq!(api.asked_for("/users").len(), 1, "another process obeys the pause: {said}");
    }
}

#[test]
fn a_short_pause_is_waited_for() {
    let api = refused_once();
    let sandbox = users_and_rooms(&api);

    sandbox
        .run(&["--run-now"])
        .expect_status(0)
        .expect_stderr("waiting 2 s for users: the API has asked for a pause");

    assert_asked_again_after(&api, Duration::from_secs(1));
    assert_eq!(sandbox.lines(STORED), whole(3));
}

#[test]
fn what_the_rate_limit_does_not_explain_is_told_in_the_apis_words() {
    const QUOTA: &str = r#"{"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in 01:22:33."}"#;
    for (status, body, told) in [
        (403, QUOTA, "users  HTTP 403 Forbidden: Out of call volume quota. Quota will be"),
        (503, "down for the night", "users  HTTP 503 Service Unavailable: down for the night"),
    ] {
        let api = serve(move |_| Answer::status(status, body).with("retry-after", "90"));
        let mut sandbox = users_and_rooms(&api);
        without_waiting(&mut sandbox);
        sandbox.run(&["--run-now"]).expect_status(75).expect_stderr(told);
    }
}

#[test]
fn a_pause_is_obeyed_after_a_restart_too() {
    let api = refused_once();
    let mut sandbox = users_and_rooms(&api);
    without_waiting(&mut sandbox);
    sandbox.run(&["--run-now"]).expect_status(75);
    sandbox.unset("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT");

    sandbox.run(&["--run-now"]).expect_status(0);

    assert_asked_again_after(&api, Duration::from_secs(1));
    assert_eq!(sandbox.lines(STORED), whole(3));
}

/// Refuses the first request for the second page of the users, for a second.
fn refused_once() -> Api {
    let refused = std::sync::atomic::AtomicBool::new(false);
    serve(move |asked| {
        if asked.number("page") == 2 && !refused.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return refusal(1).with("retry-after", "1");
        }
        page(asked, 3)
    })
}

#[track_caller]
fn assert_asked_again_after(api: &Api, pause: Duration) {
    assert_eq!(pages_asked(api, "/users"), [1, 2, 2, 3], "only what was refused is asked again");
    let asked = api.asked_for("/users");
    let times: Vec<_> = asked.iter().filter(|asked| asked.number("page") == 2).collect();
    let [refused, again] = times.as_slice() else { panic!("asked {} times", times.len()) };
    let gap = again.at.duration_since(refused.at);
    assert!(gap >= pause, "asked again after {gap:?}");
}

#[test]
fn a_refused_request_is_not_settled_without_its_pause() {
    let api =
        Api::serve(|asked| if asked.number("page") == 2 { refusal(60) } else { page(asked, 3) });
    let limit = "rate_limit = { requests = 20, per = \"60s\" }";
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", limit));
    // The bookkeeping tables are made by a run that asks for nothing.
    let mut elsewhere =
        Sandbox::with_api("http://127.0.0.1:1", &endpoint("users", "/users", limit));
    elsewhere.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "0s");
    elsewhere.run(&["--run-now"]).expect_status(69);
    std::fs::copy(elsewhere.database(), sandbox.database()).expect("the database can be copied");
    rusqlite::Connection::open(sandbox.database())
        .and_then(|file| {
            file.execute_batch(
                "CREATE TRIGGER no_pause BEFORE INSERT ON _sync_pauses BEGIN SELECT RAISE(ABORT, 'killed'); END",
            )
        })
        .expect("a trigger can be made");

    sandbox.run(&["--run-now"]).expect_status(1).expect_stderr("killed");

    let requests = "SELECT status, settled_at IS NULL FROM _sync_requests ORDER BY request_id";
    assert_eq!(sandbox.lines(requests), ["200|0", "|1"]);
}

#[test]
fn a_missing_permission_is_a_failure_and_no_pause() {
    let api = serve(|_| Answer::status(403, r#"{"statusCode":403,"message":"Forbidden"}"#));
    let sandbox = users_and_rooms(&api);

    sandbox.run(&["--run-now"]).expect_status(1).expect_stderr("lacks the permission");

    assert_eq!(sandbox.lines(ENDS), ["rooms|ok", "users|failed"]);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_pauses"), 0);
    assert_eq!(api.asked_for("/users").len(), 1);
}

#[test]
fn an_outage_that_states_no_time_is_a_failure_and_no_pause() {
    let api = serve(|_| Answer::status(503, ""));
    let sandbox = users_and_rooms(&api);

    sandbox.run(&["--run-now"]).expect_status(1).expect_stderr("HTTP 503");

    assert_eq!(sandbox.lines(ENDS), ["rooms|ok", "users|failed"]);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_pauses"), 0);
}

#[test]
fn a_page_that_stays_unreadable_is_given_up() {
    let api = serve(|_| Answer::json("<html>"));
    let mut sandbox = users_and_rooms(&api);
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "2s");

    let running = sandbox.start(&["--run-now"]);
    wait_until("it is tried again no more", || running.stderr().contains("users  failed"));

    running.wait().expect_status(1);
    assert!((2..=4).contains(&api.asked_for("/users").len()), "delays are half a second at least");
}

#[test]
fn runs_that_leave_their_waits_to_the_next_ask_for_no_page_twice() {
    let api = Api::serve(|asked| page(asked, 7));
    let endpoints = endpoint("users", "/users", "rate_limit = { requests = 3, per = \"1s\" }");
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    without_waiting(&mut sandbox);

    let first = sandbox.run(&["--run-now"]).expect_status(75);

    first.expect_stderr("longer than `rate_limit.max_wait`");
    assert_eq!(sandbox.lines("SELECT result, pages FROM _sync_endpoint_runs"), ["paused|3"]);
    let ended = |finished: &Finished| {
        assert!(matches!(finished.status, Some(0 | 75)), "{}", finished.stderr);
        finished.status == Some(0)
    };
    let runs = (1..200).map(|_| sandbox.run(&["--run-now"]));
    assert!(runs.into_iter().any(|finished| ended(&finished)), "it comes to an end");
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(sandbox.lines(STORED), whole(7));
}

#[test]
fn ten_refusals_in_a_row_leave_the_endpoint_to_the_next_run() {
    let refusals = std::sync::atomic::AtomicUsize::new(0);
    let api = Api::serve(move |asked| {
        let refused = asked.number("page") == 2
            && refusals.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 10;
        if refused { refusal(0).with("retry-after", "0") } else { page(asked, 3) }
    });
    // Nothing to go by is a whole period's pause.
    let endpoints = endpoint("users", "/users", "rate_limit = { requests = 0, per = \"1s\" }");
    let sandbox = Sandbox::with_api(&api.url(), &endpoints);

    sandbox.run(&["--run-now"]).expect_status(75).expect_stderr("10 times in a row");
    assert_eq!(api.asked_for("/users").len(), 1 + 10);
    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("goes on after 1 page");

    assert_eq!(pages_asked(&api, "/users").split_off(11), [2, 3]);
    assert_eq!(sandbox.lines(STORED), whole(3));
}

#[test]
fn a_refusal_of_the_token_endpoint_pauses_every_endpoint() {
    let api = Api::serve_all(|asked| match asked.path.as_str() {
        "/token" => refusal(30).with("retry-after", "30"),
        _ => page(asked, 1),
    });
    let mut sandbox = users_and_rooms(&api);
    without_waiting(&mut sandbox);

    sandbox.run(&["--run-now"]).expect_status(75);

    assert_eq!(sandbox.lines(ENDS), ["rooms|paused", "users|paused"]);
    assert_eq!(sandbox.lines("SELECT limit_group FROM _sync_pauses"), ["(token endpoint)"]);
    let asked = api.asked().len();
    sandbox.run(&["--run-now"]).expect_status(75);
    assert_eq!(api.asked().len(), asked, "another process obeys the pause");
    assert!(api.asked().iter().all(|asked| asked.path == "/token"));
}

#[test]
fn after_a_pause_of_the_token_endpoint_the_run_goes_on() {
    let refused = std::sync::atomic::AtomicBool::new(false);
    let api = Api::serve_all(move |asked| {
        if asked.path != "/token" {
            page(asked, 3)
        } else if refused.swap(true, std::sync::atomic::Ordering::SeqCst) {
            token("token", 3600)
        } else {
            refusal(1)
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));

    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(api.asked_for("/token").len(), 2);
    assert_eq!(sandbox.lines(STORED), whole(3));
}
