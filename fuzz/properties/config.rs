//! What any text comes to as `config.toml`. An input is the file.

use std::{collections::BTreeSet, path::Path};

use mapiq_sync::config::{Config, Environment, parse};

const FILE: &str = "config.toml";

pub(crate) fn hold(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let environment = Environment::default();
    match parse(text, Path::new(FILE), &environment) {
        Ok(config) => {
            check(&config);
            let more = format!("{text}\n# The end.\n");
            assert!(parse(&more, Path::new(FILE), &environment).is_ok(), "a comment is an error");
        }
        Err(errors) => {
            assert!(errors.iter().next().is_some());
            errors.iter().for_each(|error| check_place(text, &error.to_string()));
        }
    }
}

/// What the rest of the program relies on.
fn check(config: &Config) {
    let names: BTreeSet<&str> =
        config.sync.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    assert_eq!(names.len(), config.sync.endpoints.len(), "two endpoints have one name");
    for endpoint in &config.sync.endpoints {
        assert!(endpoint.name.starts_with(|first: char| first.is_ascii_lowercase()));
        assert!(!endpoint.name.starts_with("sqlite_"), "{} is SQLite's own", endpoint.name);
        assert!(endpoint.path.starts_with('/'), "{} is no path", endpoint.path);
        assert!(!endpoint.transforms.key.is_empty());
        assert!(!endpoint.limit.per.is_zero() || endpoint.limit.requests == 0);
    }
    for job in &config.sync.jobs {
        assert!(job.endpoints.iter().all(|name| names.contains(name.as_str())));
    }
    assert_eq!(config.schedules.len(), config.sync.jobs.len());
    let is_safe = |url: &url::Url| match url.scheme() {
        "https" => true,
        "http" => {
            matches!(url.host_str(), Some("localhost" | "[::1]"))
                || url.host_str().is_some_and(|host| host.starts_with("127."))
        }
        _ => false,
    };
    assert!(is_safe(&config.api.base_url) && is_safe(&config.api.token_url));
}

/// An error's line and column lie within the file, or right behind its end.
fn check_place(text: &str, shown: &str) {
    let place = shown.strip_prefix(FILE).expect("an error names the file");
    let Some(place) = place.strip_prefix(':') else { panic!("{shown}") };
    let mut parts = place.splitn(3, ':');
    let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
    // ` cannot be read`: an error about the file as a whole, such as what is missing in it.
    let (Some(line), Some(column)) = (number(), number()) else {
        assert!(place.starts_with(' '), "{shown}");
        return;
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let content = line.checked_sub(1).and_then(|index| lines.get(index));
    let content = content.unwrap_or_else(|| panic!("no line {line} of {}: {shown}", lines.len()));
    assert!((1..=content.chars().count() + 1).contains(&column), "no column {column}: {shown}");
}
