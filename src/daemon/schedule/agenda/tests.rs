use chrono_tz::Tz;

use super::*;
use crate::daemon::schedule::next::settings;

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().expect("a valid moment")
}

/// A moment on a machine whose clock was never set.
fn at(text: &str) -> Now {
    at_boot(text, moment(text))
}

/// What the wall clock shows when another, right one shows `real`.
fn at_boot(wall: &str, real: DateTime<Utc>) -> Now {
    let since = real - moment("2026-01-01T00:00:00Z");
    let nanos = since.num_nanoseconds().expect("some years can be counted so");
    Now { wall: moment(wall), boot: BootTime::from_nanos(nanos) }
}

fn job(text: &str) -> ScheduleSettings {
    settings(text, Tz::UTC)
}

fn never_run(settings: ScheduleSettings, now: &str) -> Agenda {
    Agenda::new(vec![settings], |_| None, at(now))
}

fn after_run(settings: ScheduleSettings, until: &str, cut_short: bool, now: &str) -> Agenda {
    let served = Served { until: moment(until), cut_short };
    Agenda::new(vec![settings], |_| Some(served), at(now))
}

/// What is due, as `trigger moment`.
fn due(agenda: &mut Agenda, now: Now) -> Vec<String> {
    let ticks = agenda.look(now).ticks;
    ticks
        .iter()
        .map(|tick| {
            format!(
                "{} {}",
                tick.trigger.as_str(),
                tick.due.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            )
        })
        .collect()
}

/// When each job is due next.
fn moments(agenda: &Agenda) -> Vec<DateTime<Utc>> {
    agenda.entries.iter().filter_map(|entry| entry.next).collect()
}

#[test]
fn moments_that_passed_unseen_are_one_run() {
    let mut agenda = never_run(job("0 */15 * * * *"), "2026-01-01T10:01:00Z");
    assert_eq!(moments(&agenda), [moment("2026-01-01T10:15:00Z")]);
    assert!(due(&mut agenda, at("2026-01-01T10:14:59.999Z")).is_empty());
    // The last of them is a minute ago: that is on time.
    assert_eq!(due(&mut agenda, at("2026-01-01T12:16:00Z")), ["schedule 2026-01-01T12:15:00Z"]);
    assert!(due(&mut agenda, at("2026-01-01T12:16:01Z")).is_empty());
    assert_eq!(moments(&agenda), [moment("2026-01-01T12:30:00Z")]);
    assert_eq!(agenda.next(), Some(("bookings", moment("2026-01-01T12:30:00Z"))));
}

#[test]
fn what_is_long_past_is_made_up_for_once_or_left_out() {
    let late = at("2026-01-03T12:00:00Z");
    let mut once = never_run(job("0 30 2 * * *"), "2026-01-01T00:00:00Z");
    assert_eq!(due(&mut once, late), ["catch-up 2026-01-03T02:30:00Z"]);
    assert!(due(&mut once, late).is_empty());
    let none = ScheduleSettings { catch_up: CatchUp::None, ..job("0 30 2 * * *") };
    let mut none = never_run(none, "2026-01-01T00:00:00Z");
    let left_out = vec![("bookings".to_owned(), moment("2026-01-03T02:30:00Z"))];
    assert_eq!(none.look(late), Look { ticks: Vec::new(), left_out });
    assert_eq!(due(&mut none, at("2026-01-04T02:30:00Z")), ["schedule 2026-01-04T02:30:00Z"]);
}

#[test]
fn a_run_that_was_missed_before_the_start_is_made_up_for_at_the_start() {
    let start = "2026-01-05T09:00:00Z";
    let mut agenda = after_run(job("0 30 2 * * *"), "2026-01-02T02:31:00Z", false, start);
    assert_eq!(due(&mut agenda, at(start)), ["catch-up 2026-01-05T02:30:00Z"]);
    assert_eq!(agenda.next(), Some(("bookings", moment("2026-01-06T02:30:00Z"))));
    let mut served = after_run(job("0 30 2 * * *"), "2026-01-05T02:30:00Z", false, start);
    assert!(due(&mut served, at(start)).is_empty());
    let none = ScheduleSettings { catch_up: CatchUp::None, ..job("0 30 2 * * *") };
    let mut none = after_run(none, "2026-01-02T02:31:00Z", false, start);
    assert!(due(&mut none, at(start)).is_empty());
}

#[test]
fn a_job_that_has_never_run_has_missed_nothing() {
    let mut agenda = never_run(job("0 30 2 * * *"), "2026-01-05T09:00:00Z");
    assert!(due(&mut agenda, at("2026-01-05T09:00:00Z")).is_empty());
    assert_eq!(agenda.next(), Some(("bookings", moment("2026-01-06T02:30:00Z"))));
}

#[test]
fn a_run_that_was_cut_short_is_made_up_for_but_where_nothing_is() {
    let start = "2026-01-05T09:00:00Z";
    let daily = job("0 30 2 * * *");
    let mut agenda = after_run(daily.clone(), "2026-01-05T02:30:00Z", true, start);
    assert_eq!(due(&mut agenda, at(start)), ["catch-up 2026-01-05T09:00:00Z"]);
    assert!(due(&mut agenda, at("2026-01-05T09:00:01Z")).is_empty());
    let none = ScheduleSettings { catch_up: CatchUp::None, ..daily };
    let mut none = after_run(none, "2026-01-05T02:30:00Z", true, start);
    assert!(due(&mut none, at(start)).is_empty());
}

