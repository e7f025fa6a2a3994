//! A slice that the API refuses as too wide is halved, and what works is kept for the next run.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use chrono::Days;

use super::{answer, around, bookings, day, limited, on_one_day, ranges, refused, stored, width};
use crate::support::{Answer, Api, Sandbox};

const DATES: [&str; 5] = ["--run-now", "--from", "2026-02-20", "--to", "2026-03-05"];

#[test]
fn a_refused_width_is_halved_and_what_worked_is_asked_for_from_then_on() {
    let most = Arc::new(AtomicI64::new(5));
    let api = limited(&most);
    let window = |slice: &str| bookings(&format!("back = \"13d\"\nslice = \"{slice}\""));
    let sandbox = Sandbox::with_api(&api.url(), &window("14d"));

    sandbox
        .run(&DATES)
        .expect_status(0)
        .expect_stderr("bookings  the API refuses 14 days at once (HTTP 400 Bad Request: One or more validation errors occurred. (endDate: The range must not exceed 5 days.)): asks for 7 days")
        .expect_stderr("bookings  the API refuses 7 days at once")
        .expect_stderr("bookings  slice 4 of 4, page 1: 4 records");

    let pieces = [
        "2026-02-20..2026-02-23",
        "2026-02-24..2026-02-27",
        "2026-02-28..2026-03-03",
        "2026-03-04..2026-03-05",
    ];
    let refused = ["2026-02-20..2026-03-05", "2026-02-20..2026-02-26"];
    assert_eq!(ranges(&api, 0), [&refused[..], &pieces[..]].concat());
    assert_eq!(stored(&sandbox), ["2026-02-20|2026-03-05|28|14"]);
    let requests = "SELECT requests FROM _sync_endpoint_runs";
    assert_eq!(sandbox.lines(requests), ["6"], "those that were refused count too");
    let learnt = "SELECT endpoint, width_ms / 86400000 FROM _sync_widths";
    assert_eq!(sandbox.lines(learnt), ["bookings|4"]);

    sandbox.run(&DATES).expect_status(0);
    assert_eq!(ranges(&api, 6), pieces, "no wider one is asked for again");

    // The regular window has learnt of the backfill.
    sandbox.run(&["--run-now"]).expect_status(0);
    let asked = api.asked_for("/v2/bookings");
    assert_eq!(asked.iter().skip(10).map(width).collect::<Vec<_>>(), [4, 4, 4, 2]);

    // Another window has to learn anew, and begins with what it says.
    let other = Sandbox::with_api(&api.url(), &window("10d"));
    std::fs::copy(other.path().join("config.toml"), sandbox.path().join("config.toml"))
        .expect("the configuration can be replaced");
    sandbox.run(&DATES).expect_status(0);
    let asked = api.asked_for("/v2/bookings");
    assert_eq!(asked.iter().skip(14).map(width).collect::<Vec<_>>(), [10, 5, 5, 4]);
    assert_eq!(sandbox.lines(learnt), ["bookings|5"]);
}

#[test]
fn a_refusal_without_a_word_is_taken_for_one_of_the_width() {
    let api =
        Api::serve(|asked| if width(asked) > 7 { Answer::status(400, "") } else { answer(asked) });
    let sandbox = Sandbox::with_api(&api.url(), &bookings("back = \"1d\""));
    sandbox
        .run(&DATES)
        .expect_status(0)
        .expect_stderr("refuses 14 days at once (HTTP 400 Bad Request): asks for 7 days");
    assert_eq!(stored(&sandbox), ["2026-02-20|2026-03-05|28|14"]);
}

#[test]
fn a_refusal_of_something_else_is_not_halved() {
    let api = Api::serve(|_| refused("buildingId", "Is required."));
    let sandbox = Sandbox::with_api(&api.url(), &bookings("back = \"1d\""));
    sandbox.run(&DATES).expect_status(1).expect_stderr("(buildingId: Is required.)");
    assert_eq!(ranges(&api, 0), ["2026-02-20..2026-03-05"]);
}

