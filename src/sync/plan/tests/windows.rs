//! What a window asks for: every moment of it once, whatever the calendar and the clocks do.

use chrono::{Datelike, NaiveDate, NaiveDateTime};
use chrono_tz::{Africa, America, Asia, Australia, Europe, Pacific};
use proptest::prelude::*;

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("the test's date is valid")
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().expect("the test's moment is valid")
}

fn windowed(change: impl FnOnce(&mut WindowSettings)) -> EndpointSettings {
    let mut window = window();
    change(&mut window);
    EndpointSettings { window: Some(window), ..endpoint() }
}

/// What each slice asks for: `from..to`.
fn asked(
    endpoint: &EndpointSettings,
    occasion: Occasion,
    wall: &str,
    learnt: Option<Width>,
) -> Vec<String> {
    let window = endpoint.window.as_ref().expect("the test's endpoint has a window");
    slices(endpoint, occasion, utc(wall), learnt, None)
        .iter()
        .map(|bounds| {
            let span = Span::of(bounds).expect("a window's slices have bounds");
            let params = params(window, occasion.zone, span);
            let values: Vec<_> = params.into_iter().map(|(_, value)| value).collect();
            values.join("..")
        })
        .collect()
}

fn amsterdam() -> Occasion {
    Occasion { zone: Europe::Amsterdam, backfill: None }
}

fn backfill(from: &str, to: &str) -> Occasion {
    Occasion { backfill: Some(Dates { from: day(from), to: day(to) }), ..amsterdam() }
}

/// Slices as the store gives them back.
fn stored(bounds: Vec<Bounds>) -> Vec<Slice> {
    (0..)
        .zip(bounds)
        .map(|(number, bounds)| Slice { number, bounds, state: None, pages: 0 })
        .collect()
}

#[test]
fn a_window_lies_around_today_and_is_cut_from_its_beginning() {
    let endpoint = windowed(|window| {
        window.back = TimeDelta::days(2);
        window.ahead = TimeDelta::days(5);
        window.slice = Some(TimeDelta::days(3));
    });
    let expected = ["2026-02-26..2026-02-28", "2026-03-01..2026-03-03", "2026-03-04..2026-03-05"];
    assert_eq!(asked(&endpoint, IN_UTC, "2026-02-28T12:00:00Z", None), expected);
}

#[test]
fn today_is_the_day_of_the_time_zone() {
    let endpoint = windowed(|window| {
        (window.back, window.ahead) = (TimeDelta::zero(), TimeDelta::zero());
    });
    let today = |zone, wall| asked(&endpoint, Occasion { zone, backfill: None }, wall, None);
    assert_eq!(today(Tz::UTC, "2026-02-28T23:30:00Z"), ["2026-02-28..2026-02-28"]);
    assert_eq!(today(Europe::Amsterdam, "2026-02-28T23:30:00Z"), ["2026-03-01..2026-03-01"]);
    assert_eq!(today(America::Sao_Paulo, "2026-03-01T01:30:00Z"), ["2026-02-28..2026-02-28"]);
}

#[test]
fn the_end_is_the_last_unit_or_the_first_moment_after() {
    let ask = |format, end| {
        let endpoint = windowed(|window| {
            window.format = DateFormat::new(format).expect("the format is valid");
            window.end = end;
        });
        asked(&endpoint, backfill("2028-02-28", "2028-03-06"), "2026-01-01T00:00:00Z", None)
    };
    let expected = ["2028-02-28..2028-03-05", "2028-03-06..2028-03-06"];
    assert_eq!(ask("%Y-%m-%d", WindowEnd::Inclusive), expected);
    let expected = ["2028-02-28..2028-03-06", "2028-03-06..2028-03-07"];
    assert_eq!(ask("%Y-%m-%d", WindowEnd::Exclusive), expected);
    let expected = ["2028-02-28T00:00..2028-03-05T23:59", "2028-03-06T00:00..2028-03-06T23:59"];
    assert_eq!(ask("%Y-%m-%dT%H:%M", WindowEnd::Inclusive), expected);
}

