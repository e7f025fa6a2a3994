//! The alerting rules and the dashboard of `docs/monitoring`, held to what a daemon really tells.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use url::form_urlencoded;

use super::{Watched, exchange, status};
use crate::{
    listing::{endpoint, page},
    mounts::not_checked,
    support::{Api, Running, Sandbox, wait_until},
};

const RULES: &str = include_str!("../../../docs/monitoring/alerts.yml");
const RULES_TESTS: &str = include_str!("../../../docs/monitoring/alerts.test.yml");
const DASHBOARD: &str = include_str!("../../../docs/monitoring/dashboard.json");
const OPERATIONS: &str = include_str!("../../../docs/operations.md");

/// Where these files are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/monitoring");

/// How the rules' tests call the instance.
const INSTANCE: &str = "mapiq.example:9464";

/// Every expression of a panel, for all instances.
fn panels() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("it has panels");
    let targets = panels.iter().map(|panel| panel["targets"].as_array().expect("a panel asks"));
    targets
        .flatten()
        .map(|target| target["expr"].as_str().expect("it asks by an expression"))
        .map(|expr| expr.replace("$instance", ".*").replace("$__rate_interval", "30s"))
        .collect()
}

/// What a text selects of the daemon's figures, each with its labels where it has some.
fn selectors(text: &str) -> BTreeSet<&str> {
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let starts = ["mapiq_sync_", "process_start_time_seconds", "up{"];
    let found = starts.iter().flat_map(|start| text.match_indices(start)).map(|(at, _)| at);
    found
        .filter(|at| !text.get(..*at).expect("a match is at a letter").ends_with(is_name))
        .map(|at| {
            let (_, rest) = text.split_at(at);
            let name = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
            let (_, labels) = rest.split_at(name);
            let labels = match labels.find('}') {
                Some(end) if labels.starts_with('{') => end + 1,
                _ => 0,
            };
            rest.split_at(name + labels).0
        })
        .collect()
}

/// A daemon that has run, and whose every figure is there.
fn daemon(api: &Api) -> (Sandbox, Watched) {
    let endpoints = [("users", "people"), ("reservations", "people"), ("buildings", "buildings")];
    let endpoints = endpoints.map(|(name, group)| {
        let limit =
            format!("rate_limit = {{ requests = 5000, per = \"1h\", group = \"{group}\" }}");
        endpoint(name, "/users", &limit)
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints.concat());
    let watched = Watched::start(&mut sandbox);
    let runs = "mapiq_sync_runs_total{job=\"all\",result=\"ok\"}";
    super::wait_for(&watched, runs, |runs| runs >= 1.0);
    sandbox
        .execute("INSERT INTO _sync_checks VALUES ('quick_check', '2026-01-01T00:00:00.000Z', 1)");
    (sandbox, watched)
}

/// Holds a check of promtool, with text for its stdin, to have nothing to say against; tells where it is not installed.
pub(super) fn promtool(arguments: &[&str], input: &str) {
    let tool = Command::new("promtool")
        .args(arguments)
        .current_dir(FOLDER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        // Debian's package `prometheus` has it.
        return not_checked(&format!("without promtool: promtool {}", arguments.join(" ")));
    };
    let mut stdin = tool.stdin.take().expect("it was piped");
    // One that reads no input may have ended.
    stdin.write_all(input.as_bytes()).unwrap_or(());
    drop(stdin);
    let output = tool.wait_with_output().expect("promtool can be waited for");
    let told = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{told}{said}");
}

/// A Prometheus that watches one daemon by the rules.
struct Prometheus {
    _process: Running,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts it in a folder; `None`: it is not installed.
    fn start(folder: &Path, target: SocketAddr) -> Option<Self> {
        Command::new("prometheus").arg("--version").output().ok()?;
        let configuration = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{FOLDER}/alerts.yml]\n\
             scrape_configs:\n  - job_name: mapiq-sync\n    static_configs:\n      - targets: [\"{target}\"]\n        \
             labels: {{instance: \"{INSTANCE}\"}}\n"
        );
        let file = folder.join("prometheus.yml");
        fs::write(&file, configuration).expect("the test's folder can be written to");
        let process = Running::of(
            Command::new("prometheus")
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
                .arg("--web.listen-address=127.0.0.1:0"),
        );
        let told = || {
            let log = process.stderr();
            let (_, rest) = log.split_once("msg=\"Listening on\" address=")?;
            rest.split_whitespace().next()?.parse().ok()
        };
        wait_until("Prometheus tells its address", || told().is_some());
        let address = told().expect("it was there");
        let is_ready = || status(&exchange(address, b"GET /-/ready HTTP/1.0\r\n\r\n")) == 200;
        wait_until("Prometheus is ready", is_ready);
        Some(Self { _process: process, address })
    }

    /// The data of an answer of its API; it fails where that is an error.
    fn ask(&self, path: &str) -> Value {
        let request = format!("GET /api/v1/{path} HTTP/1.0\r\n\r\n");
        let answer = exchange(self.address, request.as_bytes());
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head ends");
        let mut body: Value = serde_json::from_str(body).expect("the API answers in JSON");
        assert_eq!(body["status"], "success", "{path}: {body}");
        body["data"].take()
    }

    /// How many series an expression has.
    fn count(&self, expression: &str) -> usize {
        let query: String = form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let data = self.ask(&format!("query?query={query}"));
        data["result"].as_array().map_or(0, Vec::len)
    }
}

