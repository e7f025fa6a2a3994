use chrono::TimeDelta;

use super::*;
use crate::sync::SinceSettings;

/// The least configuration that asks for changes by these keys, with further lines of the endpoint.
fn with_since(keys: &str, more: &str) -> String {
    changed("key = [\"id\"]\n", &format!("key = [\"id\"]\nsince = {{ {keys} }}\n{more}\n"))
}

fn since(keys: &str) -> SinceSettings {
    let config = load(&with_since(keys, ""), &[]).expect("it is valid");
    let endpoint = config.sync.endpoints.into_iter().next().expect("there is one endpoint");
    endpoint.since.expect("it is asked for changes")
}

#[test]
fn all_but_the_parameter_has_a_default() {
    let since = since("param = 'updatedAfter'");
    assert_eq!((&*since.param, since.format.as_str()), ("updatedAfter", "%Y-%m-%dT%H:%M:%SZ"));
    assert_eq!((since.lookback, since.full_every), (TimeDelta::hours(1), TimeDelta::days(7)));
}

#[test]
fn every_key_is_read() {
    let since =
        since("param = 'after', format = '%d.%m.%Y %R', lookback = '90s', full_every = '36h'");
    assert_eq!((&*since.param, since.format.as_str()), ("after", "%d.%m.%Y %R"));
    assert_eq!((since.lookback, since.full_every), (TimeDelta::seconds(90), TimeDelta::hours(36)));
}

#[test]
fn a_wrong_key_is_refused() {
    let paged = "pagination = { style = 'cursor', param = 'after', next = 'next' }";
    let windowed = "window = { back = '1d', to_param = 'after' }";
    let cases = [
        ("lookback = '1h'", "", "since.param` is missing", "add param = \"updatedAfter\""),
        ("param = ''", "", "since.param` is empty", "write a value"),
        ("param = 'a', lookback = '0s'", "", "since.lookback` must be longer than zero", "\"60s\""),
        ("param = 'a', lookback = 60", "", "since.lookback` must be a duration with", "\"60s\""),
        ("param = 'a', full_every = '0d'", "", "since.full_every` must be longer than", "\"60s\""),
        (
            "param = 'a', full_every = '2y'",
            "",
            "since.full_every` must be a duration, not",
            "ms, s",
        ),
        ("param = 'a', format = '%H:%M'", "", "since.format` does not tell a full date", "%Y-%m"),
        ("param = 'a', look_back = '1h'", "", "unknown key `endpoint.users.since.look_back`", {
            "did you mean `lookback`?"
        }),
        ("param = 'after'", "params = { after = '1' }", "parameter of `params` too", "name two"),
        ("param = 'after'", paged, "which is a parameter of the pagination too", "name two"),
        ("param = 'after'", windowed, "which is a parameter of the window too", "name two"),
    ];
    for (keys, more, message, help) in cases {
        let shown = shown(&with_since(keys, more), &[]);
        assert!(shown.starts_with("the configuration has an error\n"), "{keys}:\n{shown}");
        assert!(shown.contains("config.toml:6:"), "{keys}:\n{shown}");
        assert!(shown.contains(message), "{keys}:\n{shown}");
        assert!(shown.contains(help), "{keys}:\n{shown}");
    }
}

#[test]
fn the_default_window_has_parameters_of_its_own_too() {
    let text = with_since("param = 'startDate'", "window = { back = '1d' }");
    assert!(shown(&text, &[]).contains("which is a parameter of the window too"));
}
