//! Ranges of local date-times, and how they are cut: a day is one day, whatever the clocks do in it.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use crate::store::Bounds;

/// How a bound is stored: sorted as text it is sorted in time.
const STORED: &str = "%Y-%m-%dT%H:%M:%S%.f";

/// From `lower` on, until just before `upper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) struct Span {
    pub(in crate::sync) lower: NaiveDateTime,
    pub(in crate::sync) upper: NaiveDateTime,
}

impl Span {
    /// What a stored slice asks for; `None` where it has no bounds, or some that cannot be read.
    pub(in crate::sync) fn of(bounds: &Bounds) -> Option<Self> {
        let lower = bounds.lower.as_deref()?.parse().ok()?;
        let upper = bounds.upper.as_deref()?.parse().ok()?;
        Some(Self { lower, upper })
    }

    /// As it is stored, with the moment since when changes are asked for.
    pub(super) fn bounds(self, since: Option<DateTime<Utc>>) -> Bounds {
        let stored = |at: NaiveDateTime| Some(at.format(STORED).to_string());
        Bounds { lower: stored(self.lower), upper: stored(self.upper), since }
    }

    pub(super) fn width(self) -> TimeDelta {
        self.upper - self.lower
    }

    /// Cuts it from its beginning on: no piece is wider, none is empty, and together they are the whole.
    pub(super) fn cut(self, width: TimeDelta) -> impl Iterator<Item = Self> {
        let mut next = self.lower;
        std::iter::from_fn(move || {
            let lower = next;
            next = lower.checked_add_signed(width).map_or(self.upper, |end| end.min(self.upper));
            (lower < next).then_some(Self { lower, upper: next })
        })
    }

    /// Half its width, rounded up to whole units; `None` where it is no wider than one.
    pub(super) fn halved(self, unit: TimeDelta) -> Option<TimeDelta> {
        if self.width() <= unit {
            return None;
        }
        let unit = unit.num_milliseconds().max(1);
        let units = (self.width().num_milliseconds() + 2 * unit - 1) / (2 * unit);
        Some(TimeDelta::milliseconds(units * unit))
    }

    /// Cuts it at the ends of another one: what lies before that, within it, and after it.
    pub(super) fn around(self, other: Self) -> [Self; 3] {
        [
            Self { upper: self.upper.min(other.lower), ..self },
            Self { lower: self.lower.max(other.lower), upper: self.upper.min(other.upper) },
            Self { lower: self.lower.max(other.upper), ..self },
        ]
    }
}
