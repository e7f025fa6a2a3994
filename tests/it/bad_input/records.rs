//! Records that need a person: status 65, with everything else stored.

use super::{Mend, run, run_plainly, serve};
use crate::support::{Answer, Sandbox};

/// An endpoint that is read in one page.
const DESKS: &str = r#"
[[endpoint]]
name = "desks"
path = "/v2/desks"
key = ["node.id", "date"]
records = "items"
total = "count"
exclude = ["user.email", "badges[].number"]
"#;

#[test]
fn records_without_their_key_are_put_aside_and_the_others_stored() {
    let mended = Mend::default();
    let seen = mended.clone();
    let api = serve(move |_| {
        let (second, third) = if seen.is_mended() {
            (r#""node":{"id":2},"#, "3")
        } else {
            // One is not there at all, one is null.
            ("", "null")
        };
        Answer::json(format!(
            r#"{{"count":4,"items":[
            {{"node":{{"id":1}},"date":"2026-06-09"}},
            {{{second}"date":"2026-06-10","user":{{"id":7,"email":"a@example.org"}},"badges":[{{"number":"B-17","kind":"guest"}}]}},
            {{"node":{{"id":{third}}},"date":"2026-06-11","user":{{"email":"b@example.org"}}}},
            {{"node":{{"id":4}},"date":"2026-06-12"}}]}}"#
        ))
    });
    let sandbox = Sandbox::with_api(&api.url(), DESKS);
    let rejects = "SELECT endpoint, reason, record, first_seen_at < last_seen_at, run_id FROM _sync_rejects ORDER BY reject_id";
    let reject =
        |reason: &str, record: &str, again: &str| format!("desks|{reason}|{record}|{again}");
    for again in ["0|1", "1|2"] {
        run(&sandbox, &["--run-now"])
            .expect_status(65)
            .expect_stderr("error: desks: 2 records cannot be stored")
            .expect_stderr("SELECT reason, record FROM _sync_rejects WHERE endpoint = 'desks'");
        assert_eq!(sandbox.lines("SELECT node_id FROM desks ORDER BY 1"), ["1", "4"]);
        assert_eq!(
            sandbox.lines(rejects),
            [
                reject(
                    "key part `node.id` is missing",
                    r#"{"date":"2026-06-10","user":{"id":7},"badges":[{"kind":"guest"}]}"#,
                    again
                ),
                reject(
                    "key part `node.id` is null",
                    r#"{"node":{"id":null},"date":"2026-06-11","user":{}}"#,
                    again
                ),
            ]
        );
    }
    mended.mend();
    run(&sandbox, &["--run-now"]).expect_status(0);
    assert_eq!(sandbox.lines("SELECT node_id FROM desks ORDER BY 1"), ["1", "2", "3", "4"]);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_rejects"), 2, "they stay to be looked at");
}

#[test]
fn a_single_record_is_told_in_the_singular() {
    let api = serve(|_| Answer::json(r#"{"items":[[]]}"#));
    let sandbox = Sandbox::with_api(&api.url(), DESKS);
    run(&sandbox, &["--run-now"])
        .expect_status(65)
        .expect_stderr("error: desks: 1 record cannot be stored");
    assert_eq!(
        sandbox.lines("SELECT reason FROM _sync_rejects"),
        ["the record is an array, not an object"]
    );
}

#[test]
fn another_total_than_stated_is_reported() {
    let mended = Mend::default();
    let seen = mended.clone();
    let api = serve(move |_| {
        let count = if seen.is_mended() { 1 } else { 3 };
        Answer::json(format!(
            r#"{{"count":{count},"items":[{{"node":{{"id":1}},"date":"2026-06-09"}}]}}"#
        ))
    });
    let sandbox = Sandbox::with_api(&api.url(), DESKS);
    let told = run_plainly(&sandbox, &["--run-now"]).expect_status(65).stderr;
    let error = told.lines().last().unwrap_or_default();
    insta::assert_snapshot!(
        error,
        @"error: desks: the API stated 3 records and returned 1, 2 too few; run again, and if it stays so, check `records`, `total` and `pagination`"
    );
    assert_eq!(sandbox.count("SELECT count(*) FROM desks"), 1);
    assert_eq!(
        sandbox.lines("SELECT result, total_stated, total_read FROM _sync_endpoint_runs"),
        ["ok|3|1"]
    );
    mended.mend();
    run(&sandbox, &["--run-now"]).expect_status(0);
}

#[test]
fn a_key_that_comes_twice_keeps_the_later_content_with_a_warning() {
    for pages in [
        // On one page, and on two.
        [r#"{"id":1,"name":"early"},{"id":2},{"id":1,"name":"late"}"#, r#"{"id":3}"#],
        [r#"{"id":1,"name":"early"},{"id":2}"#, r#"{"id":1,"name":"late"},{"id":3}"#],
    ] {
        let api = serve(move |asked| {
            let second = asked.param("cursor") == "second";
            let (items, next) = if second { (pages[1], "null") } else { (pages[0], r#""second""#) };
            Answer::json(format!(r#"{{"items":[{items}],"next":{next}}}"#))
        });
        let sandbox = Sandbox::with_api(&api.url(), super::USERS);
        run_plainly(&sandbox, &["--run-now"])
            .expect_status(0)
            .expect_stderr("came twice in this run with different content: the later one is kept")
            .expect_stderr("users");
        assert_eq!(sandbox.lines("SELECT id, name FROM users ORDER BY id"), ["1|late", "2|", "3|"]);
    }
}

#[test]
fn a_key_that_comes_twice_with_the_same_content_is_no_news() {
    let api = serve(|_| Answer::json(r#"{"items":[{"id":1},{"id":2},{"id":1}],"next":null}"#));
    let sandbox = Sandbox::with_api(&api.url(), super::USERS);
    let told = run_plainly(&sandbox, &["--run-now"]).expect_status(0).stderr;
    assert!(!told.contains("twice"), "{told}");
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 2);
}
