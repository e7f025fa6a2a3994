//! What a run tells of itself: while it works, and at its end.

mod reasons;

use std::{fmt, time::Duration};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

pub use self::reasons::{StartOver, Wait, Waited};
use super::{Everything, Width, error::EndpointError};
use crate::{
    api::classify::Problem,
    clock::{BootTime, Now},
    store::{
        Effort, FullLog, Holder, RowCounts, RunId, RunResult, SchemaChange, Scrubbed, StoreError,
    },
};

/// What happens in a run, for those who watch it.
#[derive(Debug)]
pub enum Event<'a> {
    /// An endpoint waits until another run of this process is done with it.
    Queued {
        /// The endpoint.
        endpoint: &'a str,
        /// The job whose run that is.
        ahead: &'a str,
    },
    /// An endpoint goes on where an earlier run has stopped.
    Resumed {
        /// The endpoint.
        endpoint: &'a str,
        /// Pages that are stored already.
        pages: u64,
    },
    /// What an earlier run has left unfinished cannot be gone on with: the endpoint is read from its first page.
    StartsOver {
        /// The endpoint.
        endpoint: &'a str,
        /// Why.
        reason: StartOver<'a>,
    },
    /// An endpoint is asked for what has changed.
    AsksForChanges {
        /// The endpoint.
        endpoint: &'a str,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// An endpoint that could be asked for changes only is asked for everything.
    AsksForEverything {
        /// The endpoint.
        endpoint: &'a str,
        /// Why.
        reason: &'a Everything,
    },
    /// What the configuration has come to exclude or to hash is removed from what is stored.
    Scrubbed {
        /// The endpoint.
        endpoint: &'a str,
        /// What was removed.
        scrubbed: &'a Scrubbed,
    },
    /// The API refuses a range of dates as too wide, so the rest is asked for in narrower ones.
    Narrowed {
        /// The endpoint.
        endpoint: &'a str,
        /// What it says.
        problem: &'a Problem,
        /// How wide the range was.
        refused: Width,
        /// How wide they are now, at most.
        width: Width,
    },
    /// Rows are missing: their slices are asked for once more, to make sure.
    AsksOnceMore {
        /// The endpoint.
        endpoint: &'a str,
        /// How many rows.
        rows: u64,
        /// How many pages that takes.
        pages: u64,
    },
    /// A listing has moved while it was read, so that rows may have been passed over: it is read once more.
    ReadsAgain {
        /// The endpoint.
        endpoint: &'a str,
        /// The slice's number, from 1, and how many there are; `None`: there is no window.
        slice: Option<(u64, u64)>,
    },
    /// A page is stored.
    PageStored {
        /// The endpoint.
        endpoint: &'a str,
        /// The slice's number, from 1, and how many there are; `None`: there is no window.
        slice: Option<(u64, u64)>,
        /// The page's number within the slice, from 1.
        page: u64,
        /// Records on it.
        records: usize,
        /// Records read of this listing so far, and how many the API says there are.
        read: (u64, Option<u64>),
        /// What became of them.
        rows: RowCounts,
    },
    /// The endpoint waits.
    Waiting {
        /// The endpoint.
        endpoint: &'a str,
        /// How long.
        length: Duration,
        /// What for.
        reason: Wait<'a>,
    },
    /// The endpoint has waited: how long it was in the end.
    Waited {
        /// The endpoint.
        endpoint: &'a str,
        /// How long.
        length: Duration,
        /// What for.
        reason: Waited,
    },
    /// A request was sent, and was answered, or was not.
    Asked {
        /// The endpoint.
        endpoint: &'a str,
        /// The answer's status; `None`: there was none, or none that came in full.
        status: Option<u16>,
        /// How long that took.
        took: Duration,
    },
    /// The API has refused a request by its rate limit, and is left alone for a while.
    Refused {
        /// The endpoint.
        endpoint: &'a str,
        /// The group that the pause is for.
        group: &'a str,
        /// What the API says.
        problem: &'a Problem,
        /// How long.
        pause: Duration,
        /// Refusals in a row, this one included.
        refusals: u32,
    },
    /// The endpoint is done.
    Finished(&'a EndpointReport),
}

impl Event<'_> {
    /// The endpoint that it happens to.
    pub fn endpoint(&self) -> &str {
        match self {
            Self::Queued { endpoint, .. }
            | Self::Resumed { endpoint, .. }
            | Self::StartsOver { endpoint, .. }
            | Self::AsksForChanges { endpoint, .. }
            | Self::AsksForEverything { endpoint, .. }
            | Self::Scrubbed { endpoint, .. }
            | Self::Narrowed { endpoint, .. }
            | Self::AsksOnceMore { endpoint, .. }
            | Self::ReadsAgain { endpoint, .. }
            | Self::PageStored { endpoint, .. }
            | Self::Waiting { endpoint, .. }
            | Self::Waited { endpoint, .. }
            | Self::Asked { endpoint, .. }
            | Self::Refused { endpoint, .. } => endpoint,
            Self::Finished(report) => &report.endpoint,
        }
    }
}

