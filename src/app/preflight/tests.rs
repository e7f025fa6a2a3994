use chrono_tz::Tz;

use super::*;
use crate::config::{self, Environment};

fn schedule(text: &str, zone: &str) -> ScheduleSettings {
    let text = format!(
        "[[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\n\
         [[job]]\nname = \"all\"\nschedule = \"{text}\"\ntimezone = \"{zone}\"\nendpoints = [\"users\"]\n"
    );
    let config = config::parse(&text, Path::new("config.toml"), &Environment::default());
    config.expect("the test's configuration is valid").schedules.remove(0)
}

/// The next times, as the job's zone shows them.
fn told(text: &str, zone: Tz, now: &str) -> Vec<String> {
    let now = now.parse().expect("the test's moment is valid");
    let times = job_times(&schedule(text, zone.name()), now).times;
    times.iter().map(|time| time.with_timezone(&zone).format("%d %H:%M %Z").to_string()).collect()
}

#[test]
fn the_next_five_times_are_told_across_a_change_of_the_clocks() {
    let zone = chrono_tz::Europe::Amsterdam;
    assert_eq!(
        told("0 30 2 * * *", zone, "2026-03-27T12:00:00Z"),
        ["28 02:30 CET", "29 03:00 CEST", "30 02:30 CEST", "31 02:30 CEST", "01 02:30 CEST"]
    );
    assert_eq!(
        told("0 0 * * * *", zone, "2026-10-24T23:30:00Z"),
        ["25 02:00 CEST", "25 02:00 CET", "25 03:00 CET", "25 04:00 CET", "25 05:00 CET"]
    );
}

#[test]
fn little_room_is_doubted() {
    let is_good = |free, taken| room(free, taken).verdict == Verdict::Good;
    assert!(is_good(100_000_000, 0));
    assert!(!is_good(99_999_999, 0));
    assert!(!is_good(200_000_000, 300_000_000));
}

#[test]
fn the_worst_trouble_is_the_one_that_counts() {
    let wrong = |trouble| Finding::wrong("what", "told", trouble, String::new());
    let findings = vec![wrong(Trouble::Database), Finding::good("a", "b"), wrong(Trouble::Config)];
    let offline = Offline { findings, times: Vec::new() };
    assert_eq!(offline.trouble(), Some(Trouble::Config));
}
