//! What a sweep asks for, decided before anything is asked: pure.

mod span;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

pub(super) use self::span::Span;
use super::{EndpointSettings, Width, WindowEnd, WindowSettings};
use crate::{
    api::pagination::Style,
    rows::{FieldPath, HashKey},
    store::{Bounds, Dates, LearntWidth, Slice},
    sync::since::Known,
};

/// What a plan depends on, beside the endpoint's settings and the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion {
    /// Where it is today.
    pub(super) zone: Tz,
    /// The dates that are asked for by hand, instead of the window.
    pub(super) backfill: Option<Dates>,
}

/// The slices of a sweep: without a window the whole endpoint is one snapshot. `learnt` is the widest that the API has
/// taken after it had refused more. What is known already is asked for its changes, and the dates beside it for everything.
pub(super) fn slices(
    endpoint: &EndpointSettings,
    occasion: Occasion,
    wall: DateTime<Utc>,
    learnt: Option<Width>,
    known: Option<&Known>,
) -> Vec<Bounds> {
    let since = known.map(|known| known.since);
    let Some(window) = &endpoint.window else {
        return vec![Bounds { since, ..Bounds::default() }];
    };
    let whole = range(window, occasion, wall);
    let parts = match known.and_then(|known| known.dates) {
        None => vec![(whole, None)],
        Some(dates) => {
            let [before, within, after] = whole.around(dates);
            vec![(before, None), (within, since), (after, None)]
        }
    };
    cut(window, occasion.zone, parts, width(window, learnt))
}

/// What a plan that ends at `end` leaves out of the window of now.
pub(super) fn beyond(
    window: &WindowSettings,
    occasion: Occasion,
    wall: DateTime<Utc>,
    end: &str,
    width: Option<Width>,
) -> Vec<Bounds> {
    let Span { lower, upper } = range(window, occasion, wall);
    let Ok(end) = end.parse() else { return Vec::new() };
    cut(window, occasion.zone, vec![(Span { lower: lower.max(end), upper }, None)], width)
}

/// The width that slices are cut to; `None`: as wide as what there is to ask.
pub(super) fn width(window: &WindowSettings, learnt: Option<Width>) -> Option<Width> {
    let learnt = learnt.map(|width| width.max(Width(window.narrowest())));
    [window.slice.map(Width), learnt].into_iter().flatten().min()
}

/// The unread rest of a plan, cut anew.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Narrower {
    /// How wide the slice was that the API refuses.
    pub(super) refused: Width,
    /// How wide they are now, at most.
    pub(super) width: Width,
    pub(super) slices: Vec<Bounds>,
}

/// Cuts the rest of a plan, whose first slice the API refuses, at half that slice's width; `None` where it cannot be
/// narrower.
pub(super) fn narrower(window: &WindowSettings, zone: Tz, rest: &[Slice]) -> Option<Narrower> {
    let spans =
        rest.iter().filter_map(|slice| Some((Span::of(&slice.bounds)?, slice.bounds.since)));
    let parts = joined(spans);
    let refused = Span::of(&rest.first()?.bounds)?;
    let width = Width(refused.halved(window.narrowest())?);
    let slices = cut(window, zone, parts, Some(width));
    Some(Narrower { refused: Width(refused.width()), width, slices })
}

/// Whether the window has moved on since a slice was planned, so that the slice begins before it.
pub(super) fn has_passed(
    window: &WindowSettings,
    occasion: Occasion,
    wall: DateTime<Utc>,
    slice: Span,
) -> bool {
    slice.lower < range(window, occasion, wall).lower
}

/// Which setting to look at where the API refuses even the narrowest slice.
pub(super) fn remedy(occasion: Occasion, wall: DateTime<Utc>, slice: Span) -> &'static str {
    let today = wall.with_timezone(&occasion.zone).date_naive();
    if occasion.backfill.is_some() {
        "does the API still have these dates, and does it take them in this form (`window.format`)?"
    } else if slice.lower.date() < today {
        "does `window.back` reach too far into the past?"
    } else if slice.lower.date() > today {
        "does `window.ahead` reach too far into the future?"
    } else {
        "check `window.format` and `window.end`"
    }
}

/// The query parameters that ask for a slice's dates.
pub(super) fn params(window: &WindowSettings, zone: Tz, slice: Span) -> Vec<(String, String)> {
    let before = match window.end {
        WindowEnd::Inclusive => window.format.unit(),
        WindowEnd::Exclusive => TimeDelta::zero(),
    };
    vec![
        (window.from_param.clone(), window.format.write(slice.lower, TimeDelta::zero(), zone)),
        (window.to_param.clone(), window.format.write(slice.upper, before, zone)),
    ]
}

/// The whole range that is asked for.
fn range(window: &WindowSettings, occasion: Occasion, wall: DateTime<Utc>) -> Span {
    let today = wall.with_timezone(&occasion.zone).date_naive();
    let (first, last) = occasion.backfill.map_or((today, today), |dates| (dates.from, dates.to));
    let (lower, upper) =
        (first.and_time(NaiveTime::MIN), last.and_time(NaiveTime::MIN) + TimeDelta::days(1));
    if occasion.backfill.is_some() {
        return Span { lower, upper };
    }
    Span { lower: lower - window.back, upper: upper + window.ahead }
}

