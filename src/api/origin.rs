//! Where requests may go, and how a URL is shown.

use url::{Origin, Url};

/// Whether the bearer token may go there: the scheme, host and port are those of `base`, and no other credentials are named.
pub(super) fn same_origin(url: &Url, base: &Url) -> bool {
    url.origin() == base.origin() && url.username().is_empty() && url.password().is_none()
}

/// A URL fit for a message or a log: without its query, fragment and credentials.
pub(super) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// The origin of a URL for a message; of one such as `mailto:…`, which has none, the scheme.
pub(super) fn origin(url: &Url) -> String {
    match url.origin() {
        origin @ Origin::Tuple(..) => origin.ascii_serialization(),
        Origin::Opaque(_) => format!("{}:", url.scheme()),
    }
}
