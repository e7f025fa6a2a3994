use clap::Parser;

use super::*;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: SimulateArgs,
}

fn parsed(arguments: &[&str]) -> Result<Settings, String> {
    Command::try_parse_from([&["simulate"], arguments].concat())
        .map(|command| command.args.into())
        .map_err(|error| error.to_string())
}

fn settings(arguments: &[&str]) -> Settings {
    parsed(arguments).expect("good arguments")
}

#[test]
fn durations_are_seconds_or_have_a_unit() {
    for (text, milliseconds) in [
        ("6", 6_000),
        ("1.5", 1_500),
        ("6s", 6_000),
        ("500ms", 500),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("2d", 172_800_000),
    ] {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }
    for text in ["", "s", "-1s", "6w", "nan", "1e300h", "inf"] {
        assert!(parse_duration(text).is_err(), "{text}");
    }
}

#[test]
fn without_arguments_the_simulator_is_as_documented_and_starts_now() {
    let settings = settings(&[]);
    assert!(settings.now > Settings::default().now, "the present lies after the default data");
    let elsewhen = Settings { now: settings.now, ..Settings::default() };
    assert_eq!(format!("{settings:?}"), format!("{elsewhen:?}"));
}

#[test]
fn arguments_reach_the_settings() {
    let settings = settings(&[
        "--limit",
        "3",
        "--per",
        "250ms",
        "--limit-for",
        "/v2/check-ins=5/300s",
        "--limiter",
        "fixed",
        "--no-retry-after",
        "--latency-ms",
        "20",
        "--today",
        "2027-01-31",
        "--style",
        "link",
        "--style-for",
        "/v2/users=none",
        "--max-window",
        "31",
        "--forbid",
        "/v2/users",
        "--fault",
        "/v2/users=429,told=date",
    ]);

    assert_eq!((settings.requests, settings.per), (3, Duration::from_millis(250)));
    let limit = Limit { requests: 5, per: Duration::from_mins(5) };
    assert_eq!(settings.limits, [("/v2/check-ins".to_owned(), limit)]);
    assert_eq!(settings.limiter, LimiterKind::Fixed);
    assert!(!settings.retry_after_header);
    assert_eq!(settings.latency, Duration::from_millis(20));
    assert_eq!(settings.now.to_string(), "2027-01-31 00:00:00");
    assert_eq!(settings.style, Style::Link);
    assert_eq!(settings.styles, [("/v2/users".to_owned(), Style::None)]);
    assert_eq!(settings.windows, Windows { max_days: 31, ..Windows::default() });
    assert_eq!((settings.forbidden.len(), settings.faults.len()), (1, 1));
}

#[test]
fn what_is_not_understood_is_told() {
    for (arguments, told) in [
        (["--now", "tomorrow"], "not a time such as"),
        (["--time-scale", "-1"], "not a number from 0"),
        (["--style", "pages"], "not one of any, page, offset"),
        (["--style-for", "users=page"], "must begin with a path"),
        (["--limiter", "loose"], "not one of sliding, fixed"),
        (["--limit-for", "/v2/users=5"], "not a limit such as 5/300s"),
        (["--fault", "/v2/users=oops"], "`oops` is not a fault"),
    ] {
        let arguments = [format!("{}={}", arguments[0], arguments[1])];
        let error = parsed(&[arguments[0].as_str()]).expect_err("wrong arguments");
        assert!(error.contains(told), "{error}");
    }
}
