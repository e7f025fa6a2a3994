//! When a row that the API does not return counts as deleted: pure.

mod dated;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

pub(super) use self::dated::Asked;
use super::WindowSettings;
use crate::{limits::Limit, store::RowSet};

/// What becomes of rows that the API no longer returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OnMissing {
    /// They stay as they are.
    Keep,
    /// They are marked as deleted.
    Mark(Guard),
}

/// Keeps an API that suddenly returns far too little from emptying a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guard {
    /// The largest share of an endpoint's rows that is marked at once.
    pub max_share: f64,
    /// So few are marked whatever their share.
    pub min_rows: u64,
    /// Whether more than that wait for a person's yes.
    pub confirm: bool,
}

/// How long a sweep may stand still, and still tell which rows are missing: what it saw before is no longer of the same time
/// as what it sees after it.
const STANDSTILL: TimeDelta = TimeDelta::hours(1);

impl OnMissing {
    /// Whether it is judged which rows are missing. Of a window, rows are told apart by its field: without one, none is.
    pub(super) fn judges(self, window: Option<&WindowSettings>) -> bool {
        match self {
            Self::Keep => false,
            Self::Mark(_) => window.is_none_or(|window| window.field.is_some()),
        }
    }

    /// Marks rows whatever their share.
    pub(crate) fn confirm(&mut self) {
        if let Self::Mark(guard) = self {
            guard.confirm = false;
        }
    }
}

impl Guard {
    /// Whether so many deletions, of so many rows that were judged, wait for a person's yes.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
    pub(super) fn holds_back(self, deletions: u64, judged: u64) -> bool {
        self.confirm
            && deletions > self.min_rows
            && deletions as f64 > self.max_share * judged as f64
    }
}

/// What a complete read says of missing rows, in the light of what earlier ones have missed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Missing {
    /// Rows that another complete read has missed too: they are deleted.
    pub(super) agreed: RowSet,
    /// Rows that are missing for the first time.
    pub(super) once: RowSet,
    /// The slices to ask for once more: those that these were to be returned with, and all before. A row that is moved into
    /// a slice that was read already is missed in its old one, and would be once more.
    pub(super) slices: Vec<i64>,
}

/// What was returned of what was asked for once more.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) returned: RowSet,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
}

impl Missing {
    /// Tells the rows that a complete read has missed, by their slices, from those that an earlier one has missed.
    pub(super) fn new(missing: BTreeMap<i64, RowSet>, earlier: &RowSet) -> Self {
        let (mut told, mut last) = (Self::default(), -1);
        // In the order of the slices.
        for (slice, mut rows) in missing {
            told.agreed |= &(&rows & earlier);
            rows -= earlier;
            if !rows.is_empty() {
                told.once |= &rows;
                last = slice;
            }
        }
        // Numbers without a slice name none.
        told.slices = (0..=last).collect();
        told
    }

    /// Has all slices of a sweep asked for once more. Between the runs of one that was taken up there is time for a row to be
    /// moved twice: out of a slice that was not read yet into one that was, wherever that lies.
    pub(super) fn ask_for_all(&mut self, slices: impl Iterator<Item = i64>) {
        self.slices = slices.collect();
    }

    /// Takes in what was returned of the slices that were asked for once more.
    pub(super) fn asked_once_more(&mut self, answer: &Answer) {
        if answer.is_whole {
            self.agreed |= &std::mem::take(&mut self.once);
        }
        self.agreed -= &answer.returned;
    }
}

/// Whether a sweep that was left open is taken up soon enough to tell which rows are missing.
pub(super) fn is_taken_up_in_time(moved_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    // A moment in the future is one of a clock that has jumped.
    moved_at.is_some_and(|moved_at| moved_at <= now && now - moved_at <= STANDSTILL)
}

/// Whether slices of so many pages are asked once more at once: if the limit takes them within one period.
pub(super) fn is_asked_once_more(limit: Limit, pages: u64) -> bool {
    limit.requests == 0 || pages <= u64::from(limit.requests)
}

#[cfg(test)]
mod tests;
