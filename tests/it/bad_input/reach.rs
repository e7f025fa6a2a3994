//! A service that cannot be reached: status 69.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{USERS, expect_all_users_after_mend, run, run_plainly, serve, tls::TlsApi, users};
use crate::support::{Finished, Sandbox};

/// The variable that sets the API's address.
const BASE_URL: &str = "MAPIQ_SYNC__API__BASE_URL";

/// The variable that sets the token endpoint's address.
const TOKEN_URL: &str = "MAPIQ_SYNC__API__TOKEN_URL";

/// An address at which nobody listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    format!("http://{}", listener.local_addr().expect("a bound listener has an address"))
}

/// How often the run tried again.
fn retries(finished: &Finished) -> usize {
    finished.stderr.matches("; trying again in ").count()
}

#[test]
fn a_refused_connection_is_tried_again_and_ends_with_69() {
    let api = serve(users);
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.set(BASE_URL, &closed());
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "3s");
    let finished = run_plainly(&sandbox, &["--run-now"]).expect_status(69);
    assert!(retries(&finished) > 0, "{}", finished.stderr);
    let error = finished.stderr.lines().last().unwrap_or_default();
    insta::with_settings!({ filters => [(r"127\.0\.0\.1:\d+", "[ADDRESS]")] }, {
        insta::assert_snapshot!(error, @"error: users failed: cannot read page 1: cannot reach [ADDRESS]: no connection, look at the network, the firewall and api.proxy: Connection refused (os error 111)");
    });
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 0);
    sandbox.unset(BASE_URL);
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_token_endpoint_that_cannot_be_reached_ends_with_69() {
    let api = serve(users);
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.set(TOKEN_URL, &format!("{}/token", closed()));
    run(&sandbox, &["--run-now"])
        .expect_status(69)
        .expect_stderr("cannot get an access token: no answer from the token endpoint")
        .expect_stderr("Connection refused");
    assert!(api.asked().is_empty());
    sandbox.unset(TOKEN_URL);
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let api = serve(users);
    let certificate = TlsApi::before(&api);
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    // RFC 6761, section 6.4: `.invalid` never resolves. A certificate is at hand, whatever the machine trusts.
    sandbox.set(BASE_URL, "https://mapiq.invalid");
    sandbox.write("authority.pem", certificate.certificate());
    sandbox.set("MAPIQ_SYNC__API__CA_FILE", "authority.pem");
    // Without a network the resolver would wait for its servers for long.
    sandbox.set("RES_OPTIONS", "timeout:1 attempts:1");
    run(&sandbox, &["--run-now"])
        .expect_status(69)
        .expect_stderr("cannot reach mapiq.invalid: its name cannot be looked up");
    sandbox.unset(BASE_URL);
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_certificate_that_is_not_trusted_is_not_asked_again_until_its_authority_is_named() {
    let api = serve(users);
    let behind_tls = TlsApi::before(&api);
    let mut sandbox = Sandbox::with_api(&behind_tls.url(), USERS);
    // Whatever the machine trusts, and be it nothing: another certificate is trusted, not this one.
    let other = TlsApi::before(&api);
    sandbox.write("other.pem", other.certificate());
    sandbox.set("MAPIQ_SYNC__API__CA_FILE", "other.pem");
    // Long enough for another try, were there one.
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "3s");
    let finished = run(&sandbox, &["--run-now"])
        .expect_status(69)
        .expect_stderr("the certificate of localhost:")
        .expect_stderr(
            "is not trusted; if it is signed by an authority of your own, name that in api.ca_file",
        );
    assert_eq!(retries(&finished), 0, "{}", finished.stderr);
    assert_eq!(behind_tls.connections(), 1);
    assert!(api.asked().is_empty(), "nothing is sent to a server that is not trusted");

    sandbox.write("authority.pem", behind_tls.certificate());
    sandbox.set("MAPIQ_SYNC__API__CA_FILE", "authority.pem");
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_server_that_never_answers_is_given_up_after_max_elapsed() {
    let api = serve(users);
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = silent.local_addr().expect("a bound listener has an address");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    // Holds every connection, and says nothing, until the test's process ends.
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in silent.incoming() {
            held.push(stream);
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    sandbox.set(BASE_URL, &format!("http://{address}"));
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "300ms");
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "2500ms");
    let finished = run(&sandbox, &["--run-now"]).expect_status(69).expect_stderr(&format!(
        "cannot read page 1: {address} did not answer in full within 0.3 s"
    ));
    assert!(retries(&finished) > 0, "{}", finished.stderr);
    assert_eq!(connections.load(Ordering::SeqCst), 1 + retries(&finished));
    sandbox.unset(BASE_URL);
    sandbox.unset("MAPIQ_SYNC__API__TIMEOUT");
    expect_all_users_after_mend(&sandbox);
}
