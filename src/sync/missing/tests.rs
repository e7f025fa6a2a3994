use std::time::Duration;

use proptest::prelude::*;

use super::*;

const GUARD: Guard = Guard { max_share: 0.3, min_rows: 20, confirm: true };

#[test]
fn deletions_wait_that_are_both_many_and_a_large_share() {
    for (deletions, judged, waits) in [
        (21, 69, true),
        (21, 70, false),
        (20, 20, false),
        (300, 1_000, false),
        (301, 1_000, true),
        (1_000, 1_000, true),
        (0, 0, false),
    ] {
        assert_eq!(GUARD.holds_back(deletions, judged), waits, "{deletions} of {judged}");
    }
    let unguarded = Guard { confirm: false, ..GUARD };
    assert!(!unguarded.holds_back(1_000, 1_000));
    let none = Guard { max_share: 0.0, min_rows: 0, ..GUARD };
    assert!(none.holds_back(1, 1_000_000) && !none.holds_back(0, 1_000_000));
}

#[test]
fn a_sweep_that_has_stood_still_for_more_than_an_hour_tells_nothing() {
    let now = DateTime::from_timestamp(1_795_500_000, 0).expect("a valid moment");
    for (seconds, in_time) in [(0, true), (3_600, true), (3_601, false), (-1, false)] {
        let moved_at = now - TimeDelta::seconds(seconds);
        assert_eq!(is_taken_up_in_time(Some(moved_at), now), in_time, "{seconds}");
    }
    assert!(!is_taken_up_in_time(None, now));
}

fn set(ids: impl IntoIterator<Item = i64>) -> RowSet {
    ids.into_iter().collect()
}

proptest! {
    /// Against a model that looks at each row by itself.
    #[test]
    fn a_row_is_deleted_where_two_complete_reads_have_missed_it(
        rows in proptest::collection::btree_map(0_i64..40, (0_i64..3, any::<[bool; 3]>()), 0..30),
        is_whole in any::<bool>(),
    ) {
        let mut missing: BTreeMap<i64, RowSet> = BTreeMap::new();
        for (id, (slice, [is_missing, ..])) in &rows {
            if *is_missing {
                missing.entry(*slice).or_default().insert(*id);
            }
        }
        let which = |holds: fn(&[bool; 3]) -> bool| {
            set(rows.iter().filter(|(_, (_, flags))| holds(flags)).map(|(id, _)| *id))
        };
        let mut told = Missing::new(missing, &which(|[_, earlier, _]| *earlier));
        prop_assert_eq!(&told.once, &which(|[missing, earlier, _]| *missing && !earlier));
        let last = rows
            .values()
            .filter(|(_, [missing, earlier, _])| *missing && !earlier)
            .map(|(slice, _)| *slice)
            .max();
        prop_assert_eq!(told.slices.last().copied(), last);
        prop_assert!(told.slices.iter().copied().eq(0..=last.unwrap_or(-1)), "and all before");

        told.asked_once_more(&Answer { returned: which(|[_, _, returned]| *returned), is_whole });
        let expected = if is_whole {
            which(|[missing, _, returned]| *missing && !returned)
        } else {
            which(|[missing, earlier, returned]| *missing && *earlier && !returned)
        };
        prop_assert_eq!(told.agreed, expected);
    }
}

#[test]
fn what_is_asked_once_more_fits_one_period_of_the_limit() {
    let limit = |requests| Limit { requests, per: Duration::from_mins(1) };
    assert!(is_asked_once_more(limit(20), 20) && !is_asked_once_more(limit(20), 21));
    assert!(is_asked_once_more(limit(0), u64::MAX));
}
