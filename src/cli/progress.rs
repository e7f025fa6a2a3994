//! Progress of an interactive run: bars on a terminal, plain lines elsewhere.

mod bars;
mod lines;

use std::sync::Arc;

use super::console;
use crate::sync::{Event, JobSettings, Watcher};

/// Tells how these jobs' endpoints get on.
pub(super) fn watcher(jobs: &[JobSettings]) -> Watcher {
    let lines = lines::Lines::new(jobs);
    if !console::shows_bars() {
        return Arc::new(move |event| {
            if let Some(line) = lines.line(event) {
                console::print(&line);
            }
        });
    }
    let bars = bars::Bars::new(jobs);
    Arc::new(move |event| {
        // What a bar shows is gone with its next change; what a person wants to read afterwards is a line of its own.
        if bars::is_worth_a_line(event)
            && let Some(line) = lines.line(event)
        {
            console::print(&line);
        }
        bars.show(event);
    })
}

/// Tells in lines what the endpoints of these jobs wait for, and nothing else.
pub(super) fn waits(jobs: &[JobSettings]) -> Watcher {
    let lines = lines::Lines::new(jobs);
    Arc::new(move |event| {
        if matches!(event, Event::Waiting { .. })
            && let Some(line) = lines.line(event)
        {
            console::print(&line);
        }
    })
}
