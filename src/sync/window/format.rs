//! How the bounds of a range are written.

use std::{
    collections::BTreeSet,
    fmt::{Display, Write},
    iter,
};

use chrono::{
    DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc,
    format::{Fixed, Item, Parsed, StrftimeItems, parse},
};
use chrono_tz::Tz;

/// A chrono format that tells a full date, and perhaps a time and an offset.
///
/// Where it tells an offset (`%:z`), or ends with the `Z` of ISO 8601, it tells instants: the local bounds are converted,
/// those with a `Z` to UTC. Otherwise the local date and time are written as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateFormat {
    text: String,
    unit: TimeDelta,
    tells: Tells,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// The local date and time, without an offset.
    Local,
    /// The local date and time with their offset.
    Offset,
    /// The date and time in UTC.
    Utc,
}

/// Why a format is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A specifier that chrono does not know.
    #[error("holds a specifier that is not known")]
    Unknown,
    /// Year, month and day cannot be read from what it writes.
    #[error("does not tell a full date")]
    NoDate,
    /// It tells minutes without hours, or seconds without minutes.
    #[error("tells a part of the time, but not what it is a part of")]
    PartOfTime,
    /// A literal such as `T00:00`.
    #[error("holds digits that stand for themselves")]
    Digits,
    /// `%Z`, which many zones share.
    #[error("tells the time zone by its abbreviation, which is not unique")]
    ZoneName,
    /// An offset without the minutes that it moves.
    #[error("tells an offset or `Z`, but not the hours and minutes that it is about")]
    OffsetOfDate,
}

impl FormatError {
    /// What to write instead.
    pub fn mend(self) -> &'static str {
        match self {
            Self::Unknown => {
                "such as \"%Y-%m-%d\" or \"%Y-%m-%dT%H:%M:%S\"; a percent sign itself is %%"
            }
            Self::NoDate => "it must tell year, month and day, such as \"%Y-%m-%d\"",
            Self::PartOfTime => "tell the time from the hour down, such as \"%Y-%m-%dT%H:%M\"",
            Self::Digits => {
                "tell the time by its specifiers, such as \"%Y-%m-%dT%H:%M:%S\": the end of a range is not at 00:00 \
                 where it is inclusive"
            }
            Self::ZoneName => "write the offset by %:z, or Z for UTC",
            Self::OffsetOfDate => "leave the offset out, or add the time: \"%Y-%m-%dT%H:%M:%S%:z\"",
        }
    }
}

impl DateFormat {
    /// Reads a format, and finds out what it tells by trying it.
    ///
    /// # Errors
    /// Where bounds written in it would not be what was meant.
    pub fn new(text: &str) -> Result<Self, FormatError> {
        let items: Vec<Item<'_>> = StrftimeItems::new(text).collect();
        for item in &items {
            match item {
                Item::Error => return Err(FormatError::Unknown),
                Item::Fixed(Fixed::TimezoneName) => return Err(FormatError::ZoneName),
                Item::Literal(literal) if literal.contains(|c: char| c.is_ascii_digit()) => {
                    return Err(FormatError::Digits);
                }
                _ => {}
            }
        }
        let ends_with_z =
            matches!(items.last(), Some(Item::Literal(end)) if end.ends_with(['Z', 'z']));
        if !tells_the_date(&items) {
            return Err(FormatError::NoDate);
        }
        let unit = unit(&items)?;
        let tells = match (ends_with_z, tells_the_offset(&items)) {
            (true, _) => Tells::Utc,
            (false, true) => Tells::Offset,
            (false, false) => Tells::Local,
        };
        if tells != Tells::Local && unit > TimeDelta::minutes(1) {
            return Err(FormatError::OffsetOfDate);
        }
        Ok(Self { text: text.to_owned(), unit, tells })
    }

    /// The format itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The least that it tells apart: a day, an hour, a minute, a second, or less.
    pub fn unit(&self) -> TimeDelta {
        self.unit
    }

