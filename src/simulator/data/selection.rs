//! The records that a listing consists of, and which of them stands where.

use super::{Data, Endpoint, Moment};
use crate::simulator::json::Writer;

/// So many neighbouring indices are counted together: what a page costs to find, against what a selection takes.
const BLOCK: u64 = 256;

/// What is asked for of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Filter {
    /// Records that happen at this moment or later.
    pub(crate) from: Option<Moment>,
    /// Records that happen at this moment or before.
    pub(crate) to: Option<Moment>,
    /// Records that were made or changed after this moment.
    pub(crate) updated_after: Option<Moment>,
}

/// The records of one endpoint at one moment that pass a filter: how many there are among each [`BLOCK`] indices, which
/// is all that it takes to find one by its rank.
#[derive(Debug)]
pub(crate) struct Selection {
    endpoint: Endpoint,
    filter: Filter,
    now: Moment,
    start: u64,
    end: u64,
    /// How many records stand before each block, and after the last one: the total.
    before: Vec<u64>,
}

impl Selection {
    /// Selects, which looks at every record that may pass the filter, unless all do.
    pub(crate) fn new(data: &Data, endpoint: Endpoint, filter: Filter, now: Moment) -> Self {
        let span = (filter.from.unwrap_or(Moment(0)), filter.to.unwrap_or(Moment(u64::MAX)));
        let candidates = data.candidates(endpoint, now, span);
        let mut selection = Self {
            endpoint,
            filter,
            now,
            start: candidates.start,
            end: candidates.end,
            before: Vec::new(),
        };
        let is_all = filter == Filter::default() && data.are_all_there(endpoint, now);
        let mut before = vec![0];
        let mut total = 0;
        let mut first = candidates.start;
        while first < candidates.end {
            let next = first.saturating_add(BLOCK).min(candidates.end);
            total += if is_all {
                next - first
            } else {
                (first..next).filter(|index| selection.has(data, *index)).count() as u64
            };
            before.push(total);
            first = next;
        }
        selection.before = before;
        selection
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, endpoint: Endpoint, filter: Filter, now: Moment) -> bool {
        (self.endpoint, self.filter, self.now) == (endpoint, filter, now)
    }

    /// How many records there are.
    pub(crate) fn total(&self) -> u64 {
        self.before.last().copied().unwrap_or(0)
    }

    /// The index of the record that stands at `rank`; the end, if there is none.
    pub(crate) fn index_of(&self, data: &Data, rank: u64) -> u64 {
        if rank >= self.total() {
            return self.end;
        }
        let block = self.before.partition_point(|before| *before <= rank).saturating_sub(1);
        let first = self.start + block as u64 * BLOCK;
        let within = usize::try_from(rank - self.before[block]).unwrap_or(usize::MAX);
        (first..self.end).filter(|index| self.has(data, *index)).nth(within).unwrap_or(self.end)
    }

    /// Writes up to `count` records from an index on, and tells the index of the next, if there is one.
    pub(crate) fn write(
        &self,
        data: &Data,
        from: u64,
        count: u64,
        out: &mut Writer,
    ) -> Option<u64> {
        let mut written = 0;
        for index in from.max(self.start)..self.end {
            if let Some(record) = data.record(self.endpoint, index, self.now)
                && self.filter.passes(record.happens(), record.touched())
            {
                if written == count {
                    return Some(index);
                }
                record.write(out);
                written += 1;
            }
        }
        None
    }

    fn has(&self, data: &Data, index: u64) -> bool {
        data.record(self.endpoint, index, self.now)
            .is_some_and(|record| self.filter.passes(record.happens(), record.touched()))
    }
}

impl Filter {
    /// Whether a record passes that happens then, if ever, and was last changed then.
    pub(crate) fn passes(&self, happens: Option<Moment>, touched: Moment) -> bool {
        let is_within = happens.is_none_or(|moment| {
            self.from.is_none_or(|from| from <= moment) && self.to.is_none_or(|to| moment <= to)
        });
        is_within && self.updated_after.is_none_or(|after| touched > after)
    }
}
