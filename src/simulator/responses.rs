//! Responses as the real service words them.

use std::time::{Duration, SystemTime};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{clock, faults::Told, listing::Page, query::Invalid, token::Refusal};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json; charset=utf-8");

/// The trace that a problem says it belongs to (W3C Trace Context); there is none.
const TRACE_ID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// The header that tells how many records a listing has, where its body is an array of them.
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// Longer waits than a year are cut: a date can tell only so much.
const LONGEST_WAIT: u64 = 365 * 24 * 60 * 60;

/// A JSON body.
pub(crate) fn json_body(status: StatusCode, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], body.into()).into_response()
}

/// A response of the token endpoint, which no cache may keep (RFC 6749, section 5.1).
fn token_body(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = json_body(status, body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The token endpoint's response, as it stands.
pub(crate) fn granted(body: String) -> Response {
    token_body(StatusCode::OK, body)
}

/// The token endpoint's no.
pub(crate) fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::InvalidClient => StatusCode::UNAUTHORIZED,
        Refusal::InvalidRequest(_) | Refusal::UnsupportedGrantType | Refusal::InvalidScope => {
            StatusCode::BAD_REQUEST
        }
    };
    let body = json!({ "error": refusal.code(), "error_description": refusal.description() });
    token_body(status, body.to_string())
}

/// A page of a listing. A bare array has no place for its total but a header.
pub(crate) fn page(page: Page, total: Option<u64>) -> Response {
    let mut response = json_body(StatusCode::OK, page.body);
    let headers = response.headers_mut();
    if let Some(total) = total {
        headers.insert(TOTAL, total.into());
    }
    let link = page.link.map(|url| HeaderValue::try_from(format!("<{url}>; rel=\"next\"")));
    if let Some(Ok(link)) = link {
        headers.insert(header::LINK, link);
    }
    response
}

/// A status that asks to try again later: the gateway's no to a request over the limit, if it is a 429. How long is
/// told in one of many ways.
pub(crate) fn later(status: StatusCode, told: Told, wait: u64) -> Response {
    let reason = match status {
        StatusCode::TOO_MANY_REQUESTS => "Rate limit is exceeded.".to_owned(),
        status => format!("{}.", status.canonical_reason().unwrap_or("Failed")),
    };
    let message = match told {
        Told::Both | Told::Message => format!("{reason} Try again in {wait} seconds."),
        _ => reason,
    };
    let now = clock::system_time();
    let date = |moment: SystemTime| HeaderValue::try_from(httpdate::fmt_http_date(moment)).ok();
    let retry_after = match told {
        Told::Both | Told::Header => Some(wait.into()),
        // The date's seconds are whole: rounded up, so that it is not too early.
        Told::Date => date(now + Duration::from_secs(wait.min(LONGEST_WAIT) + 1)),
        Told::Past => date(now - Duration::from_mins(1)),
        Told::Zero => Some(HeaderValue::from_static("0")),
        Told::Nonsense => Some(HeaderValue::from_static("soon")),
        Told::Message | Told::Silent => None,
    };
    let mut response = gateway(status, &message);
    if let Some(retry_after) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, retry_after);
    }
    response
}

/// The gateway's no to a client whose quota is spent, word for word as Azure API Management has it.
pub(crate) fn out_of_quota(wait: u64) -> Response {
    let (hours, minutes, seconds) = (wait / 3_600, wait / 60 % 60, wait % 60);
    let until = format!("{hours:02}:{minutes:02}:{seconds:02}");
    let message = format!("Out of call volume quota. Quota will be replenished in {until}.");
    gateway(StatusCode::FORBIDDEN, &message)
}

/// The no to a client that lacks the permission.
pub(crate) fn forbidden() -> Response {
    gateway(StatusCode::FORBIDDEN, "The client does not have the permission for this operation.")
}

/// What a proxy on the way may say in place of the service.
pub(crate) fn html() -> Response {
    let page = "<!DOCTYPE html><html><head><title>Sign in</title></head>\
                <body><h1>Please sign in to continue</h1></body></html>";
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
    (StatusCode::OK, headers, page).into_response()
}

/// A redirect to another URL.
pub(crate) fn redirect(to: &str) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    if let Ok(to) = HeaderValue::try_from(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

/// The gateway's no to a request without a good token.
pub(crate) fn unauthorized(message: &str) -> Response {
    gateway(StatusCode::UNAUTHORIZED, message)
}

/// The gateway's way to word any no: byte for byte as documented, with a space after each colon and comma.
fn gateway(status: StatusCode, message: &str) -> Response {
    let body = format!(r#"{{"statusCode": {}, "message": "{message}"}}"#, status.as_u16());
    json_body(status, body)
}

/// ASP.NET's no to parameters.
pub(crate) fn invalid(errors: &Invalid) -> Response {
    problem(
        StatusCode::BAD_REQUEST,
        &json!({
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
            "title": "One or more validation errors occurred.",
            "status": 400,
            "errors": errors,
            "traceId": TRACE_ID,
        }),
    )
}

/// ASP.NET's no to a path that it does not know.
pub(crate) fn not_found() -> Response {
    problem(
        StatusCode::NOT_FOUND,
        &json!({
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.5",
            "title": "Not Found",
            "status": 404,
            "traceId": TRACE_ID,
        }),
    )
}

/// ASP.NET's no to a method that a path does not take.
pub(crate) fn wrong_method(allowed: &'static str) -> Response {
    let mut response = problem(
        StatusCode::METHOD_NOT_ALLOWED,
        &json!({
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.6",
            "title": "Method Not Allowed",
            "status": 405,
            "traceId": TRACE_ID,
        }),
    );
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

fn problem(status: StatusCode, details: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, PROBLEM)], details.to_string()).into_response()
}
