//! A plan is fixed when it is made: a later run finishes it, and then asks for the days that have come since.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use rusqlite::Connection;
use rustix::process::Signal;

use super::{answer, around, bookings, day, on_one_day, ranges, refused};
use crate::{
    listing::{self, Gate},
    support::{Answer, Api, Sandbox, wait_until},
};

const WINDOW: &str = "back = \"3d\"\nahead = \"4d\"\nslice = \"3d\"";

/// The slices of that window.
fn slices(today: NaiveDate) -> [String; 3] {
    [(-3, -1), (0, 2), (3, 4)].map(|(from, to)| around(today, from, to))
}

/// An API that answers as often as the gate lets it.
fn gated(gate: &Arc<Gate>) -> Api {
    let gate = Arc::clone(gate);
    Api::serve(move |asked| {
        gate.pass();
        answer(asked)
    })
}

/// Lets a run store one slice and kills it in the second.
fn killed_in_the_second_slice(api: &Api, gate: &Gate, sandbox: &Sandbox) {
    gate.allow(1);
    let running = sandbox.start(&["--run-now"]);
    wait_until("the second slice is asked for", || ranges(api, 0).len() == 2);
    running.signal(Signal::KILL);
    running.wait();
    gate.open();
}

/// Changes the database, as days that go by or an older version would have it.
fn change(sandbox: &Sandbox, sql: &str) {
    let connection = Connection::open(sandbox.database()).expect("the database can be opened");
    connection.execute_batch(sql).expect("the test's SQL is valid");
}

#[test]
fn a_run_that_was_killed_goes_on_with_the_slices_that_are_left() {
    on_one_day(|today| {
        let gate = Gate::new();
        let api = gated(&gate);
        let sandbox = Sandbox::with_api(&api.url(), &bookings(WINDOW));
        killed_in_the_second_slice(&api, &gate, &sandbox);

        sandbox
            .run(&["--run-now"])
            .expect_status(0)
            .expect_stderr("bookings  goes on after 1 page that is stored already")
            .expect_stderr("bookings  slice 2 of 3, page 1: 6 records, 6 new");

        let [first, second, third] = slices(today);
        assert_eq!(ranges(&api, 0), [first, second.clone(), second, third]);
        assert_eq!(sandbox.count("SELECT count(*) FROM bookings"), 16);
        assert_eq!(sandbox.lines("SELECT result FROM _sync_sweeps"), ["complete"]);
    });
}

#[test]
fn days_that_have_come_since_are_asked_for_after_the_plan_and_nothing_else() {
    on_one_day(|today| {
        let gate = Gate::new();
        let api = gated(&gate);
        let sandbox = Sandbox::with_api(&api.url(), &bookings(WINDOW));
        killed_in_the_second_slice(&api, &gate, &sandbox);
        // As if it had been planned two days ago.
        change(
            &sandbox,
            "UPDATE _sync_checkpoints SET lower = strftime('%Y-%m-%dT%H:%M:%S', lower, '-2 days'), \
             upper = strftime('%Y-%m-%dT%H:%M:%S', upper, '-2 days')",
        );

        sandbox
            .run(&["--run-now"])
            .expect_status(0)
            .expect_stderr("bookings  slice 4 of 4, page 1: 4 records");

        let left = [(-2, 0), (1, 2), (3, 4)].map(|(from, to)| around(today, from, to));
        assert_eq!(ranges(&api, 2), left);
        assert_eq!(sandbox.lines("SELECT result FROM _sync_sweeps"), ["complete"]);
    });
}

