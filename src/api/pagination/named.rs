//! Listings whose every response names the next request: by a cursor, or by a URL.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{ListingError, Seen, Went, passes::Passes, tally::Tally, trail::Trail};
use crate::api::{
    origin::{origin, same_origin, shown},
    page::Digest,
};

/// A cursor or a next URL is followed up to this length. Every one is part of a checkpoint and of a request, and servers
/// commonly take request lines of no more than 8 KiB.
const LONGEST: usize = 8 * 1024;

/// Where such a listing stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named<N> {
    /// What names the next request; `None` for the first page.
    #[serde(alias = "cursor")]
    pub(super) next: Option<N>,
    /// What was met so far; `None` before the first.
    trail: Option<Trail>,
    pub(super) seen: Tally,
    #[serde(default)]
    pub(super) passes: Passes,
}

impl<N: AsRef<str>> Named<N> {
    /// Before the first page.
    pub(super) fn start() -> Self {
        Self { next: None, trail: None, seen: Tally::default(), passes: Passes::default() }
    }

    /// Where the listing goes on after a page that names `next`.
    ///
    /// What was named before is `repeats`, an error.
    pub(super) fn advance(
        &self,
        next: Option<N>,
        seen: &Seen<'_>,
        repeats: impl FnOnce(&N) -> ListingError,
    ) -> Result<Went<Self>, ListingError> {
        let now = self.seen.with(seen);
        let passes = self.passes.with(seen).moved_if(seen.reordered);
        let Some(next) = next else {
            return Ok(match passes.again() {
                Some(passes) => Went::Next(Self { seen: now.again(), passes, ..Self::start() }),
                None => Went::End(now.end(passes.have_moved())),
            });
        };
        let digest = Digest::of(next.as_ref().as_bytes());
        if self.trail.as_ref().is_some_and(|trail| trail.meets(digest).is_some()) {
            return Err(repeats(&next));
        }
        let trail = Some(Trail::follow(self.trail.as_ref(), digest));
        Ok(Went::Next(Self { next: Some(next), trail, seen: now, passes }))
    }

    /// How many of a page's records may be ones that came before in this pass.
    pub(super) fn may_repeat(&self, seen: &Seen<'_>) -> u64 {
        self.seen.shift(seen).rise
    }
}

/// A cursor that a response names; an empty one is none: it would ask for the first page again.
pub(super) fn cursor(named: Option<&str>) -> Result<Option<String>, ListingError> {
    let cursor = named.filter(|cursor| !cursor.is_empty());
    cursor.map(|cursor| bounded(cursor).map(str::to_owned)).transpose()
}

/// The next page's absolute URL, of the one origin that gets the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Address(Box<Url>);

impl Address {
    /// The URL that a page names as the next one's, absolute or relative to its own; an empty one is none.
    ///
    /// A fragment is dropped: it is no part of a request (RFC 9110, section 4.1).
    pub(super) fn of(
        reference: Option<&str>,
        seen: &Seen<'_>,
    ) -> Result<Option<Self>, ListingError> {
        let Some(reference) = reference.filter(|reference| !reference.is_empty()) else {
            return Ok(None);
        };
        let joined = seen.url.join(bounded(reference)?);
        let mut url = joined.map_err(|source| ListingError::NextUnreadable { source })?;
        url.set_fragment(None);
        if same_origin(&url, seen.base) {
            // Longer than it was sent: relative before, or with characters that had to be encoded.
            bounded(url.as_str())?;
            return Ok(Some(Self(Box::new(url))));
        }
        let (to, base) = (origin(&url), origin(seen.base));
        Err(if to == base {
            ListingError::NextWithCredentials { to }
        } else {
            ListingError::NextElsewhere { to, base }
        })
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it is of the origin that gets the token now, which may have been another when it was stored.
    pub(super) fn is_of(&self, base: &Url) -> bool {
        same_origin(&self.0, base)
    }

    /// What to say where the listing comes here a second time.
    pub(super) fn repeats(&self) -> ListingError {
        ListingError::UrlRepeats { url: shown(&self.0) }
    }
}

impl AsRef<str> for Address {
    fn as_ref(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for Address {
    type Error = url::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(|url| Self(Box::new(url)))
    }
}

impl From<Address> for String {
    fn from(Address(url): Address) -> Self {
        (*url).into()
    }
}

fn bounded(next: &str) -> Result<&str, ListingError> {
    if next.len() > LONGEST {
        return Err(ListingError::NextTooLong { bytes: next.len(), limit: LONGEST });
    }
    Ok(next)
}
