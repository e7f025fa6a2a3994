//! Plain lines: the endpoint's name, and in one column what there is to say of it.

use std::{fmt::Write, time::Duration};

use http::StatusCode;

use super::super::table::{counted, thousands};
use crate::{
    clock::format_utc,
    store::RowCounts,
    sync::{Ending, Event, JobSettings, Wait, seconds},
    telemetry::chain,
};

/// A shorter wait is not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// Puts the lines of some jobs.
pub(super) struct Lines {
    /// How wide the column of the names is.
    width: usize,
}

/// How wide a column of these jobs' endpoints is.
pub(super) fn width(jobs: &[JobSettings]) -> usize {
    let names = jobs.iter().flat_map(|job| &job.endpoints);
    names.map(|name| name.chars().count()).max().unwrap_or(0)
}

/// Whether a refusal is none that the rate limit explains: a quota that is spent, a service that is down for a while. Told
/// once, not each time in a row.
pub(super) fn is_unusual_refusal(event: &Event<'_>) -> bool {
    matches!(event, Event::Refused { problem, refusals: 1, .. }
        if problem.status != StatusCode::TOO_MANY_REQUESTS)
}

impl Lines {
    pub(super) fn new(jobs: &[JobSettings]) -> Self {
        Self { width: width(jobs) }
    }

    /// The line for an event; `None` where it is not worth one.
    pub(super) fn line(&self, event: &Event<'_>) -> Option<String> {
        line(event, self.width)
    }
}

fn line(event: &Event<'_>, width: usize) -> Option<String> {
    let (endpoint, text): (&str, String) = match event {
        Event::Queued { endpoint, ahead } => {
            (endpoint, format!("waits for job {ahead}, which is at work on it"))
        }
        Event::Resumed { endpoint, pages } => {
            let stored = if *pages == 1 { "is stored" } else { "are stored" };
            (endpoint, format!("goes on after {} that {stored} already", counted(*pages, "page")))
        }
        Event::StartsOver { endpoint, reason } => (endpoint, format!("starts over: {reason}")),
        Event::AsksForChanges { endpoint, since } => {
            (endpoint, format!("asks for what has changed since {}", format_utc(*since)))
        }
        Event::AsksForEverything { endpoint, reason } => {
            (endpoint, format!("asks for everything: {reason}"))
        }
        Event::Scrubbed { endpoint, scrubbed } => {
            (endpoint, format!("removed from what is stored: {scrubbed}"))
        }
        Event::Narrowed { endpoint, problem, refused, width } => {
            (endpoint, format!("the API refuses {refused} at once ({problem}): asks for {width}"))
        }
        Event::AsksOnceMore { endpoint, rows, .. } => {
            let (rows, were) = (counted(*rows, "row"), if *rows == 1 { "was" } else { "were" });
            (endpoint, format!("{rows} {were} not returned: asks once more, to make sure"))
        }
        Event::ReadsAgain { endpoint, slice } => {
            let listing = slice.map_or_else(
                || "the listing".to_owned(),
                |(slice, slices)| format!("slice {slice} of {slices}"),
            );
            (endpoint, format!("{listing} moved while it was read: reads it once more"))
        }
        Event::PageStored { endpoint, slice, page, records, read: (read, total), rows } => {
            let read = match total {
                Some(total) => format!("{} of {}", thousands(*read), counted(*total, "record")),
                None => counted(*read, "record"),
            };
            let slice = slice.map_or(String::new(), |(slice, of)| {
                format!("slice {} of {}, ", thousands(slice), thousands(of))
            });
            let page = thousands(*page);
            (endpoint, format!("{slice}page {page}: {read}{}", counts(*records, *rows)))
        }
        Event::Waiting { endpoint, length, reason: Wait::Limit } => {
            let line = || format!("waiting {} for the rate limit of {endpoint}", seconds(*length));
            return (*length >= WORTH_A_LINE).then(line);
        }
        Event::Waiting { endpoint, length, reason: Wait::Pause } => {
            let wait = seconds(*length);
            return Some(format!("waiting {wait} for {endpoint}: the API has asked for a pause"));
        }
        Event::Waiting { endpoint, length, reason: Wait::Retry(error) } => {
            (endpoint, format!("{}; trying again in {}", chain(*error), seconds(*length)))
        }
        Event::Refused { endpoint, problem, .. } if is_unusual_refusal(event) => {
            (endpoint, problem.to_string())
        }
        // The wait that follows says it, or the end that it leads to.
        Event::Refused { .. } | Event::Waited { .. } | Event::Asked { .. } => return None,
        Event::Finished(report) => (&report.endpoint, ending(&report.ending)),
    };
    Some(format!("{endpoint:<width$}  {text}"))
}

/// What became of a page's records, without what did not occur: `, 198 new, 2 changed`.
fn counts(records: usize, rows: RowCounts) -> String {
    let stored = rows.new + rows.changed + rows.unchanged + rows.again;
    let rejected = (records as u64).saturating_sub(stored);
    let mut text = String::new();
    for (count, what) in [
        (rows.new, "new"),
        (rows.changed, "changed"),
        (rows.unchanged, "unchanged"),
        (rows.again, "again"),
        (rejected, "rejected"),
    ] {
        if count > 0 {
            write!(text, ", {} {what}", thousands(count))
                .expect("a String takes whatever is written to it");
        }
    }
    text
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Ok => "done".to_owned(),
        Ending::Paused(pause) => format!("paused: {pause}"),
        Ending::Failed(error) => format!("failed: {}", chain(error)),
    }
}
