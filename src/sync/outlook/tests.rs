use chrono::TimeDelta;
use chrono_tz::Tz;

use super::*;
use crate::{
    api::pagination::Style,
    rows::Transforms,
    store::{Bounds, Cost, Coverage, Origin, PastSweep, Reading, Sweep, SweepId},
    sync::{DateFormat, OnMissing, SinceSettings, WindowEnd, WindowSettings},
};

const IN_UTC: Occasion = Occasion { zone: Tz::UTC, backfill: None };

fn endpoint() -> EndpointSettings {
    EndpointSettings {
        name: "reservations".into(),
        path: "/v2/reservations".into(),
        params: Vec::new(),
        records: None,
        total: None,
        pagination: Style::Page { page_param: "page".into(), size: None, first: 1 },
        window: None,
        since: None,
        limit: Limit { requests: 20, per: Duration::from_mins(1) },
        group: "/v2/reservations".into(),
        transforms: Transforms {
            key: vec!["id".parse().expect("the test's path is valid")],
            ..Transforms::default()
        },
        on_missing: OnMissing::Keep,
        stale_after: None,
    }
}

/// Two weeks around today, a week at once.
fn windowed() -> EndpointSettings {
    let window = WindowSettings {
        from_param: "from".into(),
        to_param: "to".into(),
        field: None,
        back: TimeDelta::days(6),
        ahead: TimeDelta::days(7),
        slice: Some(TimeDelta::days(7)),
        format: DateFormat::new("%Y-%m-%d").expect("the format is valid"),
        end: WindowEnd::Inclusive,
    };
    EndpointSettings { window: Some(window), ..endpoint() }
}

fn job() -> JobSettings {
    JobSettings {
        name: "all".into(),
        endpoints: vec!["reservations".into()],
        timezone: Tz::UTC,
        timeout: None,
    }
}

fn now() -> Now {
    let wall = "2026-03-10T10:07:00Z".parse().expect("the test's time is valid");
    Now { wall, boot: BootTime::from_nanos(0) }
}

fn bounds(lower: &str, upper: &str) -> Bounds {
    let midnight = |day: &str| Some(format!("{day}T00:00:00"));
    Bounds { lower: midnight(lower), upper: midnight(upper), since: None }
}

/// A complete sweep of run 7, by the endpoint's settings.
fn past(endpoint: &EndpointSettings, slices: Vec<(Bounds, u64)>) -> PastSweep {
    PastSweep { run: Some(7), fingerprint: plan::fingerprint(endpoint, IN_UTC), slices }
}

fn planned(endpoint: &EndpointSettings, known: &EndpointOutlook) -> Prospect {
    prospect(endpoint, &job(), known, now())
}

fn requests(prospect: &Prospect) -> Vec<(u64, Certainty)> {
    prospect.slices.iter().map(|slice| (slice.requests, slice.certainty)).collect()
}

#[test]
fn what_was_never_read_has_one_request_at_least() {
    let prospect = planned(&windowed(), &EndpointOutlook::default());
    assert_eq!(requests(&prospect), [(1, Certainty::AtLeast); 2]);
    assert_eq!((prospect.requests, prospect.certainty), (2, Certainty::AtLeast));
    assert_eq!(prospect.begins, Begins::New);
    let params: Vec<_> = prospect.slices.iter().map(|slice| slice.params.clone()).collect();
    let asked = |from: &str, to: &str| {
        vec![("from".to_owned(), from.to_owned()), ("to".to_owned(), to.to_owned())]
    };
    assert_eq!(params, [asked("2026-03-04", "2026-03-10"), asked("2026-03-11", "2026-03-17")]);
}

#[test]
fn the_same_slices_take_what_they_took() {
    let slices =
        vec![(bounds("2026-03-04", "2026-03-11"), 5), (bounds("2026-03-11", "2026-03-18"), 0)];
    let known = EndpointOutlook { whole: Some(past(&windowed(), slices)), ..Default::default() };
    let prospect = planned(&windowed(), &known);
    assert_eq!(
        requests(&prospect),
        [(5, Certainty::Known(Some(7))), (1, Certainty::Known(Some(7)))]
    );
    assert_eq!((prospect.requests, prospect.certainty), (6, Certainty::Known(Some(7))));
}

#[test]
fn other_days_are_reckoned_from_those_that_were_read() {
    let slices =
        vec![(bounds("2026-03-03", "2026-03-10"), 14), (bounds("2026-03-10", "2026-03-17"), 7)];
    let known = EndpointOutlook { whole: Some(past(&windowed(), slices)), ..Default::default() };
    // Six days of the first and one of the second; six of the second and one that nobody has read.
    let about = Certainty::About(Some(7));
    assert_eq!(requests(&planned(&windowed(), &known)), [(13, about), (8, about)]);
}

#[test]
fn what_other_settings_have_needed_says_nothing() {
    let mut other = endpoint();
    other.pagination =
        Style::Page { page_param: "page".into(), size: Some(("size".into(), 10)), first: 1 };
    let known = EndpointOutlook {
        whole: Some(past(&other, vec![(Bounds::default(), 50)])),
        ..Default::default()
    };
    assert_eq!(requests(&planned(&endpoint(), &known)), [(1, Certainty::AtLeast)]);
    other.pagination = endpoint().pagination;
    other.transforms.exclude = vec!["plate".parse().expect("the test's path is valid")];
    let known = EndpointOutlook {
        whole: Some(past(&other, vec![(Bounds::default(), 50)])),
        ..Default::default()
    };
    assert_eq!(requests(&planned(&endpoint(), &known)), [(50, Certainty::Known(Some(7)))]);
}