#[test]
fn a_day_that_the_clocks_change_in_is_one_day() {
    let endpoint = |format: &str, end| {
        let format = DateFormat::new(format).expect("the format is valid");
        windowed(|window| {
            (window.slice, window.format, window.end) = (Some(TimeDelta::days(1)), format, end);
        })
    };
    let days = backfill("2026-03-28", "2026-03-30");
    let asked = |format, end| asked(&endpoint(format, end), days, "2026-01-01T00:00:00Z", None);
    assert_eq!(
        asked("%Y-%m-%d", WindowEnd::Inclusive),
        ["2026-03-28..2026-03-28", "2026-03-29..2026-03-29", "2026-03-30..2026-03-30"]
    );
    assert_eq!(
        asked("%Y-%m-%dT%H:%M:%SZ", WindowEnd::Exclusive),
        [
            "2026-03-27T23:00:00Z..2026-03-28T23:00:00Z",
            "2026-03-28T23:00:00Z..2026-03-29T22:00:00Z",
            "2026-03-29T22:00:00Z..2026-03-30T22:00:00Z"
        ]
    );
}

#[test]
fn an_instant_that_never_was_is_not_asked_for() {
    let endpoint = windowed(|window| {
        window.slice = Some(TimeDelta::days(1));
        window.format = DateFormat::new("%Y-%m-%dT%H:%M%:z").expect("the format is valid");
        window.end = WindowEnd::Exclusive;
    });
    let apia = Occasion { zone: Pacific::Apia, ..backfill("2011-12-29", "2011-12-31") };
    assert_eq!(
        asked(&endpoint, apia, "2026-01-01T00:00:00Z", None),
        [
            "2011-12-29T00:00-10:00..2011-12-31T00:00+14:00",
            "2011-12-31T00:00+14:00..2012-01-01T00:00+14:00"
        ]
    );
}

#[test]
fn what_was_learnt_makes_slices_narrower_and_never_wider() {
    let three = |days| {
        let days = windowed(|window| window.slice = days);
        let learnt = Some(Width(TimeDelta::days(3)));
        asked(&days, backfill("2026-01-01", "2026-01-04"), "2026-01-01T00:00:00Z", learnt)
    };
    let cut = ["2026-01-01..2026-01-03", "2026-01-04..2026-01-04"];
    assert_eq!(three(Some(TimeDelta::days(7))), cut);
    assert_eq!(three(None), cut);
    assert_eq!(
        three(Some(TimeDelta::days(2))),
        ["2026-01-01..2026-01-02", "2026-01-03..2026-01-04"]
    );
}

#[test]
fn what_was_learnt_holds_for_the_same_question_only() {
    let learnt = |then: &EndpointSettings, occasion| LearntWidth {
        fingerprint: fingerprint(then, occasion),
        width: TimeDelta::days(2),
    };
    let now = windowed(|_| {});
    let holds = |learnt| still_learnt(&fingerprint(&now, amsterdam()), &learnt).is_some();
    assert!(holds(learnt(&now, amsterdam())));
    assert!(holds(learnt(&now, backfill("2026-01-01", "2026-01-04"))));
    assert!(holds(learnt(&windowed(|window| window.back = TimeDelta::days(5)), IN_UTC)));
    assert!(!holds(learnt(&windowed(|window| window.slice = None), amsterdam())));
    assert!(!holds(learnt(&windowed(|window| window.end = WindowEnd::Exclusive), amsterdam())));
    let elsewhere = EndpointSettings { path: "/v2/other".into(), ..windowed(|_| {}) };
    assert!(!holds(learnt(&elsewhere, amsterdam())));
    assert!(!holds(learnt(&endpoint(), amsterdam())));
    assert!(!holds(LearntWidth { fingerprint: "{}".into(), width: TimeDelta::days(2) }));
    assert!(
        still_learnt("{}", &LearntWidth { fingerprint: "{}".into(), width: TimeDelta::days(2) })
            .is_none()
    );
}

#[test]
fn a_later_day_adds_what_the_plan_leaves_out_and_only_that() {
    let window = window();
    let beyond = |end: &str, wall| {
        let bounds = beyond(&window, IN_UTC, utc(wall), end, width(&window, None));
        bounds
            .iter()
            .filter_map(Span::of)
            .map(|span| format!("{}..{}", span.lower.date(), span.upper.date()))
            .collect::<Vec<_>>()
    };
    let end = "2026-05-01T00:00:00";
    assert_eq!(beyond(end, "2026-03-01T12:00:00Z"), [""; 0]);
    assert_eq!(
        beyond(end, "2026-02-20T12:00:00Z"),
        [""; 0],
        "a clock that goes back takes nothing away"
    );
    assert_eq!(beyond(end, "2026-03-02T12:00:00Z"), ["2026-05-01..2026-05-02"]);
    assert_eq!(
        beyond(end, "2026-03-11T12:00:00Z"),
        ["2026-05-01..2026-05-08", "2026-05-08..2026-05-11"]
    );
    let long_ago = beyond("2025-01-01T00:00:00", "2026-03-01T12:00:00Z");
    assert_eq!(long_ago.first().map(String::as_str), Some("2026-01-30..2026-02-06"));
    assert_eq!(beyond("nonsense", "2026-03-01T12:00:00Z"), [""; 0]);
}

