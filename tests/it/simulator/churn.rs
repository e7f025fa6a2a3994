//! Listings that change between requests, and the oracle that tells what they were.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Simulator, definition::Definition};

/// What the oracle says of a listing.
fn oracle(simulator: &Simulator, query: &str) -> Value {
    simulator.get(&format!("/_simulator/churn?{query}"), "").json()
}

fn ids(records: &Value) -> BTreeSet<String> {
    let records = records.as_array().expect("an array");
    records.iter().map(|record| id(record).to_owned()).collect()
}

/// The id of a record, or of an event.
fn id(record: &Value) -> &str {
    record["id"].as_str().expect("an id")
}

/// The number of the latest request for a path.
fn latest(simulator: &Simulator, path: &str) -> u64 {
    let requests = simulator.get(&format!("/_simulator/requests?path={path}"), "").json();
    let number = requests["requests"].as_array().and_then(|all| all.last()?["number"].as_u64());
    number.expect("there was one")
}

fn stop(simulator: &Simulator) {
    simulator.post("/_simulator/churn", &json!({ "rate": 0 }));
}

#[test]
fn the_history_leads_from_the_first_records_to_those_that_are_served() {
    let every = "/v2/users=2.5,kinds=insert+delete+return+change+resort+resort-front";
    let simulator = Simulator::start(&["--users", "60", "--churn", every]);
    let token = simulator.token();
    let by_id = |records: &Value| -> BTreeMap<String, Value> {
        let records = records.as_array().expect("records");
        records.iter().map(|record| (id(record).to_owned(), record.clone())).collect()
    };
    let mut model = by_id(&oracle(&simulator, "path=/v2/users")["records"]);
    assert_eq!(model.len(), 60, "nothing changes before the first request");

    let mut served = 0;
    for _ in 0..40 {
        served = simulator.get("/v2/users?page=2&pageSize=10", &token).json()["totalCount"]
            .as_u64()
            .expect("a total");
    }
    let told = oracle(&simulator, "path=/v2/users");
    let history = told["history"].as_array().expect("events");
    assert!((80..=120).contains(&history.len()), "2.5 changes a request: {}", history.len());
    let kinds: BTreeSet<&str> =
        history.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    for event in history {
        let before = match &event["record"] {
            Value::Null => model.remove(id(event)),
            record => model.insert(id(event).to_owned(), record.clone()),
        };
        let comes = matches!(event["event"].as_str(), Some("insert" | "return"));
        assert_eq!(before.is_none(), comes, "{event}");
        assert_ne!(before.as_ref(), Some(&event["record"]), "{event}");
    }
    assert_eq!(by_id(&told["records"]), model);
    assert_eq!(served, model.len() as u64, "the total is that of the moment");

    stop(&simulator);
    let whole = simulator.get("/v2/users?style=none", &token).json();
    assert_eq!(whole, told["records"], "in the same order, and nothing changes any more");
    let last = latest(&simulator, "/v2/users");
    let quiet = oracle(&simulator, &format!("path=/v2/users&from={}&to={last}", last - 1));
    assert_eq!(quiet["history"], json!([]));
}

#[test]
fn a_cursor_meets_every_record_that_was_there_throughout_and_page_numbers_do_not() {
    let simulator =
        Simulator::start(&["--users", "200", "--churn", "/v2/users=4,kinds=insert+delete+return"]);
    let token = simulator.token();
    let walk = |first: &str, next: &dyn Fn(&Value) -> Option<String>| {
        let mut query = first.to_owned();
        let mut met = BTreeSet::new();
        let mut from = None;
        loop {
            let page = simulator.get(&format!("/v2/users?pageSize=10&{query}"), &token).json();
            from = from.or_else(|| Some(latest(&simulator, "/v2/users")));
            met.extend(ids(&page["items"]));
            match next(&page) {
                Some(next) => query = next,
                None => break,
            }
        }
        let (from, to) = (from.expect("a first request"), latest(&simulator, "/v2/users"));
        let told = oracle(&simulator, &format!("path=/v2/users&from={from}&to={to}"));
        let throughout = told["throughout"].as_array().expect("ids").iter();
        let throughout: Vec<&str> = throughout.map(|id| id.as_str().expect("an id")).collect();
        assert!(throughout.len() > 100, "{}", throughout.len());
        throughout.iter().filter(|id| !met.contains(**id)).count()
    };

    let by_cursor = walk("cursor=", &|page| {
        page["nextCursor"].as_str().map(|cursor| format!("cursor={cursor}"))
    });
    assert_eq!(by_cursor, 0, "a cursor loses none");
    let by_page = walk("page=1", &|page| {
        let is_last = page["items"].as_array().is_none_or(Vec::is_empty);
        (!is_last).then(|| format!("page={}", page["page"].as_u64().expect("a number") + 1))
    });
    assert!(by_page > 0, "records go before a page's place, and others take theirs");
}

