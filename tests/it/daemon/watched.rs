//! The signs of life, to a service manager that waits for them.

use std::time::Duration;

use rustix::process::Signal;

use super::{USERS, held_back, one_user, started, wait_for_runs};
use crate::support::{Api, Sandbox, now, wait_until};

#[test]
fn signs_of_life_come_three_times_as_often_as_they_are_waited_for() {
    let (gate, api, mut sandbox) = held_back();
    sandbox.set("WATCHDOG_USEC", "600000");
    let (daemon, manager) = started(&mut sandbox);
    let first = now();
    // While a page is waited for, too.
    wait_until("the page is asked for", || !api.asked_for("/v2/users").is_empty());
    for _ in 0..10 {
        manager.wait_for("WATCHDOG=1");
    }
    assert!(first.elapsed() > Duration::from_secs(1), "{:?}", first.elapsed());
    gate.open();
    wait_for_runs(&sandbox, 1, "ok");
    manager.wait_for("WATCHDOG=1");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
}

#[test]
fn nobody_gets_a_sign_of_life_who_does_not_wait_for_this_process() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.set("WATCHDOG_USEC", "30000");
    sandbox.set("WATCHDOG_PID", "1");
    let (daemon, manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 2, "ok");
    daemon.signal(Signal::TERM);
    loop {
        let notice = manager.next();
        assert_ne!(notice, "WATCHDOG=1");
        if notice == "STOPPING=1" {
            break;
        }
    }
    daemon.wait().expect_status(0);
}
