//! What a window has asked for, and which dates of it are judged.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::{store::ReadSlice, sync::plan::Span};

/// Date-times as they may be written; those with an offset, then those without.
const WITH_OFFSET: [&str; 4] = [
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M%#z",
];
const LOCAL: [&str; 4] =
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];

/// On either side of what was asked for, date-times of so much are not judged: which zone the API counts its days in, and
/// whether by a record's beginning or its end, is not known.
const OUTERMOST: TimeDelta = TimeDelta::days(1);

/// The slices of a window that were read whole, and what is known of the dates that came.
#[derive(Clone, Debug)]
pub(in crate::sync) struct Asked {
    /// By number.
    slices: Vec<(i64, Span)>,
    whole: Span,
    zone: Tz,
    today: NaiveDateTime,
    /// The earliest moment that was returned.
    earliest: Option<NaiveDateTime>,
}

/// What a value says: a local moment, or a whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    at: NaiveDateTime,
    is_day: bool,
}

impl Asked {
    /// Those of a sweep; `None` where there are none, or their bounds cannot be read.
    pub(in crate::sync) fn new(
        slices: &[ReadSlice],
        zone: Tz,
        wall: DateTime<Utc>,
    ) -> Option<Self> {
        let slices: Vec<(i64, Span)> = slices
            .iter()
            .map(|slice| Some((slice.number, Span::of(&slice.bounds)?)))
            .collect::<Option<_>>()?;
        let lower = slices.iter().map(|(_, span)| span.lower).min()?;
        let upper = slices.iter().map(|(_, span)| span.upper).max()?;
        let today = wall.with_timezone(&zone).date_naive().and_time(NaiveTime::MIN);
        Some(Self { slices, whole: Span { lower, upper }, zone, today, earliest: None })
    }

    /// The dates that a value to be judged can begin with: the first one, and the one after the last. An offset may move
    /// it by a day.
    pub(in crate::sync) fn dates(&self) -> (String, String) {
        let first = self.whole.lower.date().checked_sub_days(Days::new(1));
        let end = self.whole.upper.date().checked_add_days(Days::new(2));
        let written = |date: Option<NaiveDate>, other: NaiveDate| date.unwrap_or(other).to_string();
        (written(first, NaiveDate::MIN), written(end, NaiveDate::MAX))
    }

    /// Takes note of a value that was returned.
    pub(in crate::sync) fn returned(&mut self, value: &str) {
        if let Some(Moment { at, .. }) = read(value, self.zone) {
            self.earliest = Some(self.earliest.map_or(at, |earliest| earliest.min(at)));
        }
    }

    /// The slice that a row of this value was to be returned with; `None` where it cannot be told, or lies elsewhere.
    pub(in crate::sync) fn slice_of(&self, value: &str) -> Option<i64> {
        self.slice_at(read(value, self.zone)?)
    }

    /// The same, but for what the API may have dropped as too old: what lies before today and before all that was returned.
    pub(in crate::sync) fn judged_slice_of(&self, value: &str) -> Option<i64> {
        let moment = read(value, self.zone)?;
        let is_too_old =
            moment.at < self.today && self.earliest.is_none_or(|earliest| moment.at < earliest);
        if is_too_old { None } else { self.slice_at(moment) }
    }

    fn slice_at(&self, Moment { at, is_day }: Moment) -> Option<i64> {
        let Span { lower, upper } = self.whole;
        if !is_day && (at < lower + OUTERMOST || at >= upper - OUTERMOST) {
            return None;
        }
        let holds = |span: &Span| span.lower <= at && at < span.upper;
        self.slices.iter().find(|(_, span)| holds(span)).map(|(number, _)| *number)
    }
}

/// Reads a date, or a date-time: a local one as it is, one with an offset in the job's time zone.
fn read(value: &str, zone: Tz) -> Option<Moment> {
    if let Ok(day) = NaiveDate::parse_from_str(value, "%Y-%m-%d") {
        return Some(Moment { at: day.and_time(NaiveTime::MIN), is_day: true });
    }
    let value = &value.replace('t', "T").replace(['z', 'Z'], "+00:00");
    let with_offset = WITH_OFFSET
        .iter()
        .find_map(|format| DateTime::parse_from_str(value, format).ok())
        .map(|at| at.with_timezone(&zone).naive_local());
    let local =
        || LOCAL.iter().find_map(|format| NaiveDateTime::parse_from_str(value, format).ok());
    with_offset.or_else(local).map(|at| Moment { at, is_day: false })
}

#[cfg(test)]
mod tests;
