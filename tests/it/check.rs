//! `check`: what a run needs, and what the API answers, told without a trace.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::{Answer, Api, Finished, Sandbox};

const USERS: &str =
    "[[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\nrecords = \"items\"\n";

const GOOD: &str =
    r#"{"items":[{"id":1,"workAddress":{"city":"Delft"},"email":"ada@example.org"},{"id":2}]}"#;

/// An API that has this for the users.
fn serve(body: &'static str) -> Api {
    Api::serve(move |_| Answer::json(body))
}

/// The names of what is in the folder.
fn files(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path()).expect("the folder can be read");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("the folder can be read").file_name().to_string_lossy().into_owned()
    };
    let mut files: Vec<String> = entries.map(name).collect();
    files.sort_unstable();
    files
}

fn online(sandbox: &Sandbox, status: i32) -> Finished {
    sandbox.run(&["check", "--online"]).expect_status(status)
}

#[track_caller]
fn expect(finished: &Finished, texts: &[&str]) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = words(&finished.stdout);
    for text in texts {
        assert!(said.contains(&words(text)), "`{text}` is not in stdout:\n{}", finished.stdout);
    }
}

#[test]
fn a_good_configuration_is_told_without_a_trace_and_asks_nobody() {
    let api = serve(GOOD);
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    let checked = sandbox.run(&["check"]).expect_status(0);
    expect(
        &checked,
        &[
            "✓ configuration config.toml: 1 endpoint, 1 job, no error",
            "✓ client secret MAPIQ_CLIENT_SECRET",
            "✓ database mapiq.db: none yet, the first run makes it",
            "all * * * * * *",
            "Nothing to do",
        ],
    );
    assert_eq!(files(&sandbox), ["config.toml"]);
    assert_eq!(api.asked().len(), 0);
    assert!(!checked.stdout.contains("hunter2"), "{}", checked.stdout);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let mut sandbox = Sandbox::with_api("http://127.0.0.1:1", USERS);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "never");
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__PER", "often");
    sandbox
        .run(&["check"])
        .expect_status(78)
        .expect_stderr("MAPIQ_SYNC__API__TIMEOUT")
        .expect_stderr("MAPIQ_SYNC__RATE_LIMIT__PER");

    let mut sandbox = Sandbox::with_api("http://127.0.0.1:1", USERS);
    sandbox.unset("MAPIQ_CLIENT_SECRET");
    sandbox.write("mapiq.db", "somebody's notes");
    let checked = sandbox.run(&["check", "--online"]).expect_status(78);
    expect(
        &checked,
        &[
            "✗ client secret cannot be had",
            "no client secret in any of MAPIQ_CLIENT_SECRET (not set)",
            "`mapiq.db` is not a SQLite database",
            "The API was not asked",
        ],
    );
}

#[test]
fn a_secret_that_others_may_read_is_warned_of() {
    let mut sandbox = Sandbox::with_api("http://127.0.0.1:1", USERS);
    sandbox.unset("MAPIQ_CLIENT_SECRET");
    sandbox.set("MAPIQ_SYNC__API__CLIENT_SECRET_FILE", "secret");
    sandbox.write("secret", "hunter2\n");
    let mode = |mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(sandbox.path().join("secret"), permissions).expect("it is the test's");
    };
    mode(0o644);
    let checked = sandbox.run(&["check"]).expect_status(0);
    expect(&checked, &["! client secret", "others may read the client secret", "mode 0644"]);
    mode(0o600);
    expect(&sandbox.run(&["check"]).expect_status(0), &["✓ client secret", "Nothing to do"]);
}

#[test]
fn a_database_that_cannot_be_used_is_told_and_left_as_it_is() {
    let sandbox = Sandbox::with_api("http://127.0.0.1:1", USERS);
    sandbox.execute("CREATE TABLE notes (text)");
    let before = fs::read(sandbox.database()).expect("it is there");
    let checked = sandbox.run(&["check"]).expect_status(74);
    expect(&checked, &["✗ database", "is another program's database"]);
    assert_eq!(fs::read(sandbox.database()).expect("it is there"), before);

    let mut sandbox = Sandbox::with_api("http://127.0.0.1:1", USERS);
    sandbox.set("MAPIQ_SYNC__DATABASE__PATH", "nowhere/mapiq.db");
    expect(&sandbox.run(&["check"]).expect_status(74), &["its folder must exist"]);
}

