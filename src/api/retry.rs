//! How long to wait before a failed request is tried again.
//!
//! The only user of the `backoff` crate, and of its intervals only: it counts elapsed time by its own clock, ours counts
//! the time spent trying, in which the waits for the rate limit are left out.

use std::time::Duration;

use backoff::{ExponentialBackoff, backoff::Backoff};

/// The intervals' mean at first; with the spread below, the first delay is 500 ms to 1.5 s.
const FIRST: Duration = Duration::from_secs(1);

/// The intervals' mean at last; with the spread below, no delay is longer than 60 s.
const LAST: Duration = Duration::from_secs(40);

/// How far a delay strays from the mean, either way: endpoints that failed together do not come back together.
const SPREAD: f64 = 0.5;

/// The delays between the tries of one request: exponential with jitter, 500 ms to 60 s.
#[derive(Debug)]
pub struct Retry {
    /// Gives the intervals.
    intervals: ExponentialBackoff,
    /// The longest time to be spent trying.
    max_elapsed: Duration,
}

impl Retry {
    /// Begins with the shortest delays; one for each request, so that a success starts afresh.
    pub fn new(max_elapsed: Duration) -> Self {
        let intervals = ExponentialBackoff {
            current_interval: FIRST,
            initial_interval: FIRST,
            randomization_factor: SPREAD,
            multiplier: 2.0,
            max_interval: LAST,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { intervals, max_elapsed }
    }

    /// The delay before the next try, or `None` when trying has lasted, or with this delay would last, longer than allowed.
    ///
    /// `tried_for` is the time spent trying so far: requests and delays, but not the waits for the rate limit.
    pub fn next_delay(&mut self, tried_for: Duration) -> Option<Duration> {
        let delay = self.intervals.next_backoff()?;
        (tried_for.saturating_add(delay) <= self.max_elapsed).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_from_half_a_second_to_a_minute_at_most() {
        let mut retry = Retry::new(Duration::MAX);
        for nth in 0..20 {
            let delay = retry.next_delay(Duration::ZERO).expect("there is no end to the tries");
            let mean = (1_u64 << nth.min(10)).min(40);
            let slack = Duration::from_millis(1);
            assert!(delay + slack >= Duration::from_millis(mean * 500), "{nth}: {delay:?}");
            assert!(delay <= Duration::from_millis(mean * 1500) + slack, "{nth}: {delay:?}");
        }
    }

    #[test]
    fn a_delay_that_would_pass_the_end_is_not_begun() {
        let mut retry = Retry::new(Duration::from_mins(5));
        assert!(retry.next_delay(Duration::from_secs(290)).is_some());
        assert_eq!(retry.next_delay(Duration::from_millis(299_900)), None);
        assert_eq!(Retry::new(Duration::ZERO).next_delay(Duration::ZERO), None);
    }
}
