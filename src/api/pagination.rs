//! How a listing is paged through: given the request made and the response, the next request or the end. Pure.

mod counted;
mod error;
mod named;
mod passes;
mod tally;
mod trail;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use url::Url;

pub use error::ListingError;
pub use tally::End;

use self::{
    counted::{Counted, Counting, Unit},
    named::{Address, Named},
    tally::Tally,
};
use super::{
    link,
    page::{Digest, Page},
    response::Response,
};
use crate::rows::FieldPath;

/// How an endpoint pages its listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Style {
    /// One response holds the whole listing.
    None,
    /// Numbered pages.
    Page {
        /// The query parameter with the page's number.
        page_param: String,
        /// The query parameter with the page's size, and the size asked for; left out: the server decides.
        size: Option<(String, u64)>,
        /// The number of the first page.
        first: u64,
    },
    /// Pages that begin after so many records.
    Offset {
        /// The query parameter with the number of records before the page.
        offset_param: String,
        /// The query parameter with the page's size, and the size asked for; left out: the server decides.
        limit: Option<(String, u64)>,
    },
    /// Each response names the cursor of the next page.
    Cursor {
        /// The query parameter that takes the cursor.
        param: String,
        /// Where the response names the next cursor; absent, null or empty there: the end.
        next: FieldPath,
    },
    /// Each response's body names the URL of the next page.
    NextUrl {
        /// Where the body names it; absent, null or empty there: the end.
        next: FieldPath,
    },
    /// Each response's `Link` header names the URL of the next page by the relation `next` (RFC 8288); none: the end.
    Link,
}

/// What to ask for next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The endpoint's path with these query parameters; they take the place of configured ones of the same name.
    Params(Vec<(String, String)>),
    /// This URL as it stands.
    Url(Url),
}

/// Where a listing stands between two requests; its JSON text is the checkpoint, which nobody else reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State(Position);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "style", rename_all = "kebab-case", deny_unknown_fields)]
enum Position {
    None {},
    Page(Counted),
    Offset(Counted),
    Cursor(Named<String>),
    NextUrl(Named<Address>),
    Link(Named<Address>),
}

/// What one response held, as far as paging goes.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'r> {
    /// How many records.
    pub records: u64,
    /// The total stated.
    pub total: Option<u64>,
    /// The next cursor or URL that the body names.
    pub next: Option<&'r str>,
    /// Tells this page from others.
    pub digest: Digest,
    /// What tells its records from others, those without a key left out; needed where [`Style::overlaps`] says so.
    pub keys: &'r [Digest],
    /// Whether more of its rows came before in this pass than [`Style::may_repeat`] says.
    pub reordered: bool,
    /// The URL that it came from, which a next URL is relative to.
    pub url: &'r Url,
    /// Its headers.
    pub headers: &'r HeaderMap,
    /// The URL whose origin a next URL is held to.
    pub base: &'r Url,
}

impl<'r> Seen<'r> {
    /// What a response held, whose body is that page.
    pub fn of(
        page: &'r Page<'_>,
        keys: &'r [Digest],
        response: &'r Response,
        base: &'r Url,
    ) -> Self {
        Self {
            records: page.records.len() as u64,
            total: page.total,
            next: page.next.as_deref(),
            digest: page.digest(),
            keys,
            reordered: false,
            url: &response.url,
            headers: &response.headers,
            base,
        }
    }
}

/// What comes after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and it is nearly always the large one"
)]
pub enum Step {
    /// Another request.
    Next(State),
    /// Nothing, the listing is complete.
    End(End),
}

/// Where one kind of listing goes on.
enum Went<P> {
    Next(P),
    End(End),
}

impl<P> Went<P> {
    fn step(self, position: impl FnOnce(P) -> Position) -> Step {
        match self {
            Self::Next(next) => Step::Next(State(position(next))),
            Self::End(end) => Step::End(end),
        }
    }
}

impl State {
    /// How many records the pages before this state held.
    pub fn records(&self) -> u64 {
        match &self.0 {
            Position::None {} => 0,
            Position::Page(at) | Position::Offset(at) => at.seen.records,
            Position::Cursor(at) => at.seen.records,
            Position::NextUrl(at) | Position::Link(at) => at.seen.records,
        }
    }

    /// The pages of the present pass so far, and whether it is not the first.
    pub fn pass(&self) -> (u64, bool) {
        let passes = match &self.0 {
            Position::None {} => return (0, false),
            Position::Page(at) | Position::Offset(at) => at.passes,
            Position::Cursor(at) => at.passes,
            Position::NextUrl(at) | Position::Link(at) => at.passes,
        };
        (passes.pages(), passes.is_again())
    }

    /// Whether the request to make is one to the origin of `base`: a checkpoint may name the URL of a time when the
    /// configuration was another.
    pub fn is_of(&self, base: &Url) -> bool {
        match &self.0 {
            Position::NextUrl(at) | Position::Link(at) => {
                at.next.as_ref().is_none_or(|address| address.is_of(base))
            }
            Position::None {} | Position::Page(_) | Position::Offset(_) | Position::Cursor(_) => {
                true
            }
        }
    }
}

impl Style {
    /// Where every listing begins.
    pub fn start(&self) -> State {
        State(match self {
            Self::None => Position::None {},
            Self::Page { first, .. } => Position::Page(Counted::start(*first)),
            Self::Offset { .. } => Position::Offset(Counted::start(0)),
            Self::Cursor { .. } => Position::Cursor(Named::start()),
            Self::NextUrl { .. } => Position::NextUrl(Named::start()),
            Self::Link => Position::Link(Named::start()),
        })
    }

