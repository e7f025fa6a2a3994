//! The rate limit of one endpoint: a sliding window, counted strictly, told the time.

use std::{collections::VecDeque, time::Duration};

/// The limit of one endpoint and what arrived there lately. Times are those since the server's start.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// How many requests a window takes; 0 means any number.
    requests: u64,
    /// The window's length.
    per: Duration,
    /// When the requests that count arrived, oldest first.
    admitted: VecDeque<Duration>,
    /// When any requests arrived, refused ones too, oldest first.
    arrived: VecDeque<Duration>,
    /// The most that `arrived` ever held.
    busiest: usize,
}

/// A request over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverLimit {
    /// Whole seconds until the window has room again, rounded up, at least one.
    pub(crate) retry_after: u64,
}

impl Limiter {
    /// A limit of `requests` in any window of length `per`; 0 is no limit.
    pub(crate) fn new(requests: u64, per: Duration) -> Self {
        Self { requests, per, admitted: VecDeque::new(), arrived: VecDeque::new(), busiest: 0 }
    }

    /// Counts a request that arrives at `now`, which must not lie before an earlier arrival.
    ///
    /// # Errors
    /// The window is full. The request then takes no place in it.
    pub(crate) fn arrive(&mut self, now: Duration) -> Result<(), OverLimit> {
        forget_before_window(&mut self.arrived, now, self.per);
        self.arrived.push_back(now);
        self.busiest = self.busiest.max(self.arrived.len());
        if self.requests == 0 {
            return Ok(());
        }

        forget_before_window(&mut self.admitted, now, self.per);
        match self.admitted.front() {
            Some(oldest) if self.admitted.len() as u64 >= self.requests => Err(OverLimit {
                retry_after: whole_seconds(oldest.saturating_add(self.per).saturating_sub(now))
                    .max(1),
            }),
            _ => {
                self.admitted.push_back(now);
                Ok(())
            }
        }
    }

    /// The most requests, refused ones included, that any one window has seen.
    pub(crate) fn busiest(&self) -> usize {
        self.busiest
    }
}

/// A window reaches back from `now` and leaves out its far end: what is exactly one period old is gone.
fn forget_before_window(times: &mut VecDeque<Duration>, now: Duration, per: Duration) {
    while times.front().is_some_and(|time| now.saturating_sub(*time) >= per) {
        times.pop_front();
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn exactly_the_requests_over_the_limit_are_refused() {
        let mut limiter = Limiter::new(2, ms(10_000));

        assert_eq!(limiter.arrive(ms(0)), Ok(()));
        assert_eq!(limiter.arrive(ms(4_000)), Ok(()));
        assert_eq!(limiter.arrive(ms(4_001)), Err(OverLimit { retry_after: 6 }));
        assert_eq!(limiter.arrive(ms(9_999)), Err(OverLimit { retry_after: 1 }));
        assert_eq!(limiter.arrive(ms(10_000)), Ok(()), "a period old is out of the window");
        assert_eq!(limiter.arrive(ms(13_000)), Err(OverLimit { retry_after: 1 }));
        assert_eq!(limiter.arrive(ms(14_000)), Ok(()), "refused requests took no place");
        assert_eq!(limiter.busiest(), 5, "from 4.000 to 13.000, refused ones included");
    }

    #[test]
    fn without_a_limit_nothing_is_refused_but_the_rush_is_seen() {
        let mut limiter = Limiter::new(0, ms(1_000));

        for arrival in [0, 0, 999, 1_000, 5_000] {
            assert_eq!(limiter.arrive(ms(arrival)), Ok(()));
        }

        assert_eq!(limiter.busiest(), 3);
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_limit_and_the_wait_told_is_true(
            requests in 1_u64..6,
            per in 1_u64..8_000,
            gaps in prop::collection::vec(0_u64..3_000, 1..60),
        ) {
            let mut limiter = Limiter::new(requests, ms(per));
            let mut admitted: Vec<u64> = Vec::new();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                let in_window = admitted.iter().filter(|time| **time + per > now).count() as u64;
                match limiter.arrive(ms(now)) {
                    Ok(()) => {
                        prop_assert!(in_window < requests);
                        admitted.push(now);
                    }
                    Err(OverLimit { retry_after }) => {
                        prop_assert_eq!(in_window, requests);
                        let holders = |time: u64| admitted.iter().filter(|held| **held + per > time).count() as u64;
                        prop_assert!(holders(now + retry_after * 1_000) < requests, "room after the wait");
                        prop_assert!(
                            retry_after == 1 || holders(now + (retry_after - 1) * 1_000) == requests,
                            "and not a whole second earlier"
                        );
                    }
                }
            }
        }
    }
}
