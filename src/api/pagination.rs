//! How a listing is paged through: given the request made and the response, the next request or the end. Pure.

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
