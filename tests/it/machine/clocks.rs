//! A wall clock that jumps by a day, forwards and back: nothing waits for it, no limit is broken, no row is lost.

use std::{
    process::Command,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use mapiq_sync::clock::Clock;
use rustix::process::Signal;

use super::{AFTER, ALL_AFTER, BEFORE, USERS, expect_whole, page, preload::Clocks, serve};
use crate::{
    listing::Window,
    support::{Answer, Api, Finished, Running, Sandbox, now, wait_until},
};

/// A run that waited for the clock would take a day.
const SOON: Duration = Duration::from_secs(20);

/// Runs a command, and makes sure that it waits for no clock.
#[track_caller]
fn run_soon(command: &mut Command) -> Finished {
    let started = now();
    let finished = Finished::from(command.output().expect("the binary starts"));
    assert!(started.elapsed() < SOON, "it took {:?}", started.elapsed());
    finished
}

/// Whether the last run says that it began a day from now.
fn is_a_day_off(sandbox: &Sandbox, ahead: bool) -> bool {
    let started = sandbox.lines("SELECT started_at FROM _sync_runs ORDER BY run_id DESC LIMIT 1");
    let started = started.first().map_or("", String::as_str);
    let started: DateTime<Utc> = started.parse().expect("it is a stamp");
    let wall = Clock::system().expect("Linux tells its boot id").now().wall;
    let minutes = (started - wall).num_minutes() * if ahead { 1 } else { -1 };
    (24 * 60 - 5..=24 * 60 + 5).contains(&minutes)
}

#[test]
fn a_clock_that_jumps_a_day_while_the_daemon_runs_breaks_neither_schedule_nor_limit() {
    for ahead in [true, false] {
        let limit = Window::new(10, Duration::from_secs(1));
        let counted = Arc::clone(&limit);
        let api = Api::serve(move |asked| counted.answer(|| page(AFTER, asked)));
        let before = serve(BEFORE);
        let mut sandbox = Sandbox::with_api(&before.url(), USERS);
        sandbox.run(&["--run-now"]).expect_status(0);
        sandbox.set("MAPIQ_SYNC__API__BASE_URL", &api.url());
        sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__RATE_LIMIT__REQUESTS", "10");
        let mut command = sandbox.command(&[]);
        let clocks = Clocks::of(&mut command);
        let daemon = Running::of(&mut command);
        wait_until("it is at work", || api.asked_for("/v2/users").len() > 1);
        clocks.jump_a_day(ahead);
        let runs = "SELECT count(*) FROM _sync_runs WHERE result = 'ok' AND run_id > ";
        let last = sandbox.count("SELECT max(run_id) FROM _sync_runs");
        let later = format!("{runs}{last}");
        wait_until("it runs on", || sandbox.count(&later) > 2);
        assert!(is_a_day_off(&sandbox, ahead), "the clock has not jumped");
        daemon.signal(Signal::TERM);
        daemon.wait().expect_status(0);
        assert!(limit.busiest() <= 10, "{} requests within the period", limit.busiest());

        // By the right clock all of that was a day ago, or is a day ahead.
        run_soon(&mut sandbox.command(&["--run-now"])).expect_status(65);
        expect_whole(&sandbox, ALL_AFTER);
    }
}

#[test]
fn a_clock_that_jumps_a_day_within_a_run_costs_neither_time_nor_rows() {
    for ahead in [true, false] {
        let clocks = Arc::new(OnceLock::<Clocks>::new());
        let moved = Arc::clone(&clocks);
        let api = Api::serve(move |asked| {
            if asked.param("page") == "2" {
                moved.get().expect("they are set before the run").jump_a_day(ahead);
            }
            page(AFTER, asked)
        });
        let before = serve(BEFORE);
        let mut sandbox = Sandbox::with_api(&before.url(), USERS);
        sandbox.run(&["--run-now"]).expect_status(0);
        sandbox.set("MAPIQ_SYNC__API__BASE_URL", &api.url());
        // Most requests wait for the limit.
        sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__RATE_LIMIT__REQUESTS", "2");
        let mut command = sandbox.command(&["--run-now"]);
        assert!(clocks.set(Clocks::of(&mut command)).is_ok(), "they are set once");
        run_soon(&mut command).expect_status(65);
        run_soon(&mut sandbox.command(&["--run-now"])).expect_status(65);
        expect_whole(&sandbox, ALL_AFTER);
    }
}

#[test]
fn a_clock_that_jumps_a_day_between_runs_is_gone_on_with() {
    for ahead in [true, false] {
        let spoilt = Arc::new(AtomicBool::new(true));
        let is_spoilt = Arc::clone(&spoilt);
        let api = Api::serve(move |asked| {
            let fails = is_spoilt.load(Ordering::SeqCst) && asked.param("page") == "2";
            if fails { Answer::status(404, "") } else { page(AFTER, asked) }
        });
        let before = serve(BEFORE);
        let mut sandbox = Sandbox::with_api(&before.url(), USERS);
        sandbox.run(&["--run-now"]).expect_status(0);
        sandbox.set("MAPIQ_SYNC__API__BASE_URL", &api.url());
        // A period that would be over tomorrow by a clock that is wrong, were it the wall clock's.
        sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__RATE_LIMIT__REQUESTS", "4");
        sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__RATE_LIMIT__PER", "2s");
        let mut command = sandbox.command(&["--run-now"]);
        Clocks::of(&mut command).jump_a_day(ahead);
        let _kept = Finished::from(command.output().expect("the binary starts"));
        spoilt.store(false, Ordering::SeqCst);
        run_soon(&mut sandbox.command(&["--run-now"])).expect_status(65);
        // The resumed sweep may have judged no absence, where it could not tell how long it had stood.
        run_soon(&mut sandbox.command(&["--run-now"])).expect_status(65);
        expect_whole(&sandbox, ALL_AFTER);
    }
}