#[test]
fn a_request_past_the_end_counts_where_every_run_has_made_it() {
    let cost = |requests| Cost { slices: 1, pages: 3, requests, worked: Duration::from_secs(6) };
    let with = |costs: Vec<Cost>| EndpointOutlook {
        whole: Some(past(&endpoint(), vec![(Bounds::default(), 3)])),
        costs,
        ..Default::default()
    };
    let asked = |known: &EndpointOutlook| planned(&endpoint(), known).requests;
    assert_eq!(asked(&with(vec![cost(4), cost(4), cost(6)])), 4);
    assert_eq!(asked(&with(vec![cost(4), cost(3)])), 3, "something was tried again, once");
    assert_eq!(asked(&with(Vec::new())), 3);
    let answer = planned(&endpoint(), &with(vec![cost(3), cost(4)])).answer;
    assert_eq!(answer, Duration::from_secs(2));
}

fn left_open(endpoint: &EndpointSettings, slices: Vec<Slice>) -> EndpointOutlook {
    let sweep = Sweep {
        id: SweepId(3),
        slices,
        origin: Origin::Resumed,
        pages: 9,
        moved_at: Some(now().wall),
        end: Some("2026-03-17T00:00:00".into()),
        since: None,
        reading: Reading::First,
        width: None,
    };
    let whole = past(endpoint, vec![(bounds("2026-03-10", "2026-03-17"), 5)]);
    let fingerprint = plan::fingerprint(endpoint, IN_UTC);
    EndpointOutlook { open: Some((fingerprint, sweep)), whole: Some(whole), ..Default::default() }
}

#[test]
fn a_sweep_that_was_left_open_is_finished_and_then_asks_for_the_days_that_have_come() {
    let slice = Slice {
        number: 1,
        bounds: bounds("2026-03-10", "2026-03-17"),
        state: Some("{}".into()),
        pages: 3,
    };
    let prospect = planned(&windowed(), &left_open(&windowed(), vec![slice]));
    assert_eq!(prospect.begins, Begins::GoesOn { pages: 9 });
    let dates: Vec<_> = prospect.slices.iter().filter_map(|slice| slice.dates.clone()).collect();
    let day = |day: &str| format!("{day}T00:00:00");
    assert_eq!(
        dates,
        [(day("2026-03-10"), day("2026-03-17")), (day("2026-03-17"), day("2026-03-18"))]
    );
    // Two of the five pages are left; of the day that has come it is not known.
    let expected = [(2, Certainty::Known(Some(7))), (1, Certainty::About(Some(7)))];
    assert_eq!(requests(&prospect), expected);
}

#[test]
fn one_that_was_begun_with_other_settings_starts_over() {
    let mut known = left_open(&windowed(), Vec::new());
    if let Some((fingerprint, _)) = &mut known.open {
        *fingerprint = fingerprint.replace("/v2/reservations", "/v1/reservations");
    }
    let prospect = planned(&windowed(), &known);
    assert_eq!(prospect.begins, Begins::StartsOver { changed: vec!["path".into()] });
    assert_eq!(prospect.slices.len(), 2);
}

#[test]
fn changes_are_reckoned_from_the_last_changes_and_never_known() {
    let mut endpoint = endpoint();
    endpoint.since = Some(SinceSettings {
        param: "updatedAfter".into(),
        format: DateFormat::new("%Y-%m-%dT%H:%M:%SZ").expect("the format is valid"),
        lookback: TimeDelta::hours(1),
        full_every: TimeDelta::days(7),
    });
    let fingerprint = plan::fingerprint(&endpoint, IN_UTC);
    let coverage = Coverage {
        fingerprint,
        dates: Bounds::default(),
        known_at: now().wall - TimeDelta::hours(2),
        known_at_boot: None,
        full_at: now().wall - TimeDelta::days(1),
        deletions_wait: false,
    };
    let since = Some(now().wall - TimeDelta::hours(9));
    let of_changes = (Bounds { since, ..Bounds::default() }, 2);
    let known = EndpointOutlook {
        coverage: Some(coverage.clone()),
        whole: Some(past(&endpoint, vec![(Bounds::default(), 40)])),
        changes: Some(PastSweep { run: Some(8), ..past(&endpoint, vec![of_changes]) }),
        ..Default::default()
    };
    let prospect = planned(&endpoint, &known);
    assert_eq!(prospect.since, Some(now().wall - TimeDelta::hours(3)));
    assert_eq!(requests(&prospect), [(2, Certainty::About(Some(8)))]);

    let coverage = Coverage { full_at: now().wall - TimeDelta::days(8), ..coverage };
    let due = planned(&endpoint, &EndpointOutlook { coverage: Some(coverage), ..known });
    assert_eq!((due.since, due.requests), (None, 40));
    assert_eq!(due.everything, Some(Everything::Due(TimeDelta::days(8))));
}

#[test]
fn what_is_used_already_comes_off_the_budget() {
    let settings = Settings {
        max_wait: Duration::from_mins(10),
        endpoints: vec![endpoint()],
        jobs: vec![job()],
    };
    let used = vec![BootTime::from_nanos(-20_000_000_000); 20];
    let pause = Some((BootTime::from_nanos(50_000_000_000), "Try again".to_owned()));
    let mut known = store::Outlook::default();
    let group = GroupOutlook { counts_from: used, pause };
    known.groups.insert("/v2/reservations".into(), group);
    let outlook = outlook(&settings, &settings.jobs, &known, now());
    let [budget] = outlook.groups.as_slice() else { panic!("{outlook:?}") };
    assert_eq!((budget.used, budget.requests), (20, 1));
    assert_eq!(budget.paused_for, Some(Duration::from_secs(50)));
    assert_eq!(outlook.endpoints[0].takes, Duration::from_secs(50));
}
