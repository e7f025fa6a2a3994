use chrono_tz::Tz;

use super::*;
use crate::daemon::schedule::next::settings;

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().expect("a valid moment")
}

fn jittered(text: &str, most: u64, seed: u64) -> ScheduleSettings {
    let mut settings = settings(text, Tz::UTC);
    settings.jitter = Jitter { most: Duration::from_secs(most), seed };
    settings
}

#[test]
fn without_jitter_a_job_is_due_when_its_schedule_says() {
    let due = next_after(&jittered("0 */15 * * * *", 0, 7), moment("2026-11-26T10:00:00Z"));
    assert_eq!(due, Some(moment("2026-11-26T10:15:00Z")));
}

/// Drawn once and for all: another number after an update would move every schedule.
#[test]
fn the_same_machine_job_and_moment_are_put_off_by_the_same() {
    let now = moment("2026-11-26T10:00:00Z");
    let dues: Vec<String> = [1, 2]
        .iter()
        .flat_map(|seed| {
            let settings = jittered("0 0 * * * *", 600, *seed);
            moments_after(&settings, now).take(3).collect::<Vec<_>>()
        })
        .map(|due| due.format("%H:%M:%S%.3f").to_string())
        .collect();
    let expected = [
        "10:03:22.040",
        "11:00:58.051",
        "12:03:15.620",
        "10:03:34.929",
        "11:03:58.697",
        "12:09:05.628",
    ];
    assert_eq!(dues, expected);
}

#[test]
fn machines_and_jobs_are_spread_over_the_whole_jitter() {
    let now = moment("2026-11-26T10:00:00Z");
    let mut minutes = [0; 10];
    for seed in 0..1_000 {
        let due = next_after(&jittered("0 30 * * * *", 600, seed), now).expect("there is one");
        let off = (due - moment("2026-11-26T10:30:00Z")).num_minutes();
        minutes[usize::try_from(off).expect("it is put off, not brought forward")] += 1;
    }
    // A hundred each, and how far chance takes it from there.
    assert!(minutes.iter().all(|count| (60..140).contains(count)), "{minutes:?}");
    let other = ScheduleSettings { job: "users".to_owned(), ..jittered("0 30 * * * *", 600, 1) };
    assert_ne!(next_after(&other, now), next_after(&jittered("0 30 * * * *", 600, 1), now));
}

#[test]
fn a_jitter_longer_than_the_gap_reaches_as_far_as_the_next_moment() {
    let settings = jittered("*/10 * * * * *", 3600, 3);
    let now = moment("2026-11-26T10:00:00Z");
    let dues: Vec<_> = moments_after(&settings, now).take(1_000).collect();
    // The first may be the one that 10:00:00 was put off to.
    let first =
        dues.iter().position(|due| *due >= moment("2026-11-26T10:00:10Z")).expect("so is one");
    for (number, due) in dues.iter().skip(first).enumerate() {
        let seconds = 10 * (i64::try_from(number).expect("a small number") + 1);
        let scheduled = now + TimeDelta::seconds(seconds);
        assert!(scheduled <= *due && *due < scheduled + TimeDelta::seconds(10), "{due}");
    }
}

#[test]
fn the_last_moment_until_now_is_found_with_and_without_jitter() {
    for most in [0, 600, 7200] {
        let settings = jittered("0 */30 * * * *", most, 5);
        let first = next_after(&settings, moment("2026-11-26T10:00:00Z")).expect("there is one");
        let dues: Vec<_> =
            iter::once(first).chain(moments_after(&settings, first)).take(200).collect();
        for pair in dues.windows(2) {
            let [due, next] = pair else { panic!("a window of two has two") };
            assert_eq!(last_until(&settings, first, *due), *due);
            assert_eq!(last_until(&settings, first, *next - TimeDelta::milliseconds(1)), *due);
        }
    }
}
