//! Beside another process on the same database.

use std::{
    fs::File,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::process::Signal;

use super::started;
use crate::{
    listing::{endpoint, page, refusal, whole},
    support::{Api, Sandbox, now, wait_until},
};

#[test]
fn a_paused_endpoint_that_another_process_works_on_is_taken_up_once_that_has_ended() {
    let refused = AtomicBool::new(false);
    let api = Api::serve(move |asked| {
        let limited = asked.number("page") == 2 && !refused.swap(true, Ordering::SeqCst);
        if limited { refusal(1) } else { page(asked, 3) }
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "10ms");
    sandbox.run(&["--run-now"]).expect_status(75);
    // As the other process holds it, such as a backfill.
    let lock = File::open(sandbox.path().join("mapiq.db-lock-users")).expect("the lock is there");
    lock.lock().expect("nobody else holds it");
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", "0 0 0 29 2 *");

    let (daemon, _manager) = started(&mut sandbox);
    let held_until = now() + Duration::from_secs(4);
    wait_until("the pause has passed while the other is at work", || now() > held_until);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_runs"), 1, "nothing is run in vain");
    drop(lock);

    let done = "SELECT count(*) FROM _sync_endpoint_runs WHERE result = 'ok'";
    wait_until("the users are done", || sandbox.count(done) == 1);
    assert_eq!(sandbox.lines("SELECT id, name, even FROM users ORDER BY id"), whole(3));
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
}
