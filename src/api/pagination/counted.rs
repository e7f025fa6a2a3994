//! Listings whose requests count: the pages, or the records so far.

use serde::{Deserialize, Serialize};

use super::{
    ListingError, Seen, Went,
    passes::Passes,
    tally::{Shift, Tally},
    trail::{Met, Trail},
};
use crate::api::page::Digest;

/// How such a listing is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counting<'s> {
    pub(super) unit: Unit,
    /// The first page's count.
    pub(super) first: u64,
    /// The query parameter with the count.
    pub(super) param: &'s str,
    /// The query parameter with a page's size, and the size asked for.
    pub(super) size: Option<&'s (String, u64)>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Pages,
    Records,
}

/// A page of fewer records overlaps none: it would cost too many requests.
const OVERLAPS_FROM: u64 = 10;

/// How many records of a page are looked for on the next one, by their keys: some may be deleted meanwhile.
const ANCHORS: usize = 8;

/// More records than any listing has; what is counted does not come near its type's limit.
const MOST_RECORDS: u64 = u64::MAX / 2;

/// So many pages may be like one that was met before, where the total has risen.
const MOST_SHIFTED: u32 = 3;

/// Where such a listing stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counted {
    /// The page, or the offset, to ask for next.
    #[serde(alias = "page")]
    at: u64,
    /// The most records that a page had.
    longest: u64,
    /// Whether the first page had fewer records than were asked for.
    first_was_short: bool,
    /// Whether pages before the last had different lengths.
    #[serde(default)]
    uneven: bool,
    /// The pages met; `None` before the first.
    trail: Option<Trail>,
    pub(super) seen: Tally,
    /// How far pages have reached so far, in records.
    #[serde(default)]
    reached: u64,
    /// Up to where pages are asked for again, in records.
    #[serde(default)]
    again_until: u64,
    /// A page that was read beyond a place where rows may have been passed over: its records' first and end.
    #[serde(default)]
    ahead: Option<(u64, u64)>,
    /// Keys of the last records before the place to go on from. The request to make overlaps with what is read where there
    /// are some: if none of them comes, rows may have been passed over.
    #[serde(default)]
    anchors: Vec<Digest>,
    /// How many records the request goes back, since none of the anchors came.
    #[serde(default)]
    back: u64,
    /// Whether the API gives no page that begins within another one.
    #[serde(default)]
    unlapped: bool,
    /// So many pages were like one that was met before, and the total had risen.
    #[serde(default)]
    shifted: u32,
    #[serde(default)]
    pub(super) passes: Passes,
}

impl Counted {
    /// Before the first page, whose count is `at`.
    pub(super) fn start(at: u64) -> Self {
        Self {
            at,
            longest: 0,
            first_was_short: false,
            uneven: false,
            trail: None,
            seen: Tally::default(),
            reached: 0,
            again_until: 0,
            ahead: None,
            anchors: Vec::new(),
            back: 0,
            unlapped: false,
            shifted: 0,
            passes: Passes::default(),
        }
    }

    /// Whether this is the first page's place.
    pub(super) fn is_start(&self) -> bool {
        self.trail.is_none()
    }

    /// The query parameters of the request to make.
    pub(super) fn params(&self, counting: Counting<'_>) -> Vec<(String, String)> {
        let size = counting.size.map(|(param, size)| (param.clone(), size.to_string()));
        std::iter::once((counting.param.to_owned(), self.at.to_string())).chain(size).collect()
    }

    /// How many of a page's records may be ones that came before in this pass; `None`: any number.
    pub(super) fn may_repeat(&self, counting: Counting<'_>, seen: &Seen<'_>) -> Option<u64> {
        if self.is_uneven(seen) {
            return None;
        }
        let (start, end) = self.stretch(counting, seen);
        Some(self.reached(seen).min(end).saturating_sub(start))
    }

