//! `resume ENDPOINT` and `rebuild ENDPOINT`: what a person does to one endpoint by hand.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use super::{
    ExitStatus, console, fail, fail_app, print_error, print_result, shell,
    table::{counted, thousands},
    unknown_endpoint, usage,
};
use crate::{
    app::{AppError, Rebuild, Upkeep},
    config::Config,
    store::TOKEN_GROUP,
};

/// What `resume` is told.
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// The endpoint
    endpoint: String,
}

/// What `rebuild` is told.
#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    /// The endpoint
    endpoint: String,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Clears the pauses that hold for an endpoint.
pub(super) async fn resume(config: &Config, args: &ResumeArgs) -> ExitStatus {
    let name = &args.endpoint;
    let known = config.sync.endpoints.iter().find(|endpoint| endpoint.name == *name);
    let Some(endpoint) = known else {
        return usage(&unknown_endpoint(config, Some(name)).unwrap_or_default());
    };
    let cleared = with_database(config, async |upkeep| upkeep.clear_pauses(&endpoint.group).await);
    let cleared = match cleared.await {
        Ok(cleared) => cleared,
        Err(error) => return fail_app(error),
    };
    let mut lines: Vec<String> = cleared
        .iter()
        .map(|(group, until, reason)| {
            let whose = if group == TOKEN_GROUP {
                "the token endpoint, which held for all".to_owned()
            } else {
                format!("`{group}`")
            };
            let until = until.format("%Y-%m-%d %H:%M:%S");
            format!("cleared the pause of {whose}, until {until} UTC ({reason})")
        })
        .collect();
    if lines.is_empty() {
        lines.push(format!("no pause holds for {name}"));
    } else {
        lines.push(format!(
            "a run that waits for it goes on within seconds, else the next one does, or now: mapiq-sync --run-now{}",
            jobs_of(config, name)
        ));
    }
    printed(&lines.join("\n"))
}

/// Puts an endpoint's table aside, so that the next run makes it anew.
pub(super) async fn rebuild(config: &Config, args: &RebuildArgs) -> ExitStatus {
    let name = &args.endpoint;
    if let Some(message) = unknown_endpoint(config, Some(name)) {
        return usage(&message);
    }
    let asks = !args.yes;
    if asks && !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return usage("there is no terminal to ask on: say `--yes` to go on without a question");
    }
    let rebuilt = with_database(config, async |upkeep| {
        let Some(rows) = upkeep.stored_rows(name).await? else {
            return Ok(Some(Rebuild::NothingThere));
        };
        if asks && !is_agreed(name, rows) {
            return Ok(None);
        }
        upkeep.rebuild(name).await.map(Some)
    });
    match rebuilt.await {
        Err(error) => fail_app(error),
        Ok(None) => printed("nothing was done"),
        Ok(Some(Rebuild::NothingThere)) => {
            printed(&format!("{name}: there is no table yet, the next run makes it"))
        }
        Ok(Some(Rebuild::InUse(holder))) => {
            let holder = holder.map_or_else(|| "another process".to_owned(), |h| h.to_string());
            print_error(&format!(
                "{name}: {holder} is at work on it: nothing was done, try again once that has ended"
            ));
            ExitStatus::Unfinished
        }
        Ok(Some(Rebuild::SetAside(aside))) => printed(&format!(
            "{name}: its {} are kept in the table `{table}`; the next run makes {name} anew, or now: mapiq-sync --run-now{jobs}\n\
             what the configuration excludes or hashes from now on stays in `{table}`: once it is of no more use, DROP TABLE {table}",
            counted(u64::try_from(aside.rows).unwrap_or(0), "row"),
            table = aside.table,
            jobs = jobs_of(config, name),
        )),
    }
}

/// Opens the database for one thing, and closes it.
async fn with_database<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Upkeep) -> Result<T, AppError>,
) -> Result<T, AppError> {
    let upkeep = Upkeep::open(config).await?;
    let done = work(&upkeep).await;
    let closed = upkeep.close().await;
    let done = done?;
    closed?;
    Ok(done)
}

/// Asks a person; anything but a yes is a no.
fn is_agreed(endpoint: &str, rows: i64) -> bool {
    let rows = thousands(u64::try_from(rows).unwrap_or(0));
    console::print(&format!(
        "{endpoint} has {rows} rows. They are kept in a table of another name, with the users' own columns, indexes and triggers; \
         {endpoint} is made anew and asked for as a whole by the next run, and until then it is not there. Rows that the API no longer returns are in the kept table only."
    ));
    let mut stderr = io::stderr().lock();
    // A terminal that is gone gives no answer either.
    stderr.write_all(b"Go on? [y/N] ").and_then(|()| stderr.flush()).ok();
    drop(stderr);
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// The arguments that name the jobs of an endpoint.
fn jobs_of(config: &Config, endpoint: &str) -> String {
    let jobs = config.sync.jobs.iter().filter(|job| job.endpoints.iter().any(|n| n == endpoint));
    jobs.flat_map(|job| [" --job ".to_owned(), shell::word(&job.name)]).collect()
}

fn printed(text: &str) -> ExitStatus {
    match print_result(text) {
        Ok(()) => ExitStatus::Done,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}
