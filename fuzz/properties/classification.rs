//! What a response means. An input is a response without its version: the status, the headers a line each, an empty line,
//! and the body.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mapiq_sync::api::{
    classify::{Problem, Verdict, classify},
    response::Response,
};
use url::Url;

/// What a message's line holds at most, the sign that it was cut included.
const SUMMARY: usize = 301;

pub(crate) fn hold(input: &[u8]) {
    let Some(response) = response(input) else { return };
    let base: Url = "https://api.example.com/v2".parse().expect("it is a URL");
    let verdict = classify(&response, &response.url, &base);
    assert_eq!(verdict, classify(&response, &response.url, &base));
    let problem = match &verdict {
        Verdict::Success => {
            assert!(response.status.is_success());
            None
        }
        Verdict::Redirect(to) => {
            assert!(response.status.is_redirection());
            assert_eq!(to.origin(), base.origin());
            assert!(to.username().is_empty() && to.password().is_none());
            None
        }
        Verdict::RedirectElsewhere { problem, to } => {
            assert!(response.status.is_redirection());
            assert!(!to.contains(['?', '#', '\n']), "{to} shows its query");
            Some(problem)
        }
        Verdict::Limited(limited) => {
            assert!(matches!(response.status.as_u16(), 429 | 503 | 403));
            assert!(limited.message.chars().count() <= SUMMARY);
            Some(&limited.problem)
        }
        Verdict::Unauthorized(problem) => {
            assert_eq!(response.status, 401);
            Some(problem)
        }
        Verdict::NotPermitted(problem) => {
            assert_eq!(response.status, 403);
            Some(problem)
        }
        Verdict::NotFound(problem) => {
            assert_eq!(response.status, 404);
            Some(problem)
        }
        Verdict::Transient(problem) => {
            assert!(
                response.status.is_server_error() || matches!(response.status.as_u16(), 408 | 425)
            );
            Some(problem)
        }
        Verdict::Refused(problem) => {
            assert!(!response.status.is_server_error() && !is_limit(&response));
            Some(problem)
        }
    };
    assert!(!is_limit(&response) || matches!(verdict, Verdict::Limited(_)));
    if let Some(problem) = problem {
        check(problem, response.status);
    }
}

/// What is a limit whatever the body says.
fn is_limit(response: &Response) -> bool {
    response.status == 429
        || (response.status == 503 && response.headers.contains_key("retry-after"))
}

fn check(problem: &Problem, status: StatusCode) {
    assert_eq!(problem.status, status);
    let summary = &problem.summary;
    assert!(summary.chars().count() <= SUMMARY, "{} characters", summary.chars().count());
    let shown = problem.to_string();
    assert!(shown.starts_with(&format!("HTTP {}", status.as_u16())));
    for text in [summary, &shown] {
        assert!(!text.contains(char::is_control), "a control character in {text:?}");
        assert_eq!(text, text.trim());
    }
}

fn response(input: &[u8]) -> Option<Response> {
    let mut rest = input;
    let mut line = || {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        line
    };
    let status = StatusCode::from_bytes(line()).ok()?;
    let mut headers = HeaderMap::new();
    loop {
        let header = line();
        if header.is_empty() {
            break;
        }
        let colon = header.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&header[..colon]).ok()?;
        let value = HeaderValue::from_bytes(header[colon + 1..].trim_ascii()).ok()?;
        headers.append(name, value);
    }
    let url = "https://api.example.com/v2/users?page=2".parse().expect("it is a URL");
    Some(Response { url, status, headers, body: rest.to_vec() })
}
