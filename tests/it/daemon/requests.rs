//! SIGUSR1: all jobs now.

use rustix::process::Signal;

use super::{USERS, held_back, one_user, started, wait_for_log, wait_for_runs};
use crate::support::{Api, Sandbox, wait_until};

/// A schedule without a tick in a test, but for one at midnight of a leap day.
const NEVER: &str = "0 0 0 29 2 *";

#[test]
fn all_jobs_run_when_they_are_asked_to() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", NEVER);
    let (daemon, _manager) = started(&mut sandbox);
    for runs in 1..=2 {
        daemon.signal(Signal::USR1);
        wait_for_runs(&sandbox, runs, "ok");
    }
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
    assert_eq!(sandbox.lines("SELECT job, trigger FROM _sync_runs"), ["all|signal", "all|signal"]);
}

#[test]
fn a_job_that_runs_already_is_left_alone_and_told() {
    let (gate, api, mut sandbox) = held_back();
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", NEVER);
    let (daemon, _manager) = started(&mut sandbox);
    daemon.signal(Signal::USR1);
    wait_until("the page is asked for", || !api.asked_for("/v2/users").is_empty());
    daemon.signal(Signal::USR1);
    wait_for_log(&daemon, "the job runs already job.name=\"all\"");
    gate.open();
    wait_for_runs(&sandbox, 1, "ok");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
    let runs = sandbox.lines("SELECT trigger, result, ticks_skipped FROM _sync_runs");
    assert_eq!(runs, ["signal|ok|0"]);
}