#[test]
fn a_slice_that_has_passed_out_of_the_window_and_is_refused_starts_over() {
    on_one_day(|today| {
        let gate = Gate::new();
        let held = Arc::clone(&gate);
        let api = Api::serve(move |asked| {
            held.pass();
            if day(asked.param("startDate")) < today - Days::new(3) {
                return refused("startDate", "Must not be in the past.");
            }
            answer(asked)
        });
        let sandbox = Sandbox::with_api(&api.url(), &bookings(WINDOW));
        killed_in_the_second_slice(&api, &gate, &sandbox);
        change(
            &sandbox,
            "UPDATE _sync_checkpoints SET lower = strftime('%Y-%m-%dT%H:%M:%S', lower, '-9 days'), \
             upper = strftime('%Y-%m-%dT%H:%M:%S', upper, '-9 days')",
        );

        sandbox.run(&["--run-now"]).expect_status(0).expect_stderr(
            "bookings  starts over: the API no longer takes the place where the last run has stopped (HTTP 400",
        );

        let asked = ranges(&api, 0);
        assert_eq!(asked.iter().rev().take(3).rev().cloned().collect::<Vec<_>>(), slices(today));
        let sweeps = sandbox.lines("SELECT result FROM _sync_sweeps");
        assert_eq!(sweeps, ["superseded", "complete"]);
        assert_eq!(sandbox.count("SELECT count(*) FROM _sync_widths"), 0);
        assert_eq!(sandbox.count("SELECT count(*) FROM bookings"), 16);
    });
}

#[test]
fn a_slice_that_always_fails_keeps_those_before_it_as_they_are_for_a_day_and_no_longer() {
    on_one_day(|today| {
        let api = Api::serve(move |asked| {
            if day(asked.param("startDate")) == today {
                return Answer::status(500, "{}");
            }
            answer(asked)
        });
        let mut sandbox = Sandbox::with_api(&api.url(), &bookings("back = \"1d\"\nslice = \"1d\""));
        sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "0s");
        let [yesterday, today] = [-1, 0].map(|at| around(today, at, at));

        for _ in 0..2 {
            sandbox.run(&["--run-now"]).expect_status(1);
        }
        assert_eq!(ranges(&api, 0), [yesterday.clone(), today.clone(), today.clone()]);

        // The days that are added to the plan meanwhile are no progress.
        change(
            &sandbox,
            "UPDATE _sync_sweeps SET started_at = strftime('%Y-%m-%dT%H:%M:%fZ', started_at, '-25 hours'); \
             UPDATE _sync_checkpoints SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', updated_at, '-25 hours') \
             WHERE pages > 0",
        );
        sandbox
            .run(&["--run-now"])
            .expect_status(1)
            .expect_stderr("starts over: no page could be read for a day where the last run has");
        assert_eq!(ranges(&api, 3), [today.clone(), yesterday, today]);
    });
}

#[test]
fn another_window_or_time_zone_starts_over() {
    let gate = Gate::new();
    let api = gated(&gate);
    let mut sandbox = Sandbox::with_api(&api.url(), &bookings(WINDOW));
    killed_in_the_second_slice(&api, &gate, &sandbox);
    sandbox.set("MAPIQ_SYNC__JOB__ALL__TIMEZONE", "Europe/Amsterdam");
    sandbox.set("MAPIQ_SYNC__ENDPOINT__BOOKINGS__WINDOW__SLICE", "30d");
    sandbox
        .run(&["--run-now"])
        .expect_status(0)
        .expect_stderr("starts over: `timezone`, `window` changed since the last run");
    assert_eq!(ranges(&api, 2).len(), 1);
}

#[test]
fn what_an_older_version_has_left_open_is_finished() {
    let gate = Gate::new();
    let api = Api::serve({
        let gate = Arc::clone(&gate);
        move |asked| {
            gate.pass();
            listing::page(asked, 3)
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), &listing::endpoint("users", "/users", ""));
    gate.allow(1);
    let running = sandbox.start(&["--run-now"]);
    wait_until("the second page is asked for", || api.asked_for("/users").len() == 2);
    running.signal(Signal::KILL);
    running.wait();
    gate.open();
    change(
        &sandbox,
        "DROP TABLE _sync_widths; ALTER TABLE _sync_sweeps DROP COLUMN backfill; \
         ALTER TABLE _sync_sweeps DROP COLUMN width_ms; DELETE FROM _sync_migrations WHERE version = 2",
    );

    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("users  goes on after 1 page");

    assert_eq!(listing::pages_asked(&api, "/users"), [1, 2, 2, 3]);
    assert_eq!(sandbox.lines("SELECT id, name, even FROM users ORDER BY id"), listing::whole(3));
}
