//! docs/configuration.md against the code: its keys, their kinds, defaults and examples.

use std::collections::BTreeSet;

use super::*;
use crate::config::{read, reader::Diagnostics};

const DOCUMENTATION: &str = include_str!("../../../docs/configuration.md");

/// An endpoint of each kind that has keys of its own, and one that no job names.
const BASE: &str = r#"
[[endpoint]]
name = "plain"
path = "/v2/plain"
key = ["id"]
[[endpoint]]
name = "paged"
path = "/v2/paged"
key = ["id"]
pagination = { style = "page", size = 100 }
[[endpoint]]
name = "offsets"
path = "/v2/offsets"
key = ["id"]
pagination = { style = "offset", limit = 100 }
[[endpoint]]
name = "cursors"
path = "/v2/cursors"
key = ["id"]
pagination = { style = "cursor", param = "cursor", next = "next" }
[[endpoint]]
name = "reservations"
path = "/v2/reservations"
key = ["id"]
window = { back = "1d" }
[[endpoint]]
name = "shifts"
path = "/v2/shifts"
key = ["id"]
window = { ahead = "1d" }
[[endpoint]]
name = "changes"
path = "/v2/changes"
key = ["id"]
since = { param = "updatedAfter" }
[[job]]
name = "nightly"
schedule = "0 0 5 * * *"
endpoints = ["paged", "offsets", "cursors", "reservations", "shifts", "changes"]
"#;

/// The names of the members of `BASE`, as variables have them.
const MEMBERS: [(&str, &[&str]); 2] = [
    ("endpoint", &["PLAIN", "PAGED", "OFFSETS", "CURSORS", "RESERVATIONS", "SHIFTS", "CHANGES"]),
    ("job", &["NIGHTLY"]),
];

/// Keys whose value shows only when files and credentials are read.
const READ_LATER: [&str; 3] = ["api.client_id", "api.client_secret_file", "api.hash_key_file"];

/// A line of a table of keys.
struct Row {
    key: &'static str,
    kind: &'static str,
    default: &'static str,
    example: &'static str,
    text: &'static str,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in DOCUMENTATION.lines() {
        if line == "| key | kind | default | example | what it is |" {
            in_table = true;
        } else if !line.starts_with('|') {
            in_table = false;
        } else if in_table && !line.starts_with("| ---") {
            let cells: Vec<_> = line.trim_matches('|').splitn(5, '|').map(str::trim).collect();
            let [key, kind, default, example, text] = cells[..] else {
                panic!("five cells are in no line but this: {line}");
            };
            let key = key.trim_matches('`');
            rows.push(Row { key, kind, default, example: example.trim_matches('`'), text });
        }
    }
    rows
}

impl Row {
    fn is_carried_out(&self) -> bool {
        !self.text.contains("**Not yet.**")
    }

    /// Every variable that can set the key.
    fn variables(&self) -> Vec<String> {
        let (list, key) = self.key.split_once('.').unwrap_or(("", self.key));
        let key = key.to_uppercase().replace('.', "__");
        match MEMBERS.iter().find(|(name, _)| *name == list) {
            Some((name, members)) => members
                .iter()
                .map(|member| format!("MAPIQ_SYNC__{}__{member}__{key}", name.to_uppercase()))
                .collect(),
            None => vec![format!("MAPIQ_SYNC__{}__{key}", list.to_uppercase())],
        }
    }

    /// What the configuration is with the key set to this value, wherever it can be.
    fn set_to(&self, value: &str) -> Vec<String> {
        self.variables()
            .iter()
            .filter_map(|variable| load(BASE, &[(variable, value)]).ok())
            .map(|config| format!("{config:?}"))
            .collect()
    }
}

fn base() -> String {
    format!("{:?}", load(BASE, &[]).expect("it is valid"))
}

/// A cell's value, where it is one and not a reference to another key.
fn toml_value(cell: &str) -> Option<toml::Value> {
    let text = format!("value = {}", cell.trim_matches('`'));
    text.parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"))
}

#[test]
fn every_key_of_the_code_is_documented_and_the_other_way_round() {
    let diagnostics = Diagnostics::default();
    read(BASE, Path::new("config.toml"), &Environment::default(), &diagnostics);
    let known = diagnostics.known();
    assert!(known.contains("endpoint.pagination.offset_param"), "every style is looked at");
    assert!(known.contains("endpoint.window.slice"), "a window is looked at");
    assert!(known.contains("endpoint.since.format"), "changes are looked at");
    let is_named = |key: &&String| {
        [format!("`{key}`"), format!("`[{key}]`"), format!("`[[{key}]]`")]
            .iter()
            .any(|name| DOCUMENTATION.contains(name))
    };
    let missing: Vec<_> = known.iter().filter(|key| !is_named(key)).collect();
    assert!(missing.is_empty(), "not in docs/configuration.md: {missing:?}");

    let documented: BTreeSet<_> = rows().iter().map(|row| row.key.to_owned()).collect();
    let unknown: Vec<_> = documented.difference(&known).collect();
    assert!(unknown.is_empty(), "only in docs/configuration.md: {unknown:?}");
}

#[test]
fn a_key_left_out_has_the_default_that_is_documented() {
    let base = base();
    let mut compared = 0;
    for row in rows().iter().filter(|row| row.is_carried_out()) {
        match row.default {
            default if default.starts_with("required") => {}
            // Its absence means what no value does.
            "none" => {}
            default if toml_value(default).is_some() => {
                compared += 1;
                let set = row.set_to(default.trim_matches('`'));
                assert!(set.contains(&base), "`{}` has another default than {default}", row.key);
            }
            // Another key's value.
            _ => {}
        }
    }
    assert!(compared > 20, "only {compared} defaults were found");
}

#[test]
fn every_example_is_accepted_and_changes_something() {
    let base = base();
    for row in rows() {
        let example = toml_value(row.example);
        let is_of_its_kind = match row.kind {
            "duration" | "string" | "size" | "field" | "URL" | "path" => {
                matches!(example, Some(toml::Value::String(_)))
            }
            "number" => matches!(example, Some(toml::Value::Float(_))),
            "true or false" => matches!(example, Some(toml::Value::Boolean(_))),
            "whole number" => matches!(example, Some(toml::Value::Integer(_))),
            "list of fields" | "list of strings" => matches!(example, Some(toml::Value::Array(_))),
            "table" | "table of strings" => matches!(example, Some(toml::Value::Table(_))),
            kind => panic!("`{}` is of a kind that is not explained: {kind}", row.key),
        };
        assert!(is_of_its_kind, "`{}` is no {}: {}", row.key, row.kind, row.example);
        let set = row.set_to(row.example);
        if !row.is_carried_out() {
            assert!(set.is_empty(), "`{}` is carried out", row.key);
            continue;
        }
        assert!(!set.is_empty(), "`{} = {}` is refused", row.key, row.example);
        let changes = set.iter().any(|config| *config != base);
        let is_default = row.default.trim_matches('`') == row.example;
        assert!(
            changes || is_default || READ_LATER.contains(&row.key),
            "`{} = {}` changes nothing",
            row.key,
            row.example
        );
    }
}
