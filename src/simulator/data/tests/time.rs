//! What the passing of time does to the data.

use proptest::prelude::*;

use super::*;

const DAY: u64 = 24 * 60 * 60;

fn by_id(records: &[Value]) -> BTreeMap<&str, &Value> {
    records.iter().map(|record| (text(record, "/id"), record)).collect()
}

#[test]
fn nothing_changes_on_the_first_day() {
    for endpoint in Endpoint::ALL {
        assert_eq!(
            records_after(&small(), endpoint, DAY - 1),
            records(&small(), endpoint),
            "{endpoint:?}"
        );
    }
}

#[test]
fn at_the_start_there_are_as_many_as_are_asked_for() {
    for retention_days in [0, 1, 30, 75, 1_000] {
        let settings = Settings { retention_days, parking_reservations: 777, ..small() };
        assert_eq!(records(&settings, Endpoint::Reservations).len(), 3_000);
        assert_eq!(records(&settings, Endpoint::ParkingReservations).len(), 777);
    }
    assert_eq!(records(&small(), Endpoint::ParkingLots).len(), 30);
}

#[test]
fn all_records_that_are_counted_without_a_look_are_there() {
    for endpoint in Endpoint::ALL {
        for seconds in [0, 9 * DAY] {
            let (data, mut out) = (Data::new(&small()), Writer::default());
            let now = data.seen_from(Moment(data.moment(small().now).0 + seconds));
            let selection = Selection::new(&data, endpoint, Filter::default(), now);
            out.array(|out| assert_eq!(selection.write(&data, 0, selection.total(), out), None));
            let written: Vec<Value> = serde_json::from_slice(&out.into_bytes()).expect("JSON");
            assert_eq!(written.len() as u64, selection.total(), "{endpoint:?} after {seconds} s");
        }
    }
}

#[test]
fn within_five_days_reservations_come_change_move_and_go() {
    for endpoint in [Endpoint::Reservations, Endpoint::ParkingReservations] {
        let (old, new) = (records(&small(), endpoint), records_after(&small(), endpoint, 5 * DAY));
        let (old, new) = (by_id(&old), by_id(&new));
        let of_both: Vec<_> =
            old.iter().filter_map(|(id, old)| Some((*old, *new.get(id)?))).collect();
        let differ = |pointer: &str| {
            of_both.iter().filter(|(old, new)| old.pointer(pointer) != new.pointer(pointer)).count()
        };
        let (spot, boundary) = match endpoint {
            Endpoint::Reservations => ("/workspace/nodeId", "2026-06-30"),
            _ => ("/spot", "2026-06-30"),
        };
        let deleted =
            old.iter().filter(|(id, old)| !new.contains_key(*id) && text(old, "/date") > boundary);

        assert!(new.keys().any(|id| !old.contains_key(id)), "new ones");
        assert!(deleted.count() > 0, "ones that are deleted before their day");
        assert!(differ("/status") > 0);
        assert!(differ("/date") > 0, "ones that are moved to another day");
        assert!(differ("/localStart") > differ("/date"), "and to other hours");
        assert!(differ(spot) > 0, "and to another place");
        let unchanged = of_both.iter().filter(|(old, new)| old == new).count();
        assert!(unchanged * 2 > of_both.len(), "most stay as they are");
        assert!(
            of_both.iter().all(|(old, new)| old == new || old["updatedAt"] != new["updatedAt"]),
            "what changes says when"
        );
    }
}

#[test]
fn retention_takes_what_is_old_and_nothing_else_that_has_happened() {
    let settings = Settings { retention_days: 20, ..small() };
    let (old, new) = (
        records(&settings, Endpoint::Reservations),
        records_after(&settings, Endpoint::Reservations, 3 * DAY),
    );
    let new = by_id(&new);
    for record in old.iter().filter(|record| text(record, "/date") < "2026-06-30") {
        let is_kept = text(record, "/date") >= "2026-06-13";
        assert_eq!(new.contains_key(text(record, "/id")), is_kept, "{}", text(record, "/date"));
    }
}

#[test]
fn who_checked_in_has_a_reservation_that_says_so() {
    for seconds in [0, 3 * DAY + 10 * 60 * 60] {
        let reservations = records_after(&small(), Endpoint::Reservations, seconds);
        let check_ins = records_after(&small(), Endpoint::CheckIns, seconds);
        let reservations = by_id(&reservations);
        let checked_in = reservations.values().filter(|record| record["status"] == "CheckedIn");

        assert_eq!(checked_in.count(), check_ins.len());
        assert_eq!(by_id(&check_ins).len(), check_ins.len());
        for check_in in &check_ins {
            let reservation = reservations[text(check_in, "/reservationId")];
            for (pointer, of_reservation) in [
                ("/checkedInAt", "/checkedInAt"),
                ("/userId", "/userId"),
                ("/nodeId", "/workspace/nodeId"),
                ("/buildingId", "/workspace/buildingId"),
            ] {
                assert_eq!(text(check_in, pointer), text(reservation, of_reservation));
            }
        }
    }
}

