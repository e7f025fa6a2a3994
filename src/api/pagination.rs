//! How a listing is paged through: given the request made and the response, the next request or the end. Pure.

mod trail;

use serde::{Deserialize, Serialize};

use self::trail::{Met, Trail};
use super::page::Digest;
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
    /// Each response names the cursor of the next page.
    Cursor {
        /// The query parameter that takes the cursor.
        param: String,
        /// Where the response names the next cursor; absent or null there: the end.
        next: FieldPath,
    },
}

/// Where a listing stands between two requests; its JSON text is the checkpoint, which nobody else reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State(Position);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "style", rename_all = "kebab-case", deny_unknown_fields)]
enum Position {
    None {},
    Page {
        /// The page to ask for next.
        page: u64,
        /// The most records that a page had.
        longest: u64,
        /// Whether the first page had fewer records than were asked for.
        first_was_short: bool,
        /// The pages met; `None` before the first.
        trail: Option<Trail>,
        seen: Tally,
    },
    Cursor {
        /// The cursor to ask with next; `None` for the first page.
        cursor: Option<String>,
        /// The cursors met; `None` before the first.
        trail: Option<Trail>,
        seen: Tally,
    },
}

/// What a listing has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tally {
    /// The records of all pages, a page that was sent again counted once.
    records: u64,
    /// The total last stated.
    total: Option<u64>,
}

/// What one response held, as far as paging goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How many records.
    pub records: u64,
    /// The total stated.
    pub total: Option<u64>,
    /// The next cursor named.
    pub next: Option<String>,
    /// Tells this page from others.
    pub digest: Digest,
}

/// What comes after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another request.
    Next(State),
    /// Nothing, the listing is complete.
    End(End),
}

/// A listing that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// How many records its pages held; a page that was sent again is counted once.
    pub records: u64,
    /// The total last stated.
    pub total: Option<u64>,
}

impl End {
    /// The records seen and the total stated, where they differ.
    pub fn mismatch(&self) -> Option<(u64, u64)> {
        self.total.filter(|total| *total != self.records).map(|total| (self.records, total))
    }
}

/// A listing that does not come to an end, or a checkpoint that is not this listing's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// The second page is the first once more.
    #[error(
        "the second page is the first page again: the API seems not to know the page parameter `{param}`"
    )]
    PageIgnored {
        /// The configured parameter.
        param: String,
    },
    /// A later page is one that was met before.
    #[error(
        "page {page} repeats an earlier page, so the listing has no end: set `total` where the API states how many records there are"
    )]
    PagesRepeat {
        /// The page's number.
        page: u64,
    },
    /// A cursor was met before.
    #[error(
        "the API named a cursor that it had named before, so the listing has no end: check the cursor parameter `{param}` and the path `{next}`"
    )]
    CursorRepeats {
        /// The configured parameter.
        param: String,
        /// The configured path of the next cursor.
        next: FieldPath,
    },
    /// The checkpoint belongs to another style of paging.
    #[error("the checkpoint belongs to another style of paging")]
    ForeignState,
}

impl State {
    /// How many records the pages before this state held.
    pub fn records(&self) -> u64 {
        match &self.0 {
            Position::None {} => 0,
            Position::Page { seen, .. } | Position::Cursor { seen, .. } => seen.records,
        }
    }
}

impl Style {
    /// Where every listing begins.
    pub fn start(&self) -> State {
        State(match self {
            Self::None => Position::None {},
            Self::Page { first, .. } => Position::Page {
                page: *first,
                longest: 0,
                first_was_short: false,
                trail: None,
                seen: Tally::default(),
            },
            Self::Cursor { .. } => {
                Position::Cursor { cursor: None, trail: None, seen: Tally::default() }
            }
        })
    }

    /// The query parameters of the request to make at this state; they take the place of configured ones of the same name.
    ///
    /// A state of another style makes none; [`Style::advance`] tells it.
    pub fn params(&self, state: &State) -> Vec<(String, String)> {
        match (self, &state.0) {
            (Self::Page { page_param, size, .. }, Position::Page { page, .. }) => {
                let size = size.iter().map(|(param, size)| (param.clone(), size.to_string()));
                std::iter::once((page_param.clone(), page.to_string())).chain(size).collect()
            }
            (Self::Cursor { param, .. }, Position::Cursor { cursor, .. }) => {
                cursor.iter().map(|cursor| (param.clone(), cursor.clone())).collect()
            }
            (Self::None | Self::Page { .. } | Self::Cursor { .. }, _) => Vec::new(),
        }
    }

