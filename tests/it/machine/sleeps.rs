//! A machine that sleeps: its monotonic clock stands still, its boot clock goes on, and its connections are gone when it wakes
//! up.

use std::{process::Command, sync::Arc, time::Duration};

use rustix::process::Signal;

use super::{BEFORE, USERS, page, preload::Clocks};
use crate::{
    listing::{Gate, Window},
    mounts::not_checked,
    support::{Api, Finished, Running, Sandbox, now, wait_until},
};

/// How long the machine sleeps, and how long the limit's period is.
const ASLEEP: Duration = Duration::from_secs(9);

/// How long after it woke up the next request may come: timers are looked at anew each five seconds.
const AWAKE: Duration = Duration::from_millis(7500);

/// Has the process sleep as it does with its machine.
fn suspend(process: &Running, clocks: &Clocks) {
    process.signal(Signal::STOP);
    let asleep = now();
    wait_until("the sleep is over", || asleep.elapsed() >= ASLEEP);
    clocks.miss(ASLEEP);
    process.signal(Signal::CONT);
}

#[test]
fn a_wait_for_the_limit_ends_with_its_period_though_the_machine_slept() {
    let limit = Window::new(1, ASLEEP);
    let counted = Arc::clone(&limit);
    let api = Api::serve(move |asked| counted.answer(|| page(&BEFORE[..3], asked)));
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__RATE_LIMIT__REQUESTS", "1");
    sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__RATE_LIMIT__PER", "9s");
    let mut command = sandbox.command(&["--run-now"]);
    let clocks = Clocks::of(&mut command);
    let run = Running::of(&mut command);
    wait_until("the second page is waited for", || run.stderr().contains("waiting"));
    suspend(&run, &clocks);
    let awake = now();
    run.wait().expect_status(0);
    assert!(awake.elapsed() < AWAKE, "it waited for {:?} more", awake.elapsed());
    assert_eq!(limit.busiest(), 1);
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 3);
}

#[test]
fn an_answer_that_the_machine_slept_through_is_asked_for_again() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let api = Api::serve(move |asked| {
        if asked.param("page") == "2" {
            held.pass();
        }
        page(BEFORE, asked)
    });
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "5s");
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "60s");
    let mut command = sandbox.command(&["--run-now"]);
    let clocks = Clocks::of(&mut command);
    let run = Running::of(&mut command);
    wait_until("the second page is asked for", || gate.waiting_and_allowed().0 == 1);
    suspend(&run, &clocks);
    // The answer never comes: the other end took this one for dead long ago.
    wait_until("it is asked for again", || gate.waiting_and_allowed().0 >= 2);
    gate.open();
    run.wait().expect_status(0).expect_stderr("did not answer in full within 5 s");
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 5);
}

/// A time namespace whose boot clock is so far ahead, as after a suspend: the boot is the same.
fn slept(sandbox: &Sandbox, length: Duration) -> Command {
    let program = sandbox.command(&["--run-now"]);
    let mut command = Command::new("unshare");
    command
        .args(["-T", "--boottime", &length.as_secs().to_string()])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(sandbox.path())
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[test]
fn a_period_ends_while_the_machine_sleeps_between_two_runs() {
    let limit = Window::new(1, Duration::from_secs(1));
    let counted = Arc::clone(&limit);
    let api = Api::serve(move |asked| counted.answer(|| page(&BEFORE[..3], asked)));
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__RATE_LIMIT__REQUESTS", "1");
    sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__RATE_LIMIT__PER", "1h");
    sandbox.run(&["--run-now"]).expect_status(75);
    sandbox.run(&["--run-now"]).expect_status(75);
    let first = now();
    wait_until("the server takes another request", || first.elapsed().as_secs() >= 1);
    let mut command = slept(&sandbox, Duration::from_secs(3700));
    let finished = Finished::from(command.output().expect("Linux has `unshare`"));
    if finished.stderr.starts_with("unshare") {
        return not_checked("needs root: a period that ends while the machine sleeps");
    }
    finished.expect_status(0);
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 3);
}
