//! `demo`: the whole job against the built-in simulator on loopback, then questions to the file.

mod bars;
mod questions;
mod sentences;
mod stage;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use tokio_util::sync::CancellationToken;

use self::{
    questions::QUESTIONS,
    stage::{BUILDINGS, REQUESTS, RESERVATIONS, SCALED_MINUTE, Stage, USERS},
};
use super::{
    ExitStatus, console, fail,
    look::Look,
    print_result,
    run_now::{self, Synced},
    shell,
    table::{thousands, wrapped},
};
use crate::{
    config::Config,
    store::{RowCounts, Trigger},
};

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// The folder for the database (default: a new one in the system's temporary folder)
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the demo.
pub(super) async fn run(args: DemoArgs, stop: &CancellationToken) -> ExitStatus {
    let shown = async {
        let stage = Stage::set(args.dir).await?;
        let status = play(&stage, stop).await;
        stage.clear().await?;
        status
    };
    match shown.await {
        Ok(status) => status,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}

async fn play(stage: &Stage, stop: &CancellationToken) -> Result<ExitStatus> {
    let (look, config) = (Look::of_stdout(), stage.config()?);
    print_result(&format!("{}\n", wrapped(&introduction(stage))))?;

    heading(look, "1. The first sync: all jobs of the shipped config.toml")?;
    let first = sync(config.clone(), stop).await;
    if first.status != ExitStatus::Done {
        return Ok(first.status);
    }
    let met = stage.met(&config).await?;
    print_result(&format!("\n{}\n", wrapped(&met.troubles())))?;

    stage.let_time_pass();
    heading(look, "2. A week later: the same once more")?;
    let second = sync(config.clone(), stop).await;
    if second.status != ExitStatus::Done {
        return Ok(second.status);
    }
    let met = stage.met(&config).await?;
    let deleted = second.reports.iter().flat_map(|report| &report.endpoints);
    let deleted = deleted.map(|report| report.deleted).sum();
    let rows = sentences::rows(rows_of(&second), deleted, &met);
    print_result(&format!("\n{}\n", wrapped(&format!("{rows} {}", met.limit()))))?;

    print_result(&format!("{}\n", look.strong("3. Questions to the file")))?;
    for question in QUESTIONS {
        print_result(&question.answered(&stage.database, look).await?)?;
    }

    print_result(&format!("{}\n\n{}", look.strong("4. What to type next"), next(&stage.database)))?;
    Ok(ExitStatus::Done)
}

/// A heading, and room for the lines of progress that follow; bars leave nothing behind that would want any.
fn heading(look: Look, text: &str) -> Result<()> {
    let room = if console::shows_bars() { "" } else { "\n" };
    print_result(&(look.strong(text) + room))
}

async fn sync(config: Config, stop: &CancellationToken) -> Synced {
    let jobs = config.sync.jobs.clone();
    run_now::sync(config, &jobs, Trigger::RunNow, stop).await
}

fn introduction(stage: &Stage) -> String {
    let company = format!(
        "A simulator of the Mapiq API listens on {}. It plays a company of {BUILDINGS} buildings, {USERS} people and \
         {} reservations over ninety days, and takes the documented {REQUESTS} requests a minute an endpoint. Its \
         minute has {} seconds, so that you see the waits, and two requests will go wrong.",
        stage.url,
        thousands(RESERVATIONS),
        SCALED_MINUTE.as_secs(),
    );
    match stage.goes_on_from {
        Some(day) => format!(
            "{company} The file is there already: this demo goes on where the last one ended, on {day}."
        ),
        None => company,
    }
}

/// The rows of all endpoints of a sync.
fn rows_of(synced: &Synced) -> RowCounts {
    let mut all = RowCounts::default();
    for report in synced.reports.iter().flat_map(|report| &report.endpoints) {
        all += report.rows;
    }
    all
}

/// How to go on from here.
fn next(database: &Path) -> String {
    let program = std::env::args_os().next().unwrap_or_else(|| "mapiq-sync".into());
    let (program, file) =
        (shell::word(&program.to_string_lossy()), shell::word(&database.to_string_lossy()));
    format!(
        "The file stays. Any SQLite tool can ask on, for example what has been done:

    sqlite3 -box {file} \\
      'SELECT endpoint, rows_new, rows_changed FROM _sync_endpoint_runs'

A configuration of your own can be tried against the simulator: start it, paste
into another shell what it prints, and sync.

    {program} simulate
    {program} --run-now --config config.toml

For the real service, README.md has the steps under \"Reach the real service\"."
    )
}
