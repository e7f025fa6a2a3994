use http::HeaderValue;

use super::*;

const ASKED: &str = "https://api.example/v2/users?page=2";

fn response(status: u16, headers: &[(HeaderName, &str)], body: &str) -> Response {
    let headers = headers
        .iter()
        .map(|(name, value)| {
            (name.clone(), HeaderValue::from_str(value).expect("the test's header is valid"))
        })
        .collect();
    let status = StatusCode::from_u16(status).expect("the test's status is valid");
    let url = Url::parse(ASKED).expect("the test's URL is valid");
    Response { url, status, headers, body: body.as_bytes().to_vec() }
}

fn verdict(status: u16, headers: &[(HeaderName, &str)], body: &str) -> Verdict {
    let url = |text| Url::parse(text).expect("the test's URL is valid");
    classify(&response(status, headers, body), &url(ASKED), &url("https://api.example/"))
}

fn summary(body: &str) -> String {
    Problem::read(StatusCode::BAD_REQUEST, body.as_bytes()).summary
}

/// A verdict's name, so that a table of statuses reads as one.
fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Success => "success",
        Verdict::Limited(_) => "limited",
        Verdict::Unauthorized(_) => "unauthorized",
        Verdict::NotPermitted(_) => "not permitted",
        Verdict::NotFound(_) => "not found",
        Verdict::Refused(_) => "refused",
        Verdict::Transient(_) => "transient",
        Verdict::Redirect(_) => "redirect",
        Verdict::RedirectElsewhere { .. } => "redirect elsewhere",
    }
}

#[test]
fn every_status_has_its_verdict() {
    let without_headers = [
        ("success", &[200, 203, 206, 299][..]),
        ("refused", &[204, 205]),
        ("refused", &[300, 301, 302, 303, 304, 305, 307, 308]),
        ("refused", &[400, 402, 405, 406, 409, 410, 411, 413, 414, 415, 422, 431, 451, 499]),
        ("unauthorized", &[401]),
        ("not permitted", &[403]),
        ("not found", &[404]),
        ("transient", &[408, 425]),
        ("limited", &[429]),
        ("transient", &[500, 501, 502, 503, 504, 505, 507, 520, 599]),
        ("refused", &[101, 600, 999]),
    ];
    for (expected, statuses) in without_headers {
        for status in statuses {
            assert_eq!(kind(&verdict(*status, &[], "")), expected, "{status}");
        }
    }
}

#[test]
fn a_503_with_retry_after_is_a_limit() {
    assert_eq!(kind(&verdict(503, &[(RETRY_AFTER, "soon")], "")), "limited");
    assert_eq!(kind(&verdict(500, &[(RETRY_AFTER, "5")], "")), "transient");
}

#[test]
fn a_limit_keeps_what_it_says_of_its_end() {
    let date = "Wed, 21 Oct 2026 07:28:00 GMT";
    let body =
        r#"{"statusCode": 429, "message": "Rate limit is exceeded. Try again in 289 seconds."}"#;
    let Verdict::Limited(limited) = verdict(429, &[(RETRY_AFTER, "7"), (DATE, date)], body) else {
        panic!("a 429 is a limit");
    };
    assert_eq!(limited.retry_after.as_deref(), Some("7"));
    assert_eq!(limited.date.as_deref(), Some(date));
    assert_eq!(limited.message, "Rate limit is exceeded. Try again in 289 seconds.");
}