#[test]
fn the_rules_and_their_tests_hold() {
    promtool(&["check", "rules", "alerts.yml"], "");
    promtool(&["test", "rules", "alerts.test.yml"], "");
}

#[test]
fn every_rule_is_tested_and_leads_to_a_heading_of_the_runbook() {
    let alerts: Vec<&str> =
        RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!alerts.is_empty());
    for alert in &alerts {
        assert!(RULES_TESTS.contains(&format!("alertname=\"{alert}\"")), "{alert} never fires");
    }
    let headings: BTreeSet<String> = OPERATIONS
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| heading.to_lowercase().replace(' ', "-").replace(',', ""))
        .collect();
    let led = RULES.split("- alert: ").skip(1).map(|rule| {
        let anchors = rule.split("operations.md#").skip(1);
        anchors
            .map(|rest| rest.split(|letter: char| !letter.is_ascii_lowercase() && letter != '-'))
            .filter_map(|mut parts| parts.next())
            .collect::<Vec<_>>()
    });
    for (anchors, alert) in led.zip(&alerts) {
        assert!(!anchors.is_empty(), "{alert} leads nowhere");
        for anchor in anchors {
            assert!(headings.contains(anchor), "{alert} leads to #{anchor}, which is not there");
        }
    }
}

#[test]
fn what_the_rules_and_the_dashboard_name_is_told() {
    let api = Api::serve(|asked| page(asked, 1));
    let (_sandbox, watched) = daemon(&api);
    let figures = watched.figures();
    watched.stop();
    let name = |series: &str| series.split('{').next().map(str::to_owned);
    let told: BTreeSet<String> = figures.keys().filter_map(|series| name(series)).collect();
    for text in [RULES, RULES_TESTS, DASHBOARD] {
        let mut named: BTreeSet<String> =
            selectors(text).into_iter().filter_map(name).filter(|name| name != "up").collect();
        assert!(named.len() > 5, "{named:?}");
        named.retain(|name| !told.contains(name));
        assert!(named.is_empty(), "not told by the daemon: {named:?}");
    }
}

#[test]
fn prometheus_answers_every_expression_from_a_real_daemon() {
    let api = Api::serve(|asked| page(asked, 1));
    let (sandbox, watched) = daemon(&api);
    let Some(prometheus) = Prometheus::start(sandbox.path(), watched.address) else {
        return not_checked("without prometheus: the rules and the dashboard with real figures");
    };
    // What is selected has to be there, with these very labels; so has what a panel shows.
    let panels = panels();
    let mut expected: BTreeSet<&str> = panels.iter().map(String::as_str).collect();
    assert!(expected.len() > 10, "{expected:?}");
    for text in panels.iter().map(String::as_str).chain([RULES, RULES_TESTS]) {
        expected.extend(selectors(text));
    }
    for expression in expected {
        wait_until(expression, || prometheus.count(expression) > 0);
    }
    let rules = || prometheus.ask("rules")["groups"][0]["rules"].take();
    let count = RULES.matches("- alert: ").count();
    for at in 0..count {
        let rule = || rules()[at].take();
        let is_evaluated = || rule()["health"].as_str().is_some_and(|health| health != "unknown");
        wait_until("the rule is evaluated", is_evaluated);
        let evaluated = rule();
        assert_eq!(evaluated["health"], "ok", "{evaluated}");
        // The check is made out to be of January. Before the first scrape the target is missing, for a moment.
        let is_due = evaluated["name"] == "MapiqSyncDatabaseUnchecked";
        let state = if is_due { "pending" } else { "inactive" };
        wait_until(&format!("it is {state}: {evaluated}"), || rule()["state"] == state);
    }
    watched.stop();
}
