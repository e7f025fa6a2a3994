//! `demo`: the whole of it, on pipes and on terminals, twice on the same folder, interrupted, and unheard.

mod looks;

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, process::Stdio, time::Duration};

use mapiq_sync::clock::Clock;
use rusqlite::types::Value;
use rustix::process::Signal;

use super::{pipes, too_wide};
use crate::support::{Finished, Sandbox, wait_until};

/// What the demo promises to stay below.
const LONGEST: Duration = Duration::from_secs(30);

/// A folder of its own; the test's queries are for the demo's file.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    // Neither an account, nor a network, nor certificate authorities; a proxy is not for this machine's own loopback.
    sandbox.unset("MAPIQ_CLIENT_ID");
    sandbox.unset("MAPIQ_CLIENT_SECRET");
    sandbox.write("no-authorities.pem", "");
    sandbox.set("SSL_CERT_FILE", "no-authorities.pem");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        sandbox.set(name, "http://127.0.0.1:1");
    }
    sandbox
}

fn demo(sandbox: &Sandbox) -> Finished {
    let clock = Clock::system().expect("Linux tells its boot id");
    let started = clock.now().boot;
    let mut demo = sandbox.run(&["demo", "--dir", "."]).expect_status(0);
    assert!(clock.now().boot.since(started) < LONGEST);
    demo.stdout = demo.stdout.replace(env!("CARGO_BIN_EXE_mapiq-sync"), "mapiq-sync");
    let wide = too_wide(&demo.stdout);
    assert_eq!(wide, [""; 0]);
    assert!(!demo.stdout.contains('\u{1b}') && !demo.stderr.contains('\u{1b}'));
    demo
}

/// The first words of the summaries' lines.
fn summaries(stdout: &str) -> Vec<Vec<&str>> {
    let endpoints = ["reservations  ", "users  ", "buildings  "];
    let lines = stdout.lines().filter(|line| endpoints.iter().any(|name| line.starts_with(name)));
    lines.map(|line| line.split_whitespace().take(7).collect()).collect()
}

#[test]
fn the_demo_needs_nothing_and_tells_what_is_in_its_file() {
    let sandbox = sandbox();
    let first = demo(&sandbox)
        .expect_stderr("reservations  page 12: HTTP 503 Service Unavailable; trying again in ")
        .expect_stderr(" for users: the API has asked for a pause");
    tells_the_whole_story(&first.stdout);
    // A machine so busy that twenty requests take most of a minute waits for less than a second, which is not told.
    let waited = "SELECT max(waited_ms) FROM _sync_endpoint_runs WHERE endpoint = 'reservations'";
    let waited = sandbox.count(waited);
    let is_told = first.stderr.contains("for the rate limit of reservations");
    assert!(if is_told { waited >= 1_000 } else { waited < 3_000 }, "{waited} ms, {is_told}");
    let counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM buildings), \
                  (SELECT count(*) FROM reservations)";
    assert_eq!(sandbox.lines(counts), ["603|4|9143"]);
    // What each sync says of itself is so: the jobs of the second one are runs 3 and 4.
    let written = "SELECT sum(_run_id > 2 AND _first_seen_at = _changed_at),
                          sum(_run_id > 2 AND _first_seen_at < _changed_at), sum(_run_id <= 2)";
    assert_eq!(sandbox.lines(&format!("{written} FROM reservations")), ["143|750|8250"]);
    assert_eq!(sandbox.lines(&format!("{written} FROM users")), ["3|7|593"]);
    assert_eq!(sandbox.lines(&format!("{written} FROM buildings")), ["0|0|4"]);
    let statuses = "SELECT endpoint, status FROM _sync_requests WHERE status <> 200 ORDER BY 1";
    assert_eq!(sandbox.lines(statuses), ["reservations|503", "users|429"]);
    answers_are_those_of_the_statements_shown(&sandbox, &first.stdout);

    let second = demo(&sandbox);
    let told = second.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("where the last one ended, on 2026-07-07."), "{}", second.stdout);
    assert_eq!(
        summaries(&second.stdout),
        [
            // What the last sync has not returned is not returned once more.
            ["reservations", "ok", "43", "0", "0", "730", "8,413"],
            ["users", "ok", "4", "0", "0", "0", "603"],
            ["buildings", "ok", "1", "0", "0", "0", "4"],
            ["reservations", "ok", "42", "512", "638", "0", "7,063"],
            ["users", "ok", "4", "4", "6", "0", "597"],
            ["buildings", "ok", "1", "0", "0", "0", "4"],
        ]
    );
    assert_eq!(sandbox.lines(counts), ["607|4|9655"]);
}

