//! An endpoint that a limit has paused is taken up again once the limit lets it go on, and nothing else is run for it.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;

use super::{started, wait_for_log};
use crate::{
    listing::{Gate, endpoint, page, pages_asked, refusal, whole},
    support::{Answer, Api, Asked, Running, Sandbox, now, wait_until},
};

const RUNS: &str = "SELECT r.job, r.trigger, r.result, e.endpoint, e.result, e.pages FROM _sync_runs AS r \
     LEFT JOIN _sync_endpoint_runs AS e USING (run_id) ORDER BY run_id, e.endpoint";

/// A schedule without a tick in a test, but for one at midnight of a leap day.
const NEVER: &str = "0 0 0 29 2 *";

/// A schedule with one tick, two seconds from now, and none for the rest of the test.
fn once() -> String {
    let second = second_from_now(2);
    format!("{} {} * * * *", second % 60, second / 60 % 60)
}

/// The second that comes in so many, since the epoch.
fn second_from_now(seconds: i64) -> i64 {
    let clock = mapiq_sync::clock::Clock::system().expect("Linux tells its boot id");
    clock.now().wall.timestamp() + seconds
}

/// Users and rooms in one job that ticks once, where every wait is left to a later run.
fn sandbox(api: &Api, more: &str) -> Sandbox {
    let endpoints = endpoint("users", "/users", more) + &endpoint("rooms", "/rooms", "");
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "10ms");
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", &once());
    sandbox
}

/// Refuses the users' second page so many times, for so many seconds each.
fn refusing(times: usize, seconds: u64) -> impl Fn(&Asked) -> Answer + Send + Sync {
    let refused = AtomicUsize::new(0);
    move |asked| {
        let limited = asked.path == "/users"
            && asked.number("page") == 2
            && refused.fetch_add(1, Ordering::SeqCst) < times;
        if limited { refusal(seconds) } else { page(asked, 3) }
    }
}

fn wait_for_users(sandbox: &Sandbox) {
    let done =
        "SELECT count(*) FROM _sync_endpoint_runs WHERE endpoint = 'users' AND result = 'ok'";
    wait_until("the users are done", || sandbox.count(done) > 0);
    let open = "SELECT count(*) FROM _sync_runs WHERE result IS NULL";
    wait_until("the runs are recorded", || sandbox.count(open) == 0);
}

fn stopped(daemon: Running) -> String {
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0).stderr
}

/// Starts the daemon once more.
fn restarted(sandbox: &mut Sandbox) -> Running {
    fs::remove_file(sandbox.path().join("notify")).expect("the socket is there");
    started(sandbox).0
}

#[track_caller]
fn assert_second_page_waited(api: &Api, pause: Duration) {
    let asked = api.asked_for("/users");
    let times: Vec<_> = asked.iter().filter(|asked| asked.number("page") == 2).collect();
    for pair in times.windows(2) {
        let [refused, again] = pair else { panic!("a window of two has two") };
        let gap = again.at.duration_since(refused.at);
        assert!(gap >= pause, "asked again after {gap:?}");
    }
}

#[test]
fn a_paused_endpoint_goes_on_by_itself_when_its_pause_has_passed() {
    let api = Api::serve(refusing(2, 1));
    let mut sandbox = sandbox(&api, "");
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_users(&sandbox);

    assert_eq!(
        sandbox.lines(RUNS),
        [
            "all|schedule|paused|rooms|ok|3",
            "all|schedule|paused|users|paused|1",
            "all|resume|paused|users|paused|0",
            "all|resume|ok|users|ok|2",
        ]
    );
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 2, 2, 3]);
    assert_eq!(api.asked_for("/rooms").len(), 3, "the others are not run again for it");
    assert_second_page_waited(&api, Duration::from_secs(1));
    assert_eq!(sandbox.lines("SELECT id, name, even FROM users ORDER BY id"), whole(3));
    let log = stopped(daemon);
    assert!(log.contains("endpoint paused: the rate limit asks for a wait until "), "{log}");
    assert!(log.contains("limit.not_before=\"20"), "{log}");
    assert_eq!(log.matches("trigger=\"resume\"").count(), 2, "one line a run:\n{log}");
}

#[test]
fn the_limits_own_wait_is_gone_on_after_in_the_same_way() {
    let api = Api::serve(|asked| page(asked, 3));
    let mut sandbox = sandbox(&api, "rate_limit = { requests = 2, per = \"2s\" }");
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_users(&sandbox);
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3]);
    assert_eq!(sandbox.lines(RUNS).last().map(String::as_str), Some("all|resume|ok|users|ok|1"));
    stopped(daemon);
}

