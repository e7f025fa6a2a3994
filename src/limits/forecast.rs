//! How long requests take at a limit, worked out ahead by the very decision that lets each of them through: pure.

use std::time::Duration;

use super::{Admission, Limit, admit};
use crate::clock::BootTime;

/// So many requests of a group are gone through one by one; beyond that a period takes as many as the limit says.
const GONE_THROUGH: u64 = 100_000;

/// What one asker wants: requests one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How many.
    pub requests: u64,
    /// How long one takes from its reservation until the next one can be asked for.
    pub answer: Duration,
    /// It begins only once the demand of this index is met, one before it in the list.
    pub after: Option<usize>,
}

/// How a demand is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// When its last request is answered; for none: when it could begin.
    pub ends: BootTime,
    /// The longest that one of its requests waits.
    pub longest_wait: Duration,
}

/// A demand under way.
struct Asker {
    left: u64,
    /// When it asks for its next request; `None`: not before another one is done.
    ready: Option<BootTime>,
    forecast: Forecast,
}

/// Works out how the demands of one group are met, asked for side by side from `now` on: first come, first served. The
/// ledger's lines and the pause are as for [`admit`].
pub fn forecast(
    now: BootTime,
    limit: Limit,
    counts_from: &[BootTime],
    not_before: Option<BootTime>,
    demands: &[Demand],
) -> Vec<Forecast> {
    let start = |demand: &Demand| Asker {
        left: demand.requests,
        ready: demand.after.is_none().then_some(now),
        forecast: Forecast { ends: now, longest_wait: Duration::ZERO },
    };
    let mut askers: Vec<Asker> = demands.iter().map(start).collect();
    let mut ledger = Ledger::new(limit, counts_from);
    let mut gone_through = 0;
    loop {
        release(demands, &mut askers);
        let next = askers.iter().enumerate().filter(|(_, asker)| asker.left > 0);
        let next = next.filter_map(|(index, asker)| Some((asker.ready?, index))).min();
        let Some((ready, index)) = next else { break };
        let (asker, answer) = (&mut askers[index], demands[index].answer);
        if limit.requests == 0 || gone_through >= GONE_THROUGH {
            // No limit, or only whole periods from here on; for these the askers count as taking turns.
            let begins = ready.max(not_before.unwrap_or(ready));
            let each = answer.max(ledger.share());
            let rest = u32::try_from(asker.left).unwrap_or(u32::MAX);
            asker.longest_wait(begins.since(ready));
            asker.end(begins.saturating_add(each.saturating_mul(rest)), asker.left);
            continue;
        }
        gone_through += 1;
        let goes = match admit(ready, limit, &ledger.lines, not_before) {
            Admission::Now => ready,
            Admission::Wait { until, .. } => until,
        };
        let ends = goes.saturating_add(answer);
        ledger.add(ends);
        asker.longest_wait(goes.since(ready));
        asker.end(ends, 1);
    }
    askers.into_iter().map(|asker| asker.forecast).collect()
}

/// Lets those begin whose turn it is: what they wait for is done.
fn release(demands: &[Demand], askers: &mut [Asker]) {
    for (index, demand) in demands.iter().enumerate() {
        let Some(before) = demand.after.and_then(|before| askers.get(before)) else { continue };
        if askers[index].ready.is_none() && before.ready.is_some() && before.left == 0 {
            let begins = before.forecast.ends;
            askers[index].ready = Some(begins);
            askers[index].forecast.ends = begins;
        }
    }
}

impl Asker {
    fn longest_wait(&mut self, wait: Duration) {
        self.forecast.longest_wait = self.forecast.longest_wait.max(wait);
    }

    /// So many of its requests are answered by then.
    fn end(&mut self, ends: BootTime, requests: u64) {
        self.left = self.left.saturating_sub(requests);
        self.ready = Some(ends);
        self.forecast.ends = ends;
    }
}

/// The lines that count: as many as there are slots, those that are free last.
struct Ledger {
    limit: Limit,
    lines: Vec<BootTime>,
}

impl Ledger {
    fn new(limit: Limit, counts_from: &[BootTime]) -> Self {
        let mut ledger = Self { limit, lines: Vec::new() };
        let mut lines = counts_from.to_vec();
        lines.sort_unstable();
        for line in lines {
            ledger.add(line);
        }
        ledger
    }

    fn add(&mut self, line: BootTime) {
        let place = self.lines.partition_point(|other| *other <= line);
        self.lines.insert(place, line);
        if self.lines.len() > usize::try_from(self.limit.requests).unwrap_or(usize::MAX) {
            self.lines.remove(0);
        }
    }