#[test]
fn people_join_change_and_leave_but_none_is_forgotten() {
    let (old, new) =
        (records(&small(), Endpoint::Users), records_after(&small(), Endpoint::Users, 90 * DAY));
    assert_eq!(new.len(), 300 + 26, "one in three days and a third");
    let changed = old.iter().zip(&new).filter(|(old, new)| old != new).count();
    assert!((1..150).contains(&changed), "{changed}");
    let is_active = |users: &[Value]| users.iter().filter(|user| user["active"] == true).count();
    assert!(is_active(&new[..300]) < is_active(&old));
    assert!(text(&new[310], "/createdAt") > "2026-07-01");
}

#[test]
fn the_data_end_to_change_after_ten_years_and_go_on_being_told() {
    let settings = Settings { reservations: 200, ..small() };
    let ten_years = records_after(&settings, Endpoint::Reservations, 3_653 * DAY);
    assert!((150..250).contains(&ten_years.len()), "{}", ten_years.len());
    let thousand_years = records_after(&settings, Endpoint::Reservations, 365_000 * DAY);
    assert_eq!(thousand_years, ten_years);
}

/// The records that happen between two moments, by looking at all of them.
fn within<'a>(all: &'a [Value], from: &str, to: &str, pointer: &str) -> Vec<&'a Value> {
    all.iter().filter(|record| (from..=to).contains(&text(record, pointer))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_same_seed_and_time_give_the_same_records_with_identifiers_of_their_own(
        seed: u64,
        seconds in 0..30 * DAY,
    ) {
        let size = Settings { users: 60, buildings: 3, ..small() };
        let settings = Settings { seed, reservations: 400, parking_reservations: 100, ..size };
        for endpoint in Endpoint::ALL {
            let records = records_after(&settings, endpoint, seconds);
            prop_assert_eq!(by_id(&records).len(), records.len());
            prop_assert_eq!(&records_after(&settings, endpoint, seconds), &records);
        }
    }

    #[test]
    fn a_life_only_goes_on(seed: u64, seconds in 0..25 * DAY, later in 0..5 * DAY) {
        let settings = Settings { seed, reservations: 400, ..small() };
        let first = records_after(&settings, Endpoint::Reservations, seconds);
        let then = records_after(&settings, Endpoint::Reservations, seconds + later);
        let then = by_id(&then);
        for old in &first {
            let Some(new) = then.get(text(old, "/id")) else { continue };
            prop_assert_eq!(&old["createdAt"], &new["createdAt"]);
            prop_assert!(old["date"].as_str() <= new["date"].as_str(), "moves are ahead");
            prop_assert!(old["updatedAt"].as_str() <= new["updatedAt"].as_str());
            if old["status"] != "Booked" {
                prop_assert_eq!(old, *new, "what is over stays as it is");
            }
        }
    }

    #[test]
    fn a_window_holds_exactly_what_happens_in_it(
        seconds in 0..20 * DAY,
        first in 76_i64..98,
        days in 0_i64..10,
    ) {
        let settings = Settings { reservations: 3_000, parking_reservations: 2_000, ..small() };
        let data = Data::new(&settings);
        let now = data.seen_from(Moment(data.moment(settings.now).0 + seconds));
        let day = |offset| {
            let offset = chrono::TimeDelta::days(offset - 80);
            settings.now.checked_add_signed(offset).expect("a day of this century")
        };
        let (from, to) = (day(first), day(first + days) + chrono::TimeDelta::seconds(86_399));
        let filter = Filter {
            from: Some(data.moment(from)),
            to: Some(data.moment(to)),
            updated_after: None,
        };
        let spelled = |moment: NaiveDateTime| moment.format("%Y-%m-%dT%H:%M:%S").to_string();
        for (endpoint, pointer) in [
            (Endpoint::Reservations, "/localStart"),
            (Endpoint::ParkingReservations, "/localStart"),
            (Endpoint::CheckIns, "/checkedInAt"),
        ] {
            let found = written(&data, endpoint, filter, now);
            let found: Vec<Value> = serde_json::from_slice(&found).expect("JSON");
            let all = records_after(&settings, endpoint, seconds);
            let expected = within(&all, &spelled(from), &format!("{}~", spelled(to)), pointer);
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn only_what_changed_since_is_told_where_that_is_asked_for(seconds in 0..20 * DAY, back in 0..5 * DAY) {
        let settings = Settings { reservations: 600, ..small() };
        let data = Data::new(&settings);
        let now = data.seen_from(Moment(data.moment(settings.now).0 + seconds));
        let since = Moment(now.0 - back);
        let filter = Filter { updated_after: Some(since), ..Filter::default() };
        let found = written(&data, Endpoint::Reservations, filter, now);
        let found: Vec<Value> = serde_json::from_slice(&found).expect("JSON");

        let before = Data::seen_from(&data, since);
        let before = written(&data, Endpoint::Reservations, Filter::default(), before);
        let before: Vec<Value> = serde_json::from_slice(&before).expect("JSON");
        let before = by_id(&before);
        let found = by_id(&found);
        for record in &records_after(&settings, Endpoint::Reservations, seconds) {
            let id = text(record, "/id");
            if before.get(id) != Some(&record) {
                prop_assert!(found.contains_key(id), "it differs from what it was");
            }
        }
    }
}
