//! Dates that are asked for, and time that passes.

use serde_json::{Value, json};

use super::Simulator;

const FROM_JUNE: [&str; 2] = ["--now", "2026-06-30"];

#[test]
fn a_range_of_dates_holds_its_days_and_one_that_is_refused_says_why() {
    let rules = ["--max-window", "7", "--max-past", "30", "--require-window"];
    let simulator = Simulator::start(&[&FROM_JUNE[..], &rules].concat());
    let token = simulator.token();
    let list =
        |query: &str| simulator.get(&format!("/v2/reservations?pageSize=500&{query}"), &token);

    let day = list("startDate=2026-06-09");
    assert!(day.items().iter().all(|record| record["date"] == "2026-06-09"));
    let hours = list("startDate=2026-06-09T00:00&endDate=2026-06-09T08:30").items();
    assert!(
        hours.iter().all(|record| record["localStart"].as_str() <= Some("2026-06-09T08:30:00"))
    );
    assert!((1..day.items().len()).contains(&hours.len()));
    assert_eq!(list("startDate=2026-06-09&endDate=2026-06-15").status, 200);

    for (query, parameter) in [
        ("startDate=2026-06-09&endDate=2026-06-16", "endDate"),
        ("startDate=2026-06-09&endDate=2026-06-08", "endDate"),
        ("startDate=2026-05-30", "startDate"),
        ("startDate=soon", "startDate"),
        ("", "startDate"),
    ] {
        let refused = list(query);
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(refused.header("content-type"), Some("application/problem+json; charset=utf-8"));
        let reasons = &refused.json()["errors"];
        assert!(reasons[parameter][0].is_string(), "{query}: {reasons}");
        assert_eq!(reasons.as_object().map(serde_json::Map::len), Some(1), "{query}");
    }
    assert_eq!(simulator.get("/v2/users", &token).status, 200, "people have no dates");
}

#[test]
fn a_second_look_finds_reservations_that_are_new_changed_unchanged_and_gone() {
    let simulator = Simulator::start(&[&FROM_JUNE[..], &["--reservations", "2000"]].concat());
    let token = simulator.token();
    let all = || simulator.get("/v2/reservations?style=none", &token).json();
    let ids = |records: &Value| -> Vec<String> {
        let records = records.as_array().expect("records");
        records.iter().map(|record| record["id"].to_string()).collect()
    };

    let first = all();
    assert_eq!(ids(&first).len(), 2_000);
    assert_eq!(all(), first, "nothing changes on the first day");
    let now = simulator.post("/_simulator/time", &json!({ "advance": "2d" }));
    assert!(now["now"].as_str().is_some_and(|now| now.starts_with("2026-07-02T00:0")), "{now}");
    let second = all();

    let (old, new) = (ids(&first), ids(&second));
    assert!(new.iter().any(|id| !old.contains(id)), "some are new");
    assert!(old.iter().any(|id| !new.contains(id)), "some are gone");
    let changed = first.as_array().expect("records").iter().filter(|record| {
        let id = record["id"].to_string();
        new.contains(&id) && !second.as_array().expect("records").contains(record)
    });
    assert!((1..200).contains(&changed.count()), "some are changed, most are not");
}

#[test]
fn time_passes_as_fast_as_it_is_told_to() {
    let now = |arguments: &[&str]| {
        let simulator = Simulator::start(&[&FROM_JUNE[..], arguments].concat());
        simulator.get("/_simulator/time", "").json()["now"].as_str().expect("a time").to_owned()
    };
    assert_eq!(now(&["--time-scale", "0"]), "2026-06-30T00:00:00");
    assert!(*now(&["--time-scale", "1000000"]) > *"2026-06-30T00:00:00");
}

#[test]
fn a_path_may_have_a_limit_of_its_own() {
    let simulator =
        Simulator::start(&["--limit-for", "/v2/check-ins=2/300s", "--limiter", "fixed"]);
    let token = simulator.token();
    let status = |path| simulator.get(path, &token).status;
    assert_eq!(["/v2/check-ins"; 3].map(status), [200, 200, 429]);
    assert_eq!(["/v2/users"; 3].map(status), [200, 200, 200]);
    let told = simulator.get("/_simulator/stats", "").json();
    assert_eq!(told["endpoints"]["/v2/check-ins"]["overLimit"], 1);
}
