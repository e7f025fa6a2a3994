//! The limiter's arithmetic and `Retry-After`: pure, the time is an argument.
//!
//! A slot is free again one period after the *response* of the request that used it. The server counts a request when it
//! arrives, which is no later than its response; so two requests that use one slot arrive at least one period apart,
//! whatever the latency, and no window of that length, fixed or sliding, holds more than the limit.

mod forecast;
mod retry_after;

use std::time::Duration;

use chrono::{DateTime, Utc};

pub use self::{
    forecast::{Demand, Forecast, forecast},
    retry_after::{Hints, pause_length},
};
use crate::clock::{BootTime, Now};

/// The longest that any pause may last: what a server says beyond that is a mistake, or the business of a person.
pub const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// What stamps of the wall clock in the database are cut to: the moment meant may be that much later.
const STAMP_RESOLUTION: Duration = Duration::from_millis(1);

/// How many requests a group may make in any period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests a period; 0 means no limit, and no ledger.
    pub requests: u32,
    /// The period.
    pub per: Duration,
}

/// Whether a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may be reserved now.
    Now,
    /// It has to wait.
    Wait {
        /// The earliest moment when it may go, provided that nothing else changes: another request may take the slot
        /// first, and one that is on its way frees its slot earlier than it was reserved for.
        until: BootTime,
        /// The earliest moment of all: that if what is on its way ended now.
        at_best: BootTime,
        /// What it waits for.
        reason: WaitReason,
    },
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// All slots of the limit are taken.
    Limit,
    /// The server asked for a pause.
    Pause,
}

/// Decides whether a request of a group may go.
///
/// `counts_from` has a moment for every line of the group's ledger, in any order: for a settled request that of its
/// response (or of its failure), for one not settled yet that of its reservation plus the time-out. Lines that count no
/// longer may be among them. `not_before` is the end of the pause that the server asked for, if any.
pub fn admit(
    now: BootTime,
    limit: Limit,
    counts_from: &[BootTime],
    not_before: Option<BootTime>,
) -> Admission {
    let slot = slot_free_at(now, limit, counts_from.iter().copied());
    let pause = not_before.filter(|end| *end > now);
    let Some(until) = slot.max(pause) else { return Admission::Now };
    let reason = if pause >= slot { WaitReason::Pause } else { WaitReason::Limit };
    let ended = counts_from.iter().map(|moment| now.min(*moment));
    let at_best = slot_free_at(now, limit, ended).max(pause).unwrap_or(now);
    Admission::Wait { until, at_best, reason }
}

/// How many of a group's slots are taken; see [`admit`].
pub fn used(now: BootTime, limit: Limit, counts_from: &[BootTime]) -> u32 {
    let taken = counts_from.iter().filter(|moment| moment.saturating_add(limit.per) > now).count();
    u32::try_from(taken).unwrap_or(u32::MAX)
}

/// When enough of the taken slots are free again for one more request; nothing when one is free already.
fn slot_free_at(
    now: BootTime,
    limit: Limit,
    counts_from: impl Iterator<Item = BootTime>,
) -> Option<BootTime> {
    let requests = usize::try_from(limit.requests).unwrap_or(usize::MAX);
    if requests == 0 {
        return None;
    }
    let mut taken: Vec<BootTime> = counts_from
        .map(|moment| moment.saturating_add(limit.per))
        .filter(|free| *free > now)
        .collect();
    let too_many = taken.len().checked_sub(requests)?;
    let (_, free, _) = taken.select_nth_unstable(too_many);
    Some(*free)
}

/// Places the moment that a ledger line of another boot counts from, told by the wall clock, on this boot's clock.
///
/// Within one boot its own clock decides, whatever becomes of the wall clock. Across boots the wall clock says how long ago
/// it was, and a stamp ahead of it counts as now: so such a line has to be written back as placed, with this boot's id, by
/// whoever meets it first; else one that is ahead would count as now at every look, and its slot stay taken until the wall
/// clock has caught up.
pub fn rebase(now: Now, counts_from: DateTime<Utc>) -> BootTime {
    let elapsed = positive(now.wall, counts_from).saturating_sub(STAMP_RESOLUTION);
    now.boot.saturating_sub(elapsed)
}

/// Places the end of a pause that was stored in another boot on this boot's clock.
///
/// `length` is how long the pause was meant to last in all: it never lasts longer than that from now, nor than
/// [`LONGEST_PAUSE`]. As with [`rebase`], it has to be written back as placed.
pub fn rebase_pause(now: Now, until: DateTime<Utc>, length: Duration) -> BootTime {
    let left = positive(until, now.wall);
    let left = if left.is_zero() { left } else { left.saturating_add(STAMP_RESOLUTION) };
    now.boot.saturating_add(left.min(length).min(LONGEST_PAUSE))
}

