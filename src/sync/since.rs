//! Changes only: whether they are enough, and since when they are to be asked for: pure.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::{DateFormat, Width, plan};
use crate::{clock::Now, store::Coverage};
use plan::Span;

/// How an endpoint is asked for what has changed since some moment.
#[derive(Clone, Debug)]
pub struct SinceSettings {
    /// The query parameter with the moment.
    pub param: String,
    /// How the moment, which is in UTC, is written.
    pub format: DateFormat,
    /// How much earlier it is than the last sweep: what clocks may differ by, and what the API may be late by.
    pub lookback: TimeDelta,
    /// How often everything is asked for.
    pub full_every: TimeDelta,
}

impl SinceSettings {
    /// The parameter that asks for changes.
    pub(super) fn param(&self, since: DateTime<Utc>) -> (String, String) {
        let utc = chrono_tz::Tz::UTC;
        (self.param.clone(), self.format.write(since.naive_utc(), TimeDelta::zero(), utc))
    }
}

/// What need not be asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// What has changed since then is not known.
    pub(super) since: DateTime<Utc>,
    /// The dates that are known; `None`: there is no window.
    pub(super) dates: Option<Span>,
}

/// Why everything is asked for, where changes might do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Everything {
    /// Nothing is known yet.
    First,
    /// It is known by other settings.
    Changed(Vec<String>),
    /// The last time is so long ago.
    Due(TimeDelta),
    /// The clock has been set back since then, or had been ahead: it does not tell what has changed since.
    Clock,
    /// Rows wait to be marked as deleted: only what is not among everything is missing.
    DeletionsWait,
}

impl fmt::Display for Everything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("nothing is known yet"),
            Self::Changed(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                write!(f, "{} changed", names.join(", "))
            }
            Self::Due(age) => {
                let hours = TimeDelta::hours(age.num_hours());
                let age = if hours.is_zero() { *age } else { hours };
                write!(f, "the last time is {} ago", Width(age))
            }
            Self::Clock => f.write_str("the clock has been changed since the last run"),
            Self::DeletionsWait => f.write_str("deletions wait for an answer"),
        }
    }
}

/// What is known, if changes since then are enough; otherwise why they are not. `fingerprint` is that of the sweep to be
/// planned.
pub(super) fn known(
    settings: &SinceSettings,
    fingerprint: &str,
    coverage: Option<&Coverage>,
    now: Now,
) -> Result<Known, Everything> {
    let coverage = coverage.ok_or(Everything::First)?;
    let changed = plan::differences_of_dates(&coverage.fingerprint, fingerprint);
    if !changed.is_empty() {
        return Err(Everything::Changed(changed));
    }
    if was_ahead(settings, coverage, now) {
        return Err(Everything::Clock);
    }
    let age = now.wall - coverage.full_at;
    if age >= settings.full_every {
        return Err(Everything::Due(age));
    }
    if coverage.deletions_wait {
        return Err(Everything::DeletionsWait);
    }
    let since = coverage.known_at.checked_sub_signed(settings.lookback);
    Ok(Known { since: since.ok_or(Everything::Clock)?, dates: Span::of(&coverage.dates) })
}

/// Whether the clock was ahead of what it shows now when the last sweep was planned: then changes of before that moment may
/// not have been asked for, nor would they be now. It was, if that moment is yet to come, or if in the same boot less time
/// has passed by the wall clock than by the boot's own; half the lookback is left for what the API is late by.
fn was_ahead(settings: &SinceSettings, coverage: &Coverage, now: Now) -> bool {
    if coverage.known_at > now.wall || coverage.full_at > now.wall {
        return true;
    }
    let Some(boot) = coverage.known_at_boot else { return false };
    let passed = TimeDelta::nanoseconds(now.boot.as_nanos().saturating_sub(boot.as_nanos()));
    passed - (now.wall - coverage.known_at) > settings.lookback / 2
}

#[cfg(test)]
mod tests;
