//! Redirects: followed within the origin, and nowhere else: neither the token nor the secret leaves.

use super::{Mend, TOKEN, USERS, expect_all_users_after_mend, run, serve, users};
use crate::support::{Answer, Api, Sandbox, token};

#[test]
fn the_token_does_not_follow_a_redirect_to_another_origin() {
    let elsewhere = serve(users);
    let (to, mended) = (format!("{}/v2/users", elsewhere.url()), Mend::default());
    let seen = mended.clone();
    let api = serve(move |asked| {
        if seen.is_mended() {
            users(asked)
        } else {
            Answer::status(302, "").with("location", to.clone())
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    run(&sandbox, &["--run-now"])
        .expect_status(1)
        .expect_stderr(&format!("page 1: redirected to {}/v2/users", elsewhere.url()))
        .expect_stderr("does not get the token: is `api.base_url` right?");
    assert!(elsewhere.asked().is_empty(), "the other origin hears of nothing");
    assert_eq!(api.asked_for("/v2/users").len(), 1, "it is not tried again");
    mended.mend();
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_redirect_within_the_origin_is_followed_with_the_token() {
    let api = serve(|asked| match asked.path.as_str() {
        "/v2/users" => {
            let cursor = asked.param("cursor");
            Answer::status(307, "").with("location", format!("/v2/people?cursor={cursor}"))
        }
        _ => users(asked),
    });
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    expect_all_users_after_mend(&sandbox);
    let followed = api.asked_for("/v2/people");
    assert_eq!(followed.len(), 3);
    for asked in followed {
        let authorization = asked.headers.get("authorization").expect("the token goes along");
        assert_eq!(authorization, &format!("Bearer {TOKEN}"));
    }
}

#[test]
fn a_redirect_that_leads_in_a_circle_ends_the_run() {
    let api = serve(|_| Answer::status(302, "").with("location", "/v2/users"));
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    run(&sandbox, &["--run-now"]).expect_status(1).expect_stderr("redirects in a row");
}

#[test]
fn the_secret_does_not_follow_a_redirect_of_the_token_endpoint() {
    let elsewhere = serve(users);
    let (to, mended) = (format!("{}/token", elsewhere.url()), Mend::default());
    let seen = mended.clone();
    let api = Api::serve_all(move |asked| match asked.path.as_str() {
        "/token" if seen.is_mended() => token(TOKEN, 3600),
        "/token" => Answer::status(307, "").with("location", to.clone()),
        _ => users(asked),
    });
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    run(&sandbox, &["--run-now"])
        .expect_status(1)
        .expect_stderr("the token endpoint refuses the request: HTTP 307 Temporary Redirect")
        .expect_stderr("look at api.token_url");
    assert!(elsewhere.asked().is_empty(), "the other origin hears of nothing");
    mended.mend();
    expect_all_users_after_mend(&sandbox);
}
