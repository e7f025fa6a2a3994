//! Which paused endpoints are taken up again, and when: pure.

use std::{collections::BTreeMap, time::Duration};

use super::Running;
use crate::clock::BootTime;

/// How long an endpoint is put off that is still being taken up when it is due: its run has told of its pause, and ends
/// within moments.
const PUT_OFF: Duration = Duration::from_secs(1);

/// The endpoints that a limit has paused, each with the moment from which it may go on; at most one entry an endpoint, so
/// that nothing piles up.
#[derive(Clone, Debug, Default)]
pub struct Resumptions(BTreeMap<String, BootTime>);

impl Resumptions {
    /// Notes that a limit has paused an endpoint until then; what was noted before no longer counts.
    pub fn pause(&mut self, endpoint: &str, until: BootTime) {
        self.0.insert(endpoint.to_owned(), until);
    }

    /// Notes that a run begins with an endpoint: it goes on from where the pause was, and tells of another one itself.
    pub fn begun(&mut self, endpoint: &str) {
        self.0.remove(endpoint);
    }

    /// When something is due next.
    pub fn next(&self) -> Option<BootTime> {
        self.0.values().min().copied()
    }

    /// Takes out the endpoints that are due, and notes them as taken up again.
    pub fn take_due(&mut self, now: BootTime, running: &mut Running) -> Vec<String> {
        let due: Vec<String> = self
            .0
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(endpoint, _)| endpoint.clone())
            .collect();
        let (started, put_off): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|endpoint| running.resume(endpoint));
        for endpoint in put_off {
            self.pause(&endpoint, now.saturating_add(PUT_OFF));
        }
        for endpoint in &started {
            self.begun(endpoint);
        }
        started
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> BootTime {
        BootTime::from_nanos(seconds * 1_000_000_000)
    }

    fn paused(endpoints: &[(&str, i64)]) -> Resumptions {
        let mut resumptions = Resumptions::default();
        for (endpoint, until) in endpoints {
            resumptions.pause(endpoint, at(*until));
        }
        resumptions
    }

    #[test]
    fn an_endpoint_is_due_when_its_pause_has_passed_and_not_before() {
        let mut resumptions = paused(&[("users", 30), ("rooms", 20)]);
        let mut running = Running::default();
        assert_eq!(resumptions.next(), Some(at(20)));
        let just_before = BootTime::from_nanos(at(20).as_nanos() - 1);
        assert!(resumptions.take_due(just_before, &mut running).is_empty());
        assert_eq!(resumptions.take_due(at(20), &mut running), ["rooms"]);
        assert!(running.resumes("rooms") && !running.resumes("users"));
        assert_eq!(resumptions.next(), Some(at(30)));
    }

    #[test]
    fn what_was_due_during_a_suspend_is_due_once() {
        let mut resumptions = paused(&[("users", 30), ("rooms", 20)]);
        let mut running = Running::default();
        assert_eq!(resumptions.take_due(at(86_400), &mut running), ["rooms", "users"]);
        assert!(resumptions.take_due(at(86_401), &mut running).is_empty());
        assert_eq!(resumptions.next(), None);
    }

    #[test]
    fn a_later_pause_takes_the_place_of_an_earlier_one() {
        let mut resumptions = paused(&[("users", 30), ("users", 90)]);
        assert_eq!(resumptions.next(), Some(at(90)));
        assert!(resumptions.take_due(at(30), &mut Running::default()).is_empty());
    }

    #[test]
    fn a_run_that_begins_earlier_takes_the_entry_away() {
        let mut resumptions = paused(&[("users", 30)]);
        resumptions.begun("users");
        resumptions.begun("never paused");
        assert_eq!(resumptions.next(), None);
    }

    #[test]
    fn an_endpoint_that_is_still_taken_up_is_put_off_and_not_forgotten() {
        let mut resumptions = paused(&[("users", 30)]);
        let mut running = Running::default();
        assert!(running.resume("users"));
        assert!(resumptions.take_due(at(30), &mut running).is_empty());
        assert_eq!(resumptions.next(), Some(at(30).saturating_add(PUT_OFF)));
        running.resumed("users");
        assert_eq!(resumptions.take_due(at(31), &mut running), ["users"]);
    }
}
