//! `[[job]]`.

use std::collections::{HashMap, HashSet};

use chrono::DateTime;
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

use super::{
    endpoint::Endpoints,
    mend,
    reader::{Problem, Section},
    tree::Node,
    values,
};
use crate::{
    daemon::{CatchUp, Jitter, ScheduleSettings},
    sync::JobSettings,
};

/// What the tables say: one schedule for each job.
pub(super) struct Jobs {
    pub(super) settings: Vec<JobSettings>,
    pub(super) schedules: Vec<ScheduleSettings>,
}

/// Reads all of them; `endpoints` are those that a job may name.
/// `machine` tells this machine from others.
pub(super) fn read_all(root: &mut Section<'_>, endpoints: &Endpoints, machine: u64) -> Jobs {
    let mut jobs = Jobs { settings: Vec::new(), schedules: Vec::new() };
    let mut zones = HashMap::new();
    let mut names = HashSet::new();
    for mut job in root.members("job") {
        let name_origin = job.origin_of("name");
        let name = job.required("name", r#""bookings""#, name);
        if let (Some(name), Some(origin)) = (&name, name_origin)
            && !names.insert(name.clone())
        {
            let problem = Problem::new("is the name of another job too", "choose another name");
            job.report(&origin, "name", problem);
        }
        let schedule = job.required("schedule", r#""0 */15 * * * *""#, schedule);
        let zone_origin = job.origin_of("timezone").or_else(|| job.origin().cloned());
        let timezone = job.optional("timezone", timezone).unwrap_or(Tz::UTC);
        let jitter = job.optional("jitter", values::duration).unwrap_or_default();
        let catch_up = job.optional("catch_up", catch_up).unwrap_or_default();
        let run_at_start = job.optional("run_at_start", values::boolean).unwrap_or_default();
        let timeout = job.optional("timeout", values::positive_duration);
        let chosen = read_endpoints(&mut job, &endpoints.names);
        if let (Some(name), Some(chosen), Some(origin)) = (&name, &chosen, zone_origin) {
            let windowed = endpoints.settings.iter().filter(|endpoint| endpoint.window.is_some());
            for endpoint in windowed.filter(|endpoint| chosen.contains(&endpoint.name)) {
                let here = zones.entry(endpoint.name.clone());
                let (other, theirs) = here.or_insert_with(|| (name.clone(), timezone));
                if *theirs != timezone {
                    let problem = other_zone(&endpoint.name, other, *theirs, timezone);
                    job.report(&origin, "timezone", problem);
                }
            }
        }
        job.finish();
        if let (Some(name), Some((text, schedule)), Some(endpoints)) = (name, schedule, chosen) {
            jobs.settings.push(JobSettings { name: name.clone(), endpoints, timezone, timeout });
            jobs.schedules.push(ScheduleSettings {
                job: name,
                text,
                schedule,
                timezone,
                jitter: Jitter { most: jitter, seed: machine },
                catch_up,
                run_at_start,
            });
        }
    }
    jobs
}

/// Each job would give up the plan that the other one has left: `today` is not the same day for both.
fn other_zone(endpoint: &str, other: &str, theirs: Tz, timezone: Tz) -> Problem {
    Problem::new(
        format!(
            "is {timezone}, and the job `{other}` counts the window of `{endpoint}` in {theirs}"
        ),
        "give both jobs one time zone, or leave the endpoint to one of them",
    )
}

fn read_endpoints(job: &mut Section<'_>, known: &[String]) -> Option<Vec<String>> {
    let named = job.required_list("endpoints", r#"["reservations"]"#, values::filled_text)?;
    let mut endpoints: Vec<String> = Vec::with_capacity(named.len());
    for (name, origin) in named {
        if endpoints.contains(&name) {
            let problem = Problem::new(format!("names `{name}` twice"), "name it once");
            job.report(&origin, "endpoints", problem);
        } else if !known.contains(&name) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let message = format!("there is no endpoint `{name}`");
            job.diagnostics().absent(Some(&origin), message, mend::suggest(&name, &known));
        }
        endpoints.push(name);
    }
    Some(endpoints)
}

fn name(node: &Node) -> Result<String, Problem> {
    let name = values::filled_text(node)?;
    if name.chars().any(char::is_control) || name.trim() != name {
        return Err(Problem::new(
            "must not begin or end with white space, nor hold a control character",
            "such as \"bookings\"",
        ));
    }
    Ok(name)
}

fn schedule(node: &Node) -> Result<(String, Cron), Problem> {
    const HELP: &str =
        "six fields: second minute hour day month weekday, such as \"0 */15 * * * *\"";
    let text = values::filled_text(node)?;
    let fields: Vec<&str> = text.split_whitespace().collect();
    match fields.len() {
        6 => {}
        5 => {
            return Err(Problem::new(
                "has five fields, and seconds come first here",
                format!("write \"0 {}\"", fields.join(" ")),
            ));
        }
        count => return Err(Problem::new(format!("must have six fields, not {count}"), HELP)),
    }
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).build();
    let cron = parser.parse(&text).map_err(|error| {
        let reason = error.to_string();
        Problem::new(format!("must be a cron schedule: {}", reason.trim_end_matches('.')), HELP)
    })?;
    if cron.find_next_occurrence(&DateTime::UNIX_EPOCH, true).is_err() {
        return Err(Problem::new("never comes: there is no such date", HELP));
    }
    Ok((text, cron))
}

fn catch_up(node: &Node) -> Result<CatchUp, Problem> {
    values::word(node, &[("once", CatchUp::Once), ("none", CatchUp::None)])
}

fn timezone(node: &Node) -> Result<Tz, Problem> {
    let text = values::text(node)?;
    text.parse().map_err(|_| {
        let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
        let city = |name: &&str| {
            name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&text))
        };
        let near = names().find(city).or_else(|| mend::nearest(&text, names()));
        let help = match near {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => "an IANA name, such as \"Europe/Amsterdam\"".to_owned(),
        };
        Problem::new(format!("must be a time zone, not `{text}`"), help)
    })
}
