//! What the daemon tells those who watch over it, over real HTTP.

mod files;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::process::Signal;

use crate::{
    listing::{Gate, endpoint, page, refusal},
    support::{Answer, Api, PATIENCE, Running, Sandbox, token, wait_until},
};

/// Never within a test.
const NEVER: &str = "0 0 0 29 2 *";

/// A daemon that listens, and where.
struct Watched {
    daemon: Running,
    address: SocketAddr,
}

impl Watched {
    fn start(sandbox: &mut Sandbox) -> Self {
        sandbox.set("MAPIQ_SYNC__MONITOR__LISTEN", "127.0.0.1:0");
        sandbox.set("RUST_LOG", "mapiq_sync=debug");
        let daemon = sandbox.start(&[]);
        let told = || {
            let log = daemon.stderr();
            let (_, rest) = log.split_once("monitor.address=")?;
            rest.split_whitespace().next()?.parse().ok()
        };
        wait_until("the address is logged", || told().is_some());
        let address = told().expect("it was there");
        let watched = Self { daemon, address };
        wait_until("it is ready", || watched.status("/readyz") == 200);
        watched
    }

    fn exchange(&self, request: &[u8]) -> String {
        exchange(self.address, request)
    }

    fn ask(&self, method: &str, path: &str) -> String {
        self.exchange(format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())
    }

    fn status(&self, path: &str) -> u16 {
        status(&self.ask("GET", path))
    }

    fn body(&self, path: &str) -> String {
        self.ask("GET", path).split_once("\r\n\r\n").expect("a head ends").1.to_owned()
    }

    /// The figures, by their names with labels.
    fn figures(&self) -> BTreeMap<String, f64> {
        let body = self.body("/metrics");
        let lines = body.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
                (name.to_owned(), value.parse().expect("a value is a number"))
            })
            .collect()
    }

    fn figure(&self, name: &str) -> Option<f64> {
        self.figures().get(name).copied()
    }

    fn stop(self) {
        self.daemon.signal(Signal::TERM);
        self.daemon.wait().expect_status(0);
    }
}

/// Sends bytes, and reads until the server closes.
fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    // A server that has refused the rest already closes.
    stream.write_all(request).unwrap_or(());
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("no answer in time: {error}"),
    }
    String::from_utf8(answer).expect("answers are text")
}

fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).expect("an answer begins with a status line");
    status.parse().expect("a status is a number")
}

#[track_caller]
fn wait_for(watched: &Watched, name: &str, holds: impl Fn(f64) -> bool) {
    wait_until(name, || watched.figure(name).is_some_and(&holds));
}

#[test]
fn the_figures_are_those_of_what_has_happened() {
    let refused = AtomicBool::new(false);
    let api = Api::serve(move |asked| {
        let is_refused = asked.number("page") == 2 && !refused.swap(true, Ordering::SeqCst);
        if is_refused { refusal(1) } else { page(asked, 2) }
    });
    let limit = "rate_limit = { requests = 50, per = \"1h\", group = \"people\" }";
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", limit));
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", "0/2 * * * * *");
    let watched = Watched::start(&mut sandbox);
    wait_for(&watched, "mapiq_sync_runs_total{job=\"all\",result=\"ok\"}", |runs| runs >= 1.0);

    let figures = watched.figures();
    let figure =
        |name: &str| *figures.get(name).unwrap_or_else(|| panic!("no {name}: {figures:#?}"));
    let is = |name: &str, value: f64| {
        let found = figure(name);
        assert!((found - value).abs() < f64::EPSILON, "{name} is {found}, not {value}");
    };
    let requests = "mapiq_sync_requests_total{endpoint=\"users\",status=";
    is(&format!("{requests}\"4xx\"}}"), 1.0);
    assert!(figure(&format!("{requests}\"2xx\"}}")) >= 2.0);
    is(&format!("{requests}\"5xx\"}}"), 0.0);
    let refusals = "mapiq_sync_rate_limit_refusals_total{endpoint=\"users\",group=";
    is(&format!("{refusals}\"people\"}}"), 1.0);
    is(&format!("{refusals}\"(token endpoint)\"}}"), 0.0);
    assert!(figure("mapiq_sync_wait_seconds_total{endpoint=\"users\",reason=\"pause\"}") >= 0.9);
    assert!(figure("mapiq_sync_pages_total{endpoint=\"users\"}") >= 2.0);
    is("mapiq_sync_rows_total{endpoint=\"users\",result=\"new\"}", 20.0);
    is("mapiq_sync_data_stale{endpoint=\"users\"}", 0.0);
    assert!(figure("mapiq_sync_data_age_seconds{endpoint=\"users\"}") < 60.0);
    is("mapiq_sync_rate_limit_requests{group=\"people\"}", 50.0);
    assert!(figure("mapiq_sync_rate_limit_remaining_requests{group=\"people\"}") <= 47.0);
    is("mapiq_sync_database_up", 1.0);
    assert!(figure("mapiq_sync_database_size_bytes") > 0.0);
    let expiry = figure("mapiq_sync_token_expiry_timestamp_seconds");
    let age = expiry - figure("process_start_time_seconds");
    assert!((3500.0..3700.0).contains(&age), "the token ends {age} s after the start");
    assert!(figure("mapiq_sync_run_duration_seconds_count{job=\"all\"}") >= 1.0);

    let runs = "mapiq_sync_endpoint_runs_total{endpoint=\"users\",result=\"ok\"}";
    let before = figure(runs);
    wait_for(&watched, runs, |runs| runs > before);
    watched.stop();
}

