use chrono::TimeDelta;

use super::*;
use crate::sync::{WindowEnd, WindowSettings};

/// The least configuration with a window of these keys.
fn windowed(keys: &str) -> String {
    changed("key = [\"id\"]\n", &format!("key = [\"id\"]\nwindow = {{ {keys} }}\n"))
}

fn window(keys: &str) -> WindowSettings {
    let config = load(&windowed(keys), &[]).expect("the window is valid");
    let endpoint = config.sync.endpoints.into_iter().next().expect("there is one endpoint");
    endpoint.window.expect("it has a window")
}

#[test]
fn a_window_has_defaults_but_for_how_far_it_reaches() {
    let window = window("back = '30d'");
    assert_eq!((window.from_param.as_str(), window.to_param.as_str()), ("startDate", "endDate"));
    assert_eq!((window.back, window.ahead), (TimeDelta::days(30), TimeDelta::zero()));
    assert_eq!((window.slice, window.field), (None, None));
    assert_eq!((window.format.as_str(), window.end), ("%Y-%m-%d", WindowEnd::Inclusive));
}

#[test]
fn every_key_of_a_window_is_read() {
    let window = window(
        "from_param = 'from', to_param = 'to', field = 'a.date', back = '36h', ahead = '3660d', slice = '90m', \
         format = '%Y-%m-%dT%H:%M', end = 'exclusive'",
    );
    assert_eq!((window.from_param.as_str(), window.to_param.as_str()), ("from", "to"));
    assert_eq!((window.back, window.ahead), (TimeDelta::hours(36), TimeDelta::days(3660)));
    assert_eq!(window.slice, Some(TimeDelta::minutes(90)));
    assert_eq!(window.field.map(|field| field.to_string()).as_deref(), Some("a.date"));
    assert_eq!((window.format.as_str(), window.end), ("%Y-%m-%dT%H:%M", WindowEnd::Exclusive));
}

#[test]
fn a_wrong_key_of_a_window_is_refused() {
    let cases = [
        ("slice = '1d'", "window.back` is missing, and `ahead` too", "\"0d\" is today alone"),
        ("back = '1d', pack = '1d'", "unknown key `endpoint.users.window.pack`", "mean `back`?"),
        ("back = '36h'", "window.back` must be a whole number of days", "\"1d\""),
        ("ahead = '1h'", "window.ahead` must be a whole number of days", "%H:%M:%S"),
        ("back = '1d', slice = '12h'", "window.slice` must be a whole number of days", "\"1d\""),
        ("back = '1d', slice = '0d'", "window.slice` must be 1 day at least", "leave it out"),
        (
            "back = '1h', slice = '59m', format = '%FT%R'",
            "window.slice` must be 1 hour at least",
            "leave it out",
        ),
        (
            "back = '90s', format = '%FT%R'",
            "window.back` must be a whole number of minutes",
            "is written \"1d\"",
        ),
        ("back = '3661d'", "window.back` is too long: 3661d", "\"3660d\" at most"),
        ("back = 30", "window.back` must be a duration with its unit", "write \"30d\""),
        ("back = '1d', end = 'open'", "window.end` must be one of inclusive, exclusive", "known"),
        ("back = '1d', format = '%Q'", "window.format` holds a specifier that is not", "%Y-%m-%d"),
        ("back = '1d', format = '%H:%M'", "window.format` does not tell a full date", "%Y-%m-%d"),
        ("back = '1h', format = '%FT00:00'", "window.format` holds digits", "its specifiers"),
        ("back = '1d', format = '%FZ'", "window.format` tells an offset or `Z`", "%H:%M:%S%:z"),
        ("back = '1d', from_param = ''", "window.from_param` is empty", "write a value"),
        ("back = '1d', to_param = 'startDate'", "window.to_param` is `startDate`, as", "name two"),
        ("back = '1d', field = 'a[]'", "window.field` must name one value", "leave `[]` out"),
    ];
    for (keys, message, help) in cases {
        let shown = shown(&windowed(keys), &[]);
        assert!(shown.starts_with("the configuration has an error\n"), "{keys}:\n{shown}");
        assert!(shown.contains("config.toml:6:"), "{keys}:\n{shown}");
        assert!(shown.contains(message), "{keys}:\n{shown}");
        assert!(shown.contains(help), "{keys}:\n{shown}");
    }
}