#[test]
fn records_that_move_lie_in_another_slice_and_change_nothing_else() {
    let churn = "/v2/parking-reservations=3,kinds=move";
    let arguments = ["--now", "2026-06-30", "--parking-reservations", "100", "--churn", churn];
    let simulator = Simulator::start(&arguments);
    let token = simulator.token();
    let before = oracle(&simulator, "path=/v2/parking-reservations")["records"].clone();
    let slice = "startDate=2026-04-01&endDate=2026-06-14";
    for _ in 0..20 {
        simulator.get(&format!("/v2/parking-reservations?{slice}"), &token).items();
    }
    stop(&simulator);

    let after = oracle(&simulator, "path=/v2/parking-reservations")["records"].clone();
    assert_eq!(ids(&after), ids(&before));
    let pairs = before.as_array().into_iter().flatten().zip(after.as_array().into_iter().flatten());
    let moved: Vec<(&Value, &Value)> =
        pairs.filter(|(old, new)| old["date"] != new["date"]).collect();
    assert!(moved.len() > 10, "{}", moved.len());
    for (old, new) in moved {
        assert_eq!(id(old), id(new), "it keeps its place");
        let (date, start) = (new["date"].as_str(), new["localStart"].as_str());
        assert_eq!(date, start.and_then(|start| start.get(..10)));
        assert_eq!(old["licensePlate"], new["licensePlate"]);
        assert_ne!(old["updatedAt"], new["updatedAt"]);
    }
    let within = |record: &&Value| record["date"].as_str() <= Some("2026-06-14");
    let expected: Vec<Value> =
        after.as_array().into_iter().flatten().filter(within).cloned().collect();
    let listed = simulator.get(&format!("/v2/parking-reservations?{slice}&pageSize=500"), &token);
    assert_eq!(listed.items(), expected);
    assert_eq!(listed.json()["totalCount"], expected.len());
}

#[test]
fn a_changing_listing_follows_from_the_seed_and_the_requests_and_stops_when_told_to() {
    let history = |seed: &str, churn: &str| {
        let arguments = ["--users", "30", "--now", "2026-06-30", "--time-scale", "0"];
        let simulator =
            Simulator::start(&[&arguments[..], &["--seed", seed, "--churn", churn]].concat());
        let token = simulator.token();
        for _ in 0..20 {
            assert_eq!(simulator.get("/v2/users", &token).status, 200);
        }
        oracle(&simulator, "path=/v2/users")["history"].clone()
    };
    let first = history("1", "/v2/users=1.5");
    assert_eq!(history("1", "/v2/users=1.5"), first);
    assert_ne!(history("2", "/v2/users=1.5"), first);

    let bounded = history("1", "/v2/users=1.5,requests=5");
    let (bounded, first) = (bounded.as_array().expect("events"), first.as_array().expect("events"));
    assert!((5..=10).contains(&bounded.len()), "{}", bounded.len());
    assert_eq!(bounded[..], first[..bounded.len()]);
}

#[test]
fn what_the_oracle_is_not_asked_properly_is_told() {
    let simulator = Simulator::start(&["--churn", "/v2/users=1"]);
    for query in ["", "path=/v2/buildings", "path=/v2/users&from=yesterday"] {
        assert_eq!(simulator.get(&format!("/_simulator/churn?{query}"), "").status, 400, "{query}");
    }
    for body in ["", "{}", r#"{"rate": -1}"#, r#"{"rate": "2"}"#] {
        assert_eq!(simulator.ask("POST", "/_simulator/churn", "", body).status, 400, "{body}");
    }
}

#[test]
fn records_that_have_changed_are_as_the_definition_promises() {
    let paths = ["/v2/users", "/v2/reservations", "/v2/check-ins", "/v2/parking-lots"];
    let churns = paths.map(|path| format!("{path}=5,kinds=insert+delete+return+change+resort"));
    let flags = churns.iter().flat_map(|churn| ["--churn", churn.as_str()]);
    let simulator = Simulator::start(&flags.collect::<Vec<_>>());
    let (definition, token) = (Definition::of(&simulator), simulator.token());
    for path in paths {
        for page in 1..=20 {
            let received = simulator.get(&format!("{path}?page={page}&pageSize=3"), &token);
            definition.check(path, "get", &received);
        }
    }
}