/// A range, and the moment since when its changes are asked for.
type Part = (Span, Option<DateTime<Utc>>);

fn cut(window: &WindowSettings, zone: Tz, parts: Vec<Part>, width: Option<Width>) -> Vec<Bounds> {
    let pieces = parts.into_iter().flat_map(|(span, since)| {
        let Width(width) = width.unwrap_or(Width(span.width()));
        span.cut(width).map(move |piece| (piece, since))
    });
    pieces
        .filter(|(piece, _)| !window.format.is_nothing(piece.lower, piece.upper, zone))
        .map(|(piece, since)| piece.bounds(since))
        .collect()
}

/// Joins what follows each other without a gap, and is asked for alike.
fn joined(parts: impl IntoIterator<Item = Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::new();
    for (span, since) in parts {
        match joined.last_mut() {
            Some((last, of_last)) if last.upper == span.lower && *of_last == since => {
                last.upper = span.upper;
            }
            _ => joined.push((span, since)),
        }
    }
    joined
}

/// What was learnt of a window's width, if it still holds for what is asked now.
pub(super) fn still_learnt(fingerprint: &str, learnt: &LearntWidth) -> Option<Width> {
    // How far back or ahead is asked says nothing of how much may be asked at once.
    const DECISIVE: [&str; 3] = ["path", "params", "window"];
    let (now, then) = (settings(fingerprint), settings(&learnt.fingerprint));
    let holds =
        DECISIVE.iter().all(|name| now.contains_key(*name) && now.get(*name) == then.get(*name));
    holds.then_some(Width(learnt.width))
}

/// How far a window reaches: this says which dates are asked for, and nothing of what comes of each.
const BACK: &str = "window.back";
const AHEAD: &str = "window.ahead";

/// The names of the settings in which two fingerprints differ, but for how far a window reaches: of the same dates they
/// bring the same.
pub(super) fn differences_of_dates(before: &str, after: &str) -> Vec<String> {
    let mut names = differences(before, after);
    names.retain(|name| name != BACK && name != AHEAD);
    names
}

/// The settings that a sweep depends on, as JSON: with any other of these it starts over.
pub(super) fn fingerprint(endpoint: &EndpointSettings, occasion: Occasion) -> String {
    let paths = |paths: &[FieldPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    let transforms = &endpoint.transforms;
    let types: Vec<_> =
        transforms.types.iter().map(|(path, to)| format!("{path}={}", to.as_sql())).collect();
    let pagination = match &endpoint.pagination {
        Style::None => json!("none"),
        Style::Page { page_param, size, first } => {
            json!({ "page_param": page_param, "size": size, "first": first })
        }
        Style::Offset { offset_param, limit } => {
            json!({ "offset_param": offset_param, "limit": limit })
        }
        Style::Cursor { param, next } => json!({ "param": param, "next": next.to_string() }),
        Style::NextUrl { next } => json!({ "next": next.to_string() }),
        Style::Link => json!("link"),
    };
    let mut settings = json!({
        "path": endpoint.path,
        "params": endpoint.params,
        "key": paths(&transforms.key),
        "records": endpoint.records.as_ref().map(ToString::to_string),
        "pagination": pagination,
        "exclude": paths(&transforms.exclude),
        "hash": paths(&transforms.hash),
        // Not the key, but what tells it from others.
        "hash key": transforms.hash_key.as_ref().map(HashKey::check),
        "json": paths(&transforms.json),
        "types": types,
    });
    if let Some(window) = &endpoint.window {
        let slice = window.slice.map(|slice| slice.num_milliseconds());
        settings["window"] = json!({
            "from_param": window.from_param,
            "to_param": window.to_param,
            "slice_ms": slice,
            "format": window.format.as_str(),
            "inclusive": window.end == WindowEnd::Inclusive,
        });
        settings["timezone"] = json!(occasion.zone.name());
        if occasion.backfill.is_none() {
            settings[BACK] = json!(window.back.num_milliseconds());
            settings[AHEAD] = json!(window.ahead.num_milliseconds());
        }
    }
    if let (Some(since), None) = (&endpoint.since, occasion.backfill) {
        settings["since"] = json!({ "param": since.param, "format": since.format.as_str() });
    }
    settings.to_string()
}

/// The names of the settings in which two fingerprints differ.
pub(super) fn differences(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (settings(before), settings(after));
    let changed = after.iter().filter(|(name, value)| before.get(name.as_str()) != Some(value));
    let gone = before.iter().filter(|(name, _)| !after.contains_key(name.as_str()));
    changed.chain(gone).map(|(name, _)| name.clone()).collect()
}

fn settings(fingerprint: &str) -> serde_json::Map<String, Value> {
    match serde_json::from_str(fingerprint) {
        Ok(Value::Object(settings)) => settings,
        _ => serde_json::Map::new(),
    }
}

#[cfg(test)]
mod tests;
