//! Against the simulator, whose data change as time passes there: changes alone keep up with all but what is gone.

use std::collections::BTreeSet;

use serde_json::json;

use super::full_is_due;
use crate::{simulator::Simulator, support::Sandbox, windows::on_one_day};

/// People and bookings, these as a listing and by a window around today.
fn sandbox(simulator: &Simulator, since: &str) -> Sandbox {
    let endpoint = |name: &str, path: &str, more: &str| {
        format!(
            "[[endpoint]]\nname = \"{name}\"\npath = \"{path}\"\nkey = [\"id\"]\nrecords = \"items\"\ntotal = \"totalCount\"\n\
             pagination = {{ style = \"page\", size = 50 }}\n{since}\n{more}\n"
        )
    };
    let window = "window = { field = \"date\", back = \"9d\", ahead = \"9d\", slice = \"7d\" }";
    let endpoints = [
        endpoint("users", "/v2/users", ""),
        endpoint("reservations", "/v2/reservations", ""),
        endpoint("recent", "/v2/reservations", window),
    ];
    let url = format!("http://{}", simulator.address);
    let mut sandbox = Sandbox::with_api(&url, &endpoints.concat());
    sandbox.set("MAPIQ_SYNC__API__TOKEN_URL", &format!("{url}/oauth2/token"));
    sandbox.set("MAPIQ_CLIENT_ID", "demo");
    sandbox.set("MAPIQ_CLIENT_SECRET", "demo");
    sandbox
}

/// All that a table holds of live rows, but for the bookkeeping.
fn live(sandbox: &Sandbox, table: &str) -> BTreeSet<String> {
    let columns = format!(
        "SELECT group_concat('quote(' || column_name || ')', ' || ') FROM (SELECT column_name FROM _sync_columns WHERE endpoint = '{table}' ORDER BY column_name)"
    );
    let values = &sandbox.lines(&columns)[0];
    let sql = format!("SELECT {values} FROM {table} WHERE _deleted_at IS NULL");
    sandbox.lines(&sql).into_iter().collect()
}

const TABLES: [&str; 3] = ["users", "reservations", "recent"];

#[test]
fn changes_alone_keep_up_with_all_but_what_is_gone() {
    on_one_day(|_| {
        let simulator = Simulator::start(&["--users", "300", "--reservations", "2000"]);
        let sandbox = sandbox(&simulator, "since = { param = \"updatedAfter\" }");
        sandbox.run(&["--run-now"]).expect_status(0);
        for _ in 0..2 {
            simulator.post("/_simulator/time", &json!({ "advance": "36h" }));
            let before = TABLES.map(|table| live(&sandbox, table));
            sandbox.run(&["--run-now"]).expect_status(0);
            let whole = self::sandbox(&simulator, "");
            whole.run(&["--run-now"]).expect_status(0);
            for (table, before) in TABLES.iter().zip(before) {
                let (there, expected) = (live(&sandbox, table), live(&whole, table));
                let lacking = expected.difference(&there).count();
                assert_eq!(lacking, 0, "{table}: of {} rows", expected.len());
                assert!(expected.difference(&before).count() > 0, "{table} has not changed at all");
            }
        }
        let since = "SELECT DISTINCT since IS NOT NULL FROM _sync_sweeps GROUP BY endpoint, sweep_id HAVING sweep_id > 3";
        assert_eq!(sandbox.lines(since), ["1"]);

        full_is_due(&sandbox);
        sandbox.run(&["--run-now"]).expect_status(0);
        let whole = self::sandbox(&simulator, "");
        whole.run(&["--run-now"]).expect_status(0);
        for table in ["users", "reservations"] {
            assert_eq!(live(&sandbox, table), live(&whole, table), "{table}");
        }
    });
}
