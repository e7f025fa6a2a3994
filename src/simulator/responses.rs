//! Responses as the real service words them.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{limiter::OverLimit, listing::Invalid, token::Refusal};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json; charset=utf-8");

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

/// The gateway's no to a request over the limit.
pub(crate) fn over_limit(OverLimit { retry_after }: OverLimit, with_header: bool) -> Response {
    let message = format!("Rate limit is exceeded. Try again in {retry_after} seconds.");
    let mut response = gateway(StatusCode::TOO_MANY_REQUESTS, &message);
    if with_header {
        response.headers_mut().insert(header::RETRY_AFTER, retry_after.into());
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
        }),
    )
}

fn problem(status: StatusCode, details: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, PROBLEM)], details.to_string()).into_response()
}
