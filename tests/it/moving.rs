//! Listings that change between two requests, against an oracle that knows what was there: what stays is stored, and never
//! marked as deleted; what cannot be known is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{simulator::Simulator, support::Sandbox};

const PATH: &str = "/v2/users";

/// The styles whose requests count, and one that names the next page.
const STYLES: [&str; 3] = [
    r#"style = "page", size = 10"#,
    r#"style = "offset", limit = 10"#,
    r#"style = "cursor", param = "cursor", next = "nextCursor""#,
];

/// Users that change, and a folder that syncs them.
struct Moving {
    simulator: Simulator,
    sandbox: Sandbox,
}

impl Moving {
    fn start(style: &str, seed: usize, churn: &str) -> Self {
        let seed = seed.to_string();
        let churn = format!("{PATH}={churn}");
        let simulator = Simulator::start(&["--users", "95", "--seed", &seed, "--churn", &churn]);
        let cursor = if style.contains("cursor") {
            "params = { style = \"cursor\", pageSize = \"10\" }\n"
        } else {
            ""
        };
        let endpoint = format!(
            "[[endpoint]]\nname = \"users\"\npath = \"{PATH}\"\nkey = [\"id\"]\nrecords = \"items\"\n\
             total = \"totalCount\"\npagination = {{ {style} }}\n{cursor}"
        );
        let mut sandbox = Sandbox::with_api(&simulator.url(), &endpoint);
        let token_url = format!("{}/oauth2/token", simulator.url());
        sandbox.set("MAPIQ_SYNC__API__TOKEN_URL", &token_url);
        sandbox.set("MAPIQ_CLIENT_ID", "demo");
        sandbox.set("MAPIQ_CLIENT_SECRET", "demo");
        Self { simulator, sandbox }
    }

    /// The number of the latest request for the users; 0: there was none.
    fn latest(&self) -> u64 {
        let requests = self.simulator.get(&format!("/_simulator/requests?path={PATH}"), "").json();
        requests["requests"].as_array().and_then(|all| all.last()?["number"].as_u64()).unwrap_or(0)
    }

    fn oracle(&self, query: &str) -> Value {
        self.simulator.get(&format!("/_simulator/churn?path={PATH}{query}"), "").json()
    }

    /// Runs, and tells the exit status and those that were there all the while.
    fn run(&self) -> (i32, BTreeSet<String>) {
        let before = self.latest();
        let status = self.sandbox.run(&["--run-now"]).status.expect("it ends by itself");
        let requests = self.simulator.get(&format!("/_simulator/requests?path={PATH}"), "").json();
        let numbers = requests["requests"].as_array().expect("requests").iter();
        let mut numbers = numbers.filter_map(|request| request["number"].as_u64());
        let first = numbers.find(|number| *number > before).expect("the run has asked");
        let told = self.oracle(&format!("&from={first}&to={}", self.latest()));
        let ids = told["throughout"].as_array().expect("ids").iter();
        (status, ids.map(|id| id.as_str().expect("an id").to_owned()).collect())
    }

    /// What is stored: ids, and whether they are marked as deleted.
    fn stored(&self) -> BTreeMap<String, bool> {
        let lines = self.sandbox.lines("SELECT id, _deleted_at IS NOT NULL FROM users");
        let pairs = lines.iter().filter_map(|line| line.split_once('|'));
        pairs.map(|(id, deleted)| (id.to_owned(), deleted == "1")).collect()
    }

    /// Asserts that nothing is lost, doubled, wrong or wrongly marked, once the listing holds still.
    fn comes_to_rest(&self) {
        self.simulator.post("/_simulator/churn", &json!({ "rate": 0 }));
        for _ in 0..2 {
            self.sandbox.run(&["--run-now", "--confirm-deletions"]).expect_status(0);
        }
        let told = self.oracle("");
        let there = told["records"].as_array().expect("records").iter();
        let there: BTreeSet<(String, String)> = there
            .map(|record| {
                (text(&record["id"]), record["department"].as_str().unwrap_or_default().to_owned())
            })
            .collect();
        let rows = self
            .sandbox
            .lines("SELECT id, coalesce(department, '') FROM users WHERE _deleted_at IS NULL");
        let pairs = rows.iter().filter_map(|row| row.split_once('|'));
        let live: BTreeSet<_> =
            pairs.map(|(id, changed)| (id.to_owned(), changed.to_owned())).collect();
        assert_eq!((live.len(), &live), (rows.len(), &there));
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[test]
fn rows_that_come_and_go_between_pages_cost_none_that_stays() {
    for (style, seed) in STYLES.iter().flat_map(|style| (0..4).map(move |seed| (style, seed))) {
        let moving = Moving::start(style, seed, "0.7,kinds=insert+delete+return+change");
        for run in 1..=3 {
            let (status, throughout) = moving.run();
            let stored = moving.stored();
            let lost: Vec<_> = throughout.iter().filter(|id| !stored.contains_key(*id)).collect();
            assert!(
                lost.is_empty(),
                "{style} {seed}: {lost:?} lost by run {run}, which ended {status}"
            );
            let marked: Vec<_> =
                throughout.iter().filter(|id| stored.get(*id) == Some(&true)).collect();
            assert!(marked.is_empty(), "{style} {seed}: {marked:?} marked by run {run}");
        }
        moving.comes_to_rest();
    }
}

#[test]
fn a_listing_that_is_sorted_anew_is_told_or_read_whole_and_marks_no_row_that_is_there() {
    let mut told = 0;
    for (style, seed) in STYLES.iter().flat_map(|style| (0..4).map(move |seed| (style, seed))) {
        let moving = Moving::start(style, seed, "1,kinds=resort+resort-front");
        for run in 1..=3 {
            let (status, throughout) = moving.run();
            let stored = moving.stored();
            let lost = throughout.iter().filter(|id| !stored.contains_key(*id)).count();
            assert!(
                lost == 0 || status == 65,
                "{style} {seed}: {lost} lost by run {run}, which ended {status}"
            );
            told += usize::from(status == 65);
            let marked = stored.values().filter(|deleted| **deleted).count();
            assert_eq!(marked, 0, "{style} {seed}: marked by run {run}, and all are there");
        }
        moving.comes_to_rest();
    }
    assert!(told > 0, "some runs could not be sure");
}