#[test]
fn a_refused_slice_is_halved_with_all_that_follows_down_to_one_unit() {
    let endpoint = windowed(|_| {});
    let window = endpoint.window.as_ref().expect("it has a window");
    let occasion = backfill("2026-01-01", "2026-01-17");
    let mut rest = stored(slices(&endpoint, occasion, DateTime::UNIX_EPOCH, None, None));
    let mut widths = Vec::new();
    while let Some(narrower) = narrower(window, occasion.zone, &rest) {
        widths.push((
            narrower.refused.0.num_days(),
            narrower.width.0.num_days(),
            narrower.slices.len(),
        ));
        rest = stored(narrower.slices);
    }
    assert_eq!(widths, [(7, 4, 5), (4, 2, 9), (2, 1, 17)]);

    // The last slice is shorter than the others: it is half of that one.
    let last = stored(slices(&endpoint, occasion, DateTime::UNIX_EPOCH, None, None)).split_off(2);
    assert_eq!(
        narrower(window, occasion.zone, &last).map(|narrower| narrower.width.0.num_days()),
        Some(2)
    );
}

#[test]
fn with_a_time_a_slice_is_halved_down_to_an_hour() {
    let endpoint = windowed(|window| {
        window.format = DateFormat::new("%Y-%m-%dT%H:%M").expect("the format is valid");
        window.slice = Some(TimeDelta::hours(5));
    });
    let window = endpoint.window.as_ref().expect("it has a window");
    let mut rest = stored(slices(
        &endpoint,
        backfill("2026-01-01", "2026-01-01"),
        DateTime::UNIX_EPOCH,
        None,
        None,
    ));
    let mut widths = Vec::new();
    while let Some(narrower) = narrower(window, Tz::UTC, &rest) {
        widths.push(narrower.width.0.num_hours());
        rest = stored(narrower.slices);
    }
    assert_eq!(widths, [3, 2, 1]);
}

#[test]
fn the_remedy_is_where_the_slice_lies() {
    let wall = utc("2026-03-01T12:00:00Z");
    let slice = |text: &str| {
        let lower: NaiveDateTime = day(text).into();
        Span { lower, upper: lower + TimeDelta::days(1) }
    };
    assert!(remedy(IN_UTC, wall, slice("2026-02-28")).contains("`window.back`"));
    assert!(remedy(IN_UTC, wall, slice("2026-03-01")).contains("`window.format`"));
    assert!(remedy(IN_UTC, wall, slice("2026-03-02")).contains("`window.ahead`"));
    assert!(
        remedy(backfill("2026-01-01", "2026-01-01"), wall, slice("2026-01-01"))
            .contains("these dates")
    );
    assert!(has_passed(&window(), IN_UTC, wall, slice("2026-01-29")));
    assert!(!has_passed(&window(), IN_UTC, wall, slice("2026-01-30")));
}

/// Each zone with some of the days that its clocks change on.
fn zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Tz::UTC,
        Europe::Amsterdam,
        Australia::Lord_Howe,
        Pacific::Apia,
        Africa::Casablanca,
        America::Sao_Paulo,
        Asia::Kolkata,
    ])
}

/// Every day of some years, and Apia's last one of 2011 often.
fn days() -> impl Strategy<Value = NaiveDate> {
    let first = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default();
    prop_oneof![
        8 => (0..14_600_u64).prop_map(move |days| first + chrono::Days::new(days)),
        1 => Just(day("2011-12-30")),
        1 => Just(day("2018-11-04")),
    ]
}