    /// Where the body of a response names the next page.
    pub fn next(&self) -> Option<&FieldPath> {
        match self {
            Self::Cursor { next, .. } | Self::NextUrl { next } => Some(next),
            Self::None | Self::Page { .. } | Self::Offset { .. } | Self::Link => None,
        }
    }

    /// The request to make at this state.
    ///
    /// A state of another style makes the first one; [`Style::advance`] tells it.
    pub fn request(&self, state: &State) -> Request {
        match (self, &state.0, self.counting()) {
            (_, Position::Page(at) | Position::Offset(at), Some(counting)) => {
                Request::Params(at.params(counting))
            }
            (Self::Cursor { param, .. }, Position::Cursor(Named { next: Some(cursor), .. }), _) => {
                Request::Params(vec![(param.clone(), cursor.clone())])
            }
            (
                Self::NextUrl { .. } | Self::Link,
                Position::NextUrl(Named { next: Some(address), .. })
                | Position::Link(Named { next: Some(address), .. }),
                _,
            ) => Request::Url(address.url().clone()),
            _ => Request::Params(Vec::new()),
        }
    }

    /// The key of the configuration that sets how many records a page has, and what it sets; `None`: it is not for this
    /// style to say.
    pub fn page_size(&self) -> Option<(&'static str, Option<u64>)> {
        match self {
            Self::Page { size, .. } => Some(("size", size.as_ref().map(|(_, size)| *size))),
            Self::Offset { limit, .. } => Some(("limit", limit.as_ref().map(|(_, limit)| *limit))),
            Self::None | Self::Cursor { .. } | Self::NextUrl { .. } | Self::Link => None,
        }
    }

    fn counting(&self) -> Option<Counting<'_>> {
        match self {
            Self::Page { page_param: param, size, first } => {
                Some(Counting { unit: Unit::Pages, first: *first, param, size: size.as_ref() })
            }
            Self::Offset { offset_param: param, limit } => {
                Some(Counting { unit: Unit::Records, first: 0, param, size: limit.as_ref() })
            }
            Self::None | Self::Cursor { .. } | Self::NextUrl { .. } | Self::Link => None,
        }
    }

    /// Whether a page is compared with the one before by [`Seen::keys`].
    pub fn overlaps(&self) -> bool {
        matches!(self, Self::Offset { .. })
    }

    /// How many of a page's rows may be ones that came before in this pass, if rows were only added to the listing and
    /// deleted from it meanwhile; `None`: any number.
    pub fn may_repeat(&self, state: &State, seen: &Seen<'_>) -> Option<u64> {
        match (&state.0, self.counting()) {
            (Position::Page(at) | Position::Offset(at), Some(counting)) => {
                at.may_repeat(counting, seen)
            }
            (Position::Cursor(at), _) => Some(at.may_repeat(seen)),
            (Position::NextUrl(at) | Position::Link(at), _) => Some(at.may_repeat(seen)),
            _ => None,
        }
    }

    /// Tells what comes after the page that was asked for at `state`.
    ///
    /// A listing by pages or offsets ends at the stated total, at an empty page, or at a page shorter than the longest,
    /// unless the total stated says that there is more; one by cursors or URLs only where no next one is named.
    ///
    /// Where a total that drops, or an offset's overlap, tells that rows may have been passed over, it goes back to that
    /// place. Where rows come again that nothing explains, the listing was sorted anew: it is read once more from its
    /// start, up to three times, and what still cannot be known is in [`End::moved`].
    ///
    /// # Errors
    ///
    /// The listing repeats itself, so that it would never end, or its next page is one that cannot be asked for.
    pub fn advance(&self, state: &State, seen: &Seen<'_>) -> Result<Step, ListingError> {
        match (self, &state.0, self.counting()) {
            (Self::None, Position::None {}, _) => {
                Ok(Step::End(Tally::default().with(seen).end(false)))
            }
            (Self::Page { .. }, Position::Page(at), Some(counting)) => {
                at.advance(counting, seen).map(|went| went.step(Position::Page))
            }
            (Self::Offset { .. }, Position::Offset(at), Some(counting)) => {
                at.advance(counting, seen).map(|went| went.step(Position::Offset))
            }
            (Self::Cursor { param, next }, Position::Cursor(at), _) => {
                let repeats = |_: &_| ListingError::CursorRepeats {
                    param: param.clone(),
                    next: next.clone(),
                };
                let went = at.advance(named::cursor(seen.next)?, seen, repeats)?;
                Ok(went.step(Position::Cursor))
            }
            (Self::NextUrl { .. }, Position::NextUrl(at), _) => {
                let went = at.advance(Address::of(seen.next, seen)?, seen, Address::repeats)?;
                Ok(went.step(Position::NextUrl))
            }
            (Self::Link, Position::Link(at), _) => {
                let next = link::next(seen.headers, seen.url)
                    .map_err(|source| ListingError::LinkMalformed { source })?;
                let next = Address::of(next.as_deref(), seen)?;
                Ok(at.advance(next, seen, Address::repeats)?.step(Position::Link))
            }
            _ => Err(ListingError::ForeignState),
        }
    }

    /// What a 404 at this state means: the end after the first page that is counted, else `None`, an error.
    pub fn not_found(&self, state: &State) -> Option<Step> {
        let counting = self.counting()?;
        match &state.0 {
            Position::Page(at) => at.not_found(counting).map(|went| went.step(Position::Page)),
            Position::Offset(at) => at.not_found(counting).map(|went| went.step(Position::Offset)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