/// How one endpoint's run went.
#[derive(Debug)]
pub struct EndpointReport {
    /// The endpoint.
    pub endpoint: String,
    /// How it ended.
    pub ending: Ending,
    /// Pages stored.
    pub pages: u64,
    /// The moment since when changes were asked for; `None`: everything was, or nothing.
    pub since: Option<DateTime<Utc>>,
    /// What became of the records.
    pub rows: RowCounts,
    /// Rows marked as deleted.
    pub deleted: u64,
    /// How many rows that the API no longer returns wait for a person's yes, and of how many.
    pub waiting: Option<(u64, u64)>,
    /// Records that cannot be stored.
    pub rejected: u64,
    /// What it cost.
    pub effort: Effort,
    /// From its start to its end.
    pub elapsed: Duration,
    /// How many records were read and how many the API stated, where the two differ.
    pub mismatch: Option<(u64, u64)>,
    /// How many listings moved each time that they were read, in a way that may have cost rows.
    pub moved: u64,
    /// How the shape of the records has changed.
    pub schema_changes: Vec<SchemaChange>,
}

/// How an endpoint's run ended.
#[derive(Debug)]
pub enum Ending {
    /// Every page is stored.
    Ok,
    /// Unfinished for now; what is stored stays, and the next run goes on from there.
    Paused(Pause),
    /// Failed; what is stored stays.
    Failed(EndpointError),
}

impl Ending {
    /// The word for the journal.
    pub fn result(&self) -> RunResult {
        match self {
            Self::Ok => RunResult::Ok,
            Self::Paused(_) => RunResult::Paused,
            Self::Failed(_) => RunResult::Failed,
        }
    }
}

/// Why an endpoint is unfinished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Pause {
    /// The rate limit asks for a longer wait than `rate_limit.max_wait`.
    #[error(
        "the rate limit asks for a wait until {0}, longer than `rate_limit.max_wait`; the next run goes on"
    )]
    Wait(NotBefore),
    /// The API refuses every request by its rate limit.
    #[error(
        "refused by the rate limit {times} times in a row, at last with {problem}, until {until}; the next run goes on. Does something else use the same client, or is the limit lower than `rate_limit` says?"
    )]
    Refused {
        /// How often.
        times: u32,
        /// How long the last refusal holds.
        until: NotBefore,
        /// What the API said with it.
        problem: Problem,
    },
    /// Another process is at work on the endpoint.
    #[error("another process is syncing this endpoint{}", .0.as_ref().map_or_else(String::new, |holder| format!(": {holder}")))]
    Locked(Option<Box<Holder>>),
    /// The database's log may not grow any further.
    #[error(
        "{0} by a program that keeps on reading an earlier state of the database: end its transaction, and the next run goes on"
    )]
    FullLog(FullLog),
    /// The run has taken as long as its job allows.
    #[error("stopped after {}, as long as the job's `timeout` allows; the next run goes on", seconds(*.0))]
    TimedOut(Duration),
    /// The program was asked to stop.
    #[error("stopped by a signal; the next run goes on")]
    Stopped,
}

impl Pause {
    /// When a limit lets the endpoint go on; nothing where it was no limit that has paused it.
    pub fn not_before(&self) -> Option<NotBefore> {
        match self {
            Self::Wait(until) | Self::Refused { until, .. } => Some(*until),
            Self::Locked(_) | Self::FullLog(_) | Self::TimedOut(_) | Self::Stopped => None,
        }
    }
}

