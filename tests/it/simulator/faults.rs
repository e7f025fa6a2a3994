//! What goes wrong on request, as it looks on the wire.

use std::io::{ErrorKind, Read, Write};

use serde_json::json;

use super::{Received, Simulator, receive};

const PATH: &str = "/v2/users?pageSize=10";

/// The proper answer, then the one with a fault, then the proper one again.
fn around(simulator: &Simulator, token: &str, fault: &str) -> (Received, Received) {
    let proper = simulator.get(PATH, token);
    assert_eq!((proper.status, proper.error), (200, None));
    simulator.fault(&format!("/v2/users={fault}"));
    let faulty = simulator.get(PATH, token);
    let after = simulator.get(PATH, token);
    assert_eq!((after.status, &after.body), (200, &proper.body), "{fault} befalls one request");
    (proper, faulty)
}

#[test]
fn a_connection_ends_where_it_is_told_to_by_a_reset_or_without_one() {
    let simulator = Simulator::start(&["--users", "50"]);
    let token = simulator.token();
    for (end, error) in [("reset", Some(ErrorKind::ConnectionReset)), ("close", None)] {
        let (_, before) = around(&simulator, &token, &format!("{end}-before"));
        assert_eq!((before.head.as_str(), before.error), ("", error));

        let (proper, middle) = around(&simulator, &token, &format!("{end}-middle"));
        let half = proper.body.len() / 2;
        assert_eq!((middle.body.as_slice(), middle.error), (&proper.body[..half], error));
        let length = proper.body.len().to_string();
        assert_eq!(middle.header("content-length"), Some(length.as_str()), "of the whole");

        let (proper, last) = around(&simulator, &token, &format!("{end}-end"));
        let all_but_one = proper.body.len() - 1;
        assert_eq!((last.body.as_slice(), last.error), (&proper.body[..all_but_one], error));
    }
}

