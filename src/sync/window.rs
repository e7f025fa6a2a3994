//! Windows: the range of dates that an endpoint is asked for, relative to today, and how its bounds are written.

mod format;

use std::fmt;

use chrono::TimeDelta;

pub use self::format::{DateFormat, FormatError};
use crate::rows::FieldPath;

/// The range of dates that an endpoint is asked for: from the beginning of today less [`back`](Self::back) to the end of
/// today plus [`ahead`](Self::ahead). All lengths are of the local calendar: a day that the clocks change in is one day.
#[derive(Clone, Debug)]
pub struct WindowSettings {
    /// The query parameter of the lower bound.
    pub from_param: String,
    /// The query parameter of the upper bound.
    pub to_param: String,
    /// The record's field that the window is about.
    pub field: Option<FieldPath>,
    /// How far it reaches back from the beginning of today.
    pub back: TimeDelta,
    /// How far it reaches ahead from the end of today.
    pub ahead: TimeDelta,
    /// The most that is asked for at once; `None`: the whole window.
    pub slice: Option<TimeDelta>,
    /// How the bounds are written.
    pub format: DateFormat,
    /// What the API means by its upper bound.
    pub end: WindowEnd,
}

impl WindowSettings {
    /// The narrowest range that is worth a request of its own: a day, or an hour where the bounds tell the time.
    pub fn narrowest(&self) -> TimeDelta {
        self.format.unit().min(TimeDelta::days(1)).max(TimeDelta::hours(1))
    }
}

/// What an API means by the upper bound of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowEnd {
    /// It belongs to the range: the last day, minute or second that is asked for.
    Inclusive,
    /// It is the first moment after the range.
    Exclusive,
}

/// A range's length for a person: `7 days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Width(pub TimeDelta);

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.num_seconds();
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        let (length, unit) =
            units.into_iter().find(|(length, _)| seconds % length == 0).unwrap_or((1, "second"));
        let count = seconds / length;
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_is_told_in_its_largest_whole_unit() {
        for (seconds, text) in [
            (86_400, "1 day"),
            (604_800, "7 days"),
            (129_600, "36 hours"),
            (3_600, "1 hour"),
            (5_400, "90 minutes"),
            (3_601, "3601 seconds"),
        ] {
            assert_eq!(Width(TimeDelta::seconds(seconds)).to_string(), text);
        }
    }
}