/// Holds what is told to the whole of it.
#[expect(clippy::too_many_lines, reason = "it is one text")]
fn tells_the_whole_story(stdout: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]");
    settings.add_filter(r" +(\d|\d\.)\ds\n", "  [TIME]\n");
    // A busy machine may send the last of twenty requests when the first is a minute old.
    settings.add_filter(r"had (1\d|20) of the 20", "had 20 of the 20");
    settings.bind(|| {
        insta::assert_snapshot!(stdout, @r#"
    A simulator of the Mapiq API listens on http://127.0.0.1:[PORT]. It plays a
    company of 4 buildings, 600 people and 9,000 reservations over ninety days, and
    takes the documented 20 requests a minute an endpoint. Its minute has 4
    seconds, so that you see the waits, and two requests will go wrong.

    1. The first sync: all jobs of the shipped config.toml

    endpoint      result  pages    new  changed  deleted  same  rejects  sent  time
    ------------  ------  -----  -----  -------  -------  ----  -------  ----  ----
    reservations  ok         45  9,000        0        0     0        0    46  [TIME]
    users         ok          3    600        0        0     0        0     4  [TIME]
    buildings     ok          1      4        0        0     0        0     1  [TIME]

    It was refused once (429) and failed once (503), and nothing was lost: all
    9,604 records are in the file.

    2. A week later: the same once more

    endpoint      result  pages  new  changed  deleted   same  rejects  sent  time
    ------------  ------  -----  ---  -------  -------  -----  -------  ----  ----
    reservations  ok         43  143      750        0  7,520        0    43  [TIME]
    users         ok          4    3        7        0    593        0     4  [TIME]
    buildings     ok          1    0        0        0      4        0     1  [TIME]

    146 rows are new and 757 changed. The other 8,117 are in the file as they were,
    and were not written. 730 rows are not returned this time: a row is marked as
    deleted once two reads agree. No request went over the limit: the busiest
    minute of an endpoint had 20 of the 20 that it takes, and no 429 came but the
    one put in.

    3. Questions to the file

    How full is each building on each weekday, in percent of its desks?

        WITH used AS (
            SELECT name AS building, capacity AS desks, strftime('%w', date) AS day,
                   100.0 * count(*) / capacity AS percent
            FROM reservations JOIN buildings ON buildings.id = workspace_building_id
            WHERE status = 'CheckedIn'
            GROUP BY buildings.id, date  -- days on which nobody came are left out
        )
        SELECT building, desks,
               round(avg(percent) FILTER (WHERE day = '1')) AS Mon,
               round(avg(percent) FILTER (WHERE day = '2')) AS Tue,
               round(avg(percent) FILTER (WHERE day = '3')) AS Wed,
               round(avg(percent) FILTER (WHERE day = '4')) AS Thu,
               round(avg(percent) FILTER (WHERE day = '5')) AS Fri
        FROM used GROUP BY building ORDER BY Tue DESC

    building            desks  Mon        Tue        Wed        Thu        Fri
    ------------------  -----  ---------  ---------  ---------  ---------  ---------
    Amsterdam Centraal    112   37 ███     61 █████   46 ███▊    54 ████▍   18 █▌
    Utrecht Centraal       64   30 ██▌     48 ███▉    38 ███▏    46 ███▊    15 █▎
    Rotterdam Centraal    144   20 █▋      30 ██▌     24 ██      30 ██▌     10 ▉
    Eindhoven Centraal     72    8 ▋       14 █▏      11 ▉       14 █▏       5 ▍

    Who reserves a desk and does not come, in percent of their reservations?

        WITH kept AS (
            SELECT coalesce(department, '(none)') AS department,
                   strftime('%w', date) AS day, status = 'NoShow' AS no_show
            FROM reservations JOIN users ON users.id = user_id
            WHERE status IN ('CheckedIn', 'NoShow')
              AND strftime('%w', date) BETWEEN '1' AND '5'
        )
        SELECT department, sum(no_show) AS no_shows,
               round(100 * avg(no_show) FILTER (WHERE day < '5')) AS Mon_to_Thu,
               round(100 * avg(no_show) FILTER (WHERE day = '5')) AS Fri
        FROM kept GROUP BY department ORDER BY Fri DESC

    department              no_shows  Mon_to_Thu                 Fri
    ----------------------  --------  -------------------------  ------------------
    Engineering                  112          10 ████▍            32 ██████████████
    Research & Development        94          13 █████▊           27 ███████████▉
    Legal                        113          11 ████▉            25 ███████████
    Human Resources              100          12 █████▎           24 ██████████▌
    Sales                        128          13 █████▊           23 ██████████▏
    Marketing                    103          11 ████▉            23 ██████████▏
    Finance                       95          12 █████▎           21 █████████▎
    (none)                        78          11 ████▉            17 ███████▌
    Operations                   105          12 █████▎           14 ██████▏

    Which floors are the busiest, in percent of their desks?

        WITH used AS (
            SELECT workspace_floor_id AS floor_id, date, count(*) AS people
            FROM reservations
            WHERE status = 'CheckedIn' AND strftime('%w', date) BETWEEN '1' AND '5'
            GROUP BY floor_id, date
        ), floor AS (
            SELECT name AS building, value ->> 'id' AS id,
                   value ->> 'name' AS floor, value ->> 'capacity' AS desks
            FROM buildings, json_each(floors)
        )
        SELECT building, floor, desks,
               round(100.0 * avg(people) / desks) AS average,
               round(100.0 * max(people) / desks) AS peak
        FROM used
        JOIN floor ON floor.id = floor_id
        GROUP BY floor_id
        ORDER BY peak DESC
        LIMIT 8

    building            floor         desks  average               peak
    ------------------  ------------  -----  --------------------  -----------------
    Amsterdam Centraal  Ground floor     48       50 ██████▌         92 ████████████
    Utrecht Centraal    Ground floor     24       46 ██████          79 ██████████▎
    Amsterdam Centraal  Floor 1          64       37 ████▉           72 █████████▍
    Rotterdam Centraal  Ground floor     40       29 ███▊            68 ████████▉
    Utrecht Centraal    Floor 1          40       28 ███▋            58 ███████▋
    Rotterdam Centraal  Floor 2          40       27 ███▌            50 ██████▌
    Eindhoven Centraal  Floor 1          24       16 ██▏             42 █████▌
    Rotterdam Centraal  Floor 1          64       17 ██▎             34 ████▍

    4. What to type next

    The file stays. Any SQLite tool can ask on, for example what has been done:

        sqlite3 -box ./mapiq.db \
          'SELECT endpoint, rows_new, rows_changed FROM _sync_endpoint_runs'

    A configuration of your own can be tried against the simulator: start it, paste
    into another shell what it prints, and sync.

        mapiq-sync simulate
        mapiq-sync --run-now --config config.toml

    For the real service, README.md has the steps under "Reach the real service".
    "#);
    });
}

