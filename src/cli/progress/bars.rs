//! Bars on a terminal, one an endpoint: how far it is, and what it does or waits for.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use super::{
    super::{console, table::thousands},
    lines,
};
use crate::sync::{Event, JobSettings, Wait, seconds};

/// How often the time that is left of a wait is shown anew.
const TICK: Duration = Duration::from_millis(250);

/// Where it is stated how many records there are.
const OF_A_TOTAL: &str = "{prefix}  {bar:12}  {records:>7} of {total:7}  {doing}";

/// Where it is not.
const OF_UNKNOWN: &str = "{prefix}  {spinner:12}  {records:>7} {total:10}  {doing}";

/// A bar for each endpoint of some jobs, in their order.
pub(super) struct Bars(HashMap<String, Bar>);

struct Bar {
    bar: ProgressBar,
    doing: Arc<Mutex<Doing>>,
}

/// What an endpoint does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Doing {
    /// It asks for a page, or stores it.
    Page(u64),
    /// It waits for so long, from the bar's last reset on.
    Waits(Duration, &'static str),
    /// Nothing any more.
    Ended(&'static str),
}

/// Whether an event is to be read afterwards too.
pub(super) fn is_worth_a_line(event: &Event<'_>) -> bool {
    match event {
        Event::Queued { .. }
        | Event::Resumed { .. }
        | Event::StartsOver { .. }
        | Event::AsksForEverything { .. }
        | Event::Scrubbed { .. }
        | Event::Narrowed { .. }
        | Event::AsksOnceMore { .. }
        | Event::ReadsAgain { .. }
        | Event::Waiting { reason: Wait::Retry(_), .. } => true,
        Event::Refused { .. } => lines::is_unusual_refusal(event),
        Event::AsksForChanges { .. }
        | Event::PageStored { .. }
        | Event::Waiting { reason: Wait::Limit | Wait::Pause, .. }
        | Event::Waited { .. }
        | Event::Asked { .. }
        | Event::Finished(_) => false,
    }
}

impl Bars {
    pub(super) fn new(jobs: &[JobSettings]) -> Self {
        let (all, width) = (console::new_bars(), lines::width(jobs));
        let mut bars = HashMap::new();
        for name in jobs.iter().flat_map(|job| &job.endpoints) {
            bars.entry(name.clone()).or_insert_with(|| Bar::new(&all, name, width));
        }
        Self(bars)
    }

    pub(super) fn show(&self, event: &Event<'_>) {
        let Some(Bar { bar, doing }) = self.0.get(event.endpoint()) else { return };
        let does = |now: Doing| {
            *doing.lock().unwrap_or_else(PoisonError::into_inner) = now;
            bar.reset_elapsed();
        };
        match event {
            Event::PageStored { page, read: (read, total), .. } => {
                if total.is_some() != bar.length().is_some() {
                    bar.set_style(style(total.is_some(), doing));
                }
                match total {
                    Some(total) => bar.set_length(*total),
                    None => bar.unset_length(),
                }
                bar.set_position(*read);
                does(Doing::Page(page + 1));
            }
            Event::Waiting { length, reason, .. } => does(Doing::Waits(*length, what_for(reason))),
            Event::Finished(report) => {
                does(Doing::Ended(report.ending.result().as_str()));
                bar.abandon();
            }
            Event::Queued { .. }
            | Event::Resumed { .. }
            | Event::StartsOver { .. }
            | Event::AsksForChanges { .. }
            | Event::AsksForEverything { .. }
            | Event::Scrubbed { .. }
            | Event::Narrowed { .. }
            | Event::AsksOnceMore { .. }
            | Event::ReadsAgain { .. }
            | Event::Waited { .. }
            | Event::Asked { .. }
            | Event::Refused { .. } => {}
        }
    }
}

impl Bar {
    fn new(all: &MultiProgress, name: &str, width: usize) -> Self {
        let doing = Arc::new(Mutex::new(Doing::Page(1)));
        let bar = all.add(ProgressBar::no_length());
        bar.set_style(style(false, &doing));
        bar.set_prefix(format!("{name:<width$}"));
        bar.enable_steady_tick(TICK);
        Self { bar, doing }
    }
}

fn style(of_a_total: bool, doing: &Arc<Mutex<Doing>>) -> ProgressStyle {
    let doing = Arc::clone(doing);
    let template = if of_a_total { OF_A_TOTAL } else { OF_UNKNOWN };
    ProgressStyle::with_template(template)
        .expect("the templates are valid")
        .progress_chars("━╸ ")
        .tick_strings(&["·    ", " ·   ", "  ·  ", "   · ", "    ·", "     "])
        .with_key("records", |state: &ProgressState, out: &mut dyn fmt::Write| {
            written(out, &thousands(state.pos()));
        })
        .with_key("total", |state: &ProgressState, out: &mut dyn fmt::Write| {
            written(out, &state.len().map_or("records".to_owned(), thousands));
        })
        .with_key("doing", move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let doing = doing.lock().unwrap_or_else(PoisonError::into_inner);
            written(out, &doing.text(state.elapsed()));
        })
}

fn written(out: &mut dyn fmt::Write, text: &str) {
    out.write_str(text).expect("a line of a bar takes whatever is written to it");
}

fn what_for(wait: &Wait<'_>) -> &'static str {
    match wait {
        Wait::Limit => "rate limit",
        Wait::Pause => "as the API asks",
        Wait::Retry(_) => "to try again",
    }
}

impl Doing {
    /// What it says so long after it began.
    fn text(&self, elapsed: Duration) -> String {
        match self {
            Self::Page(page) => format!("page {}", thousands(*page)),
            Self::Waits(length, reason) => match length.saturating_sub(elapsed) {
                // What is over, or as good as over, is told by what follows.
                Duration::ZERO => String::from("asks"),
                left => format!("waits {} ({reason})", seconds(left)),
            },
            Self::Ended(result) => (*result).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_shows_what_is_left_of_it() {
        let waits = Doing::Waits(Duration::from_secs(41), "rate limit");
        assert_eq!(waits.text(Duration::ZERO), "waits 41 s (rate limit)");
        assert_eq!(waits.text(Duration::from_secs(40)), "waits 1 s (rate limit)");
        assert_eq!(waits.text(Duration::from_secs(50)), "asks");
        assert_eq!(Doing::Page(1_200).text(Duration::from_secs(9)), "page 1,200");
    }
}