#[test]
fn online_reads_one_page_and_leaves_no_database() {
    let api = Api::serve(|_| Answer::json(GOOD).with("x-ratelimit-remaining", "19"));
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let temporary = tempfile::tempdir().expect("a temporary folder can be made");
    sandbox.set("TMPDIR", &temporary.path().to_string_lossy());
    let checked = online(&sandbox, 0);
    expect(
        &checked,
        &[
            "✓ token: there, ends in 1 h",
            "✓ users 200 2 unique 3 none",
            "users would have the columns: id INTEGER (key), work_address_city TEXT, email TEXT",
            "x-ratelimit-remaining: 19",
        ],
    );
    assert_eq!(api.asked_for("/users").len(), 1);
    assert_eq!(files(&sandbox), ["config.toml"]);
    let left = fs::read_dir(temporary.path()).expect("it is there").count();
    assert_eq!(left, 0, "the ledger of its own is gone");
    assert!(!checked.stdout.contains("Delft"), "{}", checked.stdout);
}

#[test]
fn what_the_configuration_hides_is_not_told() {
    let api = serve(GOOD);
    let sandbox = Sandbox::with_api(&api.url(), &format!("{USERS}exclude = [\"email\"]\n"));
    let checked = online(&sandbox, 0);
    assert!(!checked.stdout.contains("email"), "{}", checked.stdout);
}