#[test]
fn bodies_are_wrong_with_a_status_that_is_right() {
    let simulator = Simulator::start(&["--users", "50"]);
    let token = simulator.token();

    let (proper, cut) = around(&simulator, &token, "cut-json");
    assert_eq!((cut.status, cut.body.len()), (200, proper.body.len() / 2));
    let length = cut.body.len().to_string();
    assert_eq!(cut.header("content-length"), Some(length.as_str()), "of what is sent");
    let (_, html) = around(&simulator, &token, "html");
    assert_eq!((html.status, html.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let (_, empty) = around(&simulator, &token, "empty");
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    let (proper, slow) = around(&simulator, &token, "slow,bytes=200,every-ms=1");
    assert_eq!((slow.status, slow.body, slow.error), (200, proper.body, None));
    let (_, redirect) = around(&simulator, &token, "redirect,to=http://127.0.0.2:1/x");
    assert_eq!((redirect.status, redirect.header("location")), (302, Some("http://127.0.0.2:1/x")));
}

#[test]
fn a_body_goes_on_for_ever_and_an_answer_never_comes() {
    let faults =
        ["--fault", "/v2/users=endless,bytes=1000,every-ms=1", "--fault", "/v2/users=hang"];
    let simulator = Simulator::start(&faults);
    let token = simulator.token();
    let ask = || {
        let mut stream = simulator.connect();
        let request = format!("GET /v2/users HTTP/1.0\r\nauthorization: Bearer {token}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the simulator reads");
        stream
    };

    ask().read_exact(&mut vec![0; 100_000]).expect("it goes on as long as anybody reads");
    let hanging = ask();
    hanging.shutdown(std::net::Shutdown::Write).expect("it can be given up");
    let received = receive(hanging);
    assert_eq!((received.head.as_str(), received.error), ("", None));
}

#[test]
fn a_429_tells_the_wait_in_every_form() {
    let simulator = Simulator::start(&[]);
    let token = simulator.token();
    let limited = |told: &str| {
        simulator.fault(&format!("/v2/users=429,wait=7,told={told}"));
        let received = simulator.get("/v2/users", &token);
        assert_eq!(received.status, 429);
        let retry_after = received.header("retry-after").unwrap_or("none").to_owned();
        (retry_after, received.json()["message"].as_str().expect("a message").to_owned())
    };

    let seven = "Rate limit is exceeded. Try again in 7 seconds.".to_owned();
    let silent = "Rate limit is exceeded.".to_owned();
    assert_eq!(limited("both"), ("7".into(), seven.clone()));
    assert_eq!(limited("header"), ("7".into(), silent.clone()));
    assert_eq!(limited("message"), ("none".into(), seven));
    assert_eq!(limited("zero"), ("0".into(), silent.clone()));
    assert_eq!(limited("nonsense"), ("soon".into(), silent.clone()));
    assert_eq!(limited("silent"), ("none".into(), silent));
    for (told, is_ahead) in [("date", true), ("past", false)] {
        let date = limited(told).0.to_ascii_uppercase();
        let date = chrono::DateTime::parse_from_rfc2822(&date).expect("an HTTP date");
        let answered = simulator.get("/v2/users", &token);
        let answered = answered.header("date").expect("a date").to_ascii_uppercase();
        let answered = chrono::DateTime::parse_from_rfc2822(&answered).expect("an HTTP date");
        assert_eq!(date > answered, is_ahead, "{told}");
    }
    simulator.fault("/v2/users=quota,wait=754");
    let quota = simulator.get("/v2/users", &token);
    assert_eq!(
        (quota.status, quota.text().as_str()),
        (
            403,
            r#"{"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 00:12:34."}"#
        )
    );
}

#[test]
fn a_token_that_is_revoked_in_mid_run_is_followed_by_one_that_is_good() {
    let simulator = Simulator::start(&[]);
    let old = simulator.token();
    assert_eq!(simulator.get("/v2/users", &old).status, 200);
    simulator.fault("/v2/users=401");

    assert_eq!(simulator.get("/v2/users", &old).status, 401);
    assert_eq!(simulator.get("/v2/buildings", &old).status, 401, "no token is good any more");
    assert_eq!(simulator.get("/v2/users", &simulator.token()).status, 200);
}

#[test]
fn faults_are_listed_and_forgotten_and_requests_are_noted_with_their_status() {
    let simulator = Simulator::start(&[]);
    let token = simulator.token();
    let fault = json!({ "path": "/v2/users", "kind": "500", "query": "page=2", "times": 2 });
    simulator.post("/_simulator/faults", &json!([fault, "/v2/buildings=hang"]));
    for page in 1..=2 {
        simulator.get(&format!("/v2/users?page={page}"), &token);
    }
    let listed = simulator.get("/_simulator/faults", "").json();
    assert_eq!(
        listed,
        json!({ "faults": ["/v2/users=500,query=page=2,times=2", "/v2/buildings=hang"] })
    );
    assert_eq!(simulator.ask("DELETE", "/_simulator/faults", "", "").status, 200);
    assert_eq!(simulator.get("/v2/buildings", &token).status, 200);

    let noted = simulator.get("/_simulator/requests?path=/v2/users", "").json();
    let noted: Vec<String> = noted["requests"]
        .as_array()
        .expect("requests")
        .iter()
        .map(|it| format!("{} {} {} {}", it["number"], it["method"], it["query"], it["status"]))
        .collect();
    assert_eq!(noted, [r#"2 "GET" "page=1" 200"#, r#"3 "GET" "page=2" 500"#]);
    simulator.fault("/v2/users=reset-before");
    simulator.get("/v2/users", &token);
    let noted = simulator.get("/_simulator/requests?path=/v2/users", "").json();
    assert!(noted["requests"][2]["status"].is_null(), "the client never learns it: {noted}");
    let later = simulator.get("/_simulator/requests?path=/v2/users&after=3", "").json();
    assert_eq!(later["requests"], json!([noted["requests"][2]]), "the third alone is later");
    let wrong = simulator.ask("POST", "/_simulator/faults", "", r#""/v2/users=oops""#);
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("`oops` is not a fault"), "{}", wrong.text());
}

#[test]
fn a_request_over_the_limit_is_spared_and_any_path_can_fail() {
    let simulator = Simulator::start(&["--limit-for", "/v2/users=1/1h"]);
    let token = simulator.token();
    assert_eq!(simulator.get("/v2/users", &token).status, 200);
    simulator.fault("/v2/users=500");
    simulator.fault("/v2/nothing=503");

    assert_eq!(simulator.get("/v2/users", &token).status, 429);
    assert_eq!(simulator.get("/v2/nothing", &token).status, 503);
    assert_eq!(simulator.get("/v2/nothing", &token).status, 404);
    let left = simulator.get("/_simulator/faults", "").json();
    assert_eq!(left, json!({ "faults": ["/v2/users=500"] }));
}
