//! The two clocks of the program: the wall clock for what people read, the boot clock for what must not jump.

use std::{fs, io, sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rustix::time::{ClockId, clock_gettime};

/// Where Linux tells one boot from the next.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The longest single sleep. Tokio's timer stands still in suspend, so a sleep that was meant to end meanwhile ends at
/// most this much after the machine woke up; shorter would only wake an idle program more often.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// A moment on the boot clock (`CLOCK_BOOTTIME`): time since the machine booted, suspends included. It never jumps, and
/// means nothing after a reboot.
///
/// Signed, because a moment of an earlier boot, counted back from now, mostly lies before this boot: were it cut off at
/// zero, a request made long before would count as one made at the boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(i64);

impl BootTime {
    /// The moment so many nanoseconds after the boot.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the boot: the form in which the ledger stores it.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The moment this much later, or the last that can be told.
    #[must_use]
    pub fn saturating_add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(nanos(length)))
    }

    /// The moment this much earlier, or the first that can be told.
    #[must_use]
    pub fn saturating_sub(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(length)))
    }

    /// The time from `earlier` until this moment; zero when `earlier` is the later one.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

/// A length in nanoseconds; lengths beyond 292 years count as that.
fn nanos(length: Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, which an administrator or NTP may move.
    pub wall: DateTime<Utc>,
    /// The boot clock.
    pub boot: BootTime,
}

impl Now {
    /// What the wall clock reads at a moment of the boot clock, as far as it can be told now.
    pub fn wall_at(self, moment: BootTime) -> DateTime<Utc> {
        self.wall + TimeDelta::nanoseconds(moment.0.saturating_sub(self.boot.0))
    }
}

/// The kernel does not tell which boot this is.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{BOOT_ID}`, which systemd's `ProcSubset=pid` hides")]
pub struct ClockError(#[source] io::Error);

/// The only reader of the machine's clocks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Names the boot that the boot clock counts from. Read once: it changes only when the program does not survive it.
    boot_id: Arc<str>,
}

impl Clock {
    /// The clock of this machine.
    ///
    /// # Errors
    ///
    /// When the kernel's boot id cannot be read: without it, moments of another boot would be taken for this one's.
    pub fn system() -> Result<Self, ClockError> {
        let text = fs::read_to_string(BOOT_ID).map_err(ClockError)?;
        Ok(Self { boot_id: text.trim().into() })
    }

    /// Reads both clocks.
    pub fn now(&self) -> Now {
        Now { wall: wall_now(), boot: boot_now() }
    }

    /// The id of this boot: moments of the boot clock compare only where it is the same.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// Sleeps until the boot clock has reached `until`, through suspends of the machine too; never ends early.
    ///
    /// Cancel-safe: it holds nothing.
    pub async fn sleep_until(&self, until: BootTime) {
        loop {
            let left = until.since(boot_now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall_now() -> DateTime<Utc> {
    Utc::now()
}

fn boot_now() -> BootTime {
    let reading = clock_gettime(ClockId::Boottime);
    BootTime(reading.tv_sec.saturating_mul(1_000_000_000).saturating_add(reading.tv_nsec))
}

/// Writes a moment as every stamp in the database is written: `YYYY-MM-DDTHH:MM:SS.sssZ`. What is finer than a
/// millisecond is cut off.
pub fn format_utc(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_cut_to_milliseconds() {
        let moment = DateTime::from_timestamp(1_772_323_200, 9_999_999).expect("a valid moment");
        assert_eq!(format_utc(moment), "2026-03-01T00:00:00.009Z");
    }

    #[test]
    fn moments_before_the_boot_keep_their_distance() {
        let boot = BootTime::from_nanos(5);
        let before = boot.saturating_sub(Duration::from_nanos(20));
        assert_eq!(before.as_nanos(), -15);
        assert_eq!(boot.since(before), Duration::from_nanos(20));
        assert_eq!(before.since(boot), Duration::ZERO);
    }

    #[test]
    fn the_ends_of_time_saturate() {
        let first = BootTime::from_nanos(i64::MIN);
        let last = BootTime::from_nanos(i64::MAX);
        assert_eq!(last.saturating_add(Duration::MAX), last);
        assert_eq!(first.saturating_sub(Duration::MAX), first);
        assert_eq!(last.since(first), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn the_boot_clock_goes_forward_and_is_told_by_its_boot() {
        let clock = Clock::system().expect("Linux tells its boot id");
        let first = clock.now();
        assert!(first.boot > BootTime::from_nanos(0));
        assert!(clock.now().boot >= first.boot);
        assert_eq!(clock.boot_id().len(), 36);
    }

    #[tokio::test]
    async fn a_sleep_never_ends_early() {
        let clock = Clock::system().expect("Linux tells its boot id");
        let until = clock.now().boot.saturating_add(Duration::from_micros(1500));
        clock.sleep_until(until).await;
        assert!(clock.now().boot >= until);
    }
}