#[test]
fn failures_have_the_status_of_a_run_that_fails_so() {
    let refused = Api::serve_all(|_| Answer::status(401, r#"{"error":"invalid_client"}"#));
    let sandbox = Sandbox::with_api(&refused.url(), USERS);
    expect(&online(&sandbox, 77), &["✗ token: none", "invalid_client"]);
    assert_eq!(refused.asked_for("/users").len(), 0);

    let sandbox = Sandbox::with_api("http://127.0.0.1:1", USERS);
    expect(&online(&sandbox, 69), &["✗ token: none", "cannot reach 127.0.0.1:1"]);

    let missing = Api::serve(|_| Answer::status(404, "{}"));
    let sandbox = Sandbox::with_api(&missing.url(), USERS);
    expect(&online(&sandbox, 1), &["✗ users 404", "is `path` right?"]);

    // One try is enough to tell.
    let failing = Api::serve(|_| Answer::status(500, "{}"));
    let sandbox = Sandbox::with_api(&failing.url(), USERS);
    expect(&online(&sandbox, 1), &["✗ users 500"]);
    assert_eq!(failing.asked_for("/users").len(), 1);
}

#[test]
fn a_key_that_is_missing_or_comes_twice_needs_a_person() {
    let sandbox_of = |body| {
        let api = serve(body);
        (Sandbox::with_api(&api.url(), USERS), api)
    };
    let (sandbox, _api) = sandbox_of(r#"{"items":[{"id":1},{"userId":2},{"userId":3}]}"#);
    expect(
        &online(&sandbox, 65),
        &["✗ users 200 3 2 without", "2 of 3 records cannot be stored: key part `id` is missing"],
    );
    let (sandbox, _api) = sandbox_of(r#"{"items":[{"id":1},{"id":2},{"id":1}]}"#);
    expect(
        &online(&sandbox, 65),
        &["✗ users 200 3 1 again", "key = [\"id\"] does not tell them apart"],
    );
}

#[test]
fn a_misspelt_setting_is_doubted() {
    let api =
        serve(r#"{"items":[{"id":1},{"id":2}],"paging":{"nextCursor":"abc"},"totalCount":9}"#);
    let endpoint = format!(
        "{USERS}total = \"total\"\npagination = {{ style = \"cursor\", param = \"cursor\", next = \"next\" }}\n"
    );
    let sandbox = Sandbox::with_api(&api.url(), &endpoint);
    let checked = online(&sandbox, 0);
    expect(
        &checked,
        &[
            "! users",
            "nothing lies at pagination.next = \"next\"",
            "The answer has `paging.nextCursor`",
            "nothing lies at total = \"total\"",
            "The answer has `totalCount`",
        ],
    );
    assert!(!checked.stdout.contains("abc"), "{}", checked.stdout);
}

#[test]
fn a_pause_that_is_asked_for_is_told_and_obeyed() {
    let api = Api::serve(|_| Answer::status(429, "{}").with("retry-after", "90"));
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.run(&["check", "--online"]).expect_status(75);
    assert_eq!(files(&sandbox), ["config.toml"]);

    // With a database the pause is stored, and found by who comes next.
    let mut waiting = sandbox;
    waiting.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "10ms");
    waiting.run(&["--run-now"]).expect_status(75);
    waiting.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "10m");
    let asked = api.asked_for("/users").len();
    expect(&online(&waiting, 75), &["‖ users - - - -", "paused until"]);
    assert_eq!(api.asked_for("/users").len(), asked);
}

#[test]
fn its_requests_are_in_the_ledger_and_existing_columns_are_compared() {
    let bodies = [GOOD, r#"{"items":[{"id":"x","more":true}]}"#];
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let api = Api::serve(move |_| {
        let nth = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Answer::json(bodies[nth.min(1)])
    });
    let limit = "rate_limit = { requests = 2, per = \"1h\" }\n";
    let mut sandbox = Sandbox::with_api(&api.url(), &format!("{USERS}{limit}"));
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "1s");
    sandbox.run(&["--run-now"]).expect_status(0);
    let checked = online(&sandbox, 0);
    expect(&checked, &["id TEXT instead of INTEGER (key), more BOOLEAN", "2, 1 new, 1 widened"]);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_requests"), 2);
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 2, "nothing of the page is stored");
    sandbox.run(&["--run-now"]).expect_status(75);
    expect(&online(&sandbox, 75), &["‖ users", "the budget is spent"]);
}

#[test]
fn who_is_told_of_alerts_is_looked_at_and_told_of_nothing() {
    let api = serve(GOOD);
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let receiver = serve("");
    let config = fs::read_to_string(sandbox.path().join("config.toml")).expect("it is there");
    let alerts = format!(
        "{config}[alerts]\nwebhook = \"{}/s3cret\"\ncommand = [\"/no/such/program\"]\n",
        receiver.url()
    );
    sandbox.write("config.toml", &alerts);
    let checked = sandbox.run(&["check"]).expect_status(0);
    let told = format!("✓ alerts.webhook {}, not tried", receiver.url());
    expect(&checked, &[&told, "! alerts.command", "cannot run /no/such/program: No such file"]);
    assert!(!checked.stdout.contains("s3cret"), "{}", checked.stdout);
    assert_eq!(receiver.asked().len(), 0);
    let checked = sandbox.run(&["check", "--alert"]).expect_status(1);
    expect(
        &checked,
        &[
            "✓ test alert by alerts.webhook: told, and of its end",
            "✗ test alert by alerts.command: failed",
            "✗ alerts.command: `/no/such/program` cannot be run: No such file",
        ],
    );
    let told = receiver.asked();
    let told: Vec<&str> = told.iter().map(|asked| asked.body.as_str()).collect();
    let has = |text: &str| told.iter().map(|body| body.contains(text)).collect::<Vec<_>>();
    assert_eq!(has(r#""kind":"test""#), [true, true], "{told:?}");
    assert_eq!(has(r#""event":"ended""#), [false, true], "{told:?}");
    assert_eq!(files(&sandbox), ["config.toml"]);

    sandbox.write("config.toml", &config);
    let checked = sandbox.run(&["check", "--alert"]).expect_status(78);
    expect(&checked, &["✗ test alert: there is nobody to tell", "✗ alerts: say in `[alerts]`"]);

    sandbox.write("alert_webhook", "not-a-url-but-s3cret\n");
    let folder = sandbox.path().to_str().expect("the test's folder has a plain name").to_owned();
    sandbox.set("CREDENTIALS_DIRECTORY", &folder);
    let checked = sandbox.run(&["check", "--alert"]).expect_status(78);
    expect(&checked, &["✗ alerts.webhook cannot be had", "alert_webhook"]);
    assert!(!checked.stdout.contains("s3cret"), "{}", checked.stdout);
}
