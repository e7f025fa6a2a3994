//! `runs`: the history of runs.

use chrono::{DateTime, TimeDelta};
use clap::Args;
use serde::Serialize;

use super::{
    ExitStatus, fail,
    look::Look,
    print_result,
    status::length,
    table::{Align, table, thousands},
    usage,
};
use crate::{
    config::Config,
    store::{self, PastRun, RunFilter},
};

/// What `runs` is told.
#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    /// Only those of this job
    #[arg(long, value_name = "NAME")]
    job: Option<String>,

    /// Only those with this endpoint
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,

    /// Only those that ended like this; `open` are those that have not ended
    #[arg(long, value_name = "RESULT", value_parser = ["ok", "paused", "failed", "open"])]
    result: Option<String>,

    /// At most so many lines
    #[arg(long, value_name = "NUMBER", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,

    /// One JSON object a line, with the whole message
    #[arg(long)]
    json: bool,
}

/// So many characters of a message fit the table; JSON has it whole.
const MESSAGE_LENGTH: usize = 60;

const HEADER: [(&str, Align); 13] = [
    ("run", Align::Right),
    ("started (UTC)", Align::Left),
    ("job", Align::Left),
    ("by", Align::Left),
    ("endpoint", Align::Left),
    ("result", Align::Left),
    ("took", Align::Right),
    ("pages", Align::Right),
    ("new", Align::Right),
    ("changed", Align::Right),
    ("deleted", Align::Right),
    ("sent", Align::Right),
    ("why", Align::Left),
];

/// Lists them on stdout, the latest first.
pub(super) async fn run(config: &Config, args: &RunsArgs) -> ExitStatus {
    let filter = RunFilter {
        job: args.job.clone(),
        endpoint: args.endpoint.clone(),
        result: args.result.clone(),
        limit: args.limit.into(),
    };
    let runs = match store::runs(&config.store.path, &filter).await {
        Ok(runs) => runs,
        Err(error) => return fail(ExitStatus::Database, &anyhow::Error::new(error)),
    };
    if runs.is_empty()
        && let Some(message) = unknown(config, args)
    {
        return usage(&message);
    }
    let text = if args.json {
        runs.iter().map(line).collect::<Vec<_>>().join("\n")
    } else if runs.is_empty() {
        "no such run is on record".to_owned()
    } else {
        let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
        Look::of_stdout().table(&table(&HEADER, &rows)).trim_end().to_owned()
    };
    let printed = if text.is_empty() { Ok(()) } else { print_result(&text) };
    match printed {
        Ok(()) => ExitStatus::Done,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}

/// What to say of a name that neither the journal nor the configuration has.
fn unknown(config: &Config, args: &RunsArgs) -> Option<String> {
    let jobs: Vec<&str> = config.sync.jobs.iter().map(|job| job.name.as_str()).collect();
    if let Some(job) = args.job.as_deref().filter(|name| !jobs.contains(name)) {
        return Some(format!("there is no job `{job}`: the configuration has {}", jobs.join(", ")));
    }
    super::unknown_endpoint(config, args.endpoint.as_deref())
}

fn row(run: &PastRun) -> Vec<String> {
    let count = |number: i64| thousands(u64::try_from(number).unwrap_or(0));
    let [new, changed, _, deleted] = run.rows;
    vec![
        run.run_id.to_string(),
        second(&run.started_at),
        run.job.clone(),
        run.trigger.clone(),
        run.endpoint.clone().unwrap_or_default(),
        run.result.clone().unwrap_or_else(|| "open".to_owned()),
        took(run).map_or_else(String::new, length),
        count(run.pages),
        count(new),
        count(changed),
        count(deleted),
        count(run.requests),
        run.message.as_deref().map_or_else(String::new, shortened),
    ]
}

/// A stamp of the database, to the second.
fn second(stamp: &str) -> String {
    stamp.chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

fn took(run: &PastRun) -> Option<TimeDelta> {
    let moment = |stamp: &str| DateTime::parse_from_rfc3339(stamp).ok();
    Some(moment(run.finished_at.as_deref()?)? - moment(&run.started_at)?)
}

/// What the API has said is in it, in any length and with any character.
fn shortened(message: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = message.chars().take(MESSAGE_LENGTH).map(plain).collect();
    if message.chars().nth(MESSAGE_LENGTH).is_some() {
        line.push('…');
    }
    line
}

/// A run as a line of JSON.
#[derive(Serialize)]
struct Line<'r> {
    run_id: i64,
    job: &'r str,
    trigger: &'r str,
    version: &'r str,
    endpoint: Option<&'r str>,
    started_at: &'r str,
    finished_at: Option<&'r str>,
    result: Option<&'r str>,
    message: Option<&'r str>,
    pages: i64,
    rows_new: i64,
    rows_changed: i64,
    rows_unchanged: i64,
    rows_deleted: i64,
    rejected: i64,
    requests: i64,
    waited_ms: i64,
}

fn line(run: &PastRun) -> String {
    let [rows_new, rows_changed, rows_unchanged, rows_deleted] = run.rows;
    let line = Line {
        run_id: run.run_id,
        job: &run.job,
        trigger: &run.trigger,
        version: &run.version,
        endpoint: run.endpoint.as_deref(),
        started_at: &run.started_at,
        finished_at: run.finished_at.as_deref(),
        result: run.result.as_deref(),
        message: run.message.as_deref(),
        pages: run.pages,
        rows_new,
        rows_changed,
        rows_unchanged,
        rows_deleted,
        rejected: run.rejected,
        requests: run.requests,
        waited_ms: run.waited_ms,
    };
    serde_json::to_string(&line).expect("texts and numbers are JSON")
}
