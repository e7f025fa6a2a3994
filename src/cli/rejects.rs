//! `rejects`: lists the records that could not be stored, or tries them again.

mod retry;

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use tokio_util::sync::CancellationToken;

use super::{
    ExitStatus, fail,
    look::Look,
    print_result,
    table::{Align, table},
    unknown_endpoint, usage,
};
use crate::{
    config::Config,
    store::{self, KeptReject},
};

/// What `rejects` is told.
#[derive(Debug, Args)]
pub(super) struct RejectsArgs {
    /// Only those of this endpoint
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,

    /// One JSON object a line, with the record
    #[arg(long, conflicts_with = "retry")]
    json: bool,

    /// Try them again with the configuration of now, and store those that can be stored
    #[arg(long)]
    retry: bool,
}

/// So many characters of a reason fit the table; JSON has it whole.
const REASON_LENGTH: usize = 100;

const HEADER: [(&str, Align); 7] = [
    ("id", Align::Right),
    ("endpoint", Align::Left),
    ("reason", Align::Left),
    ("first seen", Align::Left),
    ("last seen", Align::Left),
    ("run", Align::Right),
    ("page", Align::Right),
];

/// Lists them on stdout, or tries them again.
pub(super) async fn run(
    mut config: Config,
    args: &RejectsArgs,
    stop: &CancellationToken,
) -> ExitStatus {
    if args.retry
        && let Err(error) = config.read_hash_key()
    {
        return fail(ExitStatus::Config, &anyhow::Error::new(error));
    }
    let rejects = match store::rejects(&config.store.path, args.endpoint.as_deref()).await {
        Ok(rejects) => rejects,
        Err(error) => return fail(ExitStatus::Database, &anyhow::Error::new(error)),
    };
    if rejects.is_empty()
        && let Some(message) = unknown_endpoint(&config, args.endpoint.as_deref())
    {
        return usage(&message);
    }
    if args.retry && !rejects.is_empty() {
        return retry::run(config, args.endpoint.as_deref(), &rejects, stop).await;
    }
    let text = if args.json {
        rejects.iter().map(line).collect::<Vec<_>>().join("\n")
    } else if rejects.is_empty() {
        "no record was rejected".to_owned()
    } else {
        let rows: Vec<Vec<String>> = rejects.iter().map(row).collect();
        Look::of_stdout().table(&table(&HEADER, &rows)).trim_end().to_owned()
    };
    let printed = if text.is_empty() { Ok(()) } else { print_result(&text) };
    match printed {
        Ok(()) => ExitStatus::Done,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}

fn row(reject: &KeptReject) -> Vec<String> {
    vec![
        reject.id.to_string(),
        reject.endpoint.clone(),
        in_a_line(&reject.reason),
        reject.first_seen_at.clone(),
        reject.last_seen_at.clone(),
        reject.run.to_string(),
        reject.page.map_or_else(String::new, |page| page.to_string()),
    ]
}

/// A reason names a field as the API does, which may be at any length and with any character.
fn in_a_line(reason: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut line: String = reason.chars().take(REASON_LENGTH).map(plain).collect();
    if reason.chars().nth(REASON_LENGTH).is_some() {
        line.push('…');
    }
    line
}

/// A reject as a line of JSON.
#[derive(Serialize)]
struct Line<'r> {
    id: i64,
    endpoint: &'r str,
    reason: &'r str,
    first_seen_at: &'r str,
    last_seen_at: &'r str,
    run_id: i64,
    slice: Option<&'r str>,
    page: Option<i64>,
    record: &'r RawValue,
}

fn line(reject: &KeptReject) -> String {
    // Stored by this program, which writes JSON there, in one line.
    let record = serde_json::from_str(&reject.record).unwrap_or(RawValue::NULL);
    let line = Line {
        id: reject.id,
        endpoint: &reject.endpoint,
        reason: &reject.reason,
        first_seen_at: &reject.first_seen_at,
        last_seen_at: &reject.last_seen_at,
        run_id: reject.run,
        slice: reject.slice.as_deref(),
        page: reject.page,
        record,
    };
    serde_json::to_string(&line).expect("texts and numbers are JSON")
}