#[test]
fn a_window_and_the_paging_ask_with_parameters_of_their_own() {
    for (paging, param) in [
        ("{ style = 'page' }", "page"),
        ("{ style = 'page', size = 5 }", "pageSize"),
        ("{ style = 'offset' }", "offset"),
        ("{ style = 'offset', limit = 5 }", "limit"),
        ("{ style = 'cursor', param = 'after', next = 'next' }", "after"),
    ] {
        let keys = format!("back = '1d', to_param = '{param}'");
        let text = windowed(&keys).replace("window", &format!("pagination = {paging}\nwindow"));
        let shown = shown(&text, &[]);
        let message =
            format!("window.to_param` is `{param}`, which is a parameter of the pagination");
        assert!(shown.contains(&message), "{shown}");
    }
}

#[test]
fn the_field_of_a_window_must_be_stored() {
    for (list, path) in [("exclude", "a"), ("hash", "a.date"), ("json", "a.date")] {
        let text = windowed("back = '1d', field = 'a.date'")
            .replace("window", &format!("{list} = ['{path}']\nwindow"));
        let shown = shown(&text, &[]);
        let message = format!(
            "window.field` names `a.date`, which `{list}` does not store as sent, with `{path}`"
        );
        assert!(shown.contains(&message), "{shown}");
    }
}

#[test]
fn two_jobs_count_a_window_in_one_time_zone() {
    let second = |zone: &str| {
        format!(
            "[[job]]\nname = 'other'\nschedule = '0 0 6 * * *'\nendpoints = ['users']\n{zone}\n"
        )
    };
    let with = |text: String, zone: &str| format!("{text}{}", second(zone));
    let shown = shown(&with(windowed("back = '1d'"), "timezone = 'Europe/Amsterdam'"), &[]);
    let message = "`job.other.timezone` is Europe/Amsterdam, and the job `directory` counts the window of `users` in UTC";
    assert!(shown.contains(message), "{shown}");
    assert!(shown.contains("give both jobs one time zone"), "{shown}");
    assert!(load(&with(windowed("back = '1d'"), "timezone = 'UTC'"), &[]).is_ok());
    assert!(load(&with(LEAST.to_owned(), "timezone = 'Europe/Amsterdam'"), &[]).is_ok());
}

#[test]
fn a_job_hands_its_time_zone_on() {
    let config = load(&format!("{LEAST}timezone = 'Europe/Amsterdam'\n"), &[]);
    let config = config.expect("the configuration is valid");
    let zones: Vec<_> = config.sync.jobs.iter().map(|job| job.timezone.name()).collect();
    assert_eq!(zones, ["Europe/Amsterdam"]);
}

#[test]
fn the_window_that_is_shipped_as_a_comment_is_valid() {
    let shipped = include_str!("../../../config.toml");
    let (before, rest) = shipped.split_once("# [endpoint.window]").expect("there is one");
    let commented = rest.lines().take_while(|line| line.starts_with("# ") || line.is_empty());
    let lines: Vec<_> = commented.filter_map(|line| line.strip_prefix("# ")).collect();
    let count = lines.len();
    assert!(count >= 8, "{lines:?}");
    let rest: Vec<_> = rest.lines().skip(count + 1).collect();
    let text = format!("{before}[endpoint.window]\n{}\n{}", lines.join("\n"), rest.join("\n"));
    let config = load(&text, &[]).expect("the shipped window is valid");
    assert!(config.sync.endpoints.iter().any(|endpoint| endpoint.window.is_some()));
}
