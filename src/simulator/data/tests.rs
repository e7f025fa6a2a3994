use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::*;

mod time;

fn written(data: &Data, endpoint: Endpoint, filter: Filter, now: Moment) -> Vec<u8> {
    let selection = Selection::new(data, endpoint, filter, now);
    let mut out = Writer::default();
    out.array(|out| {
        let next = selection.write(data, 0, u64::MAX, out);
        assert_eq!(next, None);
    });
    out.into_bytes()
}

/// All records as they stand so many seconds after the start.
fn records_after(settings: &Settings, endpoint: Endpoint, seconds: u64) -> Vec<Value> {
    let data = Data::new(settings);
    let start = data.moment(settings.now);
    let now = data.seen_from(Moment(start.0 + seconds));
    let written = written(&data, endpoint, Filter::default(), now);
    serde_json::from_slice(&written).expect("the records are JSON")
}

fn records(settings: &Settings, endpoint: Endpoint) -> Vec<Value> {
    records_after(settings, endpoint, 0)
}

fn small() -> Settings {
    Settings { users: 300, buildings: 30, reservations: 3_000, ..Settings::default() }
}

fn text<'a>(record: &'a Value, pointer: &str) -> &'a str {
    record.pointer(pointer).and_then(Value::as_str).expect("a string at the pointer")
}

fn texts<'a>(records: &'a [Value], pointer: &str) -> HashSet<&'a str> {
    records.iter().map(|record| text(record, pointer)).collect()
}

/// The paths of all fields of all records; an array is one field.
fn fields(records: &[Value]) -> HashSet<String> {
    fn collect(value: &Value, path: &str, fields: &mut HashSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    collect(value, &format!("{path}.{name}"), fields);
                }
            }
            _ => {
                fields.insert(path.to_owned());
            }
        }
    }
    let mut fields = HashSet::new();
    for record in records {
        collect(record, "", &mut fields);
    }
    fields
}

#[test]
fn the_same_settings_give_the_same_data_and_another_seed_gives_others() {
    let other = Settings { seed: 2, ..small() };
    for endpoint in Endpoint::ALL {
        assert_eq!(records(&small(), endpoint), records(&small(), endpoint));
        assert_ne!(records(&small(), endpoint), records(&other, endpoint));
    }
}

#[test]
fn a_record_is_the_same_whatever_it_is_written_with() {
    let data = Data::new(&small());
    let all = records(&small(), Endpoint::Reservations);
    let now = data.seen_from(data.moment(small().now));
    let selection = Selection::new(&data, Endpoint::Reservations, Filter::default(), now);
    for index in [0, 1, 1_499, 2_999] {
        let mut out = Writer::default();
        selection.write(&data, selection.index_of(&data, index), 1, &mut out);
        let alone: Value = serde_json::from_slice(&out.into_bytes()).expect("one record");
        assert_eq!(Some(&alone), usize::try_from(index).ok().and_then(|index| all.get(index)));
    }
}

#[test]
fn identifiers_addresses_and_names_are_unique() {
    let (users, buildings) =
        (records(&small(), Endpoint::Users), records(&small(), Endpoint::Buildings));
    for pointer in ["/id", "/email", "/externalId"] {
        assert_eq!(texts(&users, pointer).len(), users.len());
    }
    for pointer in ["/id", "/name"] {
        assert_eq!(texts(&buildings, pointer).len(), buildings.len());
    }
    let reservations = records(&small(), Endpoint::Reservations);
    assert_eq!(texts(&reservations, "/id").len(), reservations.len());
}

#[test]
fn reservations_are_of_users_and_buildings_that_exist() {
    let (users, buildings) =
        (records(&small(), Endpoint::Users), records(&small(), Endpoint::Buildings));
    let reservations = records(&small(), Endpoint::Reservations);
    let emails: BTreeMap<&str, &str> =
        users.iter().map(|user| (text(user, "/id"), text(user, "/email"))).collect();
    let floors: HashSet<(&str, &str)> = buildings
        .iter()
        .flat_map(|building| {
            let floors = building["floors"].as_array().expect("an array of floors");
            floors.iter().map(|floor| (text(building, "/id"), text(floor, "/id")))
        })
        .collect();

    for reservation in &reservations {
        assert_eq!(emails.get(text(reservation, "/userId")), Some(&text(reservation, "/email")));
        let building = text(reservation, "/workspace/buildingId");
        assert!(floors.contains(&(building, text(reservation, "/workspace/floorId"))));
        for attendee in reservation["attendees"].as_array().expect("an array of attendees") {
            assert_eq!(emails.get(text(attendee, "/userId")), Some(&text(attendee, "/email")));
        }
    }
}