#[test]
fn a_moment_within_a_restart_is_on_time() {
    for catch_up in [CatchUp::Once, CatchUp::None] {
        let daily = ScheduleSettings { catch_up, ..job("0 30 2 * * *") };
        let mut agenda = after_run(daily, "2026-01-04T02:31:00Z", false, "2026-01-05T02:30:40Z");
        let found = due(&mut agenda, at("2026-01-05T02:30:40Z"));
        assert_eq!(found, ["schedule 2026-01-05T02:30:00Z"]);
    }
}

#[test]
fn a_run_at_the_start_stands_for_what_was_missed() {
    let settings = ScheduleSettings { run_at_start: true, ..job("0 30 2 * * *") };
    let start = "2026-01-05T09:00:00Z";
    let mut first = never_run(settings.clone(), start);
    assert_eq!(due(&mut first, at(start)), ["start 2026-01-05T09:00:00Z"]);
    for cut_short in [false, true] {
        let mut later = after_run(settings.clone(), "2026-01-02T02:31:00Z", cut_short, start);
        assert_eq!(due(&mut later, at(start)), ["start 2026-01-05T09:00:00Z"]);
        assert!(due(&mut later, at("2026-01-05T09:00:01Z")).is_empty());
        let next = due(&mut later, at("2026-01-06T02:30:00Z"));
        assert_eq!(next, ["schedule 2026-01-06T02:30:00Z"]);
    }
}

#[test]
fn a_clock_put_back_by_seconds_repeats_nothing() {
    for text in ["0 30 2 * * *", "0 */30 * * * *"] {
        let mut agenda = never_run(job(text), "2026-01-05T02:20:00Z");
        let first = due(&mut agenda, at("2026-01-05T02:30:01Z"));
        assert_eq!(first, ["schedule 2026-01-05T02:30:00Z"]);
        let real = moment("2026-01-05T02:30:02Z");
        assert!(due(&mut agenda, at_boot("2026-01-05T02:29:55Z", real)).is_empty());
        let real = moment("2026-01-05T02:30:08Z");
        assert!(due(&mut agenda, at_boot("2026-01-05T02:30:01Z", real)).is_empty(), "{text}");
    }
}

#[test]
fn a_clock_that_was_years_ahead_starts_anew() {
    let mut hourly = never_run(job("0 0 * * * *"), "2031-01-01T10:01:00Z");
    assert_eq!(moments(&hourly), [moment("2031-01-01T11:00:00Z")]);
    assert!(due(&mut hourly, at("2026-01-01T10:01:00Z")).is_empty());
    assert_eq!(moments(&hourly), [moment("2026-01-01T11:00:00Z")]);
    assert_eq!(due(&mut hourly, at("2026-01-01T11:00:00Z")), ["schedule 2026-01-01T11:00:00Z"]);

    let mut daily =
        after_run(job("0 0 5 * * *"), "2031-01-01T05:00:00Z", false, "2026-01-01T04:00:00Z");
    assert!(due(&mut daily, at("2026-01-01T04:00:00Z")).is_empty());
    assert_eq!(due(&mut daily, at("2026-01-01T05:00:00Z")), ["schedule 2026-01-01T05:00:00Z"]);
}

#[test]
fn a_start_with_a_clock_put_back_by_hours_repeats_no_day() {
    let start = "2026-01-05T02:00:00Z";
    let mut agenda = after_run(job("0 30 2 * * *"), "2026-01-05T02:35:00Z", false, start);
    assert!(due(&mut agenda, at("2026-01-05T02:30:10Z")).is_empty());
    assert_eq!(agenda.next(), Some(("bookings", moment("2026-01-06T02:30:00Z"))));
}

#[test]
fn other_schedules_neither_lose_nor_double_a_moment() {
    let named = |name: &str, text: &str| ScheduleSettings { job: name.to_owned(), ..job(text) };
    let schedules = vec![
        named("same", "0 30 2 * * *"),
        named("other", "0 30 2 * * *"),
        named("gone", "0 0 3 * * *"),
    ];
    let mut agenda = Agenda::new(schedules, |_| None, at("2026-01-05T02:00:00Z"));
    assert_eq!(moments(&agenda).len(), 3);
    let reload = at("2026-01-05T02:30:00Z");
    assert_eq!(due(&mut agenda, reload).len(), 2);
    let changed = vec![
        named("new", "0 40 2 * * *"),
        ScheduleSettings { run_at_start: true, ..named("same", "0 30 2 * * *") },
        named("other", "0 30 2,5 * * *"),
    ];
    agenda.replace(changed, reload);
    assert!(due(&mut agenda, reload).is_empty());
    assert_eq!(
        moments(&agenda),
        [
            moment("2026-01-05T02:40:00Z"),
            moment("2026-01-06T02:30:00Z"),
            moment("2026-01-05T05:30:00Z")
        ]
    );
    assert_eq!(due(&mut agenda, at("2026-01-05T02:40:00Z")), ["schedule 2026-01-05T02:40:00Z"]);
    assert_eq!(due(&mut agenda, at("2026-01-05T05:30:00Z")), ["schedule 2026-01-05T05:30:00Z"]);
    let ticks = agenda.look(at("2026-01-06T02:30:00Z")).ticks;
    let jobs: Vec<_> = ticks.iter().map(|tick| tick.job.as_str()).collect();
    assert_eq!(jobs, ["same", "other"]);
}

#[test]
fn a_moment_that_an_unchanged_job_waits_for_survives_a_reload() {
    let mut agenda = never_run(job("0 30 2 * * *"), "2026-01-05T02:00:00Z");
    // Its moment has come, and was not looked at yet.
    agenda.replace(vec![job("0 30 2 * * *")], at("2026-01-05T02:30:01Z"));
    assert_eq!(due(&mut agenda, at("2026-01-05T02:30:01Z")), ["schedule 2026-01-05T02:30:00Z"]);
}
