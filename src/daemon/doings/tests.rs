use super::*;

fn at(seconds: i64) -> BootTime {
    BootTime::from_nanos(seconds * 1_000_000_000)
}

const SILENCE: Duration = Duration::from_mins(15);

fn doings(endpoints: &[(&str, &str)]) -> Doings {
    let mut doings = Doings::new(2);
    for (endpoint, group) in endpoints {
        doings.begin(endpoint, group, at(0));
    }
    doings
}

fn page(page: u64) -> Place {
    Place { page, slice: None }
}

#[test]
fn it_says_what_each_endpoint_is_at_and_what_is_worst_first() {
    let mut doings =
        doings(&[("buildings", "b"), ("reservations", "r"), ("rooms", "o"), ("users", "u")]);
    doings.goes_on("buildings", Some(Place { page: 1, slice: Some((3, 13)) }), at(1));
    doings.goes_on("reservations", Some(page(14)), at(1));
    doings.waits("reservations", Reason::Limit, Duration::from_millis(40_500), at(1));
    doings.waits("users", Reason::Retry, Duration::from_secs(5), at(1));
    assert_eq!(
        doings.status(at(1)),
        "2 jobs; users: begins, failed, tries again in 5 s; reservations: page 14, waits 41 s; \
         buildings: slice 3 of 13, page 1; rooms: begins"
    );
    doings.goes_on("users", None, at(2));
    doings.end("buildings", at(2));
    assert_eq!(
        doings.status(at(11)),
        "2 jobs; reservations: page 14, waits 31 s; rooms: begins; users: begins"
    );
    for endpoint in ["reservations", "rooms", "users"] {
        doings.end(endpoint, at(3));
    }
    assert_eq!(doings.status(at(12)), "2 jobs; idle");
    doings.jobs = 1;
    doings.refused = true;
    let moment = "2026-11-26T05:15:00Z".parse().expect("a valid moment");
    doings.next = Some(("bookings".to_owned(), moment));
    assert_eq!(
        doings.status(at(12)),
        "the new configuration is refused, the old one goes on; 1 job; idle; next: bookings at 2026-11-26 05:15:00 UTC"
    );
}

#[test]
fn a_line_stays_short_however_many_endpoints_there_are() {
    let names: Vec<String> = (0..40).map(|number| format!("endpoint_{number:02}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "g")).collect();
    let mut doings = doings(&all);
    doings.waits("endpoint_39", Reason::Pause, Duration::from_mins(1), at(0));
    let line = doings.status(at(0));
    assert!(
        line.starts_with("2 jobs; endpoint_39: begins, paused 60 s; endpoint_00: begins;"),
        "{line}"
    );
    assert!(line.ends_with("; and 32 more") && line.len() < LONGEST + 20, "{line}");
    // Nor is a long name left out that is the only one.
    let long = "e".repeat(500);
    assert!(self::doings(&[(&long, "g")]).status(at(0)).contains(&long));
}

#[test]
fn two_runs_on_one_endpoint_are_one_after_the_other() {
    let mut doings = doings(&[("users", "u"), ("users", "u")]);
    doings.goes_on("users", Some(page(7)), at(5));
    doings.end("users", at(6));
    assert_eq!(doings.status(at(6)), "2 jobs; users: begins");
    doings.end("users", at(7));
    assert!(doings.is_idle());
    // What comes of a run that nobody has told of is no reason to fall over.
    doings.goes_on("users", Some(page(1)), at(8));
    doings.waits("users", Reason::Limit, SILENCE, at(8));
    doings.end("users", at(8));
    assert!(doings.is_idle());
}

#[test]
fn who_goes_on_or_waits_for_what_has_an_end_is_not_stuck() {
    let mut doings = doings(&[("users", "u"), ("rooms", "r")]);
    assert_eq!(doings.stuck(at(900), SILENCE), None);
    assert_eq!(doings.stuck(at(901), SILENCE), Some("rooms"));
    doings.goes_on("rooms", Some(page(1)), at(900));
    doings.waits("users", Reason::Limit, Duration::from_hours(3), at(800));
    assert_eq!(doings.stuck(at(1_800), SILENCE), None);
    doings.end("rooms", at(1_800));
    // Three hours after 800, and then as long as it may take to go on.
    assert_eq!(doings.stuck(at(800 + 10_800 + 900), SILENCE), None);
    assert_eq!(doings.stuck(at(800 + 10_800 + 901), SILENCE), Some("users"));
}

#[test]
fn who_is_in_line_behind_another_of_its_group_is_not_stuck() {
    let mut doings = doings(&[("users", "g"), ("rooms", "g")]);
    doings.waits("users", Reason::Limit, Duration::from_hours(1), at(0));
    assert_eq!(doings.stuck(at(3_600), SILENCE), None);
    doings.end("users", at(3_600));
    assert_eq!(doings.stuck(at(3_600), SILENCE), Some("rooms"));
}
