use http::{HeaderMap, StatusCode};

use super::*;
use crate::{
    api::pagination::Style,
    limits::Limit,
    rows::{FieldPath, Transforms},
    sync::OnMissing,
};

fn path(text: &str) -> FieldPath {
    text.parse().expect("the test's path is valid")
}

/// An endpoint of a listing that is paged by a cursor at `next`, and states a total.
fn endpoint() -> EndpointSettings {
    EndpointSettings {
        name: "users".into(),
        path: "/users".into(),
        params: vec![("pageSize".into(), "3".into())],
        records: Some(path("items")),
        total: None,
        pagination: Style::Cursor { param: "cursor".into(), next: path("next") },
        window: None,
        since: None,
        limit: Limit { requests: 20, per: std::time::Duration::from_mins(1) },
        group: "/users".into(),
        transforms: Transforms { key: vec![path("id")], ..Transforms::default() },
        on_missing: OnMissing::Keep,
        stale_after: None,
    }
}

fn judged(endpoint: &EndpointSettings, body: &str) -> FirstPage {
    let base: Url = "https://api.example/".parse().expect("the test's URL is valid");
    let response = Response {
        url: base.clone(),
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: body.as_bytes().to_vec(),
    };
    let mut flattener = Flattener::new(endpoint.transforms.clone());
    let judged = judge(endpoint, &mut flattener, &response, &base);
    judged.unwrap_or_else(|_| panic!("{body} cannot be read")).0
}

#[test]
fn records_without_a_key_and_keys_that_come_twice_are_counted() {
    let body =
        r#"{"items":[{"id":1},{"id":"1"},{"id":2},{"id":2},{"id":2},{"id":null},{"no":1},7]}"#;
    let page = judged(&endpoint(), body);
    assert_eq!((page.records, page.keyless, page.duplicates), (8, 3, 2));
    let reasons: Vec<&str> = page.rejected.iter().map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "key part `id` is missing",
            "key part `id` is null",
            "the record is a number, not an object"
        ]
    );
}

#[test]
fn a_full_first_page_that_names_no_next_one_is_doubted() {
    let ends_early = |body: &str| {
        let page = judged(&endpoint(), body);
        page.doubts.iter().any(|doubt| matches!(doubt, Doubt::EndsEarly { .. }))
    };
    // As many as asked.
    assert!(ends_early(r#"{"items":[{"id":1},{"id":2},{"id":3}]}"#));
    assert!(!ends_early(r#"{"items":[{"id":1},{"id":2}]}"#));
    assert!(!ends_early(r#"{"items":[{"id":1},{"id":2},{"id":3}],"next":"abc"}"#));
    // Something else looks like the next cursor.
    assert!(ends_early(r#"{"items":[{"id":1}],"meta":{"nextCursor":"abc"}}"#));
    assert!(!ends_early(r#"{"items":[{"id":1}],"meta":{"nextCursor":null}}"#));
    assert!(!ends_early(r#"{"items":[]}"#));
}

#[test]
fn a_listing_that_is_not_paged_has_no_more_than_its_total() {
    let total = Some(path("total"));
    let endpoint = EndpointSettings { pagination: Style::None, total, ..endpoint() };
    let body = r#"{"items":[{"id":1},{"id":2}],"total":9}"#;
    assert_eq!(
        judged(&endpoint, body).doubts,
        [Doubt::EndsEarly {
            records: 2,
            total: Some(9),
            next: NextPage::Nothing,
            instead: Vec::new()
        }]
    );
    let body = r#"{"items":[{"id":1},{"id":2}],"total":2}"#;
    assert_eq!(judged(&endpoint, body).doubts, []);
}

#[test]
fn settings_that_name_nothing_are_doubted() {
    let mut endpoint = EndpointSettings { total: Some(path("total")), ..endpoint() };
    endpoint.transforms.exclude = vec![path("user.plate"), path("email")];
    let body = r#"{"items":[{"id":1,"email":"a@b"}],"resultCount":1}"#;
    assert_eq!(
        judged(&endpoint, body).doubts,
        [
            Doubt::NoTotal { path: path("total"), instead: vec!["resultCount".into()] },
            Doubt::Unmet { setting: "exclude", path: path("user.plate") }
        ]
    );
    let body = r#"{"items":[],"total":0}"#;
    assert_eq!(judged(&endpoint, body).doubts, [Doubt::NoRecords { has_window: false }]);
}
