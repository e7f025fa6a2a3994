//! `plan`: what a run would ask for now, how long that takes, and whether it keeps up with the schedule.

mod json;

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;

use super::{
    ExitStatus, fail, fail_app,
    look::Look,
    print_result,
    run_now::{chosen, time},
    table::{Align, counted, table, thousands},
    usage,
};
use crate::{
    app::{self, Forecast, GroupForecast, JobForecast},
    config::Config,
    sync::{Begins, Prospect},
};

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Only this job (may be repeated); its run is planned as if no other began
    #[arg(long = "job", value_name = "NAME")]
    jobs: Vec<String>,

    /// As one JSON object, with every slice
    #[arg(long)]
    json: bool,
}

/// Works it out, and prints it.
pub(super) async fn run(config: &Config, args: &PlanArgs) -> ExitStatus {
    let jobs = match chosen(&config.sync.jobs, &args.jobs) {
        Ok(jobs) => jobs,
        Err(message) => return usage(&message),
    };
    let forecast = match app::plan(config, &jobs).await {
        Ok(forecast) => forecast,
        Err(error) => return fail_app(error),
    };
    let text = if args.json { json::text(&forecast) } else { told(&forecast) };
    match print_result(text.trim_end()) {
        Ok(()) => ExitStatus::Done,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}

fn told(forecast: &Forecast) -> String {
    let look = Look::of_stdout();
    let mut parts = vec![look.table(&endpoints(forecast)), look.table(&jobs(forecast))];
    let remarks: Vec<String> = forecast
        .jobs
        .iter()
        .flat_map(|job| remarks(job, forecast))
        .chain(forecast.groups.iter().filter_map(pause))
        .collect();
    if !remarks.is_empty() {
        parts.push(remarks.join("\n"));
    }
    parts.join("\n")
}

/// A line an endpoint.
fn endpoints(forecast: &Forecast) -> String {
    const HEADER: [(&str, Align); 6] = [
        ("job", Align::Left),
        ("endpoint", Align::Left),
        ("asks for", Align::Left),
        ("requests", Align::Right),
        ("how surely", Align::Left),
        ("takes", Align::Right),
    ];
    let endpoints = forecast.jobs.iter().flat_map(|job| &job.endpoints);
    let rows: Vec<Vec<String>> = endpoints
        .map(|prospect| {
            vec![
                prospect.job.clone(),
                prospect.endpoint.clone(),
                asks_for(prospect),
                thousands(prospect.requests),
                prospect.certainty.to_string(),
                time(prospect.takes),
            ]
        })
        .collect();
    table(&HEADER, &rows)
}

/// What it asks for: `13 slices, 2026-10-27 to 2027-01-24`.
fn asks_for(prospect: &Prospect) -> String {
    let mut parts = Vec::new();
    match &prospect.begins {
        Begins::GoesOn { .. } => parts.push("the rest".to_owned()),
        Begins::New | Begins::StartsOver { .. } => {}
    }
    parts.extend(prospect.since.map(|_| "changes".to_owned()));
    let dates = prospect.slices.iter().filter_map(|slice| slice.dates.as_ref());
    let (first, last) =
        (dates.clone().map(|(from, _)| from).min(), dates.map(|(_, until)| until).max());
    if let (Some(first), Some(last)) = (first, last) {
        parts.push(counted(prospect.slices.len() as u64, "slice"));
        parts.push(format!("{} to {}", short(first), short_end(last)));
    } else if parts.is_empty() {
        parts.push("everything".to_owned());
    }
    parts.join(", ")
}

/// A local date-time, without a time where that is midnight.
fn short(stamp: &str) -> String {
    stamp.strip_suffix("T00:00:00").unwrap_or(stamp).to_owned()
}

/// The last day before a midnight, which is how people tell where something ends.
fn short_end(stamp: &str) -> String {
    let day = stamp.strip_suffix("T00:00:00").and_then(|day| day.parse::<chrono::NaiveDate>().ok());
    day.and_then(|day| day.pred_opt()).map_or_else(|| stamp.to_owned(), |day| day.to_string())
}

/// A line a job.
fn jobs(forecast: &Forecast) -> String {
    const HEADER: [(&str, Align); 6] = [
        ("job", Align::Left),
        ("requests", Align::Right),
        ("takes", Align::Right),
        ("runs every", Align::Right),
        ("next run", Align::Left),
        ("fits", Align::Left),
    ];
    let rows: Vec<Vec<String>> = forecast
        .jobs
        .iter()
        .map(|job| {
            vec![
                job.settings.name.clone(),
                thousands(job.requests),
                time(job.takes),
                job.every.map_or_else(|| "-".to_owned(), time),
                job.next.map_or_else(|| "never".to_owned(), |next| local(next, job)),
                if job.fits { "yes" } else { "NO" }.to_owned(),
            ]
        })
        .collect();
    table(&HEADER, &rows)
}

/// A moment in the job's time zone: `2026-03-29 03:00:00 CEST`.
fn local(moment: DateTime<Utc>, job: &JobForecast) -> String {
    moment.with_timezone(&job.settings.timezone).format("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// What is to be said of a job beside its line.
fn remarks(job: &JobForecast, forecast: &Forecast) -> Vec<String> {
    let name = &job.settings.name;
    let mut remarks = Vec::new();
    for prospect in &job.endpoints {
        let endpoint = &prospect.endpoint;
        match &prospect.begins {
            Begins::New => {}
            Begins::GoesOn { pages } => remarks.push(format!(
                "{endpoint}: goes on after {} stored by an earlier run",
                counted(*pages, "page")
            )),
            Begins::StartsOver { changed } => remarks.push(format!(
                "{endpoint}: starts over, since {} changed",
                changed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            )),
        }
        if let Some(since) = prospect.since {
            let since = crate::clock::format_utc(since);
            remarks.push(format!("{endpoint}: asks for changes since {since}"));
        } else if let Some(reason) = &prospect.everything {
            remarks.push(format!("{endpoint}: asks for everything, since {reason}"));
        }
        if prospect.longest_wait > forecast.max_wait {
            remarks.push(format!(
                "{endpoint}: has to wait {} at once, longer than `rate_limit.max_wait`: its run ends as paused before, and the daemon takes it up again then",
                time(prospect.longest_wait)
            ));
        }
    }
    if !job.fits {
        remarks.push(does_not_fit(job));
    } else if let Some(next) = job.next
        && let Some(left) = (next - forecast.now).to_std().ok().filter(|left| *left < job.takes)
    {
        remarks.push(format!(
            "{name}: a run begun now would not be done by its next one in {}, which would be left out",
            time(left)
        ));
    }
    remarks
}

fn does_not_fit(job: &JobForecast) -> String {
    let name = &job.settings.name;
    let takes = time(job.takes);
    let at_least = if job.certainty.run().is_none() { "at least " } else { "" };
    let every =
        job.every.map_or_else(String::new, |every| format!(", and runs every {}", time(every)));
    let bottleneck = job.bottleneck.as_ref().map_or_else(
        || ": its answers take that long".to_owned(),
        |group| format!(": it waits for the limit of {group}"),
    );
    let mends: Vec<String> = job.mends.iter().map(|mend| format!("\n  - {mend}")).collect();
    format!(
        "{name} does NOT fit: it takes {at_least}{takes}{every}{bottleneck}. What would help:{}",
        mends.concat()
    )
}

/// What the API has said of a group.
fn pause(group: &GroupForecast) -> Option<String> {
    let paused: Duration = group.budget.paused_for?;
    Some(format!(
        "{}: not to be asked for another {}, because the API has said so",
        group.budget.group,
        time(paused)
    ))
}
