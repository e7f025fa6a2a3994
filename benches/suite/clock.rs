//! The suite's one clock: the machine's monotonic one, which reads the same in all of its processes.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// The time since some moment that is the same for all processes.
pub(crate) fn now() -> Duration {
    duration(clock_gettime(ClockId::Monotonic))
}

/// The time since 1970, UTC: for the report alone.
pub(crate) fn since_epoch() -> Duration {
    duration(clock_gettime(ClockId::Realtime))
}

/// From one moment to a later one.
pub(crate) fn between(from: Duration, to: Duration) -> Duration {
    // This clock does not go back, and nothing is read before it has happened.
    to.saturating_sub(from)
}

fn duration(time: Timespec) -> Duration {
    Duration::try_from(time).expect("no clock is set before its own beginning")
}
