//! Answers that are no page: status 1, and what came before them stays.

use super::{
    ALL, Mend, PAGES, USERS, contents, expect_all_users_after_mend, run, run_plainly, serve, users,
};
use crate::support::{Answer, Asked, Sandbox};

/// Ends with 1 and these words where the second page is answered so; the mended next run goes on behind the first page.
#[track_caller]
fn expect_failure_on_the_second_page(
    bad: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    told: &[&str],
) -> usize {
    let mended = Mend::default();
    let seen = mended.clone();
    let api = serve(move |asked| {
        if asked.number("cursor") == 1 && !seen.is_mended() { bad(asked) } else { users(asked) }
    });
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    // Longer than the longest first delay, so that what may be tried again is.
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "2s");
    let mut finished = run(&sandbox, &["--run-now"])
        .expect_status(1)
        .expect_stderr("\nerror: users failed: page 2");
    for words in told {
        finished = finished.expect_stderr(words);
    }
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 2);
    assert_eq!(sandbox.lines("SELECT result FROM _sync_endpoint_runs"), ["failed"]);
    let tries = api.asked_for("/v2/users").len() - 1;

    mended.mend();
    expect_all_users_after_mend(&sandbox);
    let first_pages =
        api.asked_for("/v2/users").iter().filter(|asked| asked.param("cursor").is_empty()).count();
    assert_eq!(first_pages, 1, "the next run goes on behind the page that is stored");
    tries
}

#[test]
fn without_a_permission_the_endpoint_fails_at_once() {
    let forbidden = |_: &Asked| Answer::status(403, r#"{"title":"Forbidden"}"#);
    let tries = expect_failure_on_the_second_page(
        forbidden,
        &["HTTP 403 Forbidden", "this client lacks the permission", "Mapiq support grants it"],
    );
    assert_eq!(tries, 1);
}

#[test]
fn one_endpoint_without_a_permission_does_not_stop_another() {
    let mended = Mend::default();
    let seen = mended.clone();
    let api = serve(move |asked| {
        if asked.path == "/v2/parking" && !seen.is_mended() {
            Answer::status(403, r#"{"message":"Access denied due to missing role Parking.Read"}"#)
        } else {
            users(asked)
        }
    });
    let parking = USERS.replace("users", "parking");
    let sandbox = Sandbox::with_api(&api.url(), &format!("{parking}{USERS}"));
    let told = run_plainly(&sandbox, &["--run-now"]).expect_status(1).stderr;
    let errors: Vec<&str> = told.lines().filter(|line| line.starts_with("error: ")).collect();
    insta::assert_snapshot!(
        errors.join("\n"),
        @"error: parking failed: page 1: HTTP 403 Forbidden: Access denied due to missing role Parking.Read: this client lacks the permission for the endpoint; Mapiq support grants it"
    );
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), ALL);
    assert_eq!(sandbox.count("SELECT count(*) FROM parking"), 0);
    mended.mend();
    expect_all_users_after_mend(&sandbox);
    assert_eq!(sandbox.count("SELECT count(*) FROM parking"), ALL);
}

#[test]
fn a_path_that_is_not_there_is_asked_for_once() {
    let tries = expect_failure_on_the_second_page(
        |_| Answer::status(404, ""),
        &["HTTP 404 Not Found", "is `path` right?"],
    );
    assert_eq!(tries, 1);
}

#[test]
fn problem_details_are_shown_field_by_field() {
    let tries = expect_failure_on_the_second_page(
        |_| {
            Answer::status(
                400,
                r#"{"type":"https://tools.ietf.org/html/rfc7231#section-6.5.1","title":"One or more validation errors occurred.","status":400,"errors":{"endDate":["The range must not be wider than 31 days."]}}"#,
            )
            .with("content-type", "application/problem+json")
        },
        &[
            "HTTP 400 Bad Request: One or more validation errors occurred.",
            "endDate: The range must not be wider than 31 days.",
            "check `params`",
        ],
    );
    assert_eq!(tries, 1);
}

#[test]
fn a_page_for_people_instead_of_json_is_tried_again_and_quoted() {
    let tries = expect_failure_on_the_second_page(
        |_| {
            let page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>";
            Answer::json(page).with("content-type", "text/html")
        },
        &["the response is not JSON", "<!DOCTYPE html>", "trying again in"],
    );
    assert!(tries > 1, "a proxy's page may be gone a moment later");
}

#[test]
fn records_that_are_not_where_they_should_be_name_the_keys_that_are_there() {
    let tries = expect_failure_on_the_second_page(
        |_| Answer::json(r#"{"value":[],"@odata.count":0}"#),
        &[r#"nothing lies at records = "items""#, "the keys `value`, `@odata.count`"],
    );
    assert_eq!(tries, 1);
}

#[test]
fn an_object_where_an_array_was_meant_proposes_its_arrays() {
    let api = serve(users);
    let sandbox = Sandbox::with_api(&api.url(), &USERS.replace("records = \"items\"\n", ""));
    run(&sandbox, &["--run-now"]).expect_status(1).expect_stderr(
        r#"`records` is not set to say where its records lie; try records = "items""#,
    );
    let config = contents(sandbox.path()).remove("config.toml").expect("it is there").1;
    let config = String::from_utf8(config).expect("it is text");
    sandbox.write("config.toml", &config.replacen("key =", "records = \"items\"\nkey =", 1));
    expect_all_users_after_mend(&sandbox);
}

/// A listing that cannot be followed is given up: its checkpoint would lead into the same circle.
#[track_caller]
fn expect_next_run_from_the_first_page(sandbox: &Sandbox) {
    assert_eq!(sandbox.lines("SELECT result FROM _sync_sweeps"), ["superseded"]);
}

#[test]
fn a_page_parameter_that_the_api_does_not_know_ends_the_run() {
    let mended = Mend::default();
    let seen = mended.clone();
    let api = serve(move |asked| {
        let page = if seen.is_mended() { asked.number("page") } else { 1 };
        let ids = (2 * page - 1..=2 * page).filter(|id| *id <= 2 * PAGES);
        let items: Vec<String> = ids.map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        Answer::json(format!("[{}]", items.join(",")))
    });
    let endpoint = r#"
[[endpoint]]
name = "users"
path = "/v2/users"
key = ["id"]
pagination = { style = "page", page_param = "page", size_param = "pageSize", size = 2 }
"#;
    let sandbox = Sandbox::with_api(&api.url(), endpoint);
    run(&sandbox, &["--run-now"])
        .expect_status(1)
        .expect_stderr("page 2: the listing cannot be followed")
        .expect_stderr("the API seems not to know the page parameter `page`");
    assert_eq!(api.asked_for("/v2/users").len(), 2, "it does not go on for ever");
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 2);
    expect_next_run_from_the_first_page(&sandbox);
    mended.mend();
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_cursor_that_comes_again_ends_the_run() {
    let mended = Mend::default();
    let seen = mended.clone();
    let api = serve(move |asked| {
        if asked.number("cursor") == 2 && !seen.is_mended() {
            Answer::json(r#"{"items":[{"id":5},{"id":6}],"next":"1"}"#)
        } else {
            users(asked)
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    run(&sandbox, &["--run-now"])
        .expect_status(1)
        .expect_stderr("page 3: the listing cannot be followed")
        .expect_stderr("a cursor that it had named before")
        .expect_stderr("check the cursor parameter `cursor` and the path `next`");
    assert_eq!(api.asked_for("/v2/users").len(), 3, "it does not go on for ever");
    expect_next_run_from_the_first_page(&sandbox);
    mended.mend();
    expect_all_users_after_mend(&sandbox);
}