    /// Where the listing goes on after a page.
    pub(super) fn advance(
        &self,
        counting: Counting<'_>,
        seen: &Seen<'_>,
    ) -> Result<Went<Self>, ListingError> {
        let now = self.seen.restated(seen);
        let (start, end) = self.stretch(counting, seen);
        // No listing has so many records: nobody who has read one has left this place.
        if end > MOST_RECORDS {
            return Err(ListingError::ForeignState);
        }
        // Where the listing has moved, pages are asked for again.
        let reached = self.reached(seen);
        let is_new = end > self.again_until;
        let met = self.trail.as_ref().and_then(|trail| trail.meets(seen.digest));
        // Where rows have come, they may have moved a page's worth. Not again and again, or a listing may have no end.
        let is_shifted = met.is_some() && now.rises > 0 && self.shifted < MOST_SHIFTED;
        if seen.records > 0 && is_new && !is_shifted {
            match met {
                None => {}
                Some(Met::Last { .. }) if !self.anchors.is_empty() => {
                    return Ok(self.without_overlap(now));
                }
                // The last page sent again is the end, once it cannot be that the API ignores the parameter.
                Some(Met::Last { only: true }) if !self.first_was_short => {
                    return Err(counting.ignored());
                }
                // The page after the end may state a total too, but none of its records are new.
                Some(Met::Last { .. }) => {
                    return Ok(self.end(counting, now, self.passes.moved_if(now.rises > 0)));
                }
                Some(Met::Earlier) => return Err(ListingError::PagesRepeat),
            }
        }
        let uneven = self.is_uneven(seen);
        let passes = self.passes.with(seen).moved_if(seen.reordered);
        let Shift { rise, drop } = self.seen.shift(seen);
        let longest = seen.records.max(self.longest);
        let joins = self.joins(start, drop, uneven, seen);
        let pages = end.checked_div(longest).unwrap_or(0);
        if !joins && passes.may_go_back(pages) {
            return Ok(Went::Next(self.gone_back(
                counting,
                (start, end),
                drop,
                now,
                passes,
                reached,
            )));
        }
        // What is uneven has no places to go back to.
        let passes = passes.moved_if(!joins || (uneven && drop > 0));
        let mut records = match counting.unit {
            Unit::Pages if uneven => self.seen.records.saturating_add(seen.records),
            Unit::Pages | Unit::Records => end,
        };
        // What was read beyond is joined to, if nothing can have come in between.
        if let Some((first, last)) = self.ahead.filter(|_| !uneven)
            && first.saturating_add(rise) <= records
        {
            records = records.max(last.saturating_sub(drop));
        }
        let now = Tally { records, ..now };
        // Uneven pages are those of a server that filters what it has cut. If its offsets count what it has filtered out,
        // pages overlap, and records that come twice do not make up the total.
        let counts = counting.unit == Unit::Pages || !uneven;
        let is_whole = counts && now.total.is_some_and(|total| now.records >= total);
        // A first page shorter than asked proves nothing, servers cap sizes silently. Nor does a short page where the
        // total stated says that there is more: a server may filter after it has cut the pages.
        let ran_short = now.total.is_none() && !self.is_start() && seen.records < self.longest;
        if is_whole || ran_short || seen.records == 0 {
            return Ok(self.end(counting, now, passes));
        }
        let is_stuck = self.back == 0 && !self.anchors.is_empty() && end <= self.seen.records;
        let unlapped = self.unlapped || is_stuck;
        let overlaps = counting.unit == Unit::Records && !unlapped && longest >= OVERLAPS_FROM;
        let anchors = if overlaps { last(seen.keys) } else { Vec::new() };
        let at = match counting.unit {
            Unit::Pages if uneven || seen.records < longest => self.at.saturating_add(1),
            Unit::Pages => counting.first.saturating_add(records / longest),
            // Not by the size asked for: a server that caps sizes would have its records passed over.
            Unit::Records => records.saturating_sub(u64::from(!anchors.is_empty())),
        };
        let short_now =
            self.is_start() && counting.size.is_some_and(|(_, size)| seen.records < *size);
        let trail = match &self.trail {
            Some(trail) if !is_new || met.is_some() => trail.clone(),
            trail => Trail::follow(trail.as_ref(), seen.digest),
        };
        Ok(Went::Next(Self {
            at,
            longest,
            first_was_short: self.first_was_short || short_now,
            uneven: uneven || (!self.is_start() && seen.records != self.longest),
            trail: Some(trail),
            seen: now,
            reached: end.max(reached),
            again_until: self.again_until,
            ahead: None,
            anchors,
            back: 0,
            unlapped,
            shifted: self.shifted + u32::from(is_shifted),
            passes,
        }))
    }

