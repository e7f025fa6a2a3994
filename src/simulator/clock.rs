//! The simulated time: it starts where it is told to, runs as fast as it is told to, and can be put forward.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime},
};

use chrono::{DateTime, NaiveDateTime, TimeDelta};

use super::settings::Settings;

/// The simulated time, and the server's own.
#[derive(Debug)]
pub(crate) struct Clock {
    start: NaiveDateTime,
    scale: f64,
    started: Instant,
    /// How many seconds it was put forward.
    forward: AtomicU64,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start(settings: &Settings) -> Self {
        Self {
            start: settings.now,
            scale: settings.time_scale,
            started: instant(),
            forward: AtomicU64::new(0),
        }
    }

    /// How long the server has been there: what limits and tokens count by.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What the simulated clock shows, in UTC.
    pub(crate) fn now(&self) -> NaiveDateTime {
        let forward = Duration::from_secs(self.forward.load(Ordering::Relaxed));
        after(self.start, scaled(self.elapsed(), self.scale).saturating_add(forward))
    }

    /// Puts the simulated clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        // Wraps after 10^11 years of patience.
        self.forward.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

/// So much simulated time passes meanwhile.
fn scaled(elapsed: Duration, scale: f64) -> Duration {
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * scale).unwrap_or(Duration::MAX)
}

/// That moment; the last one that can be told, if it lies beyond.
fn after(start: NaiveDateTime, passed: Duration) -> NaiveDateTime {
    TimeDelta::from_std(passed)
        .ok()
        .and_then(|passed| start.checked_add_signed(passed))
        .unwrap_or(NaiveDateTime::MAX)
}

/// The real time of the server: another machine's, so not the program's clock.
pub(crate) fn system_time() -> SystemTime {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds)
}

/// The real time of the server, in UTC.
pub fn real_now() -> NaiveDateTime {
    DateTime::<chrono::Utc>::from(system_time()).naive_utc()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server has a clock of its own: it shares no code"
)]
fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_time_passes_as_fast_as_it_is_told_to() {
        let minute = Duration::from_mins(1);
        assert_eq!(scaled(minute, 1.0), minute);
        assert_eq!(scaled(minute, 1_440.0), Duration::from_hours(24));
        assert_eq!(scaled(minute, 0.0), Duration::ZERO);
        assert_eq!(scaled(minute, f64::MAX), Duration::MAX);
    }

    #[test]
    fn a_clock_that_stands_still_is_moved_only_by_hand() {
        let settings = Settings { time_scale: 0.0, ..Settings::default() };
        let clock = Clock::start(&settings);
        assert_eq!(clock.now(), settings.now);
        clock.advance(Duration::from_hours(49));
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now().to_string(), "2026-07-02 01:00:01");
        clock.advance(Duration::from_secs(u64::MAX / 4));
        assert_eq!(clock.now(), NaiveDateTime::MAX);
    }
}
