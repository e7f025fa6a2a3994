//! `demo`: the whole of it, twice on the same folder.

use std::time::Duration;

use mapiq_sync::clock::Clock;

use super::too_wide;
use crate::support::{Finished, Sandbox};

/// What the demo promises to stay below.
const LONGEST: Duration = Duration::from_secs(30);

fn demo(sandbox: &Sandbox) -> Finished {
    let clock = Clock::system().expect("Linux tells its boot id");
    let started = clock.now().boot;
    let demo = sandbox.run(&["demo", "--dir", "folder"]).expect_status(0);
    assert!(clock.now().boot.since(started) < LONGEST);
    let wide = too_wide(&demo.stdout);
    assert_eq!(wide, [""; 0]);
    demo
}

#[test]
fn the_demo_needs_nothing_and_a_second_one_finds_nothing_new() {
    let mut sandbox = Sandbox::new();
    // Neither an account, nor a network, nor certificate authorities; a proxy is not for this machine's own loopback.
    sandbox.unset("MAPIQ_CLIENT_ID");
    sandbox.unset("MAPIQ_CLIENT_SECRET");
    sandbox.write("no-authorities.pem", "");
    sandbox.set("SSL_CERT_FILE", "no-authorities.pem");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        sandbox.set(name, "http://127.0.0.1:1");
    }
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]");
    settings.add_filter(r" +(\d|\d\.)\ds\n", "  [TIME]\n");

    let first = demo(&sandbox)
        .expect_stderr("waiting ")
        .expect_stderr("for the rate limit of reservations");
    settings.bind(|| {
        insta::assert_snapshot!(first.stdout, @r"
    A simulator of the Mapiq API listens on http://127.0.0.1:[PORT]. It has 9,000
    reservations, and the documented limit of 20 requests a minute an endpoint, with
    a minute of 6 seconds. Now the jobs of the shipped config.toml, once:

    endpoint      result  pages    new  changed  unchanged  rejected  requests  time
    ------------  ------  -----  -----  -------  ---------  --------  --------  ----
    reservations  ok         45  9,000        0          0         0        45  [TIME]
    users         ok          5  1,000        0          0         0         5  [TIME]
    buildings     ok          1     12        0          0         0         1  [TIME]

    A question for the database: Which weekday fills which building,
    and how many do not turn up?

        SELECT workspace_building_name AS building,
               substr('SunMonTueWedThuFriSat', 1 + 3 * strftime('%w', date), 3)
                 AS weekday,
               count(*) AS reservations,
               printf('%.1f', 100.0 * sum(status = 'NoShow') / count(*))
                 AS no_show_percent
        FROM reservations
        WHERE status <> 'Cancelled' AND status <> 'Booked'
        GROUP BY building, weekday
        ORDER BY reservations DESC
        LIMIT 8

    building            weekday  reservations  no_show_percent
    ------------------  -------  ------------  ---------------
    Amsterdam Centraal  Thu               279              9.3
    Amsterdam Centraal  Tue               273              7.0
    Rotterdam Centraal  Thu               271              7.4
    Rotterdam Centraal  Tue               232              9.1
    Eindhoven Centraal  Thu               231              7.8
    Utrecht Centraal    Thu               228              8.3
    Eindhoven Centraal  Tue               217              7.4
    Utrecht Centraal    Tue               217              4.1

    It stays at folder/mapiq.db
    Ask on with any SQLite tool, for example:

        sqlite3 -box folder/mapiq.db 'SELECT * FROM _sync_runs'
    ");
    });
    let counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM buildings), \
                  (SELECT count(*) FROM reservations)";
    std::fs::hard_link(sandbox.path().join("folder/mapiq.db"), sandbox.database())
        .expect("a file can have two names");
    assert_eq!(sandbox.lines(counts), ["1000|12|9000"]);

    let second = demo(&sandbox);
    let rows: Vec<Vec<&str>> = second
        .stdout
        .lines()
        .filter(|line| {
            ["reservations  ", "users  ", "buildings  "].iter().any(|name| line.starts_with(name))
        })
        .map(|line| line.split_whitespace().take(6).collect())
        .collect();
    assert_eq!(
        rows,
        [
            ["reservations", "ok", "45", "0", "0", "9,000"],
            ["users", "ok", "5", "0", "0", "1,000"],
            ["buildings", "ok", "1", "0", "0", "12"],
        ]
    );
}