    /// What a page that is not there means: the end after the first one, else `None`, an error.
    pub(super) fn not_found(&self, counting: Counting<'_>) -> Option<Went<Self>> {
        (!self.is_start()).then(|| self.end(counting, self.seen, self.passes))
    }

    /// How far pages have reached, as the listing is now. A checkpoint of an earlier version does not say it.
    fn reached(&self, seen: &Seen<'_>) -> u64 {
        self.reached.max(self.seen.records).saturating_add(self.seen.shift(seen).rise)
    }

    /// The place of a page's records in the listing, if all pages are as long as the longest: its first one, and its end.
    fn stretch(&self, counting: Counting<'_>, seen: &Seen<'_>) -> (u64, u64) {
        let start = match counting.unit {
            Unit::Pages => self.at.saturating_sub(counting.first).saturating_mul(self.longest),
            Unit::Records => self.at,
        };
        (start, start.saturating_add(seen.records))
    }

    fn is_uneven(&self, seen: &Seen<'_>) -> bool {
        self.uneven || (!self.is_start() && seen.records > self.longest)
    }

    /// Whether a page joins on to what was read: no row that was there throughout can lie between.
    fn joins(&self, start: u64, drop: u64, uneven: bool, seen: &Seen<'_>) -> bool {
        if start == 0 {
            true
        } else if self.anchors.is_empty() {
            // With every row that is deleted before it, what was read ends one earlier.
            uneven || start <= self.seen.records.saturating_sub(drop)
        } else {
            self.anchors.iter().any(|anchor| seen.keys.contains(anchor))
        }
    }

    /// Where to go on after a page that does not join on: at the place where rows were passed over.
    fn gone_back(
        &self,
        counting: Counting<'_>,
        page: (u64, u64),
        drop: u64,
        now: Tally,
        passes: Passes,
        reached: u64,
    ) -> Self {
        let records = self.seen.records.saturating_sub(drop);
        let (back, at) = match counting.unit {
            Unit::Pages => (0, counting.first.saturating_add(records / self.longest.max(1))),
            Unit::Records if self.anchors.is_empty() => (0, records),
            // How far the anchors have moved is not known: further with each try, so that there are few of them.
            Unit::Records => {
                let back = (self.longest / 2).saturating_add(drop).max(self.back.saturating_mul(2));
                (back, records.saturating_sub(back))
            }
        };
        Self {
            at,
            seen: Tally { records, ..now },
            reached: page.1.max(reached),
            again_until: page.1.max(self.again_until),
            ahead: self.anchors.is_empty().then_some(page),
            back,
            passes,
            ..self.clone()
        }
    }

    /// Asks from where the records end: the API has no page that begins before.
    fn without_overlap(&self, now: Tally) -> Went<Self> {
        let anchors = Vec::new();
        Went::Next(Self {
            at: now.records,
            anchors,
            back: 0,
            unlapped: true,
            seen: now,
            ..self.clone()
        })
    }

    /// The end, or the start of the next pass.
    fn end(&self, counting: Counting<'_>, now: Tally, passes: Passes) -> Went<Self> {
        match passes.again() {
            Some(passes) => Went::Next(Self {
                seen: now.again(),
                unlapped: self.unlapped,
                passes,
                ..Self::start(counting.first)
            }),
            None => Went::End(now.end(passes.have_moved())),
        }
    }
}

/// The last keys of a page.
fn last(keys: &[Digest]) -> Vec<Digest> {
    keys.iter().rev().take(ANCHORS).copied().collect()
}

impl Counting<'_> {
    fn ignored(self) -> ListingError {
        let param = self.param.to_owned();
        match self.unit {
            Unit::Pages => ListingError::PageIgnored { param },
            Unit::Records => ListingError::OffsetIgnored { param },
        }
    }
}