    /// Tells what comes after the page that was asked for at `state`.
    ///
    /// A page listing ends at the stated total, at an empty page, or at a page shorter than the longest, unless the total
    /// stated says that there is more; a cursor listing only where no next cursor is named.
    ///
    /// # Errors
    ///
    /// The listing repeats itself, so that it would never end.
    pub fn advance(&self, state: &State, seen: &Seen) -> Result<Step, ListingError> {
        match (self, &state.0) {
            (Self::None, Position::None {}) => Ok(Step::End(Tally::default().with(seen).end())),
            (Self::Page { page_param, size, .. }, Position::Page { .. }) => {
                advance_page(page_param, size.as_ref().map(|(_, size)| *size), &state.0, seen)
            }
            (Self::Cursor { param, next }, Position::Cursor { trail, seen: before, .. }) => {
                advance_cursor(param, next, trail.as_ref(), before.with(seen), seen)
            }
            (Self::None | Self::Page { .. } | Self::Cursor { .. }, _) => {
                Err(ListingError::ForeignState)
            }
        }
    }

    /// What a 404 at this state means: the end after the first numbered page, else `None`, an error.
    pub fn not_found(&self, state: &State) -> Option<End> {
        match (self, &state.0) {
            (Self::Page { .. }, Position::Page { trail: Some(_), seen, .. }) => Some(seen.end()),
            (Self::None | Self::Page { .. } | Self::Cursor { .. }, _) => None,
        }
    }
}

/// The end or the next page of a numbered listing.
fn advance_page(
    param: &str,
    size: Option<u64>,
    position: &Position,
    seen: &Seen,
) -> Result<Step, ListingError> {
    let Position::Page { page, longest, first_was_short, trail, seen: before } = position else {
        return Err(ListingError::ForeignState);
    };
    // The page after the end may state a total too, but none of its records are new.
    let past_the_end = || Ok(Step::End(before.restated(seen).end()));
    if seen.records == 0 {
        return past_the_end();
    }
    match trail.as_ref().and_then(|trail| trail.meets(seen.digest)) {
        None => {}
        // The last page sent again is the end, once it cannot be that the API ignores the page's number.
        Some(Met::Last { only: true }) if !first_was_short => {
            return Err(ListingError::PageIgnored { param: param.to_owned() });
        }
        Some(Met::Last { .. }) => return past_the_end(),
        Some(Met::Earlier) => return Err(ListingError::PagesRepeat { page: *page }),
    }
    let now = before.with(seen);
    let reached = now.total.is_some_and(|total| now.records >= total);
    // A first page shorter than asked proves nothing, servers cap sizes silently. Nor does a short page where the total
    // stated says that there is more: a server may filter after it has cut the pages.
    let ran_short = now.total.is_none() && trail.is_some() && seen.records < *longest;
    if reached || ran_short {
        return Ok(Step::End(now.end()));
    }
    let short_now = trail.is_none() && size.is_some_and(|size| seen.records < size);
    Ok(Step::Next(State(Position::Page {
        page: page.saturating_add(1),
        longest: seen.records.max(*longest),
        first_was_short: *first_was_short || short_now,
        trail: Some(Trail::follow(trail.as_ref(), seen.digest)),
        seen: now,
    })))
}

/// The end or the next page of a listing that names its cursors.
fn advance_cursor(
    param: &str,
    path: &FieldPath,
    trail: Option<&Trail>,
    now: Tally,
    seen: &Seen,
) -> Result<Step, ListingError> {
    // An empty cursor would ask for the first page again.
    let Some(cursor) = seen.next.as_ref().filter(|cursor| !cursor.is_empty()) else {
        return Ok(Step::End(now.end()));
    };
    let digest = Digest::of(cursor.as_bytes());
    if trail.is_some_and(|trail| trail.meets(digest).is_some()) {
        return Err(ListingError::CursorRepeats { param: param.to_owned(), next: path.clone() });
    }
    Ok(Step::Next(State(Position::Cursor {
        cursor: Some(cursor.clone()),
        trail: Some(Trail::follow(trail, digest)),
        seen: now,
    })))
}

impl Tally {
    /// Counts a page.
    fn with(self, seen: &Seen) -> Self {
        let records = self.records.saturating_add(seen.records);
        Self { records, ..self.restated(seen) }
    }

    /// Keeps the total that a page states, without its records.
    fn restated(self, seen: &Seen) -> Self {
        Self { total: seen.total.or(self.total), ..self }
    }

    fn end(self) -> End {
        End { records: self.records, total: self.total }
    }
}

#[cfg(test)]
mod tests;