/// The time from `earlier` to `later` on the wall clock; zero when they are the other way round.
fn positive(later: DateTime<Utc>, earlier: DateTime<Utc>) -> Duration {
    later.signed_duration_since(earlier).to_std().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { requests: 2, per: Duration::from_mins(1) };

    fn at(seconds: i64) -> BootTime {
        BootTime::from_nanos(seconds * 1_000_000_000)
    }

    fn wall(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a valid moment")
    }

    fn now(boot: i64, wall_seconds: i64) -> Now {
        Now { boot: at(boot), wall: wall(wall_seconds) }
    }

    fn wait(until: i64, reason: WaitReason) -> Admission {
        Admission::Wait { until: at(until), at_best: at(until), reason }
    }

    #[test]
    fn a_slot_is_free_exactly_one_period_after_it_counts_from() {
        let ledger = [at(10), at(20)];
        let just_before = BootTime::from_nanos(at(70).as_nanos() - 1);
        assert_eq!(admit(just_before, LIMIT, &ledger, None), wait(70, WaitReason::Limit));
        assert_eq!(admit(at(70), LIMIT, &ledger, None), Admission::Now);
    }

    #[test]
    fn fewer_lines_than_slots_wait_for_nothing() {
        assert_eq!(admit(at(20), LIMIT, &[at(20)], None), Admission::Now);
        assert_eq!(admit(at(20), LIMIT, &[], None), Admission::Now);
    }

    #[test]
    fn a_ledger_over_the_limit_waits_until_enough_are_free() {
        let ledger = [at(40), at(10), at(30), at(20), at(-500)];
        assert_eq!(admit(at(50), LIMIT, &ledger, None), wait(90, WaitReason::Limit));
    }

    #[test]
    fn a_reservation_on_its_way_holds_its_slot() {
        let ledger = [at(130), at(10)];
        assert_eq!(admit(at(100), LIMIT, &ledger, None), Admission::Now);
        assert_eq!(admit(at(60), LIMIT, &ledger, None), wait(70, WaitReason::Limit));
    }

    #[test]
    fn what_is_on_its_way_may_end_at_any_moment() {
        let waits = |until, at_best, reason| Admission::Wait {
            until: at(until),
            at_best: at(at_best),
            reason,
        };
        let on_their_way = [at(130), at(130), at(131)];
        assert_eq!(admit(at(100), LIMIT, &on_their_way, None), waits(190, 160, WaitReason::Limit));
        let paused = admit(at(100), LIMIT, &on_their_way, Some(at(170)));
        assert_eq!(paused, waits(190, 170, WaitReason::Limit));
    }

    #[test]
    fn the_later_of_limit_and_pause_decides_and_gives_the_reason() {
        let ledger = [at(10), at(20)];
        assert_eq!(admit(at(30), LIMIT, &ledger, Some(at(40))), wait(70, WaitReason::Limit));
        assert_eq!(admit(at(30), LIMIT, &ledger, Some(at(90))), wait(90, WaitReason::Pause));
        assert_eq!(admit(at(80), LIMIT, &ledger, Some(at(90))), wait(90, WaitReason::Pause));
        assert_eq!(admit(at(90), LIMIT, &ledger, Some(at(90))), Admission::Now);
    }

    #[test]
    fn without_a_limit_only_the_pause_matters() {
        let unlimited = Limit { requests: 0, per: Duration::from_mins(1) };
        let ledger = [at(30); 50];
        assert_eq!(admit(at(30), unlimited, &ledger, None), Admission::Now);
        assert_eq!(admit(at(30), unlimited, &ledger, Some(at(31))), wait(31, WaitReason::Pause));
    }

    #[test]
    fn across_boots_the_wall_clock_says_how_long_ago_and_never_a_stamp_too_much() {
        let placed = rebase(now(100, 500), wall(440));
        assert_eq!(placed, at(40).saturating_add(STAMP_RESOLUTION));
        assert_eq!(rebase(now(5, 500), wall(440)).since(at(-55)), STAMP_RESOLUTION);
    }

    #[test]
    fn across_boots_a_stamp_in_the_future_counts_as_now() {
        assert_eq!(rebase(now(100, 0), wall(86_400)), at(100));
    }

    #[test]
    fn across_boots_a_pause_lasts_no_longer_than_it_was_meant_to() {
        let length = Duration::from_secs(289);
        let rest = rebase_pause(now(5, 100), wall(150), length);
        assert_eq!(rest, at(55).saturating_add(STAMP_RESOLUTION));
        assert_eq!(rebase_pause(now(5, -90_000), wall(150), length), at(5 + 289));
        assert_eq!(rebase_pause(now(5, 151), wall(150), length), at(5));
    }

    #[test]
    fn no_pause_outlasts_a_day() {
        let day_after = at(5).saturating_add(LONGEST_PAUSE);
        assert_eq!(rebase_pause(now(5, 0), wall(9_000_000), Duration::MAX), day_after);
    }
}