#[test]
fn a_window_that_reaches_too_far_back_fails_with_what_to_look_at_and_learns_nothing() {
    on_one_day(|today| {
        let api = Api::serve(move |asked| {
            if day(asked.param("startDate")) < today - Days::new(2) {
                return refused("startDate", "Must not be in the past.");
            }
            answer(asked)
        });
        let window = "back = \"3d\"\nahead = \"3d\"\nslice = \"7d\"";
        let sandbox = Sandbox::with_api(&api.url(), &bookings(window));
        let oldest = today - Days::new(3);
        let message = format!(
            "startDate={oldest}&endDate={oldest}: HTTP 400 Bad Request: One or more validation errors occurred. \
             (startDate: Must not be in the past.): a narrower range cannot be asked for, does `window.back` reach too far \
             into the past?"
        );

        sandbox.run(&["--run-now"]).expect_status(1).expect_stderr(&message);
        let halved = [(-3, 3), (-3, 0), (-3, -2), (-3, -3)];
        assert_eq!(ranges(&api, 0), halved.map(|(from, to)| around(today, from, to)));
        assert_eq!(sandbox.count("SELECT count(*) FROM _sync_widths"), 0);

        sandbox.run(&["--run-now"]).expect_status(1).expect_stderr(&message);
        assert_eq!(ranges(&api, 4), [around(today, -3, -3)], "the plan was kept");

        // Once the API takes those dates, nothing was learnt from that it did not.
        let patient = Api::serve(answer);
        let mended = Sandbox::with_api(&patient.url(), &bookings(&window.replace("3d", "2d")));
        std::fs::copy(mended.path().join("config.toml"), sandbox.path().join("config.toml"))
            .expect("the configuration can be replaced");
        sandbox
            .run(&["--run-now"])
            .expect_status(0)
            .expect_stderr("starts over: `window.ahead`, `window.back` changed since the last run");
        assert_eq!(ranges(&patient, 0), [around(today, -2, 2)]);
    });
}

#[test]
fn a_refusal_after_wider_slices_were_read_says_nothing_of_the_width() {
    let refuses = Arc::new(AtomicBool::new(true));
    let api = Api::serve({
        let refuses = Arc::clone(&refuses);
        move |asked| {
            let is_last = asked.param("endDate") == "2026-03-05" && width(asked) == 4;
            if is_last && refuses.swap(false, Ordering::SeqCst) {
                return Answer::status(400, "");
            }
            answer(asked)
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), &bookings("back = \"1d\"\nslice = \"10d\""));
    sandbox.run(&DATES).expect_status(0);
    assert_eq!(
        ranges(&api, 1),
        ["2026-03-02..2026-03-05", "2026-03-02..2026-03-03", "2026-03-04..2026-03-05"]
    );
    assert_eq!(stored(&sandbox), ["2026-02-20|2026-03-05|28|14"]);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_widths"), 0);
}

#[test]
fn what_was_halved_is_kept_by_a_run_that_is_killed() {
    let most = Arc::new(AtomicI64::new(4));
    let gate = crate::listing::Gate::new();
    let api = Api::serve({
        let (most, gate) = (Arc::clone(&most), Arc::clone(&gate));
        move |asked| {
            if width(asked) > most.load(Ordering::SeqCst) {
                return refused("endDate", "Too far from startDate.");
            }
            gate.pass();
            answer(asked)
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), &bookings("back = \"1d\""));
    gate.allow(1);
    let running = sandbox.start(&DATES);
    crate::support::wait_until("the second piece is asked for", || ranges(&api, 0).len() == 4);
    running.signal(rustix::process::Signal::KILL);
    running.wait();
    gate.open();
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_widths"), 0, "nothing is proved yet");

    sandbox.run(&DATES).expect_status(0);

    let pieces = ["2026-02-24..2026-02-27", "2026-02-28..2026-03-03", "2026-03-04..2026-03-05"];
    assert_eq!(ranges(&api, 4), pieces);
    assert_eq!(stored(&sandbox), ["2026-02-20|2026-03-05|28|14"]);
    assert_eq!(sandbox.lines("SELECT width_ms / 86400000 FROM _sync_widths"), ["4"]);
}
