//! Whether the work advances, so that a service manager may be told so. Pure.
//!
//! The sign of life says more than that the process is there: a service that hangs is as bad as one that is gone, and nobody
//! notices it. It is given only while all of this holds:
//!
//! - The daemon's loop turns: it is the loop that gives it. A loop that a page in hand, or a bug, keeps from turning gives
//!   none, and the manager's own time-out decides; a page takes seconds.
//! - The database's writer has answered lately, or goes on with a long statement. One that copies a table to widen a column,
//!   or writes the file anew, may take longer than any time-out: SQLite's own count of steps tells it from one that hangs.
//!   A wait for another process's transaction has no steps, and may take ten minutes before it ends with an error.
//! - Every endpoint that runs has told of something lately, waits for something whose end is known, or is in line behind one
//!   of its group that does. While the writer is at work for somebody, they may all be waiting for that.
//!
//! "Lately" is longer than anything that takes its time by right. So a hang is noticed late, after a quarter of an hour and
//! the manager's time-out, and nothing that works is killed: to be too soon would cost a run again and again.

use std::time::Duration;

use super::Doings;
use crate::clock::BootTime;

/// How long the writer may be silent, and an endpoint: longer than the ten minutes for which a statement waits for other
/// processes.
pub const SILENCE: Duration = Duration::from_mins(15);

/// What was seen of the writer.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// The writer's steps at the last look.
    steps: u64,
    /// When it was last seen to have answered, or to have gone on.
    moved_at: BootTime,
    /// Whether it was asked and has not answered yet.
    asked: bool,
}

/// What keeps the sign of life back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// The database.
    #[error("the database has not answered for a quarter of an hour")]
    Writer,
    /// An endpoint.
    #[error("nothing was heard of the endpoint `{0}` for too long")]
    Endpoint(String),
}

impl Pulse {
    /// A pulse as of the daemon's start.
    pub fn new(steps: u64, now: BootTime) -> Self {
        Self { steps, moved_at: now, asked: false }
    }

    /// Notes that the writer is asked for an answer.
    pub fn asked(&mut self) {
        self.asked = true;
    }

    /// Notes that the writer has answered.
    pub fn answered(&mut self, now: BootTime) {
        (self.asked, self.moved_at) = (false, now);
    }

    /// Whether the writer is to be asked: it is not while it has an answer to give still.
    pub fn may_ask(&self) -> bool {
        !self.asked
    }

    /// Tells whether the work advances; `steps` are the writer's, `silence` is how long an endpoint may tell of nothing.
    ///
    /// # Errors
    /// What does not advance.
    pub fn check(
        &mut self,
        steps: u64,
        doings: &Doings,
        silence: Duration,
        now: BootTime,
    ) -> Result<(), Stuck> {
        if steps != self.steps {
            (self.steps, self.moved_at) = (steps, now);
        }
        if self.asked {
            // Who waits for the writer waits by right as long as that is at work.
            return if now.since(self.moved_at) > SILENCE { Err(Stuck::Writer) } else { Ok(()) };
        }
        match doings.stuck(now, silence) {
            Some(endpoint) => Err(Stuck::Endpoint(endpoint.to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> BootTime {
        BootTime::from_nanos(minutes * 60_000_000_000)
    }

    fn busy() -> Doings {
        let mut doings = Doings::default();
        doings.begin("users", "users", at(0));
        doings
    }

    #[test]
    fn an_idle_daemon_whose_database_answers_is_alive_for_ever() {
        let mut pulse = Pulse::new(0, at(0));
        for minutes in 0..10_000 {
            pulse.asked();
            pulse.answered(at(minutes));
            assert_eq!(pulse.check(0, &Doings::default(), SILENCE, at(minutes)), Ok(()));
        }
    }

    #[test]
    fn a_database_that_does_not_answer_is_waited_for_as_long_as_other_processes_may_take() {
        let mut pulse = Pulse::new(0, at(0));
        pulse.asked();
        assert!(!pulse.may_ask());
        assert_eq!(pulse.check(0, &busy(), SILENCE, at(15)), Ok(()));
        assert_eq!(pulse.check(0, &busy(), SILENCE, at(16)), Err(Stuck::Writer));
        pulse.answered(at(16));
        assert!(pulse.may_ask());
        let mut doings = busy();
        doings.goes_on("users", None, at(16));
        assert_eq!(pulse.check(0, &doings, SILENCE, at(16)), Ok(()));
    }

    #[test]
    fn a_statement_of_hours_that_goes_on_is_work() {
        let mut pulse = Pulse::new(0, at(0));
        pulse.asked();
        let mut steps = 0;
        for minutes in 1..600 {
            steps += u64::from(minutes % 14 == 0);
            assert_eq!(pulse.check(steps, &busy(), SILENCE, at(minutes)), Ok(()), "{minutes}");
        }
        assert_eq!(pulse.check(steps, &busy(), SILENCE, at(700)), Err(Stuck::Writer));
    }

    #[test]
    fn an_endpoint_of_which_nothing_is_heard_is_stuck_though_the_database_answers() {
        let mut pulse = Pulse::new(0, at(0));
        assert_eq!(pulse.check(0, &busy(), SILENCE, at(15)), Ok(()));
        let stuck = Err(Stuck::Endpoint("users".to_owned()));
        assert_eq!(pulse.check(0, &busy(), SILENCE, at(16)), stuck);
        // With a request that may take an hour it is not.
        assert_eq!(pulse.check(0, &busy(), SILENCE + Duration::from_hours(1), at(16)), Ok(()));
    }
}
