//! When jobs run, and when they do not.

use chrono::Timelike;
use mapiq_sync::clock::Clock;
use rustix::process::Signal;

use super::{USERS, one_user, started, wait_for_log, wait_for_runs};
use crate::{
    listing::Gate,
    support::{Api, Sandbox, wait_until},
};

/// Two endpoints more.
pub(super) const ROOMS_AND_BEAT: &str = "[[endpoint]]\nname = \"rooms\"\npath = \"/v2/rooms\"\nkey = [\"id\"]\n\
     [[endpoint]]\nname = \"beat\"\npath = \"/v2/beat\"\nkey = [\"id\"]\n";

/// The configuration of an API with the jobs of a test instead of the usual one.
pub(super) fn sandbox_with_jobs(
    api: &Api,
    endpoints: &str,
    jobs: &[(&str, &str, &str, &str)],
) -> Sandbox {
    let mut sandbox = Sandbox::with_api(&api.url(), endpoints);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    let config = std::fs::read_to_string(sandbox.path().join("config.toml"))
        .expect("the sandbox has a configuration");
    let (kept, _) = config.split_once("[[job]]").expect("the sandbox has one job, at the end");
    let jobs: Vec<String> = jobs
        .iter()
        .map(|(name, schedule, zone, endpoint)| {
            format!(
                "[[job]]\nname = \"{name}\"\nschedule = \"{schedule}\"\ntimezone = \"{zone}\"\nendpoints = [\"{endpoint}\"]\n"
            )
        })
        .collect();
    sandbox.write("config.toml", &format!("{kept}{}", jobs.concat()));
    sandbox
}

/// Seconds since the epoch.
fn now() -> i64 {
    Clock::system().expect("Linux tells its boot id").now().wall.timestamp()
}

#[test]
fn jobs_run_on_their_schedule_and_each_run_is_recorded() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 3, "ok");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);

    let runs = sandbox.lines("SELECT run_id, job, trigger, result FROM _sync_runs LIMIT 3");
    assert_eq!(runs, ["1|all|schedule|ok", "2|all|schedule|ok", "3|all|schedule|ok"]);
    let rows = sandbox.lines("SELECT rows_new, rows_unchanged FROM _sync_endpoint_runs LIMIT 3");
    assert_eq!(rows, ["1|0", "0|1", "0|1"]);
    // A tick is a second of its own, and so is the run that it asks for.
    let apart = "SELECT count(*) FROM _sync_runs a JOIN _sync_runs b ON b.run_id = a.run_id + 1 \
                 WHERE b.started_at < a.finished_at";
    assert_eq!(sandbox.count(apart), 0);
}

#[test]
fn a_schedule_is_meant_in_the_time_zone_of_its_job() {
    let api = Api::serve(|_| one_user());
    // Fourteen hours ahead it is another hour than here, for two hours whichever minute it is.
    let here = Clock::system().expect("Linux tells its boot id").now().wall.hour();
    let hours = format!("* * {},{} * * *", (here + 14) % 24, (here + 15) % 24);
    let jobs = [
        ("here", hours.as_str(), "UTC", "rooms"),
        ("there", hours.as_str(), "Etc/GMT-14", "users"),
    ];
    let mut sandbox = sandbox_with_jobs(&api, &format!("{USERS}{ROOMS_AND_BEAT}"), &jobs);
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 2, "ok");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
    assert_eq!(sandbox.lines("SELECT DISTINCT job FROM _sync_runs"), ["there"]);
}

#[test]
fn a_tick_during_a_run_is_skipped_for_good() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |asked| {
        if asked.path == "/v2/users" {
            held.pass();
        }
        one_user()
    });
    // Seven ticks in a row, then none for most of a minute.
    let first = now() + 2;
    let seconds: Vec<String> = (first..first + 7).map(|second| (second % 60).to_string()).collect();
    let schedule = format!("{} * * * * *", seconds.join(","));
    let jobs =
        [("slow", schedule.as_str(), "UTC", "users"), ("beat", "* * * * * *", "UTC", "beat")];
    let mut sandbox = sandbox_with_jobs(&api, &format!("{USERS}{ROOMS_AND_BEAT}"), &jobs);
    let (daemon, _manager) = started(&mut sandbox);

    wait_until("the page is asked for", || !api.asked_for("/v2/users").is_empty());
    wait_for_log(&daemon, "the job is still running: this tick is skipped job.name=\"slow\"");
    wait_until("the schedule pauses", || now() > first + 7);
    let slow = "SELECT count(*) FROM _sync_runs WHERE job = 'slow'";
    assert_eq!(sandbox.count(slow), 1);
    // While the run goes on already.
    let skipped = "SELECT ticks_skipped FROM _sync_runs WHERE job = 'slow'";
    wait_until("the skipped ticks are recorded", || sandbox.count(skipped) > 0);
    gate.open();
    wait_until("the run ends", || sandbox.count(&format!("{slow} AND result = 'ok'")) == 1);
    // What had queued up would run before these.
    let beats = api.asked_for("/v2/beat").len();
    wait_until("other ticks are served", || api.asked_for("/v2/beat").len() >= beats + 2);
    daemon.signal(Signal::TERM);
    let daemon_log = daemon.wait().expect_status(0).stderr;
    assert_eq!(sandbox.count(slow), 1);
    assert_eq!(api.asked_for("/v2/users").len(), 1);
    let told = daemon_log.matches("this tick is skipped job.name=\"slow\"").count();
    assert_eq!(sandbox.count(skipped), i64::try_from(told).expect("a small number"));
}

#[test]
fn jobs_run_side_by_side() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |_| {
        held.pass();
        one_user()
    });
    let jobs = [("one", "* * * * * *", "UTC", "users"), ("other", "* * * * * *", "UTC", "rooms")];
    let mut sandbox = sandbox_with_jobs(&api, &format!("{USERS}{ROOMS_AND_BEAT}"), &jobs);
    let (daemon, manager) = started(&mut sandbox);
    wait_until("both pages are asked for", || {
        ["/v2/users", "/v2/rooms"].iter().all(|path| !api.asked_for(path).is_empty())
    });
    manager.wait_for("STATUS=2 jobs; rooms: begins; users: begins");
    gate.open();
    wait_for_runs(&sandbox, 2, "ok");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
}
