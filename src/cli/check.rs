//! `check`: whether all that a run needs is there, and whether the API answers as the configuration says.

mod alert;
mod endpoints;

use std::path::Path;

use chrono::{DateTime, Utc};
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{
    ExitStatus, fail, fail_app,
    look::Look,
    print_result, progress,
    run_now::chosen,
    table::{Align, table, wrapped},
    usage,
};
use crate::{
    app::{self, Finding, JobTimes, Offline, Online, TestAlert, Trouble, Verdict},
    config::Config,
    sync::JobSettings,
};

/// What the marks before the lines mean.
const GOOD: &str = "✓";
const DOUBT: &str = "!";
const WRONG: &str = "✗";
const PAUSED: &str = "‖";

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Get a token, and read one page of every endpoint within the limit; nothing of it is stored
    #[arg(long)]
    online: bool,

    /// Send a test alert, and its end, to whoever `[alerts]` names
    #[arg(long)]
    alert: bool,

    /// Only the schedule and the endpoints of this job (may be repeated)
    #[arg(long = "job", value_name = "NAME")]
    jobs: Vec<String>,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Todo {
    mark: &'static str,
    /// What it is about.
    about: Vec<String>,
    text: String,
}

/// Looks at everything, and prints what it has found.
pub(super) async fn run(
    config: Config,
    file: &Path,
    args: &CheckArgs,
    stop: &CancellationToken,
) -> ExitStatus {
    let jobs = match chosen(&config.sync.jobs, &args.jobs) {
        Ok(jobs) => jobs,
        Err(message) => return usage(&message),
    };
    let offline = match app::offline(&config, file, &jobs).await {
        Ok(offline) => offline,
        Err(error) => return fail_app(error),
    };
    if let Err(error) = print_result(told(&offline).trim_end()) {
        return fail(ExitStatus::Failed, &error);
    }
    let mut todos = todos(&offline);
    let mut ends = match offline.trouble() {
        Some(Trouble::Config) => ExitStatus::Config,
        Some(Trouble::Database) => ExitStatus::Database,
        None => ExitStatus::Done,
    };
    if args.online && ends == ExitStatus::Done {
        let online = match ask(config.clone(), &jobs, args, stop).await {
            Ok(online) => online,
            Err(status) => return status,
        };
        let text = endpoints::told(&online, &config.sync.endpoints);
        if let Err(error) = print_result(&format!("\n{}", text.trim_end())) {
            return fail(ExitStatus::Failed, &error);
        }
        todos.extend(endpoints::todos(&online, &config.sync.endpoints));
        ends = endpoints::status(&online);
    }
    if args.alert && offline.trouble() != Some(Trouble::Config) {
        let told = match tell(config).await {
            Ok(told) => told,
            Err(status) => return status,
        };
        if let Err(error) = print_result(&format!("\n{}", alert::told(&told))) {
            return fail(ExitStatus::Failed, &error);
        }
        todos.extend(alert::todos(&told));
        // What is unfinished or wants a person comes after what has failed.
        let comes_after =
            matches!(ends, ExitStatus::Done | ExitStatus::Unfinished | ExitStatus::Attention);
        if let Some(failed) = alert::status(&told)
            && (comes_after || failed == ExitStatus::Config)
        {
            ends = failed;
        }
    }
    let left_out = [
        (args.online && offline.trouble().is_some(), "The API was not asked"),
        (args.alert && offline.trouble() == Some(Trouble::Config), "No test alert was sent"),
    ];
    let left_out = left_out.iter().filter(|(is_left_out, _)| *is_left_out).map(|(_, what)| *what);
    match print_result(&closing(&todos, args.online, &left_out.collect::<Vec<_>>())) {
        Ok(()) => ends,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}

async fn ask(
    mut config: Config,
    jobs: &[JobSettings],
    args: &CheckArgs,
    stop: &CancellationToken,
) -> Result<Online, ExitStatus> {
    if let Err(error) = config.read_hash_key() {
        return Err(fail(ExitStatus::Config, &anyhow::Error::new(error)));
    }
    let watcher = progress::waits(jobs);
    let jobs = (!args.jobs.is_empty()).then_some(jobs);
    app::online(config, jobs, watcher, stop).await.map_err(fail_app)
}

async fn tell(mut config: Config) -> Result<TestAlert, ExitStatus> {
    if let Err(error) = config.read_webhook() {
        return Err(fail(ExitStatus::Config, &anyhow::Error::new(error)));
    }
    app::test_alert(&config).await.map_err(fail_app)
}

/// What can be told without asking anybody.
fn told(offline: &Offline) -> String {
    const FINDINGS: [(&str, Align); 3] =
        [("", Align::Left), ("what", Align::Left), ("found", Align::Left)];
    const TIMES: [(&str, Align); 4] = [
        ("job", Align::Left),
        ("schedule", Align::Left),
        ("next runs", Align::Left),
        ("UTC", Align::Left),
    ];
    let look = Look::of_stdout();
    let findings: Vec<Vec<String>> = offline.findings.iter().map(finding).collect();
    let times: Vec<Vec<String>> = offline.times.iter().flat_map(times).collect();
    format!("{}\n{}", look.table(&table(&FINDINGS, &findings)), look.table(&table(&TIMES, &times)))
}

fn finding(finding: &Finding) -> Vec<String> {
    let mark = match &finding.verdict {
        Verdict::Good => GOOD,
        Verdict::Doubt(_) => DOUBT,
        Verdict::Wrong(..) => WRONG,
    };
    vec![mark.to_owned(), finding.what.clone(), finding.told.clone()]
}

/// A line a time; the job and its schedule are named once.
fn times(job: &JobTimes) -> Vec<Vec<String>> {
    let JobTimes { schedule, times } = job;
    let is_utc = schedule.timezone == chrono_tz::UTC;
    let line = |(nth, moment): (usize, &DateTime<Utc>)| {
        let named = |text: &str| if nth == 0 { text.to_owned() } else { String::new() };
        // Where there is a jitter, each time has its own part of it.
        let moment = *moment;
        let utc = moment.format("%Y-%m-%d %H:%M:%S").to_string();
        vec![
            named(&schedule.job),
            named(&schedule.text),
            moment.with_timezone(&schedule.timezone).format("%Y-%m-%d %H:%M:%S %Z").to_string(),
            if is_utc { String::new() } else { utc },
        ]
    };
    times.iter().enumerate().map(line).collect()
}

fn todos(offline: &Offline) -> Vec<Todo> {
    let findings = offline.findings.iter().filter_map(|finding| {
        let (mark, text) = match &finding.verdict {
            Verdict::Good => return None,
            Verdict::Doubt(todo) => (DOUBT, todo.clone()),
            Verdict::Wrong(_, why) => (WRONG, why.clone()),
        };
        Some(Todo { mark, about: vec![finding.what.clone()], text })
    });
    findings.collect()
}

/// What is to be done, the worst first.
fn closing(todos: &[Todo], online: bool, left_out: &[&str]) -> String {
    let mut lines = vec![String::new()];
    lines.extend(left_out.iter().map(|what| format!("{what}: what is wrong here comes first.")));
    if todos.is_empty() {
        let more = if online { "" } else { " (`--online` asks the API too)" };
        lines.push(format!("Nothing to do{more}."));
        return lines.join("\n");
    }
    lines.push("To do:".to_owned());
    for mark in [WRONG, PAUSED, DOUBT] {
        let todos = todos.iter().filter(|todo| todo.mark == mark);
        lines.extend(
            todos.map(|todo| wrapped(&format!("{mark} {}: {}", todo.about.join(", "), todo.text))),
        );
    }
    lines.join("\n")
}
