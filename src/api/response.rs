//! A response as the rest of the program sees it.

use std::fmt;

use http::{HeaderMap, StatusCode};
use url::Url;

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
