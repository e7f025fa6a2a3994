//! The figures, against what the simulator is then really asked for.

use std::time::Duration;

use serde_json::{Value, json};

use super::{endpoint, planned};
use crate::{simulator::Simulator, support::Sandbox, windows::on_one_day};

/// Buildings in one page, people in pages, and reservations by a window, at five requests in two seconds.
fn sandbox(simulator: &Simulator) -> Sandbox {
    let paged = |name: &str, path: &str, more: &str| {
        format!(
            "[[endpoint]]\nname = \"{name}\"\npath = \"{path}\"\nkey = [\"id\"]\nrecords = \"items\"\ntotal = \"totalCount\"\n\
             pagination = {{ style = \"page\", size = 50 }}\n{more}\n"
        )
    };
    let window = "window = { field = \"date\", back = \"9d\", ahead = \"9d\", slice = \"7d\" }";
    let endpoints = [
        paged("buildings", "/v2/buildings", ""),
        paged("users", "/v2/users", "rate_limit = { group = \"people\" }"),
        paged("reservations", "/v2/reservations", window),
    ];
    let url = simulator.url();
    let mut sandbox = Sandbox::with_api(&url, &endpoints.concat());
    sandbox.set("MAPIQ_SYNC__API__TOKEN_URL", &format!("{url}/oauth2/token"));
    sandbox.set("MAPIQ_CLIENT_ID", "demo");
    sandbox.set("MAPIQ_CLIENT_SECRET", "demo");
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "5");
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__PER", "2s");
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", "0 0 * * * *");
    sandbox
}

/// The paths that were asked for, each as often as it was.
fn asked(simulator: &Simulator) -> Vec<String> {
    let requests = simulator.get("/_simulator/requests", "").json();
    let requests = requests["requests"].as_array().expect("the requests are a list").clone();
    requests.iter().map(|request| request["path"].as_str().unwrap_or_default().to_owned()).collect()
}

fn count(asked: &[String], path: &str) -> u64 {
    asked.iter().filter(|other| *other == path).count() as u64
}

const PATHS: [(&str, &str); 3] =
    [("buildings", "/v2/buildings"), ("users", "/v2/users"), ("reservations", "/v2/reservations")];

#[test]
fn what_is_known_is_what_the_next_run_asks_for_and_takes() {
    on_one_day(|_| {
        let simulator =
            Simulator::start(&["--users", "620", "--reservations", "900", "--time-scale", "0"]);
        let sandbox = sandbox(&simulator);
        let first = planned(&sandbox, &[]);
        assert_eq!(endpoint(&first, "users")["certainty"], "at least");
        assert_eq!(endpoint(&first, "reservations")["requests"], 3);
        sandbox.run(&["--run-now"]).expect_status(0);

        let plan = planned(&sandbox, &[]);
        let before = asked(&simulator);
        sandbox.run(&["--run-now"]).expect_status(0);
        let after = asked(&simulator);
        for (name, path) in PATHS {
            let planned = endpoint(&plan, name);
            assert_eq!(planned["certainty"], "known", "{name}: {planned:#}");
            assert_eq!(planned["known_from_run"], 1, "{name}");
            let really = count(&after, path) - count(&before, path);
            assert_eq!(planned["requests"], really, "{name}");
            assert!(really > 0, "{name}");
        }
        is_as_long_as_the_limit_makes_it(&sandbox, &plan);
    });
}

/// Of its 13 requests the sixth waits until the first is free again, the eleventh until the sixth is: two periods at least;
/// less what has passed since the run before, more what the answers take.
fn is_as_long_as_the_limit_makes_it(sandbox: &Sandbox, plan: &Value) {
    let users = endpoint(plan, "users");
    assert_eq!(users["requests"], 13);
    let takes = users["takes_ms"].as_u64().expect("a number");
    let request = users["request_ms"].as_u64().expect("a number");
    let period = 2_000;
    assert!(takes >= 2 * period, "{users:#}");
    assert!(takes <= 3 * period + 13 * (request + 1), "{users:#}");
    // And the run that came then: its first request and its last, as the ledger has them.
    let spans = sandbox.lines(
        "SELECT (max(julianday(reserved_at)) - min(julianday(reserved_at))) * 86400000 FROM _sync_requests WHERE endpoint = 'users' AND run_id = 2",
    );
    let span: f64 = spans[0].parse().expect("a number");
    assert!(span >= Duration::from_secs(4).as_secs_f64() * 1000.0 - 2.0, "{span}");
}

#[test]
fn a_group_that_several_use_is_planned_as_one_and_what_is_used_already_counts() {
    let simulator = Simulator::start(&["--users", "250", "--time-scale", "0"]);
    let mut sandbox = sandbox(&simulator);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__PER", "10m");
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "0s");
    sandbox.set("MAPIQ_SYNC__JOB__ALL__ENDPOINTS", r#"["buildings", "users"]"#);
    sandbox.set("MAPIQ_SYNC__ENDPOINT__BUILDINGS__RATE_LIMIT", r#"{ group = "people" }"#);
    // Five of the six are let through; the last page of people has to wait.
    sandbox.run(&["--run-now"]).expect_status(75);
    let plan = planned(&sandbox, &[]);
    let groups = plan["groups"].as_array().expect("groups");
    assert_eq!(groups.len(), 1, "{plan:#}");
    assert_eq!((&groups[0]["used"], &groups[0]["limit_requests"]), (&5.into(), &5.into()));
    assert_eq!(groups[0]["endpoints"], json!(["buildings", "users"]));
    let users = endpoint(&plan, "users");
    assert_eq!(users["begins"], "goes on");
    let wait = users["longest_wait_ms"].as_u64().expect("a number");
    // Until the first of the five is free again, which was seconds ago.
    assert!((540_000..=600_000).contains(&wait), "{users:#}");
    let told = sandbox.run(&["plan"]).expect_status(0).stdout;
    assert!(told.contains("longer than `rate_limit.max_wait`: its run ends as paused"), "{told}");
}

#[test]
fn a_day_later_it_is_reckoned_from_the_days_that_were_read() {
    on_one_day(|_| {
        let simulator = Simulator::start(&["--reservations", "900", "--time-scale", "0"]);
        let mut sandbox = sandbox(&simulator);
        sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "0");
        sandbox.run(&["--run-now"]).expect_status(0);
        // As if that had been yesterday.
        sandbox.execute(
            "UPDATE _sync_checkpoints SET lower = strftime('%Y-%m-%dT%H:%M:%S', lower, '-1 days'), upper = strftime('%Y-%m-%dT%H:%M:%S', upper, '-1 days')",
        );
        let plan = planned(&sandbox, &[]);
        let reservations = endpoint(&plan, "reservations");
        assert_eq!(reservations["certainty"], "about", "{reservations:#}");
        let before = asked(&simulator);
        sandbox.run(&["--run-now"]).expect_status(0);
        let after = asked(&simulator);
        let really = count(&after, "/v2/reservations") - count(&before, "/v2/reservations");
        let reckoned = reservations["requests"].as_u64().expect("a number");
        assert!(reckoned.abs_diff(really) <= 3, "reckoned {reckoned}, asked for {really}");
        assert!(really > 3, "{really}");
    });
}
