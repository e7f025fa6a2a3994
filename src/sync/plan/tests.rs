mod windows;

use std::time::Duration;

use super::*;
use crate::{
    limits::Limit,
    rows::{ColumnType, HashKey, Transforms},
    sync::{DateFormat, OnMissing},
};

fn path(text: &str) -> FieldPath {
    text.parse().expect("the test's path is valid")
}

fn endpoint() -> EndpointSettings {
    EndpointSettings {
        name: "users".into(),
        path: "/v2/users".into(),
        params: vec![("active".into(), "true".into())],
        records: Some(path("items")),
        total: Some(path("total")),
        pagination: Style::Page {
            page_param: "page".into(),
            size: Some(("pageSize".into(), 200)),
            first: 1,
        },
        window: None,
        since: None,
        limit: Limit { requests: 20, per: Duration::from_mins(1) },
        group: "/v2/users".into(),
        transforms: Transforms {
            key: vec![path("id")],
            exclude: vec![path("plate")],
            hash: vec![path("email")],
            hash_key: HashKey::derive(b"0123456789abcdef"),
            json: vec![path("attributes")],
            types: vec![(path("badge"), ColumnType::Text)],
        },
        on_missing: OnMissing::Keep,
        stale_after: None,
    }
}

/// Thirty days back and sixty ahead, a week at once.
fn window() -> WindowSettings {
    WindowSettings {
        from_param: "startDate".into(),
        to_param: "endDate".into(),
        field: Some(path("date")),
        back: TimeDelta::days(30),
        ahead: TimeDelta::days(60),
        slice: Some(TimeDelta::days(7)),
        format: DateFormat::new("%Y-%m-%d").expect("the format is valid"),
        end: WindowEnd::Inclusive,
    }
}

const IN_UTC: Occasion = Occasion { zone: Tz::UTC, backfill: None };

fn changed(change: impl FnOnce(&mut EndpointSettings)) -> Vec<String> {
    let mut other = endpoint();
    change(&mut other);
    differences(&fingerprint(&endpoint(), IN_UTC), &fingerprint(&other, IN_UTC))
}

#[test]
fn a_snapshot_is_one_slice_without_bounds() {
    let slices = slices(&endpoint(), IN_UTC, DateTime::UNIX_EPOCH, None, None);
    assert_eq!(slices, [Bounds::default()]);
}

#[test]
fn the_same_settings_have_the_same_fingerprint() {
    assert_eq!(fingerprint(&endpoint(), IN_UTC), fingerprint(&endpoint(), IN_UTC));
    assert_eq!(changed(|_| {}), [""; 0]);
}

#[test]
fn what_is_asked_and_what_is_stored_of_it_are_told_apart_by_name() {
    type Change = fn(&mut EndpointSettings);
    let changes: [(&str, Change); 16] = [
        ("path", |settings| settings.path.push('s')),
        ("params", |settings| settings.params.clear()),
        ("params", |settings| settings.params.push(("a".into(), "b".into()))),
        ("records", |settings| settings.records = None),
        ("pagination", |settings| settings.pagination = Style::None),
        ("pagination", |settings| {
            settings.pagination = Style::Page { page_param: "page".into(), size: None, first: 1 };
        }),
        ("pagination", |settings| {
            settings.pagination = Style::Cursor { param: "after".into(), next: path("next") };
        }),
        ("pagination", |settings| {
            let offset_param = "page".into();
            settings.pagination =
                Style::Offset { offset_param, limit: Some(("pageSize".into(), 200)) };
        }),
        ("pagination", |settings| {
            settings.pagination = Style::NextUrl { next: path("next") };
        }),
        ("pagination", |settings| settings.pagination = Style::Link),
        ("key", |settings| settings.transforms.key.push(path("day"))),
        ("exclude", |settings| settings.transforms.exclude.clear()),
        ("hash", |settings| settings.transforms.hash.clear()),
        ("hash key", |settings| {
            settings.transforms.hash_key = HashKey::derive(b"0123456789abcdeg");
        }),
        ("json", |settings| settings.transforms.json.clear()),
        ("types", |settings| settings.transforms.types.clear()),
    ];
    for (name, change) in changes {
        assert_eq!(changed(change), [name]);
    }
    let several = changed(|settings| {
        settings.path.push('s');
        settings.transforms.types = vec![(path("badge"), ColumnType::Integer)];
    });
    assert_eq!(several, ["path", "types"]);
}

#[test]
fn how_fast_it_is_asked_starts_nothing_over() {
    let unchanged = changed(|settings| {
        settings.limit.requests = 100;
        settings.group = "bookings".into();
        settings.total = None;
    });
    assert_eq!(unchanged, [""; 0]);
}

#[test]
fn a_fingerprint_that_cannot_be_read_differs_in_everything() {
    let now = fingerprint(&endpoint(), IN_UTC);
    for before in ["", "null", "{}", "{\"path\":"] {
        assert_eq!(differences(before, &now).len(), 10, "{before}");
    }
}

#[test]
fn a_window_and_its_time_zone_are_settings_and_where_there_is_none_the_zone_is_not() {
    let here = Occasion { zone: Tz::Europe__Amsterdam, ..IN_UTC };
    assert_eq!(fingerprint(&endpoint(), here), fingerprint(&endpoint(), IN_UTC));

    let windowed = EndpointSettings { window: Some(window()), ..endpoint() };
    let changed = |change: fn(&mut WindowSettings), occasion| {
        let mut other = window();
        change(&mut other);
        let other = EndpointSettings { window: Some(other), ..endpoint() };
        differences(&fingerprint(&windowed, IN_UTC), &fingerprint(&other, occasion))
    };
    assert_eq!(changed(|_| {}, here), ["timezone"]);
    assert_eq!(changed(|window| window.back = TimeDelta::days(31), IN_UTC), ["window.back"]);
    assert_eq!(changed(|window| window.ahead = TimeDelta::days(31), IN_UTC), ["window.ahead"]);
    assert_eq!(changed(|window| window.slice = None, IN_UTC), ["window"]);
    assert_eq!(changed(|window| window.end = WindowEnd::Exclusive, IN_UTC), ["window"]);
    assert_eq!(changed(|window| window.to_param = "to".into(), IN_UTC), ["window"]);
    assert_eq!(changed(|window| window.field = None, IN_UTC), [""; 0], "it asks for nothing else");

    let with_and_without =
        differences(&fingerprint(&windowed, IN_UTC), &fingerprint(&endpoint(), IN_UTC));
    assert_eq!(with_and_without, ["timezone", "window", "window.ahead", "window.back"]);
}