/// When a limit lets an endpoint go on; shown as `14:32:10 UTC (41 s)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBefore {
    /// On the boot clock, which decides.
    pub boot: BootTime,
    /// On the wall clock, as far as that is right.
    pub wall: DateTime<Utc>,
    /// How long it was until then.
    pub wait: Duration,
}

impl NotBefore {
    /// A moment of the boot clock, as it is known now.
    pub(super) fn new(boot: BootTime, now: Now) -> Self {
        let wait = boot.since(now.boot);
        let ahead = TimeDelta::from_std(wait).ok();
        let wall = ahead.and_then(|ahead| now.wall.checked_add_signed(ahead));
        Self { boot, wall: wall.unwrap_or(DateTime::<Utc>::MAX_UTC), wait }
    }
}

impl fmt::Display for NotBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Up to a whole second, since who comes by the letter must not come too early.
        let wall = self.wall.duration_trunc(TimeDelta::seconds(1)).unwrap_or(self.wall);
        let wall = if wall < self.wall { wall + TimeDelta::seconds(1) } else { wall };
        // The time of day alone says which day is meant.
        let format =
            if self.wait < Duration::from_hours(24) { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        write!(f, "{} UTC ({})", wall.format(format), seconds(self.wait))
    }
}

/// How a job's run went.
#[derive(Debug)]
pub struct JobReport {
    /// The job.
    pub job: String,
    /// Its number in the journal.
    pub run: RunId,
    /// Its endpoints, in the order of the configuration.
    pub endpoints: Vec<EndpointReport>,
    /// Set where the run's end could not be recorded.
    pub journal: Option<StoreError>,
}

impl JobReport {
    /// The run's result: the worst of its endpoints'.
    pub fn result(&self) -> RunResult {
        let any = |wanted| self.endpoints.iter().any(|report| report.ending.result() == wanted);
        if self.journal.is_some() || any(RunResult::Failed) {
            RunResult::Failed
        } else if any(RunResult::Paused) {
            RunResult::Paused
        } else {
            RunResult::Ok
        }
    }
}

/// A duration for a person: `41 s`, rounded up, since a wait that is told too short looks hung.
pub fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    if seconds < 3600 {
        return match (seconds / 60, seconds % 60) {
            (0, seconds) => format!("{seconds} s"),
            (minutes, 0) => format!("{minutes} min"),
            (minutes, seconds) => format!("{minutes} min {seconds} s"),
        };
    }
    let minutes = seconds.div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_never_told_too_short() {
        for (milliseconds, text) in [
            (0, "0 s"),
            (1, "1 s"),
            (41_000, "41 s"),
            (41_001, "42 s"),
            (59_001, "1 min"),
            (60_000, "1 min"),
            (289_000, "4 min 49 s"),
            (3_599_001, "1 h"),
            (3_600_000, "1 h"),
            (3_600_001, "1 h 1 min"),
            (5_400_000, "1 h 30 min"),
            (7_199_000, "2 h"),
            (86_400_000, "24 h"),
        ] {
            assert_eq!(seconds(Duration::from_millis(milliseconds)), text);
        }
        assert_eq!(seconds(Duration::from_nanos(1)), "1 s");
    }

    #[test]
    fn the_end_of_a_pause_is_told_by_the_clock_and_by_its_length() {
        let now = Now {
            wall: DateTime::from_timestamp_millis(1_795_500_000_500).expect("a valid moment"),
            boot: BootTime::from_nanos(7),
        };
        let until = |wait| NotBefore::new(now.boot.saturating_add(wait), now);
        assert_eq!(until(Duration::from_secs(41)).to_string(), "06:00:42 UTC (41 s)");
        assert_eq!(until(Duration::from_millis(500)).to_string(), "06:00:01 UTC (1 s)");
        let days = until(Duration::from_hours(48));
        assert_eq!(days.to_string(), "2026-11-26 06:00:01 UTC (48 h)");
        assert_eq!(until(Duration::MAX).boot, BootTime::from_nanos(i64::MAX));
        assert_eq!(NotBefore::new(BootTime::from_nanos(3), now).wait, Duration::ZERO);
    }
}
