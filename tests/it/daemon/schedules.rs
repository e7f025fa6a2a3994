//! What the daemon does about runs that were missed, and about those that take too long.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use mapiq_sync::clock::{Clock, format_utc};
use rustix::process::Signal;

use super::{
    USERS, one_user, restarted,
    runs::{ROOMS_AND_BEAT, sandbox_with_jobs},
    started, wait_for_runs,
};
use crate::{
    listing::{Gate, endpoint, page, pages_asked},
    support::{Api, Running, Sandbox, wait_until},
};

const RUNS: &str =
    "SELECT job, trigger, result FROM _sync_runs WHERE job <> 'beat' ORDER BY run_id";

fn now() -> DateTime<Utc> {
    Clock::system().expect("Linux tells its boot id").now().wall
}

/// Once a day, half a day from now: its last moment is half a day ago.
fn half_a_day_from_now() -> String {
    let then = now() + TimeDelta::hours(12);
    format!("0 {} {} * * *", then.minute(), then.hour())
}

/// A daily job, and one that ticks every second.
fn daily(api: &Api) -> Sandbox {
    let schedule = half_a_day_from_now();
    let jobs =
        [("daily", schedule.as_str(), "UTC", "users"), ("beat", "* * * * * *", "UTC", "beat")];
    sandbox_with_jobs(api, &format!("{USERS}{ROOMS_AND_BEAT}"), &jobs)
}

/// Makes the runs so far begin and end a day earlier.
fn a_day_ago(sandbox: &Sandbox) {
    let then = format_utc(now() - TimeDelta::days(1));
    sandbox.execute(&format!(
        "UPDATE _sync_runs SET started_at = '{then}', finished_at = iif(finished_at IS NULL, NULL, '{then}')"
    ));
}

/// Lets the daemon go on until the job that ticks every second has run twice more.
fn beats(sandbox: &Sandbox) {
    let beats = "SELECT count(*) FROM _sync_runs WHERE job = 'beat' AND result = 'ok'";
    let before = sandbox.count(beats);
    wait_until("other ticks are served", || sandbox.count(beats) >= before + 2);
}

fn stop(daemon: Running) -> String {
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0).stderr
}

#[test]
fn a_run_that_was_missed_is_made_up_for_once_at_the_start() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = daily(&api);
    // A job that has never run has missed nothing.
    let (daemon, _manager) = started(&mut sandbox);
    beats(&sandbox);
    stop(daemon);
    assert!(sandbox.lines(RUNS).is_empty());

    sandbox.run(&["--run-now", "--job", "daily"]).expect_status(0);
    a_day_ago(&sandbox);
    let (daemon, _manager) = restarted(&mut sandbox);
    wait_until("it is made up for", || sandbox.lines(RUNS).len() == 2);
    beats(&sandbox);
    let log = stop(daemon);
    assert!(log.contains("makes up for a run that was missed job.name=\"daily\""), "{log}");
    let (daemon, _manager) = restarted(&mut sandbox);
    beats(&sandbox);
    stop(daemon);
    assert_eq!(sandbox.lines(RUNS), ["daily|run-now|ok", "daily|catch-up|ok"]);
}

#[test]
fn a_run_that_was_missed_is_left_out_where_the_job_says_so() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = daily(&api);
    sandbox.set("MAPIQ_SYNC__JOB__DAILY__CATCH_UP", "none");
    sandbox.run(&["--run-now", "--job", "daily"]).expect_status(0);
    a_day_ago(&sandbox);
    let (daemon, _manager) = started(&mut sandbox);
    beats(&sandbox);
    let log = stop(daemon);
    assert!(log.contains("a run was missed, and is left out"), "{log}");
    assert_eq!(sandbox.lines(RUNS), ["daily|run-now|ok"]);
}

#[test]
fn a_run_that_was_killed_is_made_up_for_and_goes_on_where_it_was() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |asked| {
        if asked.number("page") == 2 {
            held.pass();
        }
        page(asked, 3)
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", &half_a_day_from_now());
    sandbox.set("MAPIQ_SYNC__JOB__ALL__RUN_AT_START", "true");
    let (daemon, _manager) = started(&mut sandbox);
    wait_until("the second page is asked for", || pages_asked(&api, "/users").len() == 2);
    daemon.signal(Signal::KILL);
    daemon.wait();
    gate.open();

    sandbox.set("MAPIQ_SYNC__JOB__ALL__RUN_AT_START", "false");
    let (daemon, _manager) = restarted(&mut sandbox);
    wait_for_runs(&sandbox, 1, "ok");
    stop(daemon);
    assert_eq!(sandbox.lines(RUNS), ["all|start|paused", "all|catch-up|ok"]);
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 2, 3]);
    assert_eq!(sandbox.lines("SELECT cut_short FROM _sync_runs"), ["1", "0"]);
}

#[test]
fn a_run_that_takes_too_long_stores_its_page_and_the_next_goes_on_behind_it() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |asked| {
        if asked.number("page") == 2 {
            held.pass();
        }
        page(asked, 3)
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    sandbox.set("MAPIQ_SYNC__JOB__ALL__TIMEOUT", "500ms");
    let started = now();
    let run = sandbox.start(&["--run-now"]);
    wait_until("the second page is asked for", || pages_asked(&api, "/users").len() == 2);
    wait_until("the time has run out", || now() - started > TimeDelta::seconds(2));
    gate.open();
    run.wait().expect_status(75);
    let ends = "SELECT result, message, pages FROM _sync_endpoint_runs";
    let message = "stopped after 1 s, as long as the job's `timeout` allows; the next run goes on";
    assert_eq!(sandbox.lines(ends), [format!("paused|{message}|2")]);
    // Whoever set the limit has meant it: that is not to be made up for.
    assert_eq!(sandbox.lines("SELECT cut_short FROM _sync_runs"), ["0"]);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3]);
}
