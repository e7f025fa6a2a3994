mod histories;

use super::*;
use crate::{
    clock::BootTime,
    store::Bounds,
    sync::{DateFormat, plan::differences_of_dates},
};

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().expect("the test's moment is valid")
}

fn settings() -> SinceSettings {
    SinceSettings {
        param: "updatedAfter".into(),
        format: DateFormat::new("%Y-%m-%dT%H:%M:%SZ").expect("the format is valid"),
        lookback: TimeDelta::hours(1),
        full_every: TimeDelta::days(7),
    }
}

const SETTINGS: &str = r#"{"path":"/a","window.back":1,"window.ahead":1}"#;

/// Known as of two days after the last full sweep.
fn coverage() -> Coverage {
    Coverage {
        fingerprint: SETTINGS.into(),
        dates: Bounds::default(),
        known_at: utc("2026-03-03T12:00:00Z"),
        known_at_boot: Some(BootTime::from_nanos(0)),
        full_at: utc("2026-03-01T12:00:00Z"),
        deletions_wait: false,
    }
}

/// So long after that, by the wall clock and by the boot's.
fn later(wall: TimeDelta, boot: TimeDelta) -> Now {
    let nanos = boot.num_nanoseconds().expect("it is no more than some days");
    Now { wall: coverage().known_at + wall, boot: BootTime::from_nanos(nanos) }
}

fn after(hours: i64) -> Now {
    later(TimeDelta::hours(hours), TimeDelta::hours(hours))
}

fn known_by(coverage: &Coverage, now: Now) -> Result<Known, Everything> {
    known(&settings(), SETTINGS, Some(coverage), now)
}

#[test]
fn changes_since_the_last_sweep_less_the_lookback_are_enough() {
    let expected = Known { since: utc("2026-03-03T11:00:00Z"), dates: None };
    for hours in [0, 1, 48, 119] {
        assert_eq!(known_by(&coverage(), after(hours)).as_ref(), Ok(&expected), "{hours}");
    }
    let dates = Bounds {
        lower: Some("2026-03-01T00:00:00".into()),
        upper: Some("2026-03-09T00:00:00".into()),
        since: None,
    };
    let windowed = Coverage { dates: dates.clone(), ..coverage() };
    let known = known_by(&windowed, after(1)).expect("changes are enough");
    assert_eq!(known.dates, Span::of(&dates));
}

#[test]
fn everything_is_due_by_the_start_of_the_last_full_sweep() {
    assert!(known_by(&coverage(), after(5 * 24 - 1)).is_ok());
    let due = known_by(&coverage(), after(5 * 24));
    assert_eq!(due, Err(Everything::Due(TimeDelta::days(7))));
    let often = SinceSettings { full_every: TimeDelta::minutes(5), ..settings() };
    let due = known(&often, SETTINGS, Some(&coverage()), after(0));
    assert_eq!(due, Err(Everything::Due(TimeDelta::days(2))));
}

#[test]
fn nothing_known_or_known_by_other_settings_is_not_enough() {
    assert_eq!(known(&settings(), SETTINGS, None, after(1)), Err(Everything::First));
    let farther = r#"{"path":"/a","window.back":2,"window.ahead":3}"#;
    assert!(known(&settings(), farther, Some(&coverage()), after(1)).is_ok());
    let other = r#"{"path":"/b","window.back":2,"window.ahead":1}"#;
    let changed = known(&settings(), other, Some(&coverage()), after(1));
    assert_eq!(changed, Err(Everything::Changed(vec!["path".into()])));
    assert_eq!(differences_of_dates("nonsense", SETTINGS), ["path"]);
}

#[test]
fn a_clock_that_was_ahead_is_noticed_by_the_future_or_by_the_boots_clock() {
    let hour = TimeDelta::hours(1);
    let ask = |wall, boot| known_by(&coverage(), later(wall, boot)).map(|_| ());
    assert_eq!(ask(-TimeDelta::milliseconds(1), hour), Err(Everything::Clock));
    // It was a day ahead, and a day has passed.
    assert_eq!(ask(hour, hour * 25), Err(Everything::Clock));
    assert_eq!(ask(hour, hour + TimeDelta::minutes(31)), Err(Everything::Clock));
    assert_eq!(ask(hour, hour + TimeDelta::minutes(30)), Ok(()));
    // It was behind, or is ahead now: the moment is early enough.
    assert_eq!(ask(hour * 25, hour), Ok(()));
    let rebooted = Coverage { known_at_boot: None, ..coverage() };
    assert!(known_by(&rebooted, later(hour, hour * 25)).is_ok());
    let full = Coverage { full_at: utc("2026-03-04T12:00:00Z"), ..coverage() };
    assert_eq!(known_by(&full, after(1)), Err(Everything::Clock));
}

#[test]
fn deletions_that_wait_are_answered_by_everything() {
    let waits = Coverage { deletions_wait: true, ..coverage() };
    assert_eq!(known_by(&waits, after(1)), Err(Everything::DeletionsWait));
}

#[test]
fn the_moment_is_in_utc_and_never_later_than_it_is() {
    let since = utc("2026-03-29T01:59:59.999Z");
    for (format, expected) in [
        ("%Y-%m-%dT%H:%M:%SZ", "2026-03-29T01:59:59Z"),
        ("%Y-%m-%dT%H:%M:%S%.3fZ", "2026-03-29T01:59:59.999Z"),
        ("%Y-%m-%dT%H:%M:%S%:z", "2026-03-29T01:59:59+00:00"),
        ("%Y-%m-%d %H:%M", "2026-03-29 01:59"),
        ("%Y-%m-%d", "2026-03-29"),
    ] {
        let format = DateFormat::new(format).expect("the format is valid");
        let settings = SinceSettings { format, ..settings() };
        assert_eq!(settings.param(since), ("updatedAfter".into(), expected.into()));
    }
}

#[test]
fn why_everything_is_asked_for_is_told_in_words() {
    for (reason, expected) in [
        (Everything::First, "nothing is known yet"),
        (Everything::Changed(vec!["path".into(), "key".into()]), "`path`, `key` changed"),
        (Everything::Due(TimeDelta::minutes(7 * 24 * 60 + 3)), "the last time is 7 days ago"),
        (Everything::Due(TimeDelta::minutes(90)), "the last time is 1 hour ago"),
        (Everything::Due(TimeDelta::minutes(5)), "the last time is 5 minutes ago"),
        (Everything::Clock, "the clock has been changed since the last run"),
        (Everything::DeletionsWait, "deletions wait for an answer"),
    ] {
        assert_eq!(reason.to_string(), expected);
    }
}
