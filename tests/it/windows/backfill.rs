//! `--from DATE --to DATE`: dates asked for by hand.

use std::sync::Arc;

use rustix::process::Signal;

use super::{answer, around, bookings, on_one_day, ranges, stored};
use crate::{
    listing::Gate,
    support::{Answer, Api, Sandbox, wait_until},
};

/// What a backfill asks for, of an endpoint whose answers are empty.
fn asked(window: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let api = Api::serve(|_| Answer::json("[]"));
    let mut sandbox = Sandbox::with_api(&api.url(), &bookings(window));
    sandbox.set("MAPIQ_SYNC__JOB__ALL__TIMEZONE", zone);
    sandbox.run(&["--run-now", "--from", from, "--to", to]).expect_status(0);
    ranges(&api, 0)
}

#[test]
fn dates_are_asked_for_in_slices_over_the_ends_of_months() {
    let window = "back = \"1d\"\nslice = \"7d\"";
    assert_eq!(
        asked(window, "Europe/Amsterdam", "2028-02-15", "2028-03-09"),
        [
            "2028-02-15..2028-02-21",
            "2028-02-22..2028-02-28",
            "2028-02-29..2028-03-06",
            "2028-03-07..2028-03-09",
        ]
    );
    let exclusive = format!("{window}\nend = \"exclusive\"");
    assert_eq!(
        asked(&exclusive, "Europe/Amsterdam", "2026-12-25", "2027-01-01"),
        ["2026-12-25..2027-01-01", "2027-01-01..2027-01-02"]
    );
    assert_eq!(asked(window, "UTC", "2026-12-31", "2026-12-31"), ["2026-12-31..2026-12-31"]);
}

#[test]
fn days_that_the_clocks_change_in_are_whole_days() {
    let local = "back = \"1d\"\nslice = \"1d\"\nformat = \"%Y-%m-%dT%H:%M\"";
    assert_eq!(
        asked(local, "Europe/Amsterdam", "2026-03-28", "2026-03-30"),
        [
            "2026-03-28T00:00..2026-03-28T23:59",
            "2026-03-29T00:00..2026-03-29T23:59",
            "2026-03-30T00:00..2026-03-30T23:59",
        ]
    );
    let instants =
        "back = \"1d\"\nslice = \"1d\"\nformat = \"%Y-%m-%dT%H:%M:%S%:z\"\nend = \"exclusive\"";
    assert_eq!(
        asked(instants, "Europe/Amsterdam", "2026-10-24", "2026-10-26"),
        [
            "2026-10-24T00:00:00+02:00..2026-10-25T00:00:00+02:00",
            "2026-10-25T00:00:00+02:00..2026-10-26T00:00:00+01:00",
            "2026-10-26T00:00:00+01:00..2026-10-27T00:00:00+01:00",
        ]
    );
    let in_utc = "back = \"1d\"\nformat = \"%Y-%m-%dT%H:%M:%SZ\"\nend = \"inclusive\"";
    assert_eq!(
        asked(in_utc, "Australia/Lord_Howe", "2026-04-05", "2026-04-05"),
        ["2026-04-04T13:00:00Z..2026-04-05T13:29:59Z"],
        "its clocks go back by half an hour"
    );
}

#[test]
fn an_interrupted_backfill_is_taken_up_by_the_same_command_and_by_no_other_run() {
    on_one_day(|today| {
        let gate = Gate::new();
        let api = Api::serve({
            let gate = Arc::clone(&gate);
            move |asked| {
                gate.pass();
                answer(asked)
            }
        });
        let window = "back = \"1d\"\nslice = \"2d\"";
        let sandbox = Sandbox::with_api(&api.url(), &bookings(window));
        let dates = ["--run-now", "--from", "2025-12-30", "--to", "2026-01-03"];
        gate.allow(1);
        let running = sandbox.start(&dates);
        wait_until("the second slice is asked for", || ranges(&api, 0).len() == 2);
        running.signal(Signal::INT);
        wait_until("it has heard of it", || running.stderr().contains("stopping once"));
        gate.open();
        running.wait().expect_status(75).expect_stderr(
            "the same command, with --from 2025-12-30 --to 2026-01-03, goes on where this one has stopped",
        );

        // Neither the regular window nor other dates have to do with it.
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_eq!(ranges(&api, 2), [around(today, -1, 0)]);
        let other = ["--run-now", "--from", "2025-12-30", "--to", "2025-12-30"];
        sandbox.run(&other).expect_status(0);
        assert_eq!(ranges(&api, 3), ["2025-12-30..2025-12-30"]);

        sandbox
            .run(&dates)
            .expect_status(0)
            .expect_stderr("bookings  goes on after 2 pages that are stored already")
            .expect_stderr("bookings  slice 3 of 3, page 1: 2 records");
        assert_eq!(ranges(&api, 4), ["2026-01-03..2026-01-03"]);
        let sweeps = "SELECT backfill, result FROM _sync_sweeps ORDER BY sweep_id";
        assert_eq!(
            sandbox.lines(sweeps),
            ["2025-12-30/2026-01-03|complete", "|complete", "2025-12-30/2025-12-30|complete"]
        );
        let triggers = "SELECT trigger FROM _sync_runs ORDER BY run_id";
        assert_eq!(sandbox.lines(triggers), ["backfill", "run-now", "backfill", "backfill"]);
    });
}

#[test]
fn only_endpoints_with_a_window_are_asked_and_the_others_named() {
    let api =
        Api::serve(|asked| if asked.path == "/users" { Answer::json("[]") } else { answer(asked) });
    let users = "[[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\n";
    let both = format!("{users}{}", bookings("back = \"1d\""));
    let sandbox = Sandbox::with_api(&api.url(), &both);
    let dates = ["--run-now", "--from", "2026-02-28", "--to", "2026-03-01"];
    let finished = sandbox.run(&dates).expect_status(0);
    assert!(!finished.stdout.contains("users"), "{}", finished.stdout);
    finished.expect_stderr("left out, without a window: users");
    assert_eq!(stored(&sandbox), ["2026-02-28|2026-03-01|4|2"]);
    assert!(api.asked_for("/users").is_empty());

    let without = Sandbox::with_api(&api.url(), users);
    without.run(&dates).expect_status(2).expect_stderr(
        "`--from` and `--to` are for endpoints with a window, and none of these has one: users",
    );
    assert!(!without.database().exists());
}

#[test]
fn wrong_dates_are_wrong_usage() {
    let api = Api::serve(answer);
    let sandbox = Sandbox::with_api(&api.url(), &bookings("back = \"1d\""));
    for (arguments, told) in [
        (&["--run-now", "--from", "2026-01-01"][..], "--to <DATE>"),
        (&["--run-now", "--to", "2026-01-01"], "--from <DATE>"),
        (&["--from", "2026-01-01", "--to", "2026-01-01"], "--run-now"),
        (&["--run-now", "--from", "2026-02-30", "--to", "2026-03-01"], "not a date such as"),
        (&["--run-now", "--from", "yesterday", "--to", "2026-03-01"], "not a date such as"),
        (
            &["--run-now", "--from", "2026-03-02", "--to", "2026-03-01"],
            "`--from 2026-03-02` lies after `--to 2026-03-01`",
        ),
    ] {
        sandbox.run(arguments).expect_status(2).expect_stderr(told);
    }
    assert!(api.asked().is_empty());
    assert!(!sandbox.database().exists());
}
