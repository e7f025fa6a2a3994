//! Whether the daemon lives, and whether it does its work: pure.

use std::time::Duration;

use crate::sync::seconds;

/// The writer may be busy that long: a large table is copied in one transaction, and another process may hold the lock
/// as long as this one waits for it. To kill it meanwhile would only make it begin anew.
pub(super) const LONGEST_BUSY: Duration = Duration::from_mins(10);

/// How far the daemon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first access token is not there yet.
    Starting,
    /// The jobs run on their schedules.
    Serving,
    /// What is in hand is finished.
    Stopping,
}

/// Whether the loop that starts the runs answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loop {
    /// It does, or need not: it has not begun, or has ended in order.
    Answers,
    /// It does not.
    Silent,
}

/// How the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Database {
    /// It answers.
    Usable,
    /// Its writer has been busy at each look for this long.
    Busy(Duration),
    /// It cannot be used, and why.
    Broken(String),
}

impl Database {
    /// Whether that is good, and what there is to say of it.
    fn judged(&self) -> (bool, String) {
        match self {
            Self::Usable => (true, "answers".to_owned()),
            Self::Busy(length) => {
                (*length < LONGEST_BUSY, format!("busy for {}", seconds(*length)))
            }
            Self::Broken(why) => (false, format!("cannot be used: {why}")),
        }
    }
}

/// A verdict, with its reasons as lines for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) is_good: bool,
    pub(super) text: String,
}

/// Whether the process lives: what a restart would mend is bad.
pub(super) fn health(phase: Phase, answers: Loop, database: &Database) -> Verdict {
    let (loop_is_good, looped) = match answers {
        Loop::Answers => (true, "answers".to_owned()),
        Loop::Silent => (false, "does not answer".to_owned()),
    };
    let (database_is_good, stored) = database.judged();
    let lines = [("loop", looped), ("database", stored), ("service", shown(phase).to_owned())];
    verdict(loop_is_good && database_is_good, &lines)
}

/// Whether it does its work: the schedules are in force, the first access token was had or was not refused, and the
/// database can be used. How old the data is, is no matter of the daemon: a new one is ready before its first run.
pub(super) fn readiness(phase: Phase, database: &Database) -> Verdict {
    let (database_is_good, stored) = database.judged();
    let lines = [("service", shown(phase).to_owned()), ("database", stored)];
    verdict(phase == Phase::Serving && database_is_good, &lines)
}

fn shown(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting: no access token yet",
        Phase::Serving => "the jobs run on their schedules",
        Phase::Stopping => "stopping: the pages in hand are finished",
    }
}

fn verdict(is_good: bool, lines: &[(&str, String)]) -> Verdict {
    let mut text = if is_good { "ok\n" } else { "failed\n" }.to_owned();
    for (what, how) in lines {
        // A reason of several lines would pass for several reasons.
        let how = how.replace(['\n', '\r'], " ");
        text.extend([what, ": ", &how, "\n"]);
    }
    Verdict { is_good, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_loop_and_a_broken_database_are_no_health_and_a_busy_one_is_for_a_while() {
        let usable = Database::Usable;
        assert!(health(Phase::Serving, Loop::Answers, &usable).is_good);
        assert!(
            health(Phase::Starting, Loop::Answers, &usable).is_good,
            "a restart mends no outage"
        );
        assert!(health(Phase::Stopping, Loop::Answers, &usable).is_good);
        assert!(!health(Phase::Serving, Loop::Silent, &usable).is_good);
        let busy = |length| health(Phase::Serving, Loop::Answers, &Database::Busy(length));
        assert!(busy(LONGEST_BUSY.saturating_sub(Duration::from_nanos(1))).is_good);
        assert!(!busy(LONGEST_BUSY).is_good);
        let broken = health(Phase::Serving, Loop::Answers, &Database::Broken("a\nb".into()));
        assert_eq!(
            broken.text,
            "failed\nloop: answers\ndatabase: cannot be used: a b\nservice: the jobs run on their schedules\n"
        );
    }

    #[test]
    fn it_is_ready_between_the_first_token_and_the_stop_with_a_usable_database() {
        let usable = Database::Usable;
        assert!(readiness(Phase::Serving, &usable).is_good);
        assert!(readiness(Phase::Serving, &Database::Busy(Duration::ZERO)).is_good);
        assert!(!readiness(Phase::Starting, &usable).is_good);
        assert!(!readiness(Phase::Stopping, &usable).is_good);
        assert!(!readiness(Phase::Serving, &Database::Broken("gone".into())).is_good);
    }
}
