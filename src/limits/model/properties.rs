//! What holds whatever happens (no window over the limit), and what holds when nothing does (the bound is reached).

use proptest::prelude::*;

use super::*;

/// No window of one period, wherever it starts, holds more arrivals than the limit; nor does a fixed one.
fn within_the_limit(
    arrivals: &[i64],
    requests: usize,
    per: i64,
    phase: i64,
) -> Result<(), TestCaseError> {
    for window in arrivals.windows(requests + 1) {
        let span = window[requests] - window[0];
        prop_assert!(span >= per, "{} arrivals in {span} of {per} ticks: {window:?}", requests + 1);
    }
    let windows: Vec<i64> =
        arrivals.iter().map(|arrival| (arrival - phase).div_euclid(per)).collect();
    for fixed in windows.chunk_by(|one, next| one == next) {
        prop_assert!(fixed.len() <= requests, "{} arrivals in one fixed window", fixed.len());
    }
    Ok(())
}

fn fate(time_out: i64) -> impl Strategy<Value = Fate> {
    // In order: two moments up to the time-out, the very end included often enough.
    let moment = move || prop_oneof![6 => 0..=time_out, 1 => Just(0), 1 => Just(time_out)];
    (0..12_u8, moment(), moment()).prop_map(|(kind, one, other)| {
        let (early, late) = (one.min(other), one.max(other));
        match kind {
            0 => Fate::Lost { ends: late },
            1 => Fate::GivenUp { ends: late },
            2 => Fate::CrashAfterSend { arrives: late, dies: early },
            3 => Fate::CrashAfterSend { arrives: early, dies: late },
            4 => Fate::CrashBeforeSend { dies: late },
            _ => Fate::Answered { arrives: early, ends: late },
        }
    })
}

/// Clients' scripts: bursts, and requests with time between them.
fn scripts(time_out: i64) -> impl Strategy<Value = Vec<Vec<Attempt>>> {
    let pause = prop_oneof![3 => Just(0_i64), 1 => 1..40_i64, 1 => 40..400_i64];
    let attempt = (pause, fate(time_out)).prop_map(|(pause, fate)| Attempt { pause, fate });
    prop::collection::vec(prop::collection::vec(attempt, 0..14), 1..5)
}

/// A limit, a period, a time-out, a phase for fixed windows, and scripts to go with them.
fn setting() -> impl Strategy<Value = (u32, i64, i64, i64, Vec<Vec<Attempt>>)> {
    (1..6_u32, 1..300_i64, 1..200_i64, 0..300_i64).prop_flat_map(
        |(requests, per, time_out, phase)| {
            (Just(requests), Just(per), Just(time_out), Just(phase), scripts(time_out))
        },
    )
}

fn run(
    requests: u32,
    per: i64,
    time_out: i64,
    scripts: Vec<Vec<Attempt>>,
    jolts: Vec<Jolt>,
) -> Outcome {
    World::new(Limit { requests, per: ticks(per) }, time_out, scripts, jolts).run()
}

fn requests_of(requests: u32) -> usize {
    usize::try_from(requests).expect("a small number")
}

/// Clients that do nothing but ask, each answered `latency` after it was reserved.
fn eager(clients: usize, each: usize, latency: i64) -> Vec<Vec<Attempt>> {
    vec![
        vec![
            Attempt { pause: 0, fate: Fate::Answered { arrives: latency / 2, ends: latency } };
            each
        ];
        clients
    ]
}

/// The full periods that `pages` requests have to wait for, and how many are left for the last.
fn batches(pages: usize, requests: u32) -> (i64, i64) {
    let pages = i64::try_from(pages).expect("a small number");
    let full = (pages - 1) / i64::from(requests);
    (full, pages - full * i64::from(requests))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_window_is_over_the_limit_whatever_the_clients_and_the_wall_clock_do(
        (requests, per, time_out, phase, scripts) in setting(),
        jumps in prop::collection::vec((0..4_000_i64, -3_000_000..3_000_000_i64), 0..6),
    ) {
        let jolts = jumps.into_iter().map(|(at, by)| Jolt::WallJumps { at, by }).collect();
        let outcome = run(requests, per, time_out, scripts, jolts);
        within_the_limit(&outcome.arrivals, requests_of(requests), per, phase)?;
    }

    /// A wall clock that lost time across the reboot makes requests look later than they were, or ahead of now.
    #[test]
    fn no_window_is_over_the_limit_across_reboots_where_the_wall_clock_tells_the_truth_or_lost_time(
        (requests, per, time_out, phase, scripts) in setting(),
        reboots in prop::collection::vec((0..4_000_i64, prop_oneof![Just(0_i64), -50_000..=0_i64]), 0..4),
    ) {
        let jolts = reboots.into_iter().map(|(at, by)| Jolt::Reboots { at, by }).collect();
        let outcome = run(requests, per, time_out, scripts, jolts);
        within_the_limit(&outcome.arrivals, requests_of(requests), per, phase)?;
    }

    #[test]
    fn without_latency_the_bound_is_reached_exactly(
        requests in 1..8_u32, per in 1..500_i64, clients in 1..5_usize, each in 1..20_usize,
    ) {
        let outcome = run(requests, per, 100, eager(clients, each, 0), vec![]);
        let (full, _) = batches(clients * each, requests);
        prop_assert_eq!(outcome.arrivals.len(), clients * each);
        prop_assert_eq!(outcome.finished_at, full * per);
    }

    #[test]
    fn one_client_reaches_the_bound_with_latency_or_is_bound_by_the_latency_alone(
        requests in 1..8_u32, per in 1..500_i64, latency in 0..100_i64, pages in 1..60_usize,
    ) {
        let outcome = run(requests, per, 100, eager(1, pages, latency), vec![]);
        let (full, last) = batches(pages, requests);
        let bound = full * (per + latency) + last * latency;
        let unlimited = (full * i64::from(requests) + last) * latency;
        prop_assert_eq!(outcome.finished_at, bound.max(unlimited));
    }

    #[test]
    fn clients_enough_to_use_every_slot_at_once_reach_the_bound_with_latency(
        requests in 1..8_u32, per in 1..500_i64, latency in 0..100_i64, each in 1..12_usize,
    ) {
        let clients = requests_of(requests);
        let outcome = run(requests, per, 100, eager(clients, each, latency), vec![]);
        let (full, _) = batches(clients * each, requests);
        prop_assert_eq!(outcome.finished_at, full * (per + latency) + latency);
    }

    /// After a crash the slot is held for the time-out, not for good.
    #[test]
    fn a_crash_costs_its_slot_the_time_out_and_no_more(per in 1..300_i64, time_out in 1..200_i64) {
        let crash = Attempt { pause: 0, fate: Fate::CrashAfterSend { arrives: 0, dies: 0 } };
        let answered = Attempt { pause: 0, fate: Fate::Answered { arrives: 0, ends: 0 } };
        let outcome = run(1, per, time_out, vec![vec![crash, answered]], vec![]);
        prop_assert_eq!(outcome.arrivals, vec![0, time_out + per]);
    }
}
