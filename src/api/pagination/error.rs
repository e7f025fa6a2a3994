//! Why a listing cannot be followed.

use crate::{api::link::Malformed, rows::FieldPath};

/// A listing that does not come to an end, one that leads where nobody may follow, or a checkpoint that is not this
/// listing's.
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
    /// The same, of a listing by offset.
    #[error(
        "the second page is the first page again: the API seems not to know the offset parameter `{param}`"
    )]
    OffsetIgnored {
        /// The configured parameter.
        param: String,
    },
    /// A later page is one that was met before.
    #[error(
        "it repeats an earlier page, so the listing has no end: set `total` where the API states how many records there are"
    )]
    PagesRepeat,
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
    /// A next URL was met before.
    #[error(
        "the API named {url} with a query that it had named before as the next page's URL, so the listing has no end"
    )]
    UrlRepeats {
        /// The URL, without its query.
        url: String,
    },
    /// A cursor or a URL of no sensible length.
    #[error(
        "the API named a next page in {bytes} bytes, and no more than {limit} are followed: does `next` name a cursor or a URL?"
    )]
    NextTooLong {
        /// Its length.
        bytes: usize,
        /// The greatest length followed.
        limit: usize,
    },
    /// The next page's URL is none.
    #[error("what the API named as the next page's URL is none")]
    NextUnreadable {
        /// Why.
        source: url::ParseError,
    },
    /// The next page's URL is of another origin.
    #[error(
        "the API named a next page at {to}, which is not the origin of `api.base_url`, {base}, and does not get the token: is `api.base_url` right?"
    )]
    NextElsewhere {
        /// The origin named.
        to: String,
        /// The origin that alone gets the token.
        base: String,
    },
    /// The next page's URL names credentials.
    #[error(
        "the API named a next page at {to} with a user or a password in its URL, which is not followed"
    )]
    NextWithCredentials {
        /// The origin named.
        to: String,
    },
    /// Whether there is a next page cannot be told.
    #[error("the `Link` header that may name the next page cannot be read as RFC 8288 has it")]
    LinkMalformed {
        /// Where.
        source: Malformed,
    },
    /// The checkpoint belongs to another style of paging.
    #[error("the checkpoint belongs to another style of paging")]
    ForeignState,
}

impl ListingError {
    /// Whether the place where the listing stands is of no more use, so that the next run begins at the first page.
    ///
    /// A circle is known only at its second round, when the checkpoint lies within it. What is wrong with one page's next
    /// can be mended, and then the listing goes on from that page.
    pub fn starts_over(&self) -> bool {
        match self {
            Self::PageIgnored { .. }
            | Self::OffsetIgnored { .. }
            | Self::PagesRepeat
            | Self::CursorRepeats { .. }
            | Self::UrlRepeats { .. }
            | Self::ForeignState => true,
            Self::NextTooLong { .. }
            | Self::NextUnreadable { .. }
            | Self::NextElsewhere { .. }
            | Self::NextWithCredentials { .. }
            | Self::LinkMalformed { .. } => false,
        }
    }
}
