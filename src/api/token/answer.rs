//! Reads the token endpoint's answer: pure.

use std::time::Duration;

use http::{HeaderMap, header};
use secrecy::SecretString;
use serde_json::value::RawValue;
use url::Url;

use super::{Refusal, TokenError};
use crate::{
    api::{
        classify::{Limited, Problem, Verdict, classify},
        response::Response,
        text::{hide, one_line},
    },
    rows::json,
};

/// The longest token taken: a header of this size already passes few servers.
const MAX_TOKEN: usize = 64 * 1024;

/// The life of a token that states none: short, since RFC 6749, section 5.1 leaves it to the documentation.
const UNSTATED_LIFE: Duration = Duration::from_mins(5);

/// The longest life believed: what claims more is renewed once a day all the same.
const MAX_LIFE: Duration = Duration::from_hours(24);

/// A code's and a description's greatest length, in characters.
const SHOWN: usize = 200;

/// Tells the token and its life, or why there is none; `secret` is kept out of the error.
pub(super) fn read(
    response: &Response,
    token_url: &Url,
    secret: &str,
) -> Result<(SecretString, Duration), TokenError> {
    let refusal = || refusal(response, secret);
    match classify(response, token_url, token_url) {
        Verdict::Success => token(response),
        Verdict::Limited(limited) => {
            let problem = Problem::hiding(response.status, &response.body, secret);
            let message = problem.summary.clone();
            Err(TokenError::Limited(Limited { problem, message, ..limited }))
        }
        Verdict::Transient(_) => Err(TokenError::Unavailable(refusal())),
        Verdict::Unauthorized(_)
        | Verdict::NotPermitted(_)
        | Verdict::NotFound(_)
        | Verdict::Refused(_) => Err(refused(refusal())),
        Verdict::Redirect(_) | Verdict::RedirectElsewhere { .. } => {
            Err(TokenError::Rejected { refusal: refusal(), look_at: "api.token_url" })
        }
    }
}

/// Tells refused credentials from a request that is wrong otherwise.
fn refused(refusal: Refusal) -> TokenError {
    let look_at = match refusal.error.as_deref() {
        Some("invalid_client" | "unauthorized_client" | "access_denied") => {
            return TokenError::Refused(refusal);
        }
        // RFC 6749, section 4.1.2.1 defines these two for another endpoint; some servers send them from this one.
        Some("temporarily_unavailable" | "server_error") => {
            return TokenError::Unavailable(refusal);
        }
        None if refusal.status == http::StatusCode::UNAUTHORIZED => {
            return TokenError::Refused(refusal);
        }
        Some("invalid_scope") => "api.scope",
        Some(_) => "api.token_url and api.scope",
        None => "api.token_url",
    };
    TokenError::Rejected { refusal, look_at }
}

fn refusal(response: &Response, secret: &str) -> Refusal {
    let value = value(&response.body);
    let text = |name| {
        let text = json::string(member(value?, name)?)?;
        Some(fit(&text, secret)).filter(|text| !text.is_empty())
    };
    Refusal {
        status: response.status,
        error: text("error"),
        description: text("error_description").or_else(|| text("message")),
    }
}

/// Makes what the answer says fit for a message, without the secret, should it repeat that.
fn fit(text: &str, secret: &str) -> String {
    // Before it is cut: a part of a secret tells too much of it.
    one_line(&hide(text, secret).unwrap_or_else(|| text.to_owned()), SHOWN)
}

/// Reads the answer of RFC 6749, section 5.1. `not_before` and `resource` are not needed: a token is asked for to be used at
/// once.
fn token(response: &Response) -> Result<(SecretString, Duration), TokenError> {
    let value = value(&response.body).ok_or(TokenError::NotJson)?;
    if json::kind(value) != json::Kind::Object {
        return Err(TokenError::BadAnswer("it is not an object"));
    }
    let token = member(value, "access_token")
        .and_then(json::string)
        .ok_or(TokenError::BadAnswer("access_token is missing or not a text"))?;
    if token.len() > MAX_TOKEN {
        return Err(TokenError::BadAnswer("access_token is longer than 64 KiB"));
    }
    if token.is_empty() {
        return Err(TokenError::BadAnswer("access_token is empty"));
    }
    // RFC 6749, appendix A.12, less the space, which no header could tell from its separator.
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::BadAnswer("access_token has characters that no token has"));
    }
    // RFC 6749, section 7.1: a client must not use a token of a type that it does not understand.
    let token_type = member(value, "token_type").and_then(json::string);
    if !token_type.is_some_and(|token_type| token_type.eq_ignore_ascii_case("bearer")) {
        return Err(TokenError::BadAnswer("token_type is not Bearer"));
    }
    Ok((SecretString::from(token.into_owned()), life(value, &response.headers)))
}

/// How long the token lives, by the server's clock alone: ours may be wrong.
fn life(value: &RawValue, headers: &HeaderMap) -> Duration {
    let number = |name| member(value, name).and_then(seconds);
    let until = || {
        let date = headers.get(header::DATE)?.to_str().ok()?;
        let date = httpdate::parse_http_date(date).ok()?;
        let date = date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
        Some(number("expires_on")?.saturating_sub(date))
    };
    number("expires_in")
        .or_else(until)
        .map_or(UNSTATED_LIFE, |seconds| Duration::from_secs(seconds).min(MAX_LIFE))
}

/// A count of seconds, as a number or as a text; a negative one is over already.
fn seconds(value: &RawValue) -> Option<u64> {
    let digits = json::string(value);
    let digits = digits.as_deref().unwrap_or(value.get()).trim();
    match digits.split('.').next()?.parse::<i128>() {
        Ok(seconds) => Some(u64::try_from(seconds.max(0)).unwrap_or(u64::MAX)),
        Err(_) => None,
    }
}

fn value(body: &[u8]) -> Option<&RawValue> {
    let text = str::from_utf8(body).ok()?;
    serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).ok()
}

fn member<'a>(value: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    json::members(value)?.into_iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests;
