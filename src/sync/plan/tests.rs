use std::time::Duration;

use super::*;
use crate::{
    limits::Limit,
    rows::{ColumnType, Transforms},
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
        limit: Limit { requests: 20, per: Duration::from_mins(1) },
        group: "/v2/users".into(),
        transforms: Transforms {
            key: vec![path("id")],
            exclude: vec![path("plate")],
            json: vec![path("attributes")],
            types: vec![(path("badge"), ColumnType::Text)],
        },
    }
}

fn changed(change: impl FnOnce(&mut EndpointSettings)) -> Vec<String> {
    let mut other = endpoint();
    change(&mut other);
    differences(&fingerprint(&endpoint()), &fingerprint(&other))
}

#[test]
fn a_snapshot_is_one_slice_without_bounds() {
    assert_eq!(slices(&endpoint()), [Bounds::default()]);
}

#[test]
fn the_same_settings_have_the_same_fingerprint() {
    assert_eq!(fingerprint(&endpoint()), fingerprint(&endpoint()));
    assert_eq!(changed(|_| {}), [""; 0]);
}

#[test]
fn what_is_asked_and_what_is_stored_of_it_are_told_apart_by_name() {
    type Change = fn(&mut EndpointSettings);
    let changes: [(&str, Change); 14] = [
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
    let now = fingerprint(&endpoint());
    for before in ["", "null", "{}", "{\"path\":"] {
        assert_eq!(differences(before, &now).len(), 8, "{before}");
    }
}
