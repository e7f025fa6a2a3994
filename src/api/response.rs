//! A response as the rest of the program sees it.

use std::fmt;

use http::{HeaderMap, StatusCode};
use url::Url;

use super::{AccessToken, text::one_line};

/// The most of a header's value that is shown, in characters: all of a policy of several limits.
const SHOWN: usize = 120;

/// One response, its body read and decompressed.
pub struct Response {
    /// The URL that was asked: after a redirect the last one. What the response refers to is relative to it (RFC 3986,
    /// section 5.1.3).
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Response {
    /// Leaves the URL and the body out: they hold personal data, or a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The headers by which an answer tells of a limit, each with its value on one line: `RateLimit…` (the IETF's draft, in all of
/// its versions), `X-RateLimit-…` and `X-Rate-Limit-…` (custom), and `Retry-After` (RFC 9110, section 10.2.3). Only for
/// people: there is no limit that these are known to mean. A value that repeats the token is shown without it.
pub fn limit_headers(response: &Response, token: &AccessToken) -> Vec<(String, String)> {
    let tells_of_limit = |name: &str| {
        let name = name.strip_prefix("x-").unwrap_or(name);
        ["ratelimit", "rate-limit"].iter().any(|prefix| name.starts_with(prefix))
            || name == "retry-after"
    };
    let headers = response.headers.iter().filter(|(name, _)| tells_of_limit(name.as_str()));
    let shown = headers.map(|(name, value)| {
        let mut value = value.as_bytes().to_vec();
        token.hide_in(&mut value);
        (name.as_str().to_owned(), one_line(&String::from_utf8_lossy(&value), SHOWN))
    });
    shown.collect()
}
