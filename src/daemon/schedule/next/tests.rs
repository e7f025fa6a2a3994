//! Both changes of the clocks of Europe/Amsterdam in 2026: forward on 29 March at 02:00, back on 25 October at 03:00.

use chrono_tz::Europe::Amsterdam;
use proptest::prelude::*;

use super::*;

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().expect("a valid moment")
}

/// The next moments of a schedule, in local time with the offset.
fn moments(text: &str, after: &str, count: usize) -> Vec<String> {
    let settings = settings(text, Amsterdam);
    let next = |now: &DateTime<Utc>| scheduled_after(&settings, *now);
    let found = std::iter::successors(next(&moment(after)), next).take(count);
    found.map(|moment| moment.with_timezone(&Amsterdam).format("%d %H:%M%:z").to_string()).collect()
}

#[test]
fn a_moment_is_named_in_the_job_s_own_zone() {
    assert_eq!(
        moments("0 30 9 * * *", "2026-01-10T08:30:00Z", 2),
        ["11 09:30+01:00", "12 09:30+01:00"]
    );
    assert_eq!(
        moments("0 30 9 * * *", "2026-07-10T07:29:59.9Z", 2),
        ["10 09:30+02:00", "11 09:30+02:00"]
    );
}

#[test]
fn the_hour_that_is_left_out_is_left_out_by_an_interval() {
    let found = moments("0 */30 * * * *", "2026-03-29T00:00:00Z", 4);
    assert_eq!(found, ["29 01:30+01:00", "29 03:00+02:00", "29 03:30+02:00", "29 04:00+02:00"]);
}

#[test]
fn the_hour_that_is_repeated_is_repeated_by_an_interval() {
    let found = moments("0 */30 * * * *", "2026-10-24T23:30:00Z", 6);
    let expected = [
        "25 02:00+02:00",
        "25 02:30+02:00",
        "25 02:00+01:00",
        "25 02:30+01:00",
        "25 03:00+01:00",
        "25 03:30+01:00",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_daily_time_that_is_left_out_runs_right_after_the_gap() {
    let found = moments("0 30 2 * * *", "2026-03-28T00:00:00Z", 3);
    assert_eq!(found, ["28 02:30+01:00", "29 03:00+02:00", "30 02:30+02:00"]);
}

#[test]
fn a_daily_time_that_is_repeated_runs_at_the_first_pass_only() {
    let found = moments("0 30 2 * * *", "2026-10-24T00:00:00Z", 3);
    assert_eq!(found, ["24 02:30+02:00", "25 02:30+02:00", "26 02:30+01:00"]);
    // Asked within the second pass, too, and before its time there.
    assert_eq!(moments("0 30 2 * * *", "2026-10-25T01:10:00Z", 1), ["26 02:30+01:00"]);
}

#[test]
fn daily_times_on_the_edges_of_a_change_run_once() {
    assert_eq!(
        moments("0 0 3 * * *", "2026-03-28T12:00:00Z", 2),
        ["29 03:00+02:00", "30 03:00+02:00"]
    );
    assert_eq!(
        moments("0 0 2 * * *", "2026-03-28T12:00:00Z", 2),
        ["29 03:00+02:00", "30 02:00+02:00"]
    );
    assert_eq!(
        moments("0 0 3 * * *", "2026-10-24T12:00:00Z", 2),
        ["25 03:00+01:00", "26 03:00+01:00"]
    );
    assert_eq!(
        moments("0 0 2 * * *", "2026-10-24T12:00:00Z", 2),
        ["25 02:00+02:00", "26 02:00+01:00"]
    );
}

#[test]
fn a_change_within_the_very_next_second_is_seen() {
    assert_eq!(moments("0 */30 * * * *", "2026-03-29T00:59:59.5Z", 1), ["29 03:00+02:00"]);
    assert_eq!(moments("0 */30 * * * *", "2026-10-25T00:59:59.5Z", 1), ["25 02:00+01:00"]);
    assert_eq!(moments("0 0 2 * * *", "2026-10-25T00:59:59.5Z", 1), ["26 02:00+01:00"]);
}

#[test]
fn several_times_within_the_hour_count_as_an_interval() {
    assert_eq!(moments("0 15,45 2 * * *", "2026-03-28T12:00:00Z", 1), ["30 02:15+02:00"]);
    let twice = ["25 02:15+02:00", "25 02:45+02:00", "25 02:15+01:00", "25 02:45+01:00"];
    assert_eq!(moments("0 15,45 2 * * *", "2026-10-24T12:00:00Z", 4), twice);
}

#[test]
fn a_rare_schedule_is_found_across_many_changes() {
    let leap_day = settings("0 0 12 29 2 *", Amsterdam);
    assert_eq!(
        scheduled_after(&leap_day, moment("2026-01-01T00:00:00Z")),
        Some(moment("2028-02-29T11:00:00Z"))
    );
}

#[test]
fn a_schedule_without_a_further_moment_has_none() {
    assert_eq!(
        scheduled_after(&settings("0 0 0 30 2 *", Amsterdam), moment("2026-01-01T00:00:00Z")),
        None
    );
}

#[test]
fn a_day_that_is_left_out_whole_has_no_run() {
    let samoa = settings("0 30 2 * * *", chrono_tz::Pacific::Apia);
    let first = scheduled_after(&samoa, moment("2011-12-28T12:30:00Z"));
    // 29 December 02:30 at -10:00, and 31 December 02:30 at +14:00.
    assert_eq!(first, Some(moment("2011-12-29T12:30:00Z")));
    let second = scheduled_after(&samoa, moment("2011-12-29T12:30:00Z"));
    assert_eq!(second, Some(moment("2011-12-30T12:30:00Z")));
}

/// Why the moments are worked out here: should this fail after an update, croner can be asked for them directly.
#[test]
fn croner_alone_goes_back_in_time_within_the_repeated_hour() {
    let second_pass = moment("2026-10-25T01:10:00Z").with_timezone(&Amsterdam);
    let found =
        settings("0 */30 * * * *", Amsterdam).schedule.find_next_occurrence(&second_pass, false);
    assert!(found.expect("a moment is found") < second_pass);
}

proptest! {
    #[test]
    fn the_next_moment_is_later_and_shows_the_scheduled_minute(
        seconds in 1_767_000_000_i64..1_800_000_000, nanos in 0..1_000_000_000_u32, minute in 0..60_u32,
    ) {
        let now = DateTime::from_timestamp(seconds, nanos).expect("a valid moment");
        let next = scheduled_after(&settings(&format!("0 {minute} * * * *"), Amsterdam), now).expect("every hour has one");
        prop_assert!(next > now && next - now <= TimeDelta::hours(1), "{now} {next}");
        let shown = next.with_timezone(&Amsterdam);
        prop_assert_eq!((shown.minute(), shown.second(), shown.nanosecond()), (minute, 0, 0));
    }

    #[test]
    fn a_daily_job_runs_once_on_every_day(day in 0..3_000_i64, hour in 0..24_u32, minute in 0..60_u32) {
        let settings = settings(&format!("0 {minute} {hour} * * *"), Amsterdam);
        let midnight = moment("2026-01-01T11:00:00Z") + TimeDelta::days(day);
        let first = scheduled_after(&settings, midnight).expect("every day has one");
        let second = scheduled_after(&settings, first).expect("every day has one");
        let days = second.with_timezone(&Amsterdam).date_naive() - first.with_timezone(&Amsterdam).date_naive();
        prop_assert_eq!(days, TimeDelta::days(1));
    }
}