/// Checks that slices follow each other without a gap and without an overlap, none wider than `widest`.
fn tiles(bounds: &[Bounds], whole: Span, widest: Option<TimeDelta>) -> Result<(), TestCaseError> {
    let spans: Vec<Span> = bounds.iter().filter_map(Span::of).collect();
    prop_assert_eq!(spans.len(), bounds.len());
    let parts = spans.iter().map(|span| (*span, None));
    prop_assert_eq!(joined(parts), vec![(whole, None)]);
    for span in &spans {
        prop_assert!(span.lower < span.upper);
        prop_assert!(widest.is_none_or(|widest| span.upper - span.lower <= widest));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn slices_tile_the_window_and_so_do_narrower_ones(
        zone in zones(),
        date in days(),
        second in 0..86_400_i64,
        (back, ahead) in (0..400_i64, 0..400_i64),
        slice in prop::option::of(1..60_i64),
        learnt in prop::option::of(1..60_i64),
        skip in 0..20_usize,
    ) {
        let occasion = Occasion { zone, backfill: None };
        let wall = date.and_time(NaiveTime::MIN).and_utc() + TimeDelta::seconds(second);
        let endpoint = windowed(|window| {
            (window.back, window.ahead) = (TimeDelta::days(back), TimeDelta::days(ahead));
            window.slice = slice.map(TimeDelta::days);
        });
        let today: NaiveDateTime = wall.with_timezone(&zone).date_naive().into();
        let whole = Span {
            lower: today - TimeDelta::days(back),
            upper: today + TimeDelta::days(ahead + 1),
        };
        let learnt = learnt.map(TimeDelta::days);
        let widest = [slice.map(TimeDelta::days), learnt].into_iter().flatten().min();
        let bounds = slices(&endpoint, occasion, wall, learnt.map(Width), None);
        tiles(&bounds, whole, widest)?;

        // Whatever was read before, what is left is cut without a loss.
        let window = endpoint.window.as_ref().expect("it has a window");
        let rest = stored(bounds).split_off(skip.min(1));
        if let Some(narrower) = narrower(window, zone, &rest) {
            let lower = rest.first().and_then(|slice| Span::of(&slice.bounds)).map_or(whole.lower, |span| span.lower);
            tiles(&narrower.slices, Span { lower, ..whole }, Some(narrower.width.0))?;
            prop_assert!(narrower.width < narrower.refused);
            prop_assert!(narrower.width.0 * 2 >= narrower.refused.0);
        }
    }

    /// As the server sees them: with dates that are inclusive each day is in one slice, and with instants that are exclusive
    /// each slice begins where the one before has ended.
    #[test]
    fn what_is_asked_leaves_nothing_out_and_asks_nothing_twice(
        zone in zones(),
        date in days(),
        slice in 1..9_i64,
        hours in prop::bool::ANY,
    ) {
        let last = date + chrono::Days::new(40);
        let occasion = Occasion { zone, backfill: Some(Dates { from: date, to: last }) };
        let wall = DateTime::UNIX_EPOCH;
        let endpoint = windowed(|window| window.slice = Some(TimeDelta::days(slice)));
        let window = endpoint.window.as_ref().expect("it has a window");
        let mut next = date;
        for bounds in slices(&endpoint, occasion, wall, None, None) {
            let span = Span::of(&bounds).expect("it has bounds");
            let [(_, from), (_, to)] = params(window, zone, span).try_into().expect("there are two");
            prop_assert_eq!(day(&from), next);
            prop_assert!(day(&to) >= next && day(&to).year() >= 2000);
            next = day(&to) + chrono::Days::new(1);
        }
        prop_assert_eq!(next, last + chrono::Days::new(1));

        let endpoint = windowed(|window| {
            window.format = DateFormat::new("%Y-%m-%dT%H:%M:%S%:z").expect("the format is valid");
            window.end = WindowEnd::Exclusive;
            window.slice = Some(if hours { TimeDelta::hours(slice) } else { TimeDelta::days(slice) });
        });
        let window = endpoint.window.as_ref().expect("it has a window");
        let mut next = None;
        for bounds in slices(&endpoint, occasion, wall, None, None) {
            let span = Span::of(&bounds).expect("it has bounds");
            let [(_, from), (_, to)] = params(window, zone, span).try_into().expect("there are two");
            let (from, to) = (utc(&from), utc(&to));
            prop_assert!(from < to, "{} {}", from, to);
            prop_assert!(next.is_none_or(|next| next == from), "{:?} {}", next, from);
            next = Some(to);
        }
    }
}
