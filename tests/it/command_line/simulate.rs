//! `simulate`: what it prints suits a shell, and the shipped configuration runs against it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Running, Sandbox, wait_until};

const SHIPPED: &str = include_str!("../../../config.toml");

/// Starts a simulator; returns it with its address.
fn start(sandbox: &Sandbox, arguments: &[&str]) -> (Running, String) {
    let simulator = sandbox.start(&[&["simulate"], arguments].concat());
    wait_until("it has printed all it has to", || {
        simulator.stdout().contains("MAPIQ_CLIENT_SECRET") && simulator.stdout().ends_with('\n')
    });
    let printed = simulator.stdout();
    let address = printed.lines().next().and_then(|line| line.strip_prefix("listening on http://"));
    let address = address.expect("the first line is the ready line").to_owned();
    (simulator, address)
}

/// Asks on a connection that stays open; returns it with the body.
fn get(address: &str, path: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).expect("the simulator listens");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").expect("it reads");
    let mut reader = BufReader::new(stream.try_clone().expect("a socket can be shared"));
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("it answers with headers");
        match line.trim().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().expect("a number"),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("it answers with a body");
    (stream, String::from_utf8(body).expect("it answers in UTF-8"))
}

#[test]
fn the_shipped_configuration_runs_against_it_with_what_it_prints() {
    let folder = Sandbox::new();
    let size = ["--users", "250", "--buildings", "3", "--reservations", "450", "--limit", "0"];
    let (simulator, address) = start(&folder, &size);

    let mut sandbox = Sandbox::new();
    sandbox.write("config.toml", SHIPPED);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "0");
    for line in simulator.stdout().lines() {
        if let Some((name, value)) =
            line.trim().strip_prefix("export ").and_then(|export| export.split_once('='))
        {
            sandbox.set(name, value.trim_matches('\''));
        }
    }
    sandbox.run(&["--run-now"]).expect_status(0);
    assert!(!sandbox.database().exists(), "what is made up does not get among what is real");
    std::fs::hard_link(sandbox.path().join("simulated.db"), sandbox.database())
        .expect("a file can have two names");
    let counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM buildings), \
                  (SELECT count(*) FROM reservations)";
    assert_eq!(sandbox.lines(counts), ["250|3|450"]);

    let (open, stats) = get(&address, "/_stats");
    let stats: Value = serde_json::from_str(&stats).expect("the statistics are JSON");
    insta::assert_snapshot!(
        ["users", "buildings", "reservations", "check-ins"]
            .map(|name| stats["endpoints"][format!("/v2/{name}")].to_string())
            .join("\n"),
        @r#"
    {"busiestWindow":2,"failed":0,"invalid":0,"limited":0,"overLimit":0,"pages":2,"requests":2,"unauthorized":0}
    {"busiestWindow":1,"failed":0,"invalid":0,"limited":0,"overLimit":0,"pages":1,"requests":1,"unauthorized":0}
    {"busiestWindow":3,"failed":0,"invalid":0,"limited":0,"overLimit":0,"pages":3,"requests":3,"unauthorized":0}
    {"busiestWindow":0,"failed":0,"invalid":0,"limited":0,"overLimit":0,"pages":0,"requests":0,"unauthorized":0}
    "#);
    assert_eq!(stats["token"], serde_json::json!({ "requests": 1, "issued": 1 }));

    // An idle connection does not keep it from ending.
    simulator.signal(Signal::TERM);
    let finished = simulator.wait().expect_status(0);
    assert_eq!(finished.stderr, "");
    drop(open);
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let sandbox = Sandbox::new();
    let (_simulator, address) = start(&sandbox, &[]);
    let port = address.rsplit(':').next().expect("an address has a port");
    let other = sandbox.run(&["simulate", "--port", port]).expect_status(1);
    let told = other.stderr.replace(port, "[PORT]");
    insta::assert_snapshot!(told, @r"
    error: cannot listen on 127.0.0.1:[PORT]
      caused by: Address already in use (os error 98)
    ");
}
