//! Progress of an interactive run: plain lines on stderr.

use std::{sync::Arc, time::Duration};

use super::print_progress;
use crate::sync::{Ending, Event, Wait, Watcher, chain, seconds};

/// A shorter wait is not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// Prints a line for whatever happens.
pub(super) fn watcher() -> Watcher {
    Arc::new(|event| {
        if !matches!(event, Event::Waiting { length, reason: Wait::Limit, .. } if *length < WORTH_A_LINE)
        {
            print_progress(&line(event));
        }
    })
}

fn line(event: &Event<'_>) -> String {
    match event {
        Event::Resumed { endpoint, pages } => {
            format!("{endpoint}: goes on after {pages} pages that are stored already")
        }
        Event::StartsOver { endpoint, reason } => format!("{endpoint}: starts over: {reason}"),
        Event::PageStored { endpoint, page, read: (read, total), rows, .. } => {
            let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
            format!(
                "{endpoint}: page {page}, {read}{of} records ({} new, {} changed, {} unchanged)",
                rows.new, rows.changed, rows.unchanged
            )
        }
        Event::Waiting { endpoint, length, reason: Wait::Limit } => {
            format!("waiting {} for the rate limit of {endpoint}", seconds(*length))
        }
        Event::Waiting { endpoint, length, reason: Wait::Pause } => {
            format!("waiting {} for {endpoint}: the API has asked for a pause", seconds(*length))
        }
        Event::Waiting { endpoint, length, reason: Wait::Retry(error) } => {
            format!("{endpoint}: {}; trying again in {}", chain(*error), seconds(*length))
        }
        Event::Finished(report) => match &report.ending {
            Ending::Ok => format!("{}: done", report.endpoint),
            Ending::Paused(pause) => format!("{}: paused: {pause}", report.endpoint),
            Ending::Failed(error) => format!("{}: failed: {}", report.endpoint, chain(error)),
        },
    }
}
