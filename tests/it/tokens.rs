//! The token: how it is asked for, how often, and what becomes of one that the API no longer takes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    listing::{endpoint, page, pages_asked, whole},
    support::{self, Answer, Api, Asked, Sandbox, token},
};

const STORED: &str = "SELECT id, name, even FROM users ORDER BY id";

fn users(api: &Api, more: &str) -> Sandbox {
    Sandbox::with_api(&api.url(), &endpoint("users", "/users", more))
}

fn bearer(asked: &Asked) -> &str {
    let value = asked.headers.get("authorization").and_then(|value| value.to_str().ok());
    value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("")
}

fn unauthorized() -> Answer {
    Answer::status(401, r#"{"statusCode":401,"message":"Unauthorized. Access token is invalid."}"#)
}

/// An API whose token endpoint numbers its tokens, from `token-1`.
fn numbered(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Api {
    let given = AtomicUsize::new(0);
    Api::serve_all(move |asked| match asked.path.as_str() {
        "/token" => token(&format!("token-{}", given.fetch_add(1, Ordering::SeqCst) + 1), 3600),
        _ => script(asked),
    })
}

#[test]
fn the_token_is_asked_for_as_documented_and_sent_with_every_request() {
    let api = Api::serve(|asked| page(asked, 2));
    let mut sandbox = users(&api, "");
    sandbox.set("MAPIQ_CLIENT_ID", "client 1&2");
    sandbox.set("MAPIQ_CLIENT_SECRET", "s=c+r%t");

    sandbox.run(&["--run-now"]).expect_status(0);

    let asked = api.asked_for("/token");
    let [asked] = asked.as_slice() else { panic!("{} requests for a token", asked.len()) };
    assert_eq!(asked.method, "POST");
    assert!(asked.query.is_empty());
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert!(!asked.headers.contains_key("authorization"), "the credentials are in the form alone");
    let form: Vec<_> = url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
    let documented = [
        ("grant_type", "client_credentials"),
        ("scope", "https://api.mapiq.com/public/.default"),
        ("client_id", "client 1&2"),
        ("client_secret", "s=c+r%t"),
    ];
    assert_eq!(form, documented.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(api.asked_for("/users").iter().all(|asked| bearer(asked) == "token"));
}

#[test]
fn numbers_may_come_as_numbers_and_as_texts() {
    for quote in ["", "\""] {
        let api = Api::serve_all(move |asked| match asked.path.as_str() {
            "/token" => Answer::json(format!(
                r#"{{"access_token":"a.b.c","token_type":"Bearer","not_before":{quote}1790000000{quote},
                "expires_in":{quote}3600{quote},"expires_on":{quote}1790003600{quote},"resource":"https://api.mapiq.com/public"}}"#
            )),
            _ => page(asked, 2),
        });
        let sandbox = users(&api, "");

        sandbox.run(&["--run-now"]).expect_status(0);

        assert_eq!(api.asked_for("/token").len(), 1, "the token lives longer than the run");
        assert!(api.asked_for("/users").iter().all(|asked| bearer(asked) == "a.b.c"));
    }
}

#[test]
fn a_token_of_another_type_is_an_error() {
    let api = Api::serve_all(|_| {
        Answer::json(r#"{"access_token":"a","token_type":"mac","expires_in":3600}"#)
    });
    let sandbox = users(&api, "");

    sandbox.run(&["--run-now"]).expect_status(1).expect_stderr("token_type is not Bearer");

    assert_eq!(api.asked().len(), 1, "neither asked for again nor used");
}

#[test]
fn endpoints_that_start_together_share_one_request_for_a_token() {
    let api = Api::serve(|asked| page(asked, 1));
    let names = ["a", "b", "c", "d", "e", "f"];
    let endpoints: String =
        names.iter().map(|name| endpoint(name, &format!("/{name}"), "")).collect();

    Sandbox::with_api(&api.url(), &endpoints).run(&["--run-now"]).expect_status(0);

    assert_eq!(api.asked_for("/token").len(), 1);
    assert_eq!(api.asked().len(), 1 + names.len());
}

#[test]
fn a_token_that_dies_in_mid_run_costs_one_new_token_and_one_retry_each() {
    // The first token is no longer taken once three pages of the users are given.
    let given = AtomicUsize::new(0);
    let api = numbered(move |asked| {
        let dead = bearer(asked) == "token-1" && given.load(Ordering::SeqCst) >= 3;
        if asked.path == "/users" && !dead {
            given.fetch_add(1, Ordering::SeqCst);
        }
        if dead { unauthorized() } else { page(asked, 6) }
    });
    let sandbox = users(&api, "rate_limit = { requests = 100, per = \"60s\" }");

    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(api.asked_for("/token").len(), 2);
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 4, 4, 5, 6]);
    assert_eq!(sandbox.lines(STORED), whole(6));
    assert_eq!(
        sandbox.lines("SELECT status FROM _sync_requests ORDER BY request_id"),
        ["200", "200", "200", "401", "200", "200", "200"],
        "the retry is reserved too"
    );
}

