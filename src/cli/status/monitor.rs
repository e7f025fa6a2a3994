//! `status --monitor`: one line and an exit status, as Nagios, Icinga and the like want them of a plugin.

use std::{fmt::Write, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::{EndpointStatus, Freshness, Status};

/// What a plugin's exit status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Ok = 0,
    Unknown = 3,
    Warning = 1,
    Critical = 2,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unknown => "UNKNOWN",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }

    /// Orders levels by how bad they are: what is critical is told even where something else is unknown.
    fn badness(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unknown => 1,
            Self::Warning => 2,
            Self::Critical => 3,
        }
    }
}

/// From which age on data is told of, instead of what the configuration says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Thresholds {
    pub(super) warning: Option<Duration>,
    pub(super) critical: Option<Duration>,
}

/// The plugin's line of a status, and its level.
pub(super) fn told(status: &Status, thresholds: Thresholds) -> (Level, String) {
    let judged: Vec<(Level, &EndpointStatus)> = status
        .endpoints
        .iter()
        .map(|endpoint| (level(endpoint, thresholds, status.told_at), endpoint))
        .collect();
    let worst = judged.iter().map(|(level, _)| *level).max_by_key(|level| level.badness());
    let worst = worst.unwrap_or(Level::Unknown);
    let mut line = format!("MAPIQ-SYNC {} - ", worst.word());
    if worst == Level::Ok {
        let ages = judged.iter().filter_map(|(_, endpoint)| age(endpoint, status.told_at));
        let oldest = length(ages.max().unwrap_or_default());
        write!(line, "{} endpoints are fresh, the oldest data is of {oldest} ago", judged.len())
            .expect("a String takes whatever is written to it");
    } else {
        let mut troubles: Vec<(u8, String)> = judged
            .iter()
            .filter(|(level, _)| *level != Level::Ok)
            .map(|(level, endpoint)| (level.badness(), trouble(endpoint, status.told_at)))
            .collect();
        troubles.sort_by_key(|(badness, _)| u8::MAX - badness);
        let troubles: Vec<String> = troubles.into_iter().map(|(_, trouble)| trouble).collect();
        line.push_str(&troubles.join("; "));
    }
    line.push_str(" |");
    for (_, endpoint) in &judged {
        let Some(age) = age(endpoint, status.told_at) else { continue };
        let limit = |limit: Option<TimeDelta>| {
            limit.map_or_else(String::new, |limit| limit.num_seconds().to_string())
        };
        let (warning, critical) = limits(endpoint, thresholds);
        write!(
            line,
            " {}_age={}s;{};{};0",
            endpoint.known.endpoint,
            age.num_seconds(),
            limit(warning),
            limit(critical)
        )
        .expect("a String takes whatever is written to it");
    }
    (worst, line)
}

/// The line where nothing is known.
pub(super) fn unknown(reason: &str) -> String {
    format!("MAPIQ-SYNC UNKNOWN - {}", reason.replace(['\n', '|'], " "))
}

fn age(endpoint: &EndpointStatus, now: DateTime<Utc>) -> Option<TimeDelta> {
    Some((now - endpoint.known.as_of?).max(TimeDelta::zero()))
}

/// The ages from which on data is told of: by default that at which it is stale, and twice that.
fn limits(
    endpoint: &EndpointStatus,
    thresholds: Thresholds,
) -> (Option<TimeDelta>, Option<TimeDelta>) {
    let until = match endpoint.freshness {
        Freshness::Never => None,
        Freshness::Fresh(until) => until,
        Freshness::Stale(since) => Some(since),
    };
    let stale = until.zip(endpoint.known.as_of).map(|(until, as_of)| until - as_of);
    let own = |length: Duration| TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX);
    let warning = thresholds.warning.map(own).or(stale);
    let critical = thresholds.critical.map(own).or(warning.map(|warning| warning * 2));
    (warning, critical)
}

fn level(endpoint: &EndpointStatus, thresholds: Thresholds, now: DateTime<Utc>) -> Level {
    let Some(age) = age(endpoint, now) else {
        let failed = endpoint.known.last.as_ref().and_then(|last| last.run.result.as_deref());
        return if failed == Some("failed") { Level::Critical } else { Level::Unknown };
    };
    let (warning, critical) = limits(endpoint, thresholds);
    if critical.is_some_and(|critical| age >= critical) {
        Level::Critical
    } else if warning.is_some_and(|warning| age >= warning) {
        Level::Warning
    } else {
        Level::Ok
    }
}

/// What is wrong with an endpoint, with the reason of its last run.
fn trouble(endpoint: &EndpointStatus, now: DateTime<Utc>) -> String {
    let name = &endpoint.known.endpoint;
    let mut text = match age(endpoint, now) {
        None => format!("{name} was never read to its end"),
        Some(age) => format!("{name} is of {} ago", length(age)),
    };
    let message = endpoint.known.last.as_ref().and_then(|last| last.message.as_deref());
    if let Some(message) = message {
        text.push_str(" (");
        text.push_str(&message.replace(['\n', '|'], " "));
        text.push(')');
    }
    text
}

/// A length for a person: `41 s`, `12 min`, `3 h`, `5 d`.
pub(in crate::cli) fn length(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
