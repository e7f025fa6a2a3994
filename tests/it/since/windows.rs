//! A window that is asked for changes: dates that no sweep has covered yet are asked for whole.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{Days, NaiveDate};
use rustix::process::Signal;

use super::{Item, Listed, follows_on, listing, lock, now};
use crate::{
    listing::Gate,
    support::{Answer, Api, Asked, Sandbox, wait_until},
    windows::on_one_day,
};

/// Bookings, one a day, that were all changed long ago: the id is the day's number.
fn serve(listed: &Listed) -> Api {
    let listed = Arc::clone(listed);
    Api::serve(move |asked| answer(&listed, asked))
}

fn answer(listed: &Listed, asked: &Asked) -> Answer {
    let (from, to) = (day(asked.param("startDate")), day(asked.param("endDate")));
    let since = asked.query.get("updatedAfter").map(|since| super::utc(since));
    let listed = lock(listed);
    let records: Vec<String> = from
        .iter_days()
        .take_while(|date| *date <= to)
        .filter_map(|date| Some((date, listed.get(&number(date))?)))
        .filter(|(_, item)| since.is_none_or(|since| item.updated.is_some_and(|at| at > since)))
        .map(|(date, item)| format!(r#"{{"id":"{date}","date":"{date}","v":"{}"}}"#, item.v))
        .collect();
    Answer::json(format!("[{}]", records.join(",")))
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
        let most = Arc::new(AtomicI64::new(100));
        let listed = bookings(today);
        let held = Arc::clone(&most);
        let api = Api::serve(move |asked| {
            let (from, to) = (day(asked.param("startDate")), day(asked.param("endDate")));
            if number(to) - number(from) >= held.load(Ordering::SeqCst) {
                return Answer::status(400, r#"{"title":"The range is too wide."}"#);
            }
            answer(&listed, asked)
        });
        let mut sandbox = sandbox(&api, "ahead = \"3d\"");
        assert_eq!(run(&sandbox, &api, today), ["0..3 everything"]);
        most.store(2, Ordering::SeqCst);
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

#[test]
fn a_backfill_by_other_settings_leaves_nothing_to_build_on() {
    on_one_day(|today| {
        let api = serve(&bookings(today));
        let mut sandbox = sandbox(&api, "back = \"1d\"");
        run(&sandbox, &api, today);
        sandbox.set("MAPIQ_SYNC__ENDPOINT__BOOKINGS__PARAMS", "{ kind = 'b' }");
        let from = today.to_string();
        sandbox.run(&["--run-now", "--from", &from, "--to", &from]).expect_status(0);
        sandbox.unset("MAPIQ_SYNC__ENDPOINT__BOOKINGS__PARAMS");
        assert_eq!(run(&sandbox, &api, today), ["-1..0 everything"]);
    });
}

#[test]
fn a_sweep_that_was_killed_asks_for_its_changes_and_for_the_days_that_have_come() {
    on_one_day(|today| {
        let listed = bookings(today);
        let gate = Gate::new();
        let held = Arc::clone(&gate);
        let api = Api::serve(move |asked| {
            held.pass();
            answer(&listed, asked)
        });
        let sandbox = sandbox(&api, "back = \"1d\"\nahead = \"2d\"\nslice = \"2d\"");
        gate.allow(2);
        assert_eq!(run(&sandbox, &api, today), ["-1..0 everything", "1..2 everything"]);
        gate.allow(1);
        let running = sandbox.start(&["--run-now"]);
        wait_until("the second slice is asked for", || api.asked_for("/bookings").len() == 4);
        running.signal(Signal::KILL);
        running.wait();
        gate.open();
        // As if it had been planned yesterday.
        sandbox.execute(
            "UPDATE _sync_checkpoints SET lower = strftime('%Y-%m-%dT%H:%M:%S', lower, '-1 day'), \
             upper = strftime('%Y-%m-%dT%H:%M:%S', upper, '-1 day') WHERE sweep_id = 2",
        );
        let asked = run(&sandbox, &api, today);
        let bound = follows_on(&sandbox, 1);
        assert_eq!(asked, [format!("0..1 {bound}"), "2..2 everything".to_owned()]);
        // What it has covered is all of it, the day that was added too.
        let asked = run(&sandbox, &api, today);
        let bound = follows_on(&sandbox, 2);
        assert_eq!(asked, [format!("-1..0 {bound}"), format!("1..2 {bound}")]);
    });
}