#[test]
fn ten_refusals_in_a_row_are_gone_on_after_too() {
    let api = Api::serve(|asked| {
        if asked.path == "/users" { refusal(0).with("retry-after", "0") } else { page(asked, 3) }
    });
    // Nothing to go by is a whole period's pause, which is waited for.
    let mut sandbox = sandbox(&api, "rate_limit = { requests = 0, per = \"1s\" }");
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "10s");
    let (daemon, _manager) = started(&mut sandbox);
    wait_until("it is asked again", || api.asked_for("/users").len() > 10);
    let runs = "SELECT trigger FROM _sync_runs ORDER BY run_id LIMIT 2";
    wait_until("another run is begun", || sandbox.lines(runs) == ["schedule", "resume"]);
    let log = stopped(daemon);
    assert!(log.contains("refused by the rate limit 10 times in a row"), "{log}");
}

#[test]
fn a_restart_forgets_no_pause() {
    let api = Api::serve(refusing(1, 3));
    let mut sandbox = sandbox(&api, "");
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_log(&daemon, "endpoint paused");
    wait_until("the run is recorded", || {
        sandbox.count("SELECT count(*) FROM _sync_runs WHERE result = 'paused'") == 1
    });
    daemon.signal(Signal::KILL);
    daemon.wait();
    assert_eq!(pages_asked(&api, "/users"), [1, 2]);

    let daemon = restarted(&mut sandbox);
    wait_for_users(&sandbox);

    assert_eq!(
        sandbox.lines(RUNS),
        [
            "all|schedule|paused|rooms|ok|3",
            "all|schedule|paused|users|paused|1",
            "all|resume|ok|users|ok|2",
        ]
    );
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 2, 3]);
    assert_second_page_waited(&api, Duration::from_secs(3));
    stopped(daemon);
}

#[test]
fn a_pause_that_has_passed_while_nothing_ran_is_gone_on_after_at_the_start() {
    let api = Api::serve(refusing(1, 1));
    let mut sandbox = sandbox(&api, "");
    sandbox.run(&["--run-now"]).expect_status(75);
    let not_before = now() + Duration::from_secs(3);
    wait_until("the pause has passed", || now() > not_before);
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", NEVER);

    let (daemon, _manager) = started(&mut sandbox);
    wait_for_users(&sandbox);
    assert_eq!(sandbox.lines(RUNS).last().map(String::as_str), Some("all|resume|ok|users|ok|2"));
    stopped(daemon);
}

#[test]
fn what_a_signal_has_stopped_waits_for_the_next_tick_where_nothing_is_made_up_for() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let refuse = refusing(1, 1);
    let api = Api::serve(move |asked| {
        if asked.path == "/rooms" && asked.number("page") == 2 {
            held.pass();
        }
        refuse(asked)
    });
    let mut sandbox = sandbox(&api, "");
    let (daemon, manager) = started(&mut sandbox);
    wait_for_log(&daemon, "endpoint paused");
    wait_until("the rooms are asked for", || api.asked_for("/rooms").len() == 2);
    daemon.signal(Signal::TERM);
    manager.wait_for("STOPPING=1");
    gate.open();
    daemon.wait().expect_status(0);
    let rooms = api.asked_for("/rooms").len();
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", NEVER);
    sandbox.set("MAPIQ_SYNC__JOB__ALL__CATCH_UP", "none");

    let daemon = restarted(&mut sandbox);
    wait_for_users(&sandbox);
    assert_eq!(api.asked_for("/rooms").len(), rooms);
    assert_eq!(sandbox.lines(RUNS).last().map(String::as_str), Some("all|resume|ok|users|ok|2"));
    stopped(daemon);
}

#[test]
fn it_is_taken_up_while_the_rest_of_its_job_still_runs_and_the_others_tick_on() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let refuse = refusing(1, 1);
    let api = Api::serve(move |asked| {
        if asked.path == "/rooms" {
            held.pass();
        }
        refuse(asked)
    });
    let mut sandbox = sandbox(&api, "");
    let config = fs::read_to_string(sandbox.path().join("config.toml")).expect("it is there");
    let beat = endpoint("beat", "/beat", "");
    sandbox.write(
        "config.toml",
        &format!("{config}{beat}[[job]]\nname = \"beat\"\nschedule = \"* * * * * *\"\nendpoints = [\"beat\"]\n"),
    );
    let (daemon, _manager) = started(&mut sandbox);
    let done =
        "SELECT count(*) FROM _sync_endpoint_runs WHERE endpoint = 'users' AND result = 'ok'";
    wait_until("the users are done", || sandbox.count(done) == 1);

    let rooms = "SELECT result FROM _sync_endpoint_runs WHERE endpoint = 'rooms'";
    assert_eq!(sandbox.lines(rooms), [""], "the rooms are on their way still");
    let beats = "SELECT count(*) FROM _sync_runs WHERE job = 'beat' AND result = 'ok'";
    wait_until("ticks of the other job are served meanwhile", || sandbox.count(beats) >= 2);
    gate.open();
    stopped(daemon);
}

