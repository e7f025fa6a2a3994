//! Whether an endpoint's data is as new as it is meant to be: pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    config::Config,
    daemon::{ScheduleSettings, next_after},
    sync::EndpointSettings,
};

/// So many scheduled moments may pass without a success: one may be skipped since the run before still goes on, and one may
/// fail.
const MOMENTS: usize = 3;

/// Until when an endpoint's data, which is that of `as_of`, is fresh; `None`: for ever, since it has no schedule.
///
/// That is `stale_after` later, or where that is left out, the third of its jobs' scheduled moments since.
pub(super) fn fresh_until(
    as_of: DateTime<Utc>,
    stale_after: Option<Duration>,
    schedules: &[&ScheduleSettings],
) -> Option<DateTime<Utc>> {
    if let Some(stale_after) = stale_after {
        return as_of.checked_add_signed(TimeDelta::from_std(stale_after).ok()?);
    }
    let mut moment = as_of;
    for _ in 0..MOMENTS {
        moment = schedules.iter().filter_map(|schedule| next_after(schedule, moment)).min()?;
    }
    Some(moment)
}

/// The schedules of the jobs that an endpoint is one of.
pub(super) fn schedules_of<'c>(
    config: &'c Config,
    endpoint: &EndpointSettings,
) -> Vec<&'c ScheduleSettings> {
    let jobs = config.sync.jobs.iter().zip(&config.schedules);
    jobs.filter(|(job, _)| job.endpoints.contains(&endpoint.name))
        .map(|(_, schedule)| schedule)
        .collect()
}

#[cfg(test)]
mod tests {
    use croner::parser::{CronParser, Seconds};

    use super::*;
    use crate::daemon::{CatchUp, Jitter};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a moment")
    }

    fn schedule(text: &str) -> ScheduleSettings {
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        let schedule = parser.parse(text).expect("the schedule is a good one");
        ScheduleSettings {
            job: "bookings".to_owned(),
            text: text.to_owned(),
            schedule,
            timezone: chrono_tz::Europe::Amsterdam,
            jitter: Jitter::default(),
            catch_up: CatchUp::default(),
            run_at_start: false,
        }
    }

    #[test]
    fn what_the_configuration_says_counts_from_the_moment_that_the_data_is_of() {
        let every_minute = schedule("0 * * * * *");
        let until = fresh_until(
            at("2026-03-01T10:00:01Z"),
            Some(Duration::from_hours(2)),
            &[&every_minute],
        );
        assert_eq!(until, Some(at("2026-03-01T12:00:01Z")));
    }

    #[test]
    fn else_three_scheduled_moments_may_pass_over_a_week_end_too() {
        let quarters = schedule("0 */15 * * * *");
        let until = fresh_until(at("2026-03-01T10:00:01Z"), None, &[&quarters]);
        assert_eq!(until, Some(at("2026-03-01T10:45:00Z")));
        let working_days = schedule("0 0 6 * * Mon-Fri");
        // A Friday; Amsterdam is an hour ahead.
        let until = fresh_until(at("2026-03-06T05:00:02Z"), None, &[&working_days]);
        assert_eq!(until, Some(at("2026-03-11T05:00:00Z")), "Monday, Tuesday, Wednesday");
    }

    #[test]
    fn several_jobs_count_together_and_none_never_ends() {
        let (nightly, hourly) = (schedule("0 0 2 * * *"), schedule("0 0 * * * *"));
        let until = fresh_until(at("2026-03-01T00:30:00Z"), None, &[&nightly, &hourly]);
        // Both name 02:00 in Amsterdam, which is one moment.
        assert_eq!(until, Some(at("2026-03-01T03:00:00Z")));
        assert_eq!(fresh_until(at("2026-03-01T00:30:00Z"), None, &[]), None);
    }
}
