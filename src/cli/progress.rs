//! Progress of an interactive run: plain lines on stderr.

use std::{fmt::Write, sync::Arc, time::Duration};

use super::{
    print_progress,
    table::{counted, thousands},
};
use crate::{
    store::RowCounts,
    sync::{Ending, Event, JobSettings, Wait, Watcher, chain, seconds},
};

/// A shorter wait is not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// Prints a line for whatever happens in these jobs: the endpoint's name, and in one column what there is to say of it.
pub(super) fn watcher(jobs: &[JobSettings]) -> Watcher {
    let names = jobs.iter().flat_map(|job| &job.endpoints);
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    Arc::new(move |event| {
        if let Some(line) = line(event, width) {
            print_progress(&line);
        }
    })
}

fn line(event: &Event<'_>, width: usize) -> Option<String> {
    let (endpoint, text): (&str, String) = match event {
        Event::Resumed { endpoint, pages } => {
            let stored = if *pages == 1 { "is stored" } else { "are stored" };
            (endpoint, format!("goes on after {} that {stored} already", counted(*pages, "page")))
        }
        Event::StartsOver { endpoint, reason } => (endpoint, format!("starts over: {reason}")),
        Event::Scrubbed { endpoint, scrubbed } => {
            (endpoint, format!("removed from what is stored: {scrubbed}"))
        }
        Event::PageStored { endpoint, page, records, read: (read, total), rows } => {
            let read = match total {
                Some(total) => format!("{} of {}", thousands(*read), counted(*total, "record")),
                None => counted(*read, "record"),
            };
            (endpoint, format!("page {}: {read}{}", thousands(*page), counts(*records, *rows)))
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
        // The wait that follows says it, or the end that it leads to.
        Event::Refused { .. } => return None,
        Event::Finished(report) => (&report.endpoint, ending(&report.ending)),
    };
    Some(format!("{endpoint:<width$}  {text}"))
}

/// What became of a page's records, without what did not occur: `, 198 new, 2 changed`.
fn counts(records: usize, rows: RowCounts) -> String {
    let stored = rows.new + rows.changed + rows.unchanged;
    let rejected = (records as u64).saturating_sub(stored);
    let mut text = String::new();
    for (count, what) in [
        (rows.new, "new"),
        (rows.changed, "changed"),
        (rows.unchanged, "unchanged"),
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
