use std::path::Path;

use super::*;
use crate::{
    clock::{BootTime, Now},
    config::{self, Environment},
    store,
};

/// Two endpoints that share a budget of 20 a minute, and one of its own, in the jobs that are given.
fn config(jobs: &str) -> Config {
    let text = format!(
        r#"
        [[endpoint]]
        name = "reservations"
        path = "/v2/reservations"
        key = ["id"]
        pagination = {{ style = "page", size = 100 }}
        rate_limit = {{ group = "bookings" }}
        [[endpoint]]
        name = "check_ins"
        path = "/v2/check-ins"
        key = ["id"]
        rate_limit = {{ group = "bookings" }}
        [[endpoint]]
        name = "users"
        path = "/v2/users"
        key = ["id"]
        {jobs}"#
    );
    let environment = Environment::default();
    config::parse(&text, Path::new("config.toml"), &environment)
        .expect("the configuration is valid")
}

/// A job with a schedule.
fn job(name: &str, schedule: &str, endpoints: &str) -> String {
    format!("[[job]]\nname = \"{name}\"\nschedule = \"{schedule}\"\nendpoints = {endpoints}\n")
}

fn now() -> Now {
    let wall = "2026-03-02T10:07:00Z".parse().expect("the test's time is valid");
    Now { wall, boot: BootTime::from_nanos(0) }
}

/// What is forecast of all jobs, where endpoints have needed so many pages in run 7.
fn forecast_of(jobs: &str, pages: &[(&str, u64)]) -> Forecast {
    let config = config(jobs);
    let mut known = store::Outlook::default();
    for (name, pages) in pages {
        let of_name = |endpoint: &&EndpointSettings| endpoint.name == *name;
        let endpoint = config.sync.endpoints.iter().find(of_name).expect("it is configured");
        let past = store::PastSweep {
            run: Some(7),
            fingerprint: sync::fingerprint(endpoint, &config.sync.jobs[0]),
            slices: vec![(store::Bounds::default(), *pages)],
        };
        let outlook = store::EndpointOutlook { whole: Some(past), ..Default::default() };
        known.endpoints.insert((*name).to_owned(), outlook);
    }
    let all = sync::outlook_of(&config.sync, &config.sync.jobs, &known, now());
    forecast(&config.sync, &config.schedules, &config.sync.jobs, &all, &all)
}

#[test]
fn a_job_that_is_done_before_its_next_run_fits() {
    let jobs = job("all", "0 */15 * * * *", r#"["reservations", "check_ins"]"#);
    let forecast = forecast_of(&jobs, &[("reservations", 100), ("check_ins", 40)]);
    let [job] = forecast.jobs.as_slice() else { panic!("{forecast:?}") };
    assert_eq!(job.requests, 140);
    // The first twenty at once, and every minute another twenty.
    assert_eq!(job.takes, Duration::from_mins(6));
    assert_eq!(job.every, Some(Duration::from_mins(15)));
    assert_eq!(
        job.next.map(|next| next.to_rfc3339()).as_deref(),
        Some("2026-03-02T10:15:00+00:00")
    );
    assert_eq!((job.fits, job.bottleneck.as_deref()), (true, Some("bookings")));
    assert_eq!(job.mends, [""; 0]);
    let [group] = forecast.groups.as_slice() else { panic!("{forecast:?}") };
    assert_eq!(group.endpoints, ["reservations", "check_ins"]);
    // 140 of the 300 that fifteen minutes have.
    assert!(group.load.is_some_and(|load| (load - 140.0 / 300.0).abs() < 0.001), "{group:?}");
}

#[test]
fn a_job_that_does_not_fit_names_the_group_and_what_would_help() {
    let jobs = job("all", "0 */5 * * * *", r#"["reservations", "check_ins"]"#);
    let forecast = forecast_of(&jobs, &[("reservations", 100), ("check_ins", 40)]);
    let [job] = forecast.jobs.as_slice() else { panic!("{forecast:?}") };
    assert_eq!((job.fits, job.bottleneck.as_deref()), (false, Some("bookings")));
    assert_eq!(
        job.mends,
        [
            "a schedule of at most one run in 6 min",
            "larger pages of reservations (`pagination.size`, now 100)",
            "changes only of reservations (`since`), if its API can",
            "fewer endpoints in the group bookings, which reservations, check_ins share, if the API counts them apart",
        ]
    );
}

#[test]
fn jobs_that_each_fit_do_not_where_their_group_has_too_little_for_both() {
    let jobs = job("one", "0 */5 * * * *", r#"["reservations"]"#)
        + &job("two", "30 */5 * * * *", r#"["check_ins"]"#)
        + &job("three", "0 0 3 * * *", r#"["users"]"#);
    let forecast = forecast_of(&jobs, &[("reservations", 60), ("check_ins", 60)]);
    let fits: Vec<_> = forecast.jobs.iter().map(|job| job.fits).collect();
    assert_eq!(fits, [false, false, true]);
    let group = &forecast.groups[0];
    assert!(group.load.is_some_and(|load| (load - 1.2).abs() < 0.001), "{group:?}");
    assert_eq!(forecast.jobs[0].bottleneck.as_deref(), Some("bookings"));
}

#[test]
fn the_shortest_time_between_two_runs_counts_and_not_the_time_that_is_left() {
    let schedule = "0 0,10 8-18 * * MON-FRI";
    let jobs = job("all", schedule, r#"["users"]"#);
    let forecast = forecast_of(&jobs, &[("users", 230)]);
    let job = &forecast.jobs[0];
    assert_eq!(job.every, Some(Duration::from_mins(10)));
    assert_eq!((job.takes, job.fits), (Duration::from_mins(11), false));
    // In the long run there is time enough: 22 runs on a working day.
    assert!(forecast.groups[0].load.is_some_and(|load| load < 0.3), "{:?}", forecast.groups);
}

#[test]
fn an_endpoint_of_two_jobs_is_read_by_one_after_the_other() {
    let jobs = job("one", "0 */30 * * * *", r#"["users"]"#)
        + &job("two", "0 */30 * * * *", r#"["users"]"#);
    let forecast = forecast_of(&jobs, &[("users", 40)]);
    let takes: Vec<_> = forecast.jobs.iter().map(|job| job.takes).collect();
    assert_eq!(takes, [Duration::from_mins(1), Duration::from_mins(3)]);
}

#[test]
fn what_was_never_read_takes_one_request_at_least() {
    let jobs = job("all", "0 */15 * * * *", r#"["users"]"#);
    let forecast = forecast_of(&jobs, &[]);
    let job = &forecast.jobs[0];
    assert_eq!((job.requests, job.certainty, job.fits), (1, Certainty::AtLeast, true));
    assert_eq!((job.takes, job.bottleneck.as_deref()), (Duration::ZERO, None));
}
