//! Faults of the machine: what a disk, a clock, a sleep and a network may do to a sync at any point, and that the next run
//! has all of it right.

mod clocks;
mod network;
mod passes;
mod positions;
mod preload;
mod sleeps;

pub(crate) use self::preload::{DiskFault, meets_disk_fault};
use crate::support::{Answer, Api, Asked, Sandbox};

/// An endpoint whose rows are typed, deleted and judged, with a ledger, on the pages of [`before`] and [`after`].
const USERS: &str = r#"
[[endpoint]]
name = "users"
path = "/v2/users"
key = ["id"]
records = "items"
total = "total"
pagination = { style = "page", page_param = "page" }
rate_limit = { requests = 1000, per = "1s" }
"#;

/// What the API has at first.
const BEFORE: &[&str] = &[
    r#"{"id":1,"name":"Ada","badge":7}"#,
    r#"{"id":2,"name":"Ben","badge":8}"#,
    r#"{"id":3,"name":"Cem","badge":9}"#,
    r#"{"id":4,"name":"Dev","badge":10}"#,
    r#"{"id":5,"name":"Eva","badge":11}"#,
];

/// What it has later: a row has changed, one is gone and one has come, a column must be rebuilt and one added, a record
/// cannot be stored.
const AFTER: &[&str] = &[
    r#"{"id":1,"name":"Ada Lovelace","badge":7}"#,
    r#"{"id":2,"name":"Ben","badge":"B8"}"#,
    r#"{"id":4,"name":"Dev","badge":10,"floor":3}"#,
    r#"{"id":5,"name":"Eva","badge":11}"#,
    r#"{"id":6,"name":"Fay","badge":12}"#,
    r#"{"id":null,"name":"nobody"}"#,
];

/// Everything that the users' table says of the API.
const ALL: &str =
    "SELECT id, name, badge, typeof(badge), _deleted_at IS NOT NULL FROM users ORDER BY id";

/// What that is for [`BEFORE`].
const ALL_BEFORE: &[&str] = &[
    "1|Ada|7|integer|0",
    "2|Ben|8|integer|0",
    "3|Cem|9|integer|0",
    "4|Dev|10|integer|0",
    "5|Eva|11|integer|0",
];

/// What that is for [`AFTER`], where [`BEFORE`] was stored.
const ALL_AFTER: &[&str] = &[
    "1|Ada Lovelace|7|text|0",
    "2|Ben|B8|text|0",
    "3|Cem|9|text|1",
    "4|Dev|10|text|0",
    "5|Eva|11|text|0",
    "6|Fay|12|text|0",
];

/// Serves records, two a page.
fn serve(records: &'static [&'static str]) -> Api {
    Api::serve(move |asked| page(records, asked))
}

fn page(records: &[&str], asked: &Asked) -> Answer {
    let page = asked.number("page").saturating_sub(1);
    let items: Vec<&str> = records.iter().skip(page * 2).take(2).copied().collect();
    Answer::json(format!(r#"{{"items":[{}],"total":{}}}"#, items.join(","), records.len()))
}

/// Makes sure that the database is whole, has exactly these rows, and nothing is left open in it.
#[track_caller]
fn expect_whole(sandbox: &Sandbox, rows: &[&str]) {
    assert_eq!(sandbox.lines("PRAGMA integrity_check"), ["ok"]);
    assert_eq!(sandbox.lines(ALL), rows);
    let open = "SELECT (SELECT count(*) FROM _sync_sweeps WHERE finished_at IS NULL) \
                + (SELECT count(*) FROM _sync_endpoint_runs WHERE finished_at IS NULL) \
                + (SELECT count(*) FROM _sync_runs WHERE finished_at IS NULL)";
    assert_eq!(sandbox.count(open), 0, "something is left open");
}
