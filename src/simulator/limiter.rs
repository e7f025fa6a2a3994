//! The rate limit of one endpoint, counted strictly, told the time.

use std::{collections::VecDeque, time::Duration};

use super::settings::{Limit, LimiterKind};

/// The limit of one endpoint and what arrived there lately. Times are those since the server's start.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: Limit,
    kind: LimiterKind,
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
    /// A limit of so many requests in any window, or in each of those that follow one another; 0 is no limit.
    pub(crate) fn new(limit: Limit, kind: LimiterKind) -> Self {
        Self { limit, kind, admitted: VecDeque::new(), arrived: VecDeque::new(), busiest: 0 }
    }

    /// Counts a request that arrives at `now`, which must not lie before an earlier arrival.
    ///
    /// # Errors
    /// The window is full. The request then takes no place in it.
    pub(crate) fn arrive(&mut self, now: Duration) -> Result<(), OverLimit> {
        let Limit { requests, per } = self.limit;
        forget_before_window(&mut self.arrived, now, per);
        self.arrived.push_back(now);
        self.busiest = self.busiest.max(self.arrived.len());
        if requests == 0 {
            return Ok(());
        }

        let fixed_start = window_start(now, per);
        match self.kind {
            LimiterKind::Sliding => forget_before_window(&mut self.admitted, now, per),
            LimiterKind::Fixed => {
                self.admitted.retain(|time| *time >= fixed_start);
            }
        }
        match self.admitted.front() {
            Some(oldest) if self.admitted.len() as u64 >= requests => {
                let start = match self.kind {
                    LimiterKind::Sliding => *oldest,
                    LimiterKind::Fixed => fixed_start,
                };
                let wait = start.saturating_add(per).saturating_sub(now);
                Err(OverLimit { retry_after: whole_seconds(wait).max(1) })
            }
            _ => {
                self.admitted.push_back(now);
                Ok(())
            }
        }
    }

    /// The most requests, refused ones included, that any one window has seen, wherever it lies.
    pub(crate) fn busiest(&self) -> usize {
        self.busiest
    }
}

/// The start of the window that `now` lies in, where windows follow one another from 0 on.
fn window_start(now: Duration, per: Duration) -> Duration {
    let into = now.as_nanos().checked_rem(per.as_nanos()).unwrap_or(0);
    now.saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(u64::MAX)))
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

    fn sliding(requests: u64, per: Duration) -> Limiter {
        Limiter::new(Limit { requests, per }, LimiterKind::Sliding)
    }

    #[test]
    fn a_fixed_window_takes_its_requests_wherever_they_lie_and_the_next_one_begins_empty() {
        let limit = Limit { requests: 2, per: ms(10_000) };
        let mut limiter = Limiter::new(limit, LimiterKind::Fixed);

        assert_eq!(limiter.arrive(ms(9_000)), Ok(()));
        assert_eq!(limiter.arrive(ms(9_500)), Ok(()));
        assert_eq!(limiter.arrive(ms(9_600)), Err(OverLimit { retry_after: 1 }));
        assert_eq!(limiter.arrive(ms(10_000)), Ok(()), "the next window");
        assert_eq!(limiter.arrive(ms(10_001)), Ok(()));
        assert_eq!(limiter.arrive(ms(10_002)), Err(OverLimit { retry_after: 10 }));
        assert_eq!(limiter.arrive(ms(20_000)), Ok(()));
        assert_eq!(limiter.busiest(), 6, "from 9.000 to 10.002, refused ones included");
    }

    #[test]
    fn exactly_the_requests_over_the_limit_are_refused() {
        let mut limiter = sliding(2, ms(10_000));

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
        let mut limiter = sliding(0, ms(1_000));

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
            let mut limiter = sliding(requests, ms(per));
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
