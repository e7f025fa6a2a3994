//! Windows: which ranges of dates are asked for, around today and by hand.

mod backfill;
mod plans;
mod widths;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{Days, NaiveDate};
use rusqlite::Connection;

use crate::support::{Answer, Api, Asked, Sandbox};

/// An endpoint of bookings with a window of these keys.
fn bookings(window: &str) -> String {
    format!(
        "[[endpoint]]\nname = \"bookings\"\npath = \"/v2/bookings\"\nkey = [\"id\"]\n[endpoint.window]\n{window}\n"
    )
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is a date"))
}

/// Today in UTC, which is the sandbox's time zone.
fn today() -> NaiveDate {
    let connection = Connection::open_in_memory().expect("SQLite needs no file");
    let today: String =
        connection.query_row("SELECT date('now')", [], |row| row.get(0)).expect("it has a clock");
    day(&today)
}

/// The bookings of the days that are asked for, two a day; the id tells the day.
fn answer(asked: &Asked) -> Answer {
    let (from, to) = (day(asked.param("startDate")), day(asked.param("endDate")));
    let records: Vec<String> = from
        .iter_days()
        .take_while(|date| *date <= to)
        .flat_map(|date| [1, 2].map(|n| format!(r#"{{"id":"{date}#{n}","date":"{date}"}}"#)))
        .collect();
    Answer::json(format!("[{}]", records.join(",")))
}

/// How many days a request asks for.
fn width(asked: &Asked) -> i64 {
    (day(asked.param("endDate")) - day(asked.param("startDate"))).num_days() + 1
}

/// A refusal as ASP.NET writes it.
fn refused(field: &str, message: &str) -> Answer {
    Answer::status(
        400,
        format!(
            r#"{{"title":"One or more validation errors occurred.","status":400,"errors":{{"{field}":["{message}"]}}}}"#
        ),
    )
}

/// An API that takes no more days at once than this, which may change.
fn limited(most: &Arc<AtomicI64>) -> Api {
    let most = Arc::clone(most);
    Api::serve(move |asked| {
        let most = most.load(Ordering::SeqCst);
        if width(asked) > most {
            return refused("endDate", &format!("The range must not exceed {most} days."));
        }
        answer(asked)
    })
}

/// What was asked for: `from..to` of each request from the given one on.
fn ranges(api: &Api, skip: usize) -> Vec<String> {
    let asked = api.asked_for("/v2/bookings");
    let range = |asked: &Asked| format!("{}..{}", asked.param("startDate"), asked.param("endDate"));
    asked.iter().skip(skip).map(range).collect()
}

/// The days from today on, less or more so many days, as ranges are told.
fn around(today: NaiveDate, from: i64, to: i64) -> String {
    let at = |days: i64| {
        let distance = Days::new(days.unsigned_abs());
        if days < 0 { today - distance } else { today + distance }
    };
    format!("{}..{}", at(from), at(to))
}

/// Which days the table has, how many rows, and how many of a day.
fn stored(sandbox: &Sandbox) -> Vec<String> {
    sandbox.lines("SELECT min(date), max(date), count(*), count(DISTINCT date) FROM bookings")
}

/// Runs a test that depends on what day it is, again where the day has changed meanwhile.
pub(crate) fn on_one_day(test: impl Fn(NaiveDate)) {
    loop {
        let before = today();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(before)));
        if today() != before {
            continue;
        }
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        return;
    }
}

#[test]
fn a_window_around_today_is_asked_for_in_slices() {
    on_one_day(|today| {
        let api = Api::serve(answer);
        let window = "back = \"3d\"\nahead = \"4d\"\nslice = \"3d\"";
        let sandbox = Sandbox::with_api(&api.url(), &bookings(window));

        let run = sandbox.run(&["--run-now"]).expect_status(0);

        let expected = [(-3, -1), (0, 2), (3, 4)].map(|(from, to)| around(today, from, to));
        assert_eq!(ranges(&api, 0), expected);
        run.expect_stderr("bookings  slice 1 of 3, page 1: 6 records, 6 new")
            .expect_stderr("bookings  slice 3 of 3, page 1: 4 records, 4 new");
        assert_eq!(sandbox.count("SELECT count(*) FROM bookings"), 16);
        assert_eq!(sandbox.count("SELECT count(*) FROM _sync_checkpoints"), 3);

        sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("6 unchanged");
        assert_eq!(ranges(&api, 3), expected, "a complete sweep is followed by a new one");
    });
}

#[test]
fn without_a_slice_the_window_is_asked_for_at_once() {
    on_one_day(|today| {
        let api = Api::serve(answer);
        let sandbox = Sandbox::with_api(&api.url(), &bookings("back = \"40d\""));
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_eq!(ranges(&api, 0), [around(today, -40, 0)]);
    });
}

#[test]
fn the_window_takes_the_place_of_fixed_parameters_and_pages_come_within_a_slice() {
    let api = Api::serve(|asked| {
        let page = asked.number("page");
        let ids = if page == 3 { vec![] } else { vec![2 * page - 1, 2 * page] };
        let slice = asked.param("startDate");
        let records: Vec<String> =
            ids.iter().map(|id| format!(r#"{{"id":"{slice}#{id}"}}"#)).collect();
        Answer::json(format!("[{}]", records.join(",")))
    });
    let endpoint = bookings("back = \"1d\"\nslice = \"1d\"").replace(
        "[endpoint.window]",
        "params = { startDate = \"x\", kind = \"desk\" }\npagination = { style = \"page\" }\n[endpoint.window]",
    );
    let sandbox = Sandbox::with_api(&api.url(), &endpoint);

    sandbox.run(&["--run-now", "--from", "2026-02-28", "--to", "2026-03-01"]).expect_status(0);

    let asked: Vec<String> = api
        .asked_for("/v2/bookings")
        .iter()
        .map(|asked| {
            ["kind", "startDate", "endDate", "page"].map(|name| asked.param(name)).join(" ")
        })
        .collect();
    let expected = ["2026-02-28", "2026-03-01"]
        .iter()
        .flat_map(|day| ["1", "2", "3"].map(|page| format!("desk {day} {day} {page}")))
        .collect::<Vec<_>>();
    assert_eq!(asked, expected);
    assert_eq!(sandbox.count("SELECT count(*) FROM bookings"), 8);
}

#[test]
fn a_record_of_two_slices_is_one_row_and_totals_are_of_all_slices() {
    // One booking that lasts over the slices' border, and one of each day; the second slice states one too many.
    let api = Api::serve(|asked| {
        let from = asked.param("startDate").to_owned();
        let total = if from == "2026-03-30" { 3 } else { 2 };
        Answer::json(format!(
            r#"{{"items":[{{"id":"long","kind":"room"}},{{"id":"{from}","kind":"desk"}}],"total":{total}}}"#
        ))
    });
    let endpoint = bookings("back = \"1d\"\nslice = \"1d\"")
        .replace("[endpoint.window]", "records = \"items\"\ntotal = \"total\"\n[endpoint.window]");
    let sandbox = Sandbox::with_api(&api.url(), &endpoint);
    let dates = ["--run-now", "--from", "2026-03-29", "--to", "2026-03-31"];

    sandbox
        .run(&dates)
        .expect_status(65)
        .expect_stderr("bookings: the API stated 7 records and returned 6");

    assert_eq!(sandbox.lines("SELECT id FROM bookings ORDER BY id").len(), 4);
    let counted = "SELECT pages, rows_new, rows_changed, rows_unchanged, total_read, total_stated FROM _sync_endpoint_runs";
    assert_eq!(sandbox.lines(counted), ["3|4|0|2|6|7"]);
}

#[test]
fn slices_that_miss_their_totals_do_not_make_up_for_each_other() {
    let api = Api::serve(|asked| {
        let from = asked.param("startDate").to_owned();
        let total = if from == "2026-03-30" { 1 } else { 3 };
        Answer::json(format!(
            r#"{{"items":[{{"id":"{from}#1"}},{{"id":"{from}#2"}}],"total":{total}}}"#
        ))
    });
    let endpoint = bookings("back = \"1d\"\nslice = \"1d\"")
        .replace("[endpoint.window]", "records = \"items\"\ntotal = \"total\"\n[endpoint.window]");
    let sandbox = Sandbox::with_api(&api.url(), &endpoint);

    sandbox
        .run(&["--run-now", "--from", "2026-03-29", "--to", "2026-03-30"])
        .expect_status(65)
        .expect_stderr("bookings: the API stated 3 records and returned 2");
}
