//! Credentials that the token endpoint refuses: status 77.

use std::{fs, path::PathBuf};

use super::{Mend, TOKEN, USERS, expect_all_users_after_mend, run, run_plainly, users};
use crate::support::{Answer, Api, Asked, Sandbox, token};

/// What a token endpoint says to a wrong secret; this one even repeats it.
fn invalid_client(asked: &Asked) -> Answer {
    let secret = secret(asked);
    Answer::status(
        401,
        format!(
            r#"{{"error":"invalid_client","error_description":"AADSTS7000215: the secret {secret} is wrong."}}"#
        ),
    )
}

/// The secret that was sent.
fn secret(asked: &Asked) -> String {
    url::form_urlencoded::parse(asked.body.as_bytes())
        .find_map(|(name, value)| (name == "client_secret").then(|| value.into_owned()))
        .unwrap_or_default()
}

/// An API whose token endpoint takes one secret.
fn serve_for(right: &'static str) -> Api {
    Api::serve_all(move |asked| match asked.path.as_str() {
        "/token" if secret(asked) == right => token(TOKEN, 3600),
        "/token" => invalid_client(asked),
        _ => users(asked),
    })
}

#[test]
fn a_wrong_secret_ends_with_77_and_is_asked_with_twice() {
    let api = serve_for("hunter-right");
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let told = run_plainly(&sandbox, &["--run-now"]).expect_status(77).stderr;
    insta::assert_snapshot!(told, @"
    users  failed: cannot get an access token: the token endpoint refuses the credentials: invalid_client: AADSTS7000215: the secret … is wrong. (HTTP 401); are the client id and the secret right and still valid?

    error: users failed: cannot get an access token: the token endpoint refuses the credentials: invalid_client: AADSTS7000215: the secret … is wrong. (HTTP 401); are the client id and the secret right and still valid?
    ");
    assert_eq!(api.asked_for("/token").len(), 2, "the credentials are read afresh once");
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 0);
    run(&sandbox, &["--run-now"]).expect_status(77);
    assert!(api.asked_for("/v2/users").is_empty());

    sandbox.set("MAPIQ_CLIENT_SECRET", "hunter-right");
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn the_daemon_does_not_start_with_a_wrong_secret() {
    let api = serve_for("hunter-right");
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    run(&sandbox, &[])
        .expect_status(77)
        .expect_stderr("error: cannot get an access token")
        .expect_stderr("the token endpoint refuses the credentials: invalid_client");
    assert!(api.asked_for("/v2/users").is_empty());
}

#[test]
fn a_secret_that_was_changed_in_its_file_meanwhile_is_read_afresh() {
    let mut sandbox = Sandbox::new();
    let file: PathBuf = sandbox.path().join("secret");
    sandbox.write("secret", "hunter-old\n");
    let changed = Mend::default();
    let api = Api::serve_all(move |asked| match (asked.path.as_str(), secret(asked).as_str()) {
        ("/token", "hunter-new") => token(TOKEN, 3600),
        ("/token", "hunter-old") => {
            assert!(!changed.is_mended(), "the old secret is sent once");
            changed.mend();
            fs::write(&file, "hunter-new\n").expect("the folder is writable");
            invalid_client(asked)
        }
        ("/token", _) => Answer::status(500, "the test knows no such secret"),
        _ => users(asked),
    });
    let configured = Sandbox::with_api(&api.url(), USERS);
    let config = fs::read_to_string(configured.path().join("config.toml")).expect("it is there");
    sandbox.write(
        "config.toml",
        &config.replacen("[api]", "[api]\nclient_secret_file = \"secret\"", 1),
    );
    sandbox.unset("MAPIQ_CLIENT_SECRET");
    expect_all_users_after_mend(&sandbox);
    let secrets: Vec<String> = api.asked_for("/token").iter().map(secret).collect();
    assert_eq!(secrets, ["hunter-old", "hunter-new"]);
}

#[test]
fn another_refusal_of_the_token_endpoint_names_the_setting() {
    let mended = Mend::default();
    let seen = mended.clone();
    let api = Api::serve_all(move |asked| match asked.path.as_str() {
        "/token" if seen.is_mended() => token(TOKEN, 3600),
        "/token" => Answer::status(400, r#"{"error":"invalid_scope"}"#),
        _ => users(asked),
    });
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    run(&sandbox, &["--run-now"])
        .expect_status(1)
        .expect_stderr("invalid_scope")
        .expect_stderr("look at api.scope");
    mended.mend();
    expect_all_users_after_mend(&sandbox);
}
