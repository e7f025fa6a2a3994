//! What a response means, told by its status, headers and body: pure and exhaustive.

mod problem;

use http::{
    HeaderMap, StatusCode,
    header::{DATE, HeaderName, LOCATION, RETRY_AFTER},
};
use url::Url;

pub use problem::Problem;

use super::{
    origin::{same_origin, shown},
    response::Response,
};

/// How the gateway's quota policy begins its 403; every other 403 is a missing permission.
const QUOTA: &str = "out of call volume quota";

/// What to do about a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The body is what was asked for.
    Success,
    /// The rate limit or the quota is spent: a pause, not a failure.
    Limited(Limited),
    /// 401: the token is not taken; one new token, one retry.
    Unauthorized(Problem),
    /// 403: this client lacks the permission for this endpoint.
    NotPermitted(Problem),
    /// 404: there is no such thing; for a numbered page after the first it may be the end.
    NotFound(Problem),
    /// Any other answer that asking again would not change.
    Refused(Problem),
    /// 5xx, 408, 425: asking again later may help.
    Transient(Problem),
    /// Another address of the same origin is to be asked instead, by a request of its own in the budget.
    Redirect(Url),
    /// A redirect that leads away from the origin that the token is for; the address without its query.
    RedirectElsewhere {
        /// The redirect.
        problem: Problem,
        /// Where it leads to.
        to: String,
    },
}

/// What a spent limit says about its end, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The status and the summary.
    pub problem: Problem,
    /// The header `Retry-After`: seconds or an HTTP date (RFC 9110, section 10.2.3).
    pub retry_after: Option<String>,
    /// The header `Date`: the server's clock, which a date in `Retry-After` is to be held against.
    pub date: Option<String>,
    /// The message, such as `Rate limit is exceeded. Try again in 289 seconds.`
    pub message: String,
}

/// Tells what a response means.
///
/// `asked` is the URL that was asked, for relative redirects (RFC 9110, section 10.2.2); `base` is the one whose origin
/// alone gets the token.
pub fn classify(response: &Response, asked: &Url, base: &Url) -> Verdict {
    let status = response.status;
    let problem = || Problem::read(status, &response.body);
    let limited = || {
        let problem = problem();
        Verdict::Limited(Limited {
            retry_after: header(&response.headers, &RETRY_AFTER),
            date: header(&response.headers, &DATE),
            message: problem.summary.clone(),
            problem,
        })
    };
    match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => Verdict::Refused(problem()),
        StatusCode::TOO_MANY_REQUESTS => limited(),
        StatusCode::SERVICE_UNAVAILABLE if response.headers.contains_key(RETRY_AFTER) => limited(),
        StatusCode::UNAUTHORIZED => Verdict::Unauthorized(problem()),
        StatusCode::FORBIDDEN => {
            let problem = problem();
            if problem.summary.to_ascii_lowercase().contains(QUOTA) {
                limited()
            } else {
                Verdict::NotPermitted(problem)
            }
        }
        StatusCode::NOT_FOUND => Verdict::NotFound(problem()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => Verdict::Transient(problem()),
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => redirect(response, asked, base),
        _ if status.is_success() => Verdict::Success,
        _ if status.is_server_error() => Verdict::Transient(problem()),
        _ => Verdict::Refused(problem()),
    }
}

/// Tells a redirect within the origin from one that leads away, and from one that leads nowhere.
fn redirect(response: &Response, asked: &Url, base: &Url) -> Verdict {
    let problem = Problem::read(response.status, &response.body);
    let target = header(&response.headers, &LOCATION).and_then(|to| asked.join(&to).ok());
    match target {
        None => Verdict::Refused(problem),
        Some(to) if same_origin(&to, base) => Verdict::Redirect(to),
        Some(to) => Verdict::RedirectElsewhere { problem, to: shown(&to) },
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests;
