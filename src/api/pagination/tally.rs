//! What a listing comes to: the records read, and the total stated.

use serde::{Deserialize, Serialize};

use super::Seen;

/// What a listing has come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tally {
    /// The records of all pages, those that were asked for again counted once. Where pages or records are counted, no row
    /// that lies before so many was passed over.
    pub(super) records: u64,
    /// The total last stated.
    pub(super) total: Option<u64>,
    /// By how much it has risen meanwhile, all in all.
    #[serde(default)]
    pub(super) rises: u64,
    /// By how much it has dropped.
    #[serde(default)]
    pub(super) drops: u64,
}

/// By how much the total differs from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) rise: u64,
    pub(super) drop: u64,
}

/// A listing that was read to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// How many records its pages held; a page that was sent again is counted once.
    pub records: u64,
    /// The total last stated.
    pub total: Option<u64>,
    /// By how much the total has risen while the listing was read.
    pub rises: u64,
    /// By how much it has dropped.
    pub drops: u64,
    /// Whether the listing has moved in every pass in a way that may have cost rows.
    pub moved: bool,
}

impl End {
    /// The records read and the total stated, where they differ by more than the total itself has changed meanwhile.
    pub fn mismatch(&self) -> Option<(u64, u64)> {
        let total = self.total?;
        let is_explained = self.records.saturating_add(self.rises) >= total
            && self.records <= total.saturating_add(self.drops);
        (!is_explained).then_some((self.records, total))
    }

    /// Whether rows that were there from the first page to the last may not have come: what came or went meanwhile does not
    /// explain the numbers, or the listing has moved too much.
    pub fn may_lack_rows(&self) -> bool {
        self.moved || self.mismatch().is_some()
    }

    /// Whether all rows that were there from the first page to the last have come, as far as can be known.
    pub fn is_sure(&self) -> bool {
        !self.moved && self.total.is_none_or(|total| total == self.records)
    }
}

impl Tally {
    /// How the total that a page states differs from the one before.
    pub(super) fn shift(self, seen: &Seen<'_>) -> Shift {
        let (Some(before), Some(now)) = (self.total, seen.total) else { return Shift::default() };
        Shift { rise: now.saturating_sub(before), drop: before.saturating_sub(now) }
    }

    /// Counts a page.
    pub(super) fn with(self, seen: &Seen<'_>) -> Self {
        let records = self.records.saturating_add(seen.records);
        Self { records, ..self.restated(seen) }
    }

    /// Keeps the total that a page states, without its records.
    pub(super) fn restated(self, seen: &Seen<'_>) -> Self {
        let Shift { rise, drop } = self.shift(seen);
        Self {
            total: seen.total.or(self.total),
            rises: self.rises.saturating_add(rise),
            drops: self.drops.saturating_add(drop),
            ..self
        }
    }

    /// The start of another pass, which knows the total.
    pub(super) fn again(self) -> Self {
        Self { total: self.total, ..Self::default() }
    }

    pub(super) fn end(self, moved: bool) -> End {
        let Self { records, total, rises, drops } = self;
        End { records, total, rises, drops, moved }
    }
}
