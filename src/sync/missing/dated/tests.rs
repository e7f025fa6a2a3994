use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::Bounds;

fn at(text: &str) -> NaiveDateTime {
    text.parse().expect("the test's date-time is valid")
}

fn slice(number: i64, lower: &str, upper: &str) -> ReadSlice {
    let bounds = Bounds { lower: Some(lower.into()), upper: Some(upper.into()), since: None };
    ReadSlice { number, bounds, pages: 1, unsure: false }
}

/// Two weeks around 2026-03-10 at noon in Amsterdam, in two slices.
fn asked() -> Asked {
    let slices = [
        slice(0, "2026-03-03T00:00:00", "2026-03-10T00:00:00"),
        slice(1, "2026-03-10T00:00:00", "2026-03-17T00:00:00"),
    ];
    let noon = at("2026-03-10T11:00:00").and_utc();
    Asked::new(&slices, Tz::Europe__Amsterdam, noon).expect("they have bounds")
}

#[test]
fn dates_and_date_times_are_read_in_the_jobs_zone() {
    let read = |text| read(text, Tz::Europe__Amsterdam);
    let day = |text| Some(Moment { at: at(text), is_day: true });
    let time = |text| Some(Moment { at: at(text), is_day: false });
    for (text, moment) in [
        ("2026-03-10", day("2026-03-10T00:00:00")),
        ("2026-03-10T09:30:00", time("2026-03-10T09:30:00")),
        ("2026-03-10T09:30", time("2026-03-10T09:30:00")),
        ("2026-03-10 09:30:00.5", time("2026-03-10T09:30:00.5")),
        ("2026-03-10T23:30:00Z", time("2026-03-11T00:30:00")),
        ("2026-07-10T23:30:00.000z", time("2026-07-11T01:30:00")),
        ("2026-03-10T09:30:00+05:30", time("2026-03-10T05:00:00")),
        ("2026-03-10T09:30+0100", time("2026-03-10T09:30:00")),
        ("2026-03-10 09:30:00-08", time("2026-03-10T18:30:00")),
        ("10-03-2026", None),
        ("2026-02-30", None),
        ("20260310", None),
        ("2026-03-10T25:00:00", None),
        ("2026-03-10 and more", None),
        ("", None),
    ] {
        assert_eq!(read(text), moment, "{text}");
    }
}

#[test]
fn days_are_judged_in_all_that_was_asked_for_and_times_less_a_day_on_either_side() {
    let asked = asked();
    for (value, slice) in [
        ("2026-03-02", None),
        ("2026-03-03", Some(0)),
        ("2026-03-09", Some(0)),
        ("2026-03-10", Some(1)),
        ("2026-03-16", Some(1)),
        ("2026-03-17", None),
        ("2026-03-03T23:59:59", None),
        ("2026-03-04T00:00:00", Some(0)),
        ("2026-03-15T23:59:59", Some(1)),
        ("2026-03-16T00:00:00", None),
        ("2026-03-15T23:30:00Z", None),
        ("soon", None),
    ] {
        assert_eq!(asked.slice_of(value), slice, "{value}");
    }
}

#[test]
fn what_lies_before_today_and_before_all_that_was_returned_is_not_judged() {
    let mut asked = asked();
    let judged = |asked: &Asked| {
        ["2026-03-05", "2026-03-06", "2026-03-09", "2026-03-10"]
            .map(|value| asked.judged_slice_of(value).is_some())
    };
    assert_eq!(judged(&asked), [false, false, false, true], "nothing was returned");
    asked.returned("2026-03-06");
    asked.returned("unreadable");
    asked.returned("2026-03-12");
    assert_eq!(judged(&asked), [false, true, true, true]);
    asked.returned("2026-03-05T10:00:00");
    assert_eq!(asked.judged_slice_of("2026-03-05T09:59:59"), None);
    assert_eq!(asked.judged_slice_of("2026-03-05T10:00:01"), Some(0));
}

#[test]
fn slices_whose_bounds_cannot_be_read_tell_nothing() {
    let wall = at("2026-03-10T11:00:00").and_utc();
    assert!(Asked::new(&[], Tz::UTC, wall).is_none());
    let unreadable = [slice(0, "2026-03-03T00:00:00", "soon")];
    assert!(Asked::new(&unreadable, Tz::UTC, wall).is_none());
}

/// Hours from the beginning of 2026-03-01 on.
fn hour(hours: i64) -> NaiveDateTime {
    at("2026-03-01T00:00:00") + TimeDelta::hours(hours)
}

proptest! {
    /// Against a model that goes through the hours one by one.
    #[test]
    fn a_row_is_judged_where_an_hour_by_hour_model_says_so(
        cuts in proptest::collection::btree_set(0_i64..480, 2..6),
        now in 0_i64..480,
        returned in proptest::collection::vec((0_i64..480, any::<bool>()), 0..4),
        rows in proptest::collection::vec((0_i64..480, any::<bool>(), -12_i64..=12), 1..20),
    ) {
        let cuts: Vec<i64> = cuts.into_iter().collect();
        let stored = |hours| hour(hours).format("%Y-%m-%dT%H:%M:%S").to_string();
        let slices: Vec<ReadSlice> = (0..)
            .zip(cuts.windows(2))
            .map(|(number, cut)| slice(number, &stored(cut[0]), &stored(cut[1])))
            .collect();
        let mut asked = Asked::new(&slices, Tz::UTC, hour(now).and_utc()).expect("they have bounds");
        let write = |hours: i64, is_day: bool, offset: i64| if is_day {
            hour(hours).date().to_string()
        } else {
            let sign = if offset < 0 { '-' } else { '+' };
            let local = hour(hours + offset).format("%Y-%m-%dT%H:%M:%S");
            format!("{local}{sign}{:02}:00", offset.abs())
        };

        let mut of_hour = BTreeMap::new();
        for (number, cut) in (0_i64..).zip(cuts.windows(2)) {
            of_hour.extend((cut[0]..cut[1]).map(|hours| (hours, number)));
        }
        let begins = |hours: i64, is_day: bool| if is_day { hours / 24 * 24 } else { hours };
        for (hours, is_day) in &returned {
            asked.returned(&write(*hours, *is_day, 0));
        }
        let earliest = returned.iter().map(|(hours, is_day)| begins(*hours, *is_day)).min();
        for (hours, is_day, offset) in rows {
            let begin = begins(hours, is_day);
            let inner = is_day || (begin >= cuts[0] + 24 && begin < cuts[cuts.len() - 1] - 24);
            let too_old = begin < now / 24 * 24 && earliest.is_none_or(|earliest| begin < earliest);
            let expected = of_hour.get(&begin).copied().filter(|_| inner && !too_old);
            let value = write(hours, is_day, offset);
            prop_assert_eq!(asked.judged_slice_of(&value), expected, "{}", value);
            let (first, end) = asked.dates();
            if expected.is_some() {
                prop_assert!(first.as_str() <= value.as_str() && value.as_str() < end.as_str());
            }
        }
    }
}
