//! Windows: only what lies within what was asked for, and no further back than the API reaches.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::{Days, NaiveDate};

use super::{assert_settled, deleted};
use crate::{
    support::{Answer, Api, Asked, Sandbox},
    windows::on_one_day,
};

/// The bookings that there are: an id and the value of the field `at`.
type Bookings = Arc<Mutex<BTreeMap<i64, String>>>;

fn day(today: NaiveDate, days: i64) -> NaiveDate {
    let distance = Days::new(days.unsigned_abs());
    if days < 0 { today - distance } else { today + distance }
}

/// Bookings whose ids tell how many days from today they are, 100 more than that.
fn bookings(today: NaiveDate, days: impl IntoIterator<Item = i64>, time: &str) -> Bookings {
    let bookings = days.into_iter().map(|days| (100 + days, format!("{}{time}", day(today, days))));
    Arc::new(Mutex::new(bookings.collect()))
}

fn remove(bookings: &Bookings, ids: &[i64]) {
    bookings.lock().expect("no test panics here").retain(|id, _| !ids.contains(id));
}

fn api(bookings: &Bookings) -> Api {
    api_before(bookings, |_| None)
}

/// The same, but `before` each answer something happens, or there is another one.
fn api_before(
    bookings: &Bookings,
    before: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> Api {
    let bookings = Arc::clone(bookings);
    Api::serve(move |asked| {
        if let Some(other) = before(asked) {
            return other;
        }
        let within = |at: &str| {
            let date = at.get(..10).unwrap_or_default();
            asked.param("startDate") <= date && date <= asked.param("endDate")
        };
        let bookings = bookings.lock().expect("no test panics here");
        let found = bookings.iter().filter(|(_, at)| within(at));
        let records: Vec<String> =
            found.map(|(id, at)| format!(r#"{{"id":{id},"slot":{{"at":"{at}"}}}}"#)).collect();
        Answer::json(format!("[{}]", records.join(",")))
    })
}

/// Ten days back and ten ahead, in slices of a week; `field` is a line of the window.
fn sandbox(api: &Api, field: &str) -> Sandbox {
    Sandbox::with_api(
        &api.url(),
        &format!(
            "[[endpoint]]\nname = \"bookings\"\npath = \"/bookings\"\nkey = [\"id\"]\nmissing = {{ confirm = false }}\n\
             [endpoint.window]\nback = \"10d\"\nahead = \"10d\"\nslice = \"7d\"\n{field}\n"
        ),
    )
}

const FIELD: &str = "field = \"slot.at\"";

fn starts(asked: &[Asked]) -> Vec<String> {
    asked.iter().map(|asked| asked.param("startDate").to_owned()).collect()
}

#[test]
fn a_row_within_the_window_is_asked_for_once_more_with_its_slice_and_those_before() {
    on_one_day(|today| {
        let bookings = bookings(today, -20..=20, "");
        let api = api(&bookings);
        let sandbox = sandbox(&api, FIELD);
        let (first, last) = (day(today, -20).to_string(), day(today, 20).to_string());
        sandbox.run(&["--run-now", "--from", &first, "--to", &last]).expect_status(0);
        assert_eq!(sandbox.count("SELECT count(*) FROM bookings"), 41);

        // Within the window: the first and the last day, and today. Outside: the days beside it.
        remove(&bookings, &[89, 90, 100, 110, 111]);
        // What can be deleted as well as no longer kept is known by a row before it.
        let before = api.asked_for("/bookings").len();
        sandbox.run(&["--run-now"]).expect_status(0);
        let starts = starts(&api.asked_for("/bookings")[before..]);
        let slices = [-10, -3, 4].map(|days| day(today, days).to_string());
        assert_eq!(starts, [&slices[..], &slices].concat(), "the first slice may have got it");
        assert_eq!(deleted(&sandbox, "bookings"), ["100|2", "110|2"]);
        assert_settled(&sandbox);

        // A backfill judges its own dates, to the first one that it returns.
        sandbox.run(&["--run-now", "--from", &first, "--to", &last]).expect_status(0);
        assert_eq!(deleted(&sandbox, "bookings"), ["89|3", "90|3", "100|2", "110|2", "111|3"]);
        assert_settled(&sandbox);
    });
}

#[test]
fn slices_behind_the_last_one_that_lacks_a_row_are_not_asked_for_once_more() {
    on_one_day(|today| {
        let bookings = bookings(today, -10..=10, "");
        let api = api(&bookings);
        let sandbox = sandbox(&api, FIELD);
        sandbox.run(&["--run-now"]).expect_status(0);
        remove(&bookings, &[100]);
        let before = api.asked_for("/bookings").len();
        sandbox.run(&["--run-now"]).expect_status(0);
        let starts = starts(&api.asked_for("/bookings")[before..]);
        let slices = [-10, -3, 4].map(|days| day(today, days).to_string());
        assert_eq!(starts, [&slices[..], &slices[..2]].concat());
        assert_eq!(deleted(&sandbox, "bookings"), ["100|2"]);
    });
}

#[test]
fn a_row_that_is_moved_into_a_slice_that_was_read_is_not_marked() {
    on_one_day(|today| {
        let bookings = bookings(today, -10..=10, "");
        let moved_to = day(today, -9).to_string();
        let (moving, second) = (Arc::clone(&bookings), day(today, -3).to_string());
        let requests = AtomicUsize::new(0);
        let api = api_before(&bookings, move |asked| {
            // Of the second sweep, once the first slice was read.
            let is_fifth = requests.fetch_add(1, Ordering::Relaxed) == 4;
            if is_fifth {
                assert_eq!(asked.param("startDate"), second);
                moving.lock().expect("no test panics here").insert(108, moved_to.clone());
            }
            None
        });
        let sandbox = sandbox(&api, FIELD);
        sandbox.run(&["--run-now"]).expect_status(0);
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_eq!(deleted(&sandbox, "bookings"), [""; 0]);
        let at = sandbox.query("SELECT slot_at FROM bookings WHERE id = 108");
        let moved_to = day(today, -9).to_string();
        assert_eq!(at, [[moved_to.into()]], "the second read has found it");
        assert_settled(&sandbox);
    });
}

#[test]
fn a_row_that_is_moved_twice_while_a_sweep_is_interrupted_is_not_marked() {
    on_one_day(|today| {
        let bookings = bookings(today, -10..=10, "");
        let requests = AtomicUsize::new(0);
        let api = api_before(&bookings, move |_| {
            // The last slice of the second sweep.
            let fails = requests.fetch_add(1, Ordering::Relaxed) == 5;
            fails.then(|| Answer::status(403, "{}"))
        });
        let sandbox = sandbox(&api, FIELD);
        let move_to = |days| {
            let at = day(today, days).to_string();
            bookings.lock().expect("no test panics here").insert(92, at);
        };
        sandbox.run(&["--run-now"]).expect_status(0);
        // From the first slice into the last, which is not read, and then into the second, which was.
        move_to(8);
        sandbox.run(&["--run-now"]).expect_status(1);
        move_to(0);
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_eq!(deleted(&sandbox, "bookings"), [""; 0]);
        let at = sandbox.query("SELECT slot_at FROM bookings WHERE id = 92");
        assert_eq!(at, [[today.to_string().into()]], "the second read has found it");
        assert_settled(&sandbox);
    });
}

#[test]
fn what_the_api_no_longer_keeps_is_no_deletion() {
    on_one_day(|today| {
        let bookings = bookings(today, -8..=3, "");
        let api = api(&bookings);
        let sandbox = sandbox(&api, FIELD);
        sandbox.run(&["--run-now"]).expect_status(0);
        remove(&bookings, &(92..=97).collect::<Vec<_>>());
        remove(&bookings, &[99, 103]);
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_eq!(deleted(&sandbox, "bookings"), ["99|2", "103|2"]);
        remove(&bookings, &(90..=110).collect::<Vec<_>>());
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_eq!(deleted(&sandbox, "bookings"), ["99|2", "100|3", "101|3", "102|3", "103|2"]);
        assert_settled(&sandbox);
    });
}

#[test]
fn date_times_of_the_outermost_days_and_what_is_no_date_are_not_judged() {
    on_one_day(|today| {
        let bookings = bookings(today, -10..=10, "T12:00:00Z");
        bookings.lock().expect("no test panics here").insert(1, format!("{today}; or later"));
        let api = api(&bookings);
        let sandbox = sandbox(&api, FIELD);
        sandbox.run(&["--run-now"]).expect_status(0);
        remove(&bookings, &[1, 90, 100, 109, 110]);
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_eq!(deleted(&sandbox, "bookings"), ["100|2", "109|2"]);
        remove(&bookings, &[91, 108]);
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_eq!(deleted(&sandbox, "bookings"), ["100|2", "108|3", "109|2"]);
    });
}

#[test]
fn without_a_field_no_row_of_a_window_is_judged() {
    on_one_day(|today| {
        let bookings = bookings(today, 0..=3, "");
        let api = api(&bookings);
        let sandbox = sandbox(&api, "");
        sandbox.run(&["--run-now"]).expect_status(0);
        remove(&bookings, &[101]);
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_eq!(api.asked_for("/bookings").len(), 6);
        assert_eq!(deleted(&sandbox, "bookings"), [""; 0]);
        assert_settled(&sandbox);
    });
}