/// Asks every statement that is shown, and holds the answer to the table below it.
#[track_caller]
fn answers_are_those_of_the_statements_shown(sandbox: &Sandbox, stdout: &str) {
    let mut paragraphs = stdout.split("\n\n");
    let mut asked = 0;
    while let Some(paragraph) = paragraphs.next() {
        if !paragraph.starts_with("    WITH") {
            continue;
        }
        let shown: Vec<Vec<&str>> = paragraphs
            .next()
            .expect("a table follows")
            .lines()
            .skip(2)
            .map(|line| line.split([' ', '█', '▉', '▊', '▋', '▌', '▍', '▎', '▏']))
            .map(|cells| cells.filter(|cell| !cell.is_empty()).collect())
            .collect();
        let rows = sandbox.query(paragraph);
        assert_eq!(shown.len(), rows.len());
        for (shown, row) in shown.iter().zip(&rows) {
            let values: Vec<String> = row.iter().map(text).collect();
            assert_eq!(shown.join(" "), values.join(" "));
        }
        asked += 1;
    }
    assert_eq!(asked, 3);
}

fn text(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is in no answer"),
    }
}

#[test]
fn a_demo_that_is_interrupted_ends_with_75_and_the_next_one_takes_it_up_though_its_reader_leaves() {
    let sandbox = sandbox();
    let running = sandbox.start(&["demo", "--dir", "."]);
    wait_until("some pages are stored", || running.stderr().contains("reservations  page 5: "));
    running.signal(Signal::INT);
    let stopped = running.wait().expect_status(75).expect_stderr("stopping once the pages in hand");
    assert!(!stopped.stdout.contains("2. A week later"), "{}", stopped.stdout);

    let mut command = sandbox.command(&["demo", "--dir", "."]);
    let next = command.stdout(pipes::broken()).stderr(Stdio::piped()).output();
    let next = Finished::from(next.expect("the binary starts")).expect_status(0);
    let next = next.expect_stderr("reservations  goes on after ");
    assert!(!next.stderr.contains("panicked") && !next.stderr.contains("error"), "{}", next.stderr);
    assert_eq!(sandbox.lines("SELECT count(*) FROM reservations"), ["9143"]);
}

#[test]
fn a_folder_that_cannot_be_made_and_a_file_that_is_no_database_are_told() {
    let sandbox = sandbox();
    sandbox.write("file", "");
    let none = sandbox.run(&["demo", "--dir", "file/folder"]).expect_status(1);
    assert!(none.stderr.contains("cannot make the folder `file/folder`"), "{}", none.stderr);

    let unreadable = sandbox.path().join(OsStr::from_bytes(b"\xff"));
    let mut command = sandbox.command(&["demo", "--dir"]);
    let no_text = command.arg(unreadable).output().expect("the binary starts");
    Finished::from(no_text).expect_status(1).expect_stderr("is not Unicode text");

    fs::write(sandbox.database(), "no database").expect("a file can be written");
    let other = sandbox.run(&["demo", "--dir", "."]).expect_status(74);
    assert!(other.stderr.contains("mapiq.db"), "{}", other.stderr);
}
