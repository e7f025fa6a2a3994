//! Listings whose requests count: the pages, or the records so far.

use serde::{Deserialize, Serialize};

use super::{
    ListingError, Seen, Tally,
    trail::{Met, Trail},
};

/// How such a listing is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counting<'s> {
    pub(super) unit: Unit,
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
}

impl Counted {
    /// Before the first page, whose count is `at`.
    pub(super) fn start(at: u64) -> Self {
        let seen = Tally::default();
        Self { at, longest: 0, first_was_short: false, uneven: false, trail: None, seen }
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

    /// What the listing has come to with a page, and where it goes on; `None`: that was the end.
    pub(super) fn advance(
        &self,
        counting: Counting<'_>,
        seen: &Seen<'_>,
    ) -> Result<(Tally, Option<Self>), ListingError> {
        // The page after the end may state a total too, but none of its records are new.
        let past_the_end = (self.seen.restated(seen), None);
        if seen.records == 0 {
            return Ok(past_the_end);
        }
        match self.trail.as_ref().and_then(|trail| trail.meets(seen.digest)) {
            None => {}
            // The last page sent again is the end, once it cannot be that the API ignores the parameter.
            Some(Met::Last { only: true }) if !self.first_was_short => {
                return Err(counting.ignored());
            }
            Some(Met::Last { .. }) => return Ok(past_the_end),
            Some(Met::Earlier) => return Err(ListingError::PagesRepeat),
        }
        let now = self.seen.with(seen);
        let uneven = self.uneven || (!self.is_start() && seen.records > self.longest);
        // Uneven pages are those of a server that filters what it has cut. If its offsets count what it has filtered out,
        // pages overlap, and records that come twice do not make up the total.
        let counts = counting.unit == Unit::Pages || !uneven;
        let reached = counts && now.total.is_some_and(|total| now.records >= total);
        // A first page shorter than asked proves nothing, servers cap sizes silently. Nor does a short page where the
        // total stated says that there is more: a server may filter after it has cut the pages.
        let ran_short = now.total.is_none() && !self.is_start() && seen.records < self.longest;
        if reached || ran_short {
            return Ok((now, None));
        }
        let short_now =
            self.is_start() && counting.size.is_some_and(|(_, size)| seen.records < *size);
        // Not by the size asked for: a server that caps sizes would have its records passed over.
        let step = match counting.unit {
            Unit::Pages => 1,
            Unit::Records => seen.records,
        };
        let next = Self {
            at: self.at.saturating_add(step),
            longest: seen.records.max(self.longest),
            first_was_short: self.first_was_short || short_now,
            uneven: uneven || (!self.is_start() && seen.records != self.longest),
            trail: Some(Trail::follow(self.trail.as_ref(), seen.digest)),
            seen: now,
        };
        Ok((now, Some(next)))
    }
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
