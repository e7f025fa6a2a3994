//! What the daemon's runs tell of themselves, and what is told of it to the service manager.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::tell;
use crate::{
    app::logging,
    clock::BootTime,
    daemon::{Doings, Notices, Place, Reason, Resumptions},
    sync::{Ending, EndpointReport, Event, Wait, Watcher},
};

/// A status is sent no sooner after the one before: pages may come much faster than anybody reads.
const APART: Duration = Duration::from_secs(1);

/// So often the status is worked out anew while something runs: waits get shorter.
const REFRESH: Duration = Duration::from_secs(10);

/// What has happened to an endpoint.
#[derive(Clone, Debug)]
pub struct Told {
    endpoint: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    GoesOn(Option<Place>),
    Waits(Reason, Duration),
    /// Its run is over; where a limit has paused it, it may go on then.
    Ended(Option<BootTime>),
}

/// Watches the daemon's runs: logs them, and tells what the loop needs to know.
pub fn watcher() -> (Watcher, mpsc::UnboundedReceiver<Told>) {
    let (sender, told) = mpsc::unbounded_channel();
    let watcher = Arc::new(move |event: &Event<'_>| {
        logging::event(event);
        if let Some(what) = what(event) {
            tell(&sender, Told { endpoint: event.endpoint().to_owned(), what });
        }
    });
    (watcher, told)
}

fn what(event: &Event<'_>) -> Option<What> {
    match event {
        // It is the run ahead that has the endpoint; and a wait is told piece by piece, while what was told at its beginning
        // holds on.
        Event::Queued { .. } | Event::Waited { .. } => None,
        Event::PageStored { slice, page, .. } => {
            Some(What::GoesOn(Some(Place { page: *page, slice: *slice })))
        }
        Event::Waiting { length, reason, .. } => {
            let reason = match reason {
                Wait::Limit => Reason::Limit,
                Wait::Pause => Reason::Pause,
                Wait::Retry(_) => Reason::Retry,
            };
            Some(What::Waits(reason, *length))
        }
        Event::Finished(report) => Some(What::Ended(not_before(report))),
        Event::Resumed { .. }
        | Event::StartsOver { .. }
        | Event::AsksForChanges { .. }
        | Event::AsksForEverything { .. }
        | Event::Scrubbed { .. }
        | Event::Narrowed { .. }
        | Event::AsksOnceMore { .. }
        | Event::ReadsAgain { .. }
        | Event::Asked { .. }
        | Event::Refused { .. } => Some(What::GoesOn(None)),
    }
}

fn not_before(report: &EndpointReport) -> Option<BootTime> {
    match &report.ending {
        Ending::Paused(pause) => pause.not_before().map(|until| until.boot),
        Ending::Ok | Ending::Failed(_) => None,
    }
}

impl Told {
    /// Notes it.
    pub(super) fn note(self, doings: &mut Doings, resumptions: &mut Resumptions, now: BootTime) {
        match self.what {
            What::GoesOn(place) => doings.goes_on(&self.endpoint, place, now),
            What::Waits(reason, length) => doings.waits(&self.endpoint, reason, length, now),
            What::Ended(not_before) => {
                doings.end(&self.endpoint, now);
                if let Some(until) = not_before {
                    resumptions.pause(&self.endpoint, until);
                }
            }
        }
    }
}

/// The status, as it was told last.
#[derive(Debug, Default)]
pub(super) struct Status {
    told: String,
    told_at: Option<BootTime>,
    /// Whether there is something new to tell.
    changed: bool,
}

impl Status {
    /// Notes that there is something new to tell.
    pub(super) fn change(&mut self) {
        self.changed = true;
    }

    /// When it is to be told next; `None`: not before something happens.
    pub(super) fn due(&self, doings: &Doings, now: BootTime) -> Option<BootTime> {
        let Some(told_at) = self.told_at else { return Some(now) };
        if self.changed {
            Some(told_at.saturating_add(APART))
        } else {
            (!doings.is_idle()).then(|| told_at.saturating_add(REFRESH))
        }
    }

    /// Tells it, unless that is what was told last.
    pub(super) fn tell(&mut self, doings: &Doings, notices: &Notices, now: BootTime) {
        let status = doings.status(now);
        if status != self.told {
            notices.status(&status);
            self.told = status;
        }
        (self.told_at, self.changed) = (Some(now), false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> BootTime {
        BootTime::from_nanos(milliseconds * 1_000_000)
    }

    #[test]
    fn the_status_is_told_at_once_then_every_second_at_most_and_not_at_all_while_nothing_runs() {
        let notices = Notices::open();
        let (mut status, mut doings) = (Status::default(), Doings::default());
        assert_eq!(status.due(&doings, at(0)), Some(at(0)));
        status.tell(&doings, &notices, at(0));
        assert_eq!(status.due(&doings, at(5)), None);
        doings.begin("users", "users", at(10));
        assert_eq!(status.due(&doings, at(10)), Some(at(10_000)));
        status.change();
        assert_eq!(status.due(&doings, at(10)), Some(at(1_000)));
        status.tell(&doings, &notices, at(1_000));
        assert_eq!(status.due(&doings, at(1_000)), Some(at(11_000)));
    }
}
