//! Tests of the whole: what is accepted, and what is refused with which words.

mod accepted;
mod documented;
mod refused;
mod rendered;
mod since;
mod windows;

use std::path::Path;

use super::{Config, Environment, Errors, parse};

/// The least that is valid.
const LEAST: &str = r#"
[[endpoint]]
name = "users"
path = "/v2/users"
key = ["id"]

[[job]]
name = "directory"
schedule = "0 0 5 * * *"
endpoints = ["users"]
"#;

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, Errors> {
    parse(text, Path::new("config.toml"), &environment(variables))
}

/// The least with one text in the place of another.
fn changed(from: &str, to: &str) -> String {
    assert!(LEAST.contains(from), "`{from}` is not in the least configuration");
    LEAST.replacen(from, to, 1)
}

/// What a person reads about a configuration that must be refused.
fn shown(text: &str, variables: &[(&str, &str)]) -> String {
    match load(text, variables) {
        Ok(_) => panic!("this was accepted:\n{text}\n{variables:?}"),
        Err(errors) => errors.to_string(),
    }
}