    /// How far apart requests go in the long run.
    fn share(&self) -> Duration {
        self.limit.per.checked_div(self.limit.requests).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Limit = Limit { requests: 20, per: Duration::from_mins(1) };

    fn at(milliseconds: u64) -> BootTime {
        BootTime::from_nanos(0).saturating_add(Duration::from_millis(milliseconds))
    }

    fn demand(requests: u64, answer_ms: u64) -> Demand {
        Demand { requests, answer: Duration::from_millis(answer_ms), after: None }
    }

    fn ends(limit: Limit, ledger: &[BootTime], demands: &[Demand]) -> Vec<BootTime> {
        let forecasts = forecast(at(0), limit, ledger, None, demands);
        forecasts.into_iter().map(|forecast| forecast.ends).collect()
    }

    #[test]
    fn what_fits_into_one_period_waits_for_nothing() {
        let forecasts = forecast(at(0), LIMIT, &[], None, &[demand(20, 100)]);
        assert_eq!(forecasts, [Forecast { ends: at(2_000), longest_wait: Duration::ZERO }]);
    }

    #[test]
    fn each_further_period_takes_as_many_as_the_limit_says() {
        // The 21st goes a minute after the first was answered, and so on.
        assert_eq!(ends(LIMIT, &[], &[demand(21, 0)]), [at(60_000)]);
        assert_eq!(ends(LIMIT, &[], &[demand(100, 0)]), [at(240_000)]);
        assert_eq!(ends(LIMIT, &[], &[demand(101, 0)]), [at(300_000)]);
        assert_eq!(ends(LIMIT, &[], &[demand(21, 100)]), [at(60_200)]);
    }

    #[test]
    fn those_who_share_a_group_share_its_budget() {
        let both = ends(LIMIT, &[], &[demand(30, 0), demand(10, 0)]);
        assert_eq!(both.iter().max(), Some(&at(60_000)));
        let alone = ends(LIMIT, &[], &[demand(10, 0)]);
        assert_eq!(alone, [at(0)]);
    }

    #[test]
    fn one_that_follows_another_begins_at_its_end() {
        let second = Demand { after: Some(0), ..demand(10, 0) };
        assert_eq!(ends(LIMIT, &[], &[demand(20, 100), second]), [at(2_000), at(61_000)]);
        let nothing = Demand { after: Some(0), ..demand(0, 0) };
        assert_eq!(ends(LIMIT, &[], &[demand(20, 100), nothing]), [at(2_000), at(2_000)]);
    }

    #[test]
    fn what_is_used_already_and_a_pause_come_first() {
        let used = [BootTime::from_nanos(-30_000_000_000); 20];
        assert_eq!(ends(LIMIT, &used, &[demand(1, 0)]), [at(30_000)]);
        let paused = forecast(at(0), LIMIT, &used, Some(at(90_000)), &[demand(1, 0)]);
        let wait = Duration::from_secs(90);
        assert_eq!(paused, [Forecast { ends: at(90_000), longest_wait: wait }]);
    }

    #[test]
    fn without_a_limit_it_is_the_answers_that_take_time() {
        let unlimited = Limit { requests: 0, ..LIMIT };
        assert_eq!(ends(unlimited, &[], &[demand(1_000, 250)]), [at(250_000)]);
        let paused = forecast(at(0), unlimited, &[], Some(at(5_000)), &[demand(2, 250)]);
        assert_eq!(paused[0].ends, at(5_500));
    }

    #[test]
    fn a_demand_without_end_is_told_all_the_same() {
        let limit = Limit { requests: 100, per: Duration::from_secs(1) };
        let ends = ends(limit, &[], &[demand(10_000_000, 0)]);
        let expected = at(100_000_000);
        assert!(ends[0].since(expected).max(expected.since(ends[0])) < Duration::from_secs(2));
    }

    proptest! {
        /// The limiter's promise holds for what is worked out: no window of a period has more requests than the limit.
        #[test]
        fn no_period_has_more_than_the_limit(
            requests in 1_u32..8,
            demands in proptest::collection::vec((0_u64..20, 0_u64..3_000), 1..4),
            used in proptest::collection::vec(0_i64..9_000, 0..12),
        ) {
            let limit = Limit { requests, per: Duration::from_secs(5) };
            let used: Vec<_> = used.iter().map(|ago| BootTime::from_nanos(-ago * 1_000_000)).collect();
            let demands: Vec<_> = demands.iter().map(|(count, answer)| demand(*count, *answer)).collect();
            let total: u64 = demands.iter().map(|demand| demand.requests).sum();
            let last = ends(limit, &used, &demands).into_iter().max().expect("there is a demand");
            let beyond_the_first = total.saturating_sub(u64::from(requests)).div_ceil(u64::from(requests));
            let least = limit.per.saturating_mul(u32::try_from(beyond_the_first).expect("a few"));
            prop_assert!(last.since(at(0)) >= least, "{last:?} {least:?}");
            let alone = demands.iter().map(|demand| ends(limit, &used, &[*demand])[0]);
            prop_assert!(alone.max().expect("there is a demand") <= last);
        }
    }
}
