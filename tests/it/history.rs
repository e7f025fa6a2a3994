//! What the file keeps of its own past: it does not grow with every run for ever.

use crate::{
    listing::{endpoint, page},
    support::{Api, Sandbox},
};

/// Makes all that has ended one that has ended long ago.
const AGE: &str = "UPDATE _sync_sweeps SET finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', finished_at, '-31 days'); \
                   UPDATE _sync_runs SET finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', finished_at, '-31 days')";

const SWEEPS: &str = "SELECT sweep_id FROM _sync_sweeps ORDER BY 1";
const CHECKPOINTS: &str = "SELECT DISTINCT sweep_id FROM _sync_checkpoints ORDER BY 1";

#[test]
fn sweeps_of_long_ago_are_dropped_but_for_what_is_still_of_use() {
    let api = Api::serve(|asked| page(asked, 1));
    let endpoints = endpoint("users", "/users", "") + &endpoint("rooms", "/rooms", "");
    let sandbox = Sandbox::with_api(&api.url(), &endpoints);
    for _ in 0..3 {
        sandbox.run(&["--run-now"]).expect_status(0);
    }
    let all: Vec<String> = (1..=6).map(|sweep| sweep.to_string()).collect();
    assert_eq!(sandbox.lines(SWEEPS), all, "of the last days all are kept");
    // An open one is, too, and a complete one of changes or of a backfill is not the last that asked for everything.
    sandbox.execute(
        "INSERT INTO _sync_sweeps (sweep_id, endpoint, fingerprint, backfill, started_at, finished_at, result, since) VALUES \
         (7, 'users', '{}', '2026-01-01/2026-01-02', '2026-01-01T00:00:00.000Z', NULL, NULL, NULL), \
         (8, 'users', '{}', '2026-01-01/2026-01-02', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 'complete', NULL), \
         (9, 'users', '{}', NULL, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 'complete', '2026-01-01T00:00:00.000Z'); \
         INSERT INTO _sync_checkpoints (sweep_id, slice, updated_at) VALUES (7, 0, '2026-01-01T00:00:00.000Z')",
    );
    sandbox.execute(AGE);
    let last = "SELECT max(sweep_id) FROM _sync_sweeps WHERE result = 'complete' AND since IS NULL AND backfill IS NULL GROUP BY endpoint ORDER BY 1";
    let last: Vec<String> = sandbox.lines(last);

    sandbox.run(&["--run-now"]).expect_status(0);
    let mut kept = last;
    kept.extend(["7", "10", "11"].map(str::to_owned));
    assert_eq!(sandbox.lines(SWEEPS), kept);
    assert_eq!(sandbox.lines(CHECKPOINTS), kept);
    // They were of use until the next one was complete.
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(sandbox.lines(SWEEPS), ["7", "10", "11", "12", "13"]);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_runs"), 5, "the journal stays");
}