#[test]
fn endpoints_whose_token_died_share_one_new_one() {
    let api = numbered(|asked| {
        let dead = bearer(asked) == "token-1" && asked.number("page") == 2;
        if dead { unauthorized() } else { page(asked, 3) }
    });
    let endpoints: String =
        ["a", "b", "c"].iter().map(|name| endpoint(name, &format!("/{name}"), "")).collect();

    Sandbox::with_api(&api.url(), &endpoints).run(&["--run-now"]).expect_status(0);

    assert_eq!(api.asked_for("/token").len(), 2);
    for path in ["/a", "/b", "/c"] {
        // An endpoint that was slower had the new token already.
        let pages = pages_asked(&api, path);
        assert!(pages == [1, 2, 2, 3] || pages == [1, 2, 3], "{path}: {pages:?}");
    }
}

#[test]
fn a_new_token_that_is_refused_too_is_a_failure() {
    let api = numbered(|_| unauthorized());
    let sandbox = users(&api, "");

    sandbox
        .run(&["--run-now"])
        .expect_status(1)
        .expect_stderr("a new access token was refused too (HTTP 401 Unauthorized");

    assert_eq!(api.asked_for("/token").len(), 2);
    assert_eq!(pages_asked(&api, "/users"), [1, 1]);
}

/// An API whose tokens live as long as it says, by its own clock, and how often it was sent one that was dead.
fn expiring(life: Duration, pages: usize) -> (Api, Arc<AtomicUsize>) {
    let dead = Arc::new(AtomicUsize::new(0));
    let given = Mutex::new(BTreeMap::<String, Instant>::new());
    let api = Api::serve_all({
        let dead = Arc::clone(&dead);
        move |asked| {
            let mut given = given.lock().expect("no test panics while it holds this");
            if asked.path == "/token" {
                let name = format!("token-{}", given.len() + 1);
                let answer = token(&name, life.as_secs());
                given.insert(name, support::now() + life);
                return answer;
            }
            if given.get(bearer(asked)).is_some_and(|end| support::now() < *end) {
                return page(asked, pages);
            }
            dead.fetch_add(1, Ordering::SeqCst);
            unauthorized()
        }
    });
    (api, dead)
}

#[test]
fn a_run_that_outlives_its_token_has_a_new_one_before_the_old_one_is_refused() {
    let (api, dead) = expiring(Duration::from_secs(4), 12);
    // Six seconds' worth of requests.
    let sandbox = users(&api, "rate_limit = { requests = 2, per = \"1s\" }");

    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(dead.load(Ordering::SeqCst), 0, "no request carried a token that had ended");
    assert_eq!(api.asked_for("/token").len(), 2);
    assert_eq!(sandbox.lines(STORED), whole(12));
}

#[test]
fn a_token_is_taken_after_the_wait_so_that_it_does_not_end_in_it() {
    let (api, dead) = expiring(Duration::from_secs(1), 3);
    let sandbox = users(&api, "rate_limit = { requests = 1, per = \"1500ms\" }");

    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(dead.load(Ordering::SeqCst), 0, "no request carried a token that had ended");
    assert_eq!(api.asked_for("/token").len(), 3);
    assert_eq!(sandbox.lines(STORED), whole(3));
}