#[test]
fn a_tick_leaves_out_what_is_just_taken_up_again() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let refuse = refusing(1, 1);
    let api = Api::serve(move |asked| {
        if asked.path == "/users" && asked.number("page") == 3 {
            held.pass();
        }
        refuse(asked)
    });
    let mut sandbox = sandbox(&api, "");
    sandbox.run(&["--run-now"]).expect_status(75);
    let not_before = now() + Duration::from_secs(3);
    wait_until("the pause has passed", || now() > not_before);
    // None since that run, and then one a second: at the start, only the end of the pause is due.
    let first = second_from_now(3);
    let seconds: Vec<String> =
        (first..first + 40).map(|second| (second % 60).to_string()).collect();
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", &format!("{} * * * * *", seconds.join(",")));

    let (daemon, _manager) = started(&mut sandbox);
    wait_for_log(&daemon, "left out of this run job.name=\"all\" endpoint.name=\"users\"");
    let ticks = "SELECT count(*) FROM _sync_runs WHERE trigger = 'schedule' AND result = 'ok'";
    wait_until("the rooms' ticks are served", || sandbox.count(ticks) >= 2);
    let users = "SELECT r.trigger, e.result FROM _sync_endpoint_runs AS e JOIN _sync_runs AS r USING (run_id) \
         WHERE endpoint = 'users' ORDER BY run_id LIMIT 3";
    assert_eq!(sandbox.lines(users), ["run-now|paused", "resume|"]);
    gate.open();
    wait_until("the users are run again", || sandbox.lines(users).len() == 3);
    assert_eq!(
        sandbox.lines(users).get(..2).map(<[_]>::to_vec).unwrap_or_default(),
        ["run-now|paused", "resume|ok"]
    );
    stopped(daemon);
}

#[test]
fn what_another_process_has_finished_meanwhile_is_not_begun_anew() {
    let api = Api::serve(refusing(1, 3));
    let mut sandbox = sandbox(&api, "");
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_log(&daemon, "endpoint paused");
    // The other process knows of no pause, and comes first.
    let file = rusqlite::Connection::open(sandbox.database()).expect("the database can be opened");
    file.execute("DELETE FROM _sync_pauses", []).expect("a pause can be lifted");
    sandbox.run(&["--run-now"]).expect_status(0);
    let runs = sandbox.count("SELECT count(*) FROM _sync_runs");
    let later = now() + Duration::from_secs(5);
    wait_until("the pause would have passed", || now() > later);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_runs"), runs);
    stopped(daemon);
}

#[test]
fn a_process_that_has_found_the_endpoint_locked_keeps_it_from_nothing() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let refuse = refusing(1, 1);
    let api = Api::serve(move |asked| {
        if asked.path == "/users" && asked.number("page") == 1 {
            held.pass();
        }
        refuse(asked)
    });
    let mut sandbox = sandbox(&api, "");
    let (daemon, _manager) = started(&mut sandbox);
    wait_until("the users are asked for", || api.asked_for("/users").len() == 1);
    sandbox.run(&["--run-now"]).expect_status(75).expect_stderr("another process");
    gate.open();
    wait_for_users(&sandbox);
    assert_eq!(sandbox.lines(RUNS).last().map(String::as_str), Some("all|resume|ok|users|ok|2"));
    stopped(daemon);
}

#[test]
fn a_pause_that_was_prolonged_meanwhile_is_obeyed_without_a_run() {
    let api = Api::serve(refusing(1, 1));
    let mut sandbox = sandbox(&api, "");
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_log(&daemon, "endpoint paused");
    let file = rusqlite::Connection::open(sandbox.database()).expect("the database can be opened");
    file.execute("UPDATE _sync_pauses SET not_before_ns = not_before_ns + 2000000000", [])
        .expect("a pause can be prolonged");
    wait_for_users(&sandbox);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_runs WHERE trigger = 'resume'"), 1);
    assert_second_page_waited(&api, Duration::from_secs(3));
    stopped(daemon);
}
