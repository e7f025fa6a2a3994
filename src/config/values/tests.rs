use proptest::prelude::*;

use super::*;
use crate::config::tree::parse_variable;

fn string(text: &str) -> Node {
    parse_variable("V", &format!("{text:?}"))
}

#[test]
fn a_duration_is_a_whole_number_and_a_unit() {
    for (text, expected) in [
        ("500ms", Duration::from_millis(500)),
        ("60s", Duration::from_mins(1)),
        ("10m", Duration::from_mins(10)),
        ("1h", Duration::from_hours(1)),
        ("7d", Duration::from_hours(7 * 24)),
        ("0s", Duration::ZERO),
    ] {
        assert_eq!(duration(&string(text)), Ok(expected), "{text}");
    }
    for text in
        ["", "s", "6x", "1h30m", "1.5h", "-1s", "60 s", "60S", "١s", "99999999999999d", "367d"]
    {
        assert!(duration(&string(text)).is_err(), "{text}");
    }
}

#[test]
fn a_bare_number_gets_its_unit_as_the_mend() {
    let node = parse_variable("V", "60");
    let problem = duration(&node).expect_err("it has no unit");
    assert_eq!(problem.help.as_deref(), Some("write \"60s\""));
    let problem = size(&node).expect_err("it has no unit");
    assert_eq!(problem.help.as_deref(), Some("write \"60B\""));
}

#[test]
fn a_size_is_a_whole_number_and_a_unit() {
    assert_eq!(size(&string("64MiB")), Ok(64 << 20));
    assert_eq!(size(&string("1KiB")), Ok(1024));
    for text in ["0B", "64MB", "64", "MiB", "99999999999GiB"] {
        assert!(size(&string(text)).is_err(), "{text}");
    }
}

#[test]
fn a_mode_lets_the_owner_read_and_write_and_nobody_execute() {
    for (text, bits) in [("0600", 0o600), ("640", 0o640), ("0664", 0o664), ("0666", 0o666)] {
        assert_eq!(mode(&string(text)), Ok(bits), "{text}");
    }
    for text in ["0400", "0700", "0601", "4600", "0o600", "rw", "", "+600", "00600", "0688"] {
        assert!(mode(&string(text)).is_err(), "{text}");
    }
    assert_eq!(mode(&parse_variable("V", "0640")), Ok(0o640));
    assert_eq!(mode(&parse_variable("V", "640")), Ok(0o640));
}

#[test]
fn plain_http_is_for_this_machine_only() {
    for text in ["http://localhost:1", "http://127.0.0.2", "http://[::1]:8/x", "https://a.b"] {
        assert!(service_url(&string(text)).is_ok(), "{text}");
    }
    for text in
        ["http://a.b", "http://localhost.evil.com", "http://10.0.0.1", "ftp://a.b", "a.b", "https:"]
    {
        assert!(service_url(&string(text)).is_err(), "{text}");
    }
}

#[test]
fn a_base_url_keeps_its_prefix_and_loses_its_last_slash() {
    for (text, expected) in [
        ("https://a.b", "https://a.b/"),
        ("https://a.b/", "https://a.b/"),
        ("https://a.b/x/y/", "https://a.b/x/y"),
    ] {
        assert_eq!(base_url(&string(text)).map(String::from), Ok(expected.into()), "{text}");
    }
    for text in ["https://a.b?x=1", "https://a.b#x", "https://user@a.b", "https://u:p@a.b"] {
        assert!(base_url(&string(text)).is_err(), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_url_does_not_repeat_it() {
    let problem = service_url(&string("https://user:hunter2@")).expect_err("it has no host");
    assert!(!problem.message.contains("hunter2"));
}

#[test]
fn a_variable_that_looks_like_a_number_is_still_text() {
    assert_eq!(text(&parse_variable("V", "0640")), Ok("0640".into()));
    assert_eq!(text(&parse_variable("V", "12345")), Ok("12345".into()));
    assert_eq!(text(&parse_variable("V", "2026-01-01")), Ok("2026-01-01".into()));
    assert!(text(&parse_variable("V", "[1]")).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(written in ".{0,12}") {
        let node = Node { value: Value::Text(written), ..string("") };
        prop_assert!(duration(&node).is_ok_and(|length| length <= LONGEST) || duration(&node).is_err());
        prop_assert!(size(&node).is_ok_and(|bytes| bytes > 0) || size(&node).is_err());
        prop_assert!(mode(&node).is_ok_and(|bits| bits & !0o666 == 0) || mode(&node).is_err());
    }

    #[test]
    fn every_number_of_seconds_up_to_a_year_is_read(seconds in 0u64..=31_536_000) {
        prop_assert_eq!(duration(&string(&format!("{seconds}s"))), Ok(Duration::from_secs(seconds)));
    }
}