    /// Writes the moment `before` a local date and time.
    pub(in crate::sync) fn write(&self, at: NaiveDateTime, before: TimeDelta, zone: Tz) -> String {
        let items: Vec<Item<'_>> = StrftimeItems::new(&self.text).collect();
        let written = match self.tells {
            Tells::Local => written(&items, &(at - before).and_utc()),
            Tells::Offset => written(&items, &(instant(at, zone) - before).with_timezone(&zone)),
            Tells::Utc => written(&items, &(instant(at, zone) - before)),
        };
        written.expect("the format was tried when it was made")
    }

    /// Whether nothing lies between two local date-times: both in the same gap of a change of the clocks.
    pub(in crate::sync) fn is_nothing(
        &self,
        lower: NaiveDateTime,
        upper: NaiveDateTime,
        zone: Tz,
    ) -> bool {
        self.tells != Tells::Local && instant(lower, zone) >= instant(upper, zone)
    }
}

/// The instant of a local date and time: the first one where the clocks show it twice, the end of the gap where they do not
/// show it. So what is later locally is never earlier.
fn instant(at: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    // The longest gap ever was a whole day (Apia, 2011-12-30).
    const LONGEST_GAP: i64 = 25 * 60;
    (0..=LONGEST_GAP)
        .find_map(|minutes| {
            zone.from_local_datetime(&(at + TimeDelta::minutes(minutes))).earliest()
        })
        .map_or_else(|| at.and_utc(), |found| found.to_utc())
}

fn written<Z: TimeZone>(items: &[Item<'_>], moment: &DateTime<Z>) -> Option<String>
where
    Z::Offset: Display,
{
    let mut text = String::new();
    write!(text, "{}", moment.format_with_items(items.iter())).ok()?;
    Some(text)
}

/// What is written of a moment in UTC; nothing where it cannot be.
fn tried(items: &[Item<'_>], at: NaiveDateTime) -> String {
    written(items, &at.and_utc()).unwrap_or_default()
}

/// Whether the date can be read from what is written of it.
fn tells_the_date(items: &[Item<'_>]) -> bool {
    [(1999, 12, 31), (2026, 3, 9)].into_iter().all(|(year, month, day)| {
        let Some(date) = NaiveDate::from_ymd_opt(year, month, day) else { return false };
        let mut parsed = Parsed::new();
        parse(&mut parsed, &tried(items, date.into()), items.iter()).is_ok()
            && parsed.to_naive_date() == Ok(date)
    })
}

/// The least that is told apart.
fn unit(items: &[Item<'_>]) -> Result<TimeDelta, FormatError> {
    let levels = [
        (TimeDelta::hours(1), 24),
        (TimeDelta::minutes(1), 60),
        (TimeDelta::seconds(1), 60),
        (TimeDelta::milliseconds(1), 2),
        (TimeDelta::microseconds(1), 2),
        (TimeDelta::nanoseconds(1), 2),
    ];
    let mut unit = TimeDelta::days(1);
    let mut complete = true;
    for (step, steps) in levels {
        let moments = iter::successors(Some(NaiveDateTime::default()), |at| Some(*at + step));
        let texts: BTreeSet<String> = moments.take(steps).map(|at| tried(items, at)).collect();
        let told = texts.len() == steps;
        if (told && !complete) || (!told && texts.len() > 1) {
            return Err(FormatError::PartOfTime);
        }
        complete = told;
        if told {
            unit = step;
        }
    }
    Ok(unit)
}

/// Whether the same local time is written in another way with another offset.
fn tells_the_offset(items: &[Item<'_>]) -> bool {
    let local = NaiveDateTime::default();
    let with = |seconds| {
        let moment = FixedOffset::east_opt(seconds)?.from_local_datetime(&local).single()?;
        written(items, &moment)
    };
    with(0) != with(7200)
}

#[cfg(test)]
mod tests;
