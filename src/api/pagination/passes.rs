//! How often a listing is read: once more where it has moved meanwhile.

use serde::{Deserialize, Serialize};

use super::Seen;
use crate::api::page::Digest;

/// A listing is read at most so often in one sweep.
const MOST: u32 = 3;

/// The passes over a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Passes {
    /// Passes before this one.
    before: u32,
    /// Pages of this pass.
    pages: u64,
    /// Pages of all passes.
    asked: u64,
    /// Whether rows may have been passed over in this pass, since the listing has moved.
    moved: bool,
    /// What stands for all pages of this pass.
    content: Option<Digest>,
    /// What stands for those of the pass before.
    content_before: Option<Digest>,
}

impl Passes {
    /// Counts a page.
    pub(super) fn with(self, seen: &Seen<'_>) -> Self {
        let content = Some(seen.digest.after(self.content));
        Self {
            pages: self.pages.saturating_add(1),
            asked: self.asked.saturating_add(1),
            content,
            ..self
        }
    }

    /// Notes that rows may have been passed over.
    pub(super) fn moved_if(self, moved: bool) -> Self {
        Self { moved: self.moved || moved, ..self }
    }

    /// The pages of this pass so far.
    pub(super) fn pages(self) -> u64 {
        self.pages
    }

    /// Whether this is not the first pass.
    pub(super) fn is_again(self) -> bool {
        self.before > 0
    }

    /// Whether a listing of so many pages may still be asked for pages that it was asked for already: all in all it is
    /// asked for no more than so many passes are.
    pub(super) fn may_go_back(self, pages: u64) -> bool {
        self.asked < pages.saturating_add(2).saturating_mul(u64::from(MOST))
    }

    /// Whether rows may have been passed over. What comes the same twice did not move: such a listing holds a key twice.
    pub(super) fn have_moved(self) -> bool {
        self.moved && (self.content.is_none() || self.content != self.content_before)
    }

    /// The next pass, where this one calls for it.
    pub(super) fn again(self) -> Option<Self> {
        let before = self.before + 1;
        (self.have_moved() && before < MOST).then(|| Self {
            before,
            asked: self.asked,
            content_before: self.content,
            ..Self::default()
        })
    }
}
