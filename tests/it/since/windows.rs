//! A window that is asked for changes: dates that no sweep has covered yet are asked for whole.

use std::sync::Arc;

use chrono::{Days, NaiveDate};

use super::{Item, Listed, follows_on, listing, lock, now};
use crate::{
    support::{Answer, Api, Asked, Sandbox},
    windows::on_one_day,
};

/// Bookings, one a day, that were all changed long ago: the id is the day's number.
fn serve(listed: &Listed) -> Api {
    let listed = Arc::clone(listed);
    Api::serve(move |asked| {
        let (from, to) = (day(asked.param("startDate")), day(asked.param("endDate")));
        let since = asked.query.get("updatedAfter").map(|since| super::utc(since));
        let listed = lock(&listed);
        let records: Vec<String> = from
            .iter_days()
            .take_while(|date| *date <= to)
            .filter_map(|date| Some((date, listed.get(&number(date))?)))
            .filter(|(_, item)| since.is_none_or(|since| item.updated.is_some_and(|at| at > since)))
            .map(|(date, item)| format!(r#"{{"id":"{date}","date":"{date}","v":"{}"}}"#, item.v))
            .collect();
        Answer::json(format!("[{}]", records.join(",")))
    })
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is a date"))
}

fn number(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

/// A booking on every day of a year around today.
fn bookings(today: NaiveDate) -> Listed {
    listing(number(today) - 180..number(today) + 180)
}

fn sandbox(api: &Api, window: &str) -> Sandbox {
    Sandbox::with_api(
        &api.url(),
        &format!(
            "[[endpoint]]\nname = \"bookings\"\npath = \"/bookings\"\nkey = [\"id\"]\nsince = {{ param = \"updatedAfter\" }}\n\
             [endpoint.window]\nfield = \"date\"\n{window}\n"
        ),
    )
}

/// Runs once; gives what it has asked for: the days from today on, and what has changed since or `everything`.
fn run(sandbox: &Sandbox, api: &Api, today: NaiveDate) -> Vec<String> {
    let before = api.asked_for("/bookings").len();
    sandbox.run(&["--run-now"]).expect_status(0);
    let days = |date: &str| number(day(date)) - number(today);
    let told = |asked: &Asked| {
        let since = asked.query.get("updatedAfter").map_or("everything", String::as_str);
        let (from, to) = (days(asked.param("startDate")), days(asked.param("endDate")));
        format!("{from}..{to} {since}")
    };
    api.asked_for("/bookings").iter().skip(before).map(told).collect()
}

#[test]
fn moving_back_further_asks_for_the_gap_and_else_for_changes() {
    on_one_day(|today| {
        let api = serve(&bookings(today));
        let mut sandbox = sandbox(&api, "back = \"3d\"\nahead = \"4d\"\nslice = \"5d\"");
        assert_eq!(run(&sandbox, &api, today), ["-3..1 everything", "2..4 everything"]);
        let changes = run(&sandbox, &api, today);
        let bound = follows_on(&sandbox, 1);
        assert_eq!(changes, [format!("-3..1 {bound}"), format!("2..4 {bound}")]);

        sandbox.set("MAPIQ_SYNC__ENDPOINT__BOOKINGS__WINDOW__BACK", "10d");
        sandbox.set("MAPIQ_SYNC__ENDPOINT__BOOKINGS__WINDOW__AHEAD", "6d");
        let asked = run(&sandbox, &api, today);
        let bound = follows_on(&sandbox, 2);
        let expected = [
            "-10..-6 everything".to_owned(),
            "-5..-4 everything".to_owned(),
            format!("-3..1 {bound}"),
            format!("2..4 {bound}"),
            "5..6 everything".to_owned(),
        ];
        assert_eq!(asked, expected);
        assert_eq!(sandbox.count("SELECT count(*) FROM bookings"), 17);

        // What is no longer asked for does not stay known.
        sandbox.set("MAPIQ_SYNC__ENDPOINT__BOOKINGS__WINDOW__BACK", "0d");
        run(&sandbox, &api, today);
        sandbox.set("MAPIQ_SYNC__ENDPOINT__BOOKINGS__WINDOW__BACK", "3d");
        assert_eq!(run(&sandbox, &api, today)[0], "-3..-1 everything");
    });
}

#[test]
fn the_day_that_has_come_is_asked_for_whole() {
    on_one_day(|today| {
        let listed = bookings(today);
        let api = serve(&listed);
        let sandbox = sandbox(&api, "back = \"1d\"\nahead = \"2d\"");
        assert_eq!(run(&sandbox, &api, today), ["-1..2 everything"]);
        // As if that had been the day before yesterday: two days have come since.
        sandbox.execute(
            "UPDATE _sync_coverage SET lower = strftime('%Y-%m-%dT%H:%M:%S', lower, '-2 days'), \
             upper = strftime('%Y-%m-%dT%H:%M:%S', upper, '-2 days'); \
             DELETE FROM bookings WHERE date > (SELECT date(upper, '-1 day') FROM _sync_coverage)",
        );
        let changed = Item { v: "b".into(), updated: Some(now()) };
        lock(&listed).insert(number(today), changed);
        let asked = run(&sandbox, &api, today);
        let bound = follows_on(&sandbox, 1);
        assert_eq!(asked, [format!("-1..0 {bound}"), "1..2 everything".into()]);
        let stored = sandbox.lines("SELECT date, v FROM bookings ORDER BY date");
        let expected = [(-1, "a"), (0, "b"), (1, "a"), (2, "a")].map(|(days, v)| {
            let date = NaiveDate::default() + Days::new((number(today) + days).unsigned_abs());
            format!("{date}|{v}")
        });
        assert_eq!(stored, expected);
    });
}

#[test]
fn a_window_that_has_moved_on_altogether_is_asked_for_whole() {
    on_one_day(|today| {
        let api = serve(&bookings(today));
        let sandbox = sandbox(&api, "back = \"1d\"\nahead = \"2d\"");
        run(&sandbox, &api, today);
        sandbox.execute(
            "UPDATE _sync_coverage SET lower = strftime('%Y-%m-%dT%H:%M:%S', lower, '-9 days'), \
             upper = strftime('%Y-%m-%dT%H:%M:%S', upper, '-9 days')",
        );
        assert_eq!(run(&sandbox, &api, today), ["-1..2 everything"]);
        let sweeps = "SELECT since, judges FROM _sync_sweeps WHERE sweep_id = 2";
        assert_eq!(sandbox.lines(sweeps), ["|1"], "that is a full one");
    });
}

#[test]
fn a_backfill_asks_for_everything_and_leaves_the_bound_alone() {
    on_one_day(|today| {
        let api = serve(&bookings(today));
        let sandbox = sandbox(&api, "back = \"1d\"");
        run(&sandbox, &api, today);
        let from = today.to_string();
        sandbox.run(&["--run-now", "--from", &from, "--to", &from]).expect_status(0);
        let asked = api.asked_for("/bookings");
        assert_eq!(asked.last().map(|asked| asked.param("updatedAfter")), Some(""));
        let asked = run(&sandbox, &api, today);
        assert_eq!(asked, [format!("-1..0 {}", follows_on(&sandbox, 1))]);
    });
}

#[test]
fn a_slice_that_is_too_wide_is_cut_and_asked_for_as_before() {
    on_one_day(|today| {
        let listed = bookings(today);
        let inner = Arc::clone(&listed);
        let limit = Arc::new(std::sync::atomic::AtomicI64::new(100));
        let most = Arc::clone(&limit);
        let api = Api::serve(move |asked| {
            let (from, to) = (day(asked.param("startDate")), day(asked.param("endDate")));
            if number(to) - number(from) >= most.load(std::sync::atomic::Ordering::SeqCst) {
                return Answer::status(400, r#"{"title":"The range is too wide."}"#);
            }
            let count = from.iter_days().take_while(|date| *date <= to).count();
            assert!(count <= lock(&inner).len(), "the year is wide enough");
            Answer::json("[]")
        });
        let mut sandbox = sandbox(&api, "ahead = \"3d\"");
        assert_eq!(run(&sandbox, &api, today), ["0..3 everything"]);
        limit.store(2, std::sync::atomic::Ordering::SeqCst);
        sandbox.set("MAPIQ_SYNC__ENDPOINT__BOOKINGS__WINDOW__AHEAD", "5d");
        let asked = run(&sandbox, &api, today);
        let bound = follows_on(&sandbox, 1);
        let expected = [
            format!("0..3 {bound}"),
            format!("0..1 {bound}"),
            format!("2..3 {bound}"),
            "4..5 everything".to_owned(),
        ];
        assert_eq!(asked, expected);
    });
}