#[test]
fn reservations_have_28_fields_of_the_observed_shape() {
    let reservations = records(&small(), Endpoint::Reservations);
    assert_eq!(fields(&reservations).len(), 28);

    let reservation = &reservations[0];
    let local_start = text(reservation, "/localStart");
    assert!(local_start.starts_with(text(reservation, "/date")));
    assert_eq!(local_start.len(), "2026-06-30T09:00:00".len(), "a local time has no zone");
    assert!(text(reservation, "/createdAt").ends_with('Z'));
}

#[test]
fn texts_that_look_like_numbers_keep_their_zeros() {
    let users = records(&small(), Endpoint::Users);
    assert_eq!(text(&users[0], "/externalId"), "001007");
    let reservations = records(&small(), Endpoint::Reservations);
    assert!(reservations.iter().any(|reservation| {
        reservation.pointer("/workspace/deskName").is_some_and(|name| {
            name.as_str().is_some_and(|name| name.parse::<f64>().is_ok() && name.ends_with('0'))
        })
    }));
}

#[test]
fn what_may_be_null_sometimes_is() {
    let reservations = records(&small(), Endpoint::Reservations);
    for pointer in ["/checkedInAt", "/licensePlate", "/workspace/deskName"] {
        let nulls =
            reservations.iter().filter(|record| record.pointer(pointer) == Some(&Value::Null));
        assert!((1..reservations.len()).contains(&nulls.count()), "{pointer}");
    }
    assert!(reservations.iter().any(|record| record.pointer("/workspace/deskId").is_none()));
}

#[test]
fn dates_are_in_order_over_ninety_days_around_today_and_nothing_was_made_later_than_today() {
    let reservations = records(&small(), Endpoint::Reservations);
    let dates: Vec<&str> = reservations.iter().map(|record| text(record, "/date")).collect();

    assert!(dates.is_sorted());
    assert!(*dates[0] >= *"2026-04-16" && *dates[0] < *"2026-04-20");
    assert!(dates[dates.len() - 1] <= "2026-07-14" && dates[dates.len() - 1] > "2026-07-10");
    for reservation in &reservations {
        let created_at = text(reservation, "/createdAt");
        assert!(created_at < "2026-06-30", "made at least a day ahead, {created_at}");
        let happened = matches!(text(reservation, "/status"), "CheckedIn" | "NoShow");
        assert!(!happened || text(reservation, "/date") < "2026-06-30");
        assert_eq!(
            text(reservation, "/status") == "CheckedIn",
            reservation["checkedInAt"].is_string()
        );
    }
}

#[test]
fn fridays_are_emptier_and_more_often_no_shows() {
    let reservations =
        records(&Settings { reservations: 20_000, ..small() }, Endpoint::Reservations);
    let on = |weekday: chrono::Weekday, status: Option<&str>| {
        let matches = |record: &&Value| {
            let date: chrono::NaiveDate = text(record, "/date").parse().expect("a date");
            chrono::Datelike::weekday(&date) == weekday
                && status.is_none_or(|status| text(record, "/status") == status)
        };
        reservations.iter().filter(matches).count()
    };
    let (friday, tuesday) = (chrono::Weekday::Fri, chrono::Weekday::Tue);

    assert!(on(tuesday, None) > 2 * on(friday, None));
    assert!(
        on(friday, Some("NoShow")) * on(tuesday, Some("CheckedIn"))
            > on(tuesday, Some("NoShow")) * on(friday, Some("CheckedIn"))
    );
}

#[test]
fn without_users_or_buildings_there_are_no_reservations() {
    for settings in [Settings { users: 0, ..small() }, Settings { buildings: 0, ..small() }] {
        assert_eq!(records(&settings, Endpoint::Reservations), [] as [Value; 0]);
    }
}

#[test]
fn the_room_for_records_is_ample_but_not_wasteful() {
    for endpoint in Endpoint::ALL {
        let data = Data::new(&Settings { users: 3_000, ..small() });
        let now = data.seen_from(data.moment(small().now));
        let written = written(&data, endpoint, Filter::default(), now).len();
        let total = Selection::new(&data, endpoint, Filter::default(), now).total();
        let room = Data::room_for(endpoint, total);
        assert!((written..2 * written).contains(&room), "{endpoint:?}: {written} of {room}");
    }
}