#[test]
fn the_quotas_403_is_a_limit_and_any_other_a_missing_permission() {
    let quota = r#"{"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in 01:02:03."}"#;
    assert_eq!(kind(&verdict(403, &[], quota)), "limited");
    assert_eq!(kind(&verdict(403, &[], "Out of Call Volume Quota. …")), "limited");
    assert_eq!(kind(&verdict(403, &[], r#"{"title":"Forbidden"}"#)), "not permitted");
}

#[test]
fn a_redirect_within_the_origin_is_resolved_against_what_was_asked() {
    for (location, expected) in [
        ("/v2/people", "https://api.example/v2/people"),
        ("people?page=2", "https://api.example/v2/people?page=2"),
        ("https://API.example:443/x", "https://api.example/x"),
    ] {
        let verdict = verdict(307, &[(LOCATION, location)], "");
        let expected = Url::parse(expected).expect("the test's URL is valid");
        assert_eq!(verdict, Verdict::Redirect(expected), "{location}");
    }
}

#[test]
fn a_redirect_that_leaves_the_origin_is_told_without_its_query() {
    for location in [
        "http://api.example/v2/users?secret=1",
        "https://api.example:8443/v2/users",
        "//evil.example/v2/users",
        "https://user:secret@api.example/v2/users",
    ] {
        let Verdict::RedirectElsewhere { to, .. } = verdict(302, &[(LOCATION, location)], "")
        else {
            panic!("{location} is another origin");
        };
        assert!(!to.contains("secret"), "{to}");
    }
}

#[test]
fn a_redirect_without_a_usable_address_is_refused() {
    assert_eq!(kind(&verdict(301, &[(LOCATION, "https://[")], "")), "refused");
    assert_eq!(kind(&verdict(304, &[(LOCATION, "/v2/people")], "")), "refused");
}

#[test]
fn problem_details_come_down_to_one_line() {
    let details = r#"{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.",
        "status":400,"errors":{"endDate":["The range is too wide.","Try less."],"x":"no"},"traceId":"00-1"}"#;
    assert_eq!(
        summary(details),
        "One or more validation errors occurred. (endDate: The range is too wide., Try less.; x: no)"
    );
    assert_eq!(
        summary(r#"{"title":"Not found","detail":"No such floor\n"}"#),
        "Not found: No such floor"
    );
    assert_eq!(
        summary(r#"{"statusCode":404,"message":"Resource not found"}"#),
        "Resource not found"
    );
    assert_eq!(summary(r#"{"error":{"code":"1","message":"Bad filter"}}"#), "Bad filter");
    assert_eq!(summary("\u{feff}{\"Message\":\"A .NET body\"}"), "A .NET body");
}

#[test]
fn a_body_that_is_no_problem_shows_its_beginning() {
    assert_eq!(summary("upstream\r\nconnect error"), "upstream connect error");
    assert_eq!(summary(r#"{"a": 1}"#), r#"{"a": 1}"#);
    assert_eq!(
        summary("<html><head><title>Sign in</title></head></html>"),
        "an HTML page titled `Sign in`"
    );
    assert_eq!(summary(&"x".repeat(5000)).chars().count(), SUMMARY_WITH_ELLIPSIS);
}

const SUMMARY_WITH_ELLIPSIS: usize = 301;

#[test]
fn a_problem_is_shown_with_its_status() {
    let problem = Problem::read(StatusCode::NOT_FOUND, b"gone");
    assert_eq!(problem.to_string(), "HTTP 404 Not Found: gone");
    assert_eq!(Problem::read(StatusCode::BAD_GATEWAY, b"").to_string(), "HTTP 502 Bad Gateway");
    for said in ["Bad Gateway.", r#"{"statusCode":502,"message":"Bad gateway."}"#] {
        let problem = Problem::read(StatusCode::BAD_GATEWAY, said.as_bytes());
        assert_eq!(problem.to_string(), "HTTP 502 Bad Gateway", "{said}");
    }
}

#[test]
fn a_problems_sentences_lose_the_full_stop_before_what_follows() {
    let body = br#"{"title":"Not allowed.","detail":"Ask for it."}"#;
    let problem = Problem::read(StatusCode::FORBIDDEN, body);
    assert_eq!(problem.to_string(), "HTTP 403 Forbidden: Not allowed: Ask for it");
    let cut = Problem::read(StatusCode::FORBIDDEN, b"and so on...");
    assert_eq!(cut.to_string(), "HTTP 403 Forbidden: and so on...");
}