#[test]
fn every_figure_is_documented_and_passes_the_checks_of_prometheus() {
    let api = Api::serve(|asked| page(asked, 1));
    let limit = "rate_limit = { requests = 50, per = \"1h\" }";
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", limit));
    let watched = Watched::start(&mut sandbox);
    wait_for(&watched, "mapiq_sync_runs_total{job=\"all\",result=\"ok\"}", |runs| runs >= 1.0);
    sandbox
        .execute("INSERT INTO _sync_checks VALUES ('quick_check', '2026-01-01T00:00:00.000Z', 1)");
    let text = watched.body("/metrics");
    watched.stop();

    let told: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let documentation = include_str!("../../docs/monitoring/README.md");
    let documented: BTreeSet<&str> = documentation
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert_eq!(told, documented);
    assert!(!text.contains("hunter2-secret") && !text.contains("record 1"), "{text}");
    files::promtool(&["check", "metrics"], &text);
}

#[test]
fn it_is_healthy_while_it_stops_and_ready_no_more() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let api = Api::serve(move |asked| {
        held.pass();
        page(asked, 1)
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    let watched = Watched::start(&mut sandbox);
    wait_until("a page is asked for", || !api.asked_for("/users").is_empty());
    assert_eq!(
        watched.body("/healthz"),
        "ok\nloop: answers\ndatabase: answers\nservice: the jobs run on their schedules\n"
    );
    watched.daemon.signal(Signal::TERM);
    wait_until("it is ready no more", || watched.status("/readyz") == 503);
    assert_eq!(watched.status("/healthz"), 200);
    assert!(watched.body("/readyz").contains("service: stopping"));
    gate.open();
    watched.daemon.wait().expect_status(0);
}

#[test]
fn it_is_not_ready_before_the_first_token() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let api = Api::serve_all(move |asked| match asked.path.as_str() {
        "/token" => {
            held.pass();
            token("token", 3600)
        }
        _ => page(asked, 1),
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    sandbox.set("MAPIQ_SYNC__MONITOR__LISTEN", "127.0.0.1:0");
    // The address is known before the token is asked for.
    let daemon = sandbox.start(&[]);
    let told = || daemon.stderr().split_once("monitor.address=").is_some();
    wait_until("the address is logged", told);
    let log = daemon.stderr();
    let address =
        log.split_once("monitor.address=").and_then(|(_, rest)| rest.split_whitespace().next());
    let address = address.and_then(|address| address.parse().ok()).expect("an address is logged");
    let watched = Watched { daemon, address };
    wait_until("the token is asked for", || !api.asked_for("/token").is_empty());
    assert_eq!(watched.status("/readyz"), 503);
    assert!(watched.body("/readyz").contains("starting: no access token yet"));
    assert_eq!(watched.status("/healthz"), 200);
    gate.open();
    wait_until("it is ready", || watched.status("/readyz") == 200);
    watched.stop();
}

#[test]
fn a_database_that_is_gone_is_told() {
    let api = Api::serve(|asked| page(asked, 1));
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", NEVER);
    let watched = Watched::start(&mut sandbox);
    let away = sandbox.path().join("away.db");
    std::fs::rename(sandbox.database(), &away).expect("the file can be moved");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(watched.status(path), 503);
        let body = watched.body(path);
        assert!(body.contains("database: cannot be used: ") && body.contains("mapiq.db"), "{body}");
    }
    std::fs::rename(&away, sandbox.database()).expect("the file can be moved back");
    assert_eq!(watched.status("/healthz"), 200);
    watched.stop();
}

#[test]
fn only_what_is_there_is_answered_and_only_to_those_who_ask() {
    let api = Api::serve(|asked| page(asked, 1));
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", NEVER);
    let watched = Watched::start(&mut sandbox);
    assert_eq!(watched.status("/"), 404);
    assert_eq!(watched.status("/metrics/more"), 404);
    assert_eq!(watched.status("/metrics?a=b"), 200);
    let posted = watched.ask("POST", "/metrics");
    assert_eq!(status(&posted), 405);
    assert!(posted.to_ascii_lowercase().contains("allow: get, head"), "{posted}");
    let head = watched.ask("HEAD", "/metrics");
    assert_eq!(status(&head), 200);
    assert!(head.ends_with("\r\n\r\n") && head.contains("text/plain; version=0.0.4"), "{head}");
    watched.stop();
}

#[test]
fn clients_that_mean_harm_end_and_the_runs_go_on() {
    let api = Api::serve(|asked| page(asked, 1));
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    let watched = Watched::start(&mut sandbox);
    // A head without end, too many headers, no HTTP at all: refused or closed, each within the test's patience.
    let endless = [b"GET /metrics HTTP/1.1\r\nx: ".as_slice(), &vec![b'a'; 64 * 1024]].concat();
    let headers = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1000));
    for request in [endless.as_slice(), headers.as_bytes(), b"\0\xff\r\n\r\n"] {
        let answer = watched.exchange(request);
        assert!(answer.is_empty() || (400..500).contains(&status(&answer)), "{answer}");
    }
    // More than are served at a time, who say nothing: each is left after its time, and a question asked meanwhile waits.
    let silent: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(watched.address).expect("the kernel takes the connection"))
        .collect();
    let runs = || sandbox.count("SELECT count(*) FROM _sync_runs WHERE result = 'ok'");
    let before = runs();
    wait_until("runs go on", || runs() >= before + 2);
    assert_eq!(watched.status("/healthz"), 200);
    drop(silent);
    watched.stop();
}

#[test]
fn silent_clients_do_not_hold_up_the_end() {
    let api = Api::serve(|asked| page(asked, 1));
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", NEVER);
    let watched = Watched::start(&mut sandbox);
    let silent = TcpStream::connect(watched.address).expect("it listens");
    assert_eq!(watched.status("/healthz"), 200);
    let asked = crate::support::now();
    watched.stop();
    assert!(asked.elapsed().as_secs() < 4, "before the time that a head may take is over");
    drop(silent);
}

#[test]
fn an_address_that_is_taken_ends_it_with_words() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = taken.local_addr().expect("a bound listener has an address").to_string();
    let api = Api::serve(|_| Answer::json("[]"));
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__MONITOR__LISTEN", &address);
    let finished = sandbox.run(&[]).expect_status(1);
    let words =
        format!("error: cannot listen at {address} (`monitor.listen`): does another program");
    let finished =
        finished.expect_stderr(&words).expect_stderr("caused by: Address already in use");
    assert!(!finished.stderr.contains("ready: the jobs run"), "{}", finished.stderr);
    assert!(api.asked().is_empty(), "nothing was begun");
}
