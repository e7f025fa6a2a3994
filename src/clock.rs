//! The two clocks of the program: the wall clock for what people read, the boot clock for what must not jump.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Time since the machine booted, suspends included (`CLOCK_BOOTTIME`): it never jumps and means nothing after a reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(pub Duration);

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, which an administrator or NTP may move.
    pub wall: DateTime<Utc>,
    /// The boot clock.
    pub boot: BootTime,
}
