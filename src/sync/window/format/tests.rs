use chrono_tz::{Africa, America, Asia, Australia, Europe, Pacific};
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> NaiveDateTime {
    text.parse().expect("the test's date-time is valid")
}

fn format(text: &str) -> DateFormat {
    DateFormat::new(text).expect("the test's format is valid")
}

#[test]
fn the_unit_is_the_least_that_a_format_tells_apart() {
    for (text, unit) in [
        ("%Y-%m-%d", TimeDelta::days(1)),
        ("%F", TimeDelta::days(1)),
        ("%d/%m/%y", TimeDelta::days(1)),
        ("%Y%m%d", TimeDelta::days(1)),
        ("%Y-%j", TimeDelta::days(1)),
        ("%-d %B %Y", TimeDelta::days(1)),
        ("%Y-%m-%dT%H", TimeDelta::hours(1)),
        ("%Y-%m-%dT%H:%M", TimeDelta::minutes(1)),
        ("%Y-%m-%d %I:%M %p", TimeDelta::minutes(1)),
        ("%FT%T", TimeDelta::seconds(1)),
        ("%Y-%m-%dT%H:%M:%SZ", TimeDelta::seconds(1)),
        ("%Y-%m-%dT%H:%M:%S%:z", TimeDelta::seconds(1)),
        ("%Y-%m-%dT%H:%M:%S%.3fZ", TimeDelta::milliseconds(1)),
        ("%+", TimeDelta::nanoseconds(1)),
    ] {
        assert_eq!(DateFormat::new(text).map(|format| format.unit()), Ok(unit), "{text}");
    }
}

#[test]
fn a_format_that_would_not_say_what_is_meant_is_refused() {
    for (text, error) in [
        ("%Y-%m-%Q", FormatError::Unknown),
        ("%Y-%m-%d%", FormatError::Unknown),
        ("", FormatError::NoDate),
        ("%m-%d", FormatError::NoDate),
        ("%Y-%m", FormatError::NoDate),
        ("%H:%M:%S", FormatError::NoDate),
        ("%s", FormatError::NoDate),
        ("yyyy-mm-dd", FormatError::NoDate),
        ("%Y-%m-%d %M:%S", FormatError::PartOfTime),
        ("%Y-%m-%d %I:%M", FormatError::PartOfTime),
        ("%Y-%m-%d %p", FormatError::PartOfTime),
        ("%Y-%m-%dT00:00", FormatError::Digits),
        ("%Y-%m-%dT%H:00", FormatError::Digits),
        ("%Y-%m-%dT%H:%M %Z", FormatError::ZoneName),
        ("%Y-%m-%dZ", FormatError::OffsetOfDate),
        ("%Y-%m-%d%:z", FormatError::OffsetOfDate),
        ("%Y-%m-%dT%HZ", FormatError::OffsetOfDate),
    ] {
        assert_eq!(DateFormat::new(text), Err(error), "{text}");
    }
}

#[test]
fn local_times_are_written_as_they_are_and_instants_are_converted() {
    let zone = Europe::Amsterdam;
    let (winter, summer) = (at("2026-03-29T00:00:00"), at("2026-03-30T00:00:00"));
    let write = |text: &str, at| format(text).write(at, TimeDelta::zero(), zone);
    assert_eq!(write("%Y-%m-%d", summer), "2026-03-30");
    assert_eq!(write("%Y-%m-%dT%H:%M", summer), "2026-03-30T00:00");
    assert_eq!(write("%Y-%m-%dT%H:%M:%S%:z", winter), "2026-03-29T00:00:00+01:00");
    assert_eq!(write("%Y-%m-%dT%H:%M:%S%:z", summer), "2026-03-30T00:00:00+02:00");
    assert_eq!(write("%Y-%m-%dT%H:%M:%SZ", winter), "2026-03-28T23:00:00Z");
    assert_eq!(write("%Y-%m-%dT%H:%M:%SZ", summer), "2026-03-29T22:00:00Z");
}

#[test]
fn the_last_moment_before_a_bound_is_one_unit_earlier() {
    let bound = at("2026-03-30T00:00:00");
    for (text, last) in [
        ("%Y-%m-%d", "2026-03-29"),
        ("%Y-%m-%dT%H", "2026-03-29T23"),
        ("%Y-%m-%dT%H:%M", "2026-03-29T23:59"),
        ("%Y-%m-%dT%H:%M:%S", "2026-03-29T23:59:59"),
        ("%Y-%m-%dT%H:%M:%S%.3f", "2026-03-29T23:59:59.999"),
        ("%Y-%m-%dT%H:%M:%S%:z", "2026-03-29T23:59:59+02:00"),
        ("%Y-%m-%dT%H:%M:%SZ", "2026-03-29T21:59:59Z"),
    ] {
        let format = format(text);
        assert_eq!(format.write(bound, format.unit(), Europe::Amsterdam), last);
    }
}

#[test]
fn a_local_time_in_a_gap_is_its_end_and_one_that_comes_twice_the_first() {
    let instants = format("%Y-%m-%dT%H:%M:%SZ");
    let write = |text: &str, zone| instants.write(at(text), TimeDelta::zero(), zone);
    // Midnight did not come in São Paulo on 2018-11-04, nor the whole of 2011-12-30 in Apia.
    assert_eq!(write("2018-11-04T00:00:00", America::Sao_Paulo), "2018-11-04T03:00:00Z");
    assert_eq!(write("2018-11-04T01:00:00", America::Sao_Paulo), "2018-11-04T03:00:00Z");
    assert_eq!(write("2011-12-30T00:00:00", Pacific::Apia), "2011-12-30T10:00:00Z");
    assert_eq!(write("2011-12-31T00:00:00", Pacific::Apia), "2011-12-30T10:00:00Z");
    assert_eq!(write("2026-10-25T02:30:00", Europe::Amsterdam), "2026-10-25T00:30:00Z");
    let (gone, next) = (at("2011-12-30T00:00:00"), at("2011-12-31T00:00:00"));
    assert!(instants.is_nothing(gone, next, Pacific::Apia));
    assert!(
        !format("%Y-%m-%d").is_nothing(gone, next, Pacific::Apia),
        "as a date it can be asked for"
    );
}

proptest! {
    /// Otherwise a slice could end before it begins, or overlap with the next one.
    #[test]
    fn what_is_later_locally_is_never_earlier(
        zone in prop::sample::select(vec![
            Europe::Amsterdam, Australia::Lord_Howe, Pacific::Apia, Africa::Casablanca, America::Sao_Paulo, Asia::Kolkata,
        ]),
        day in 0..14_600_i64,
        minute in 0..1_440_i64,
        later in 0..4_320_i64,
    ) {
        let first = at("2000-01-01T00:00:00") + TimeDelta::days(day) + TimeDelta::minutes(minute);
        prop_assert!(instant(first, zone) <= instant(first + TimeDelta::minutes(later), zone));
    }
}
