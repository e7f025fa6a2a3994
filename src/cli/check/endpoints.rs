//! What the endpoints have answered.

use super::{
    super::{
        ExitStatus,
        look::Look as Style,
        table::{Align, counted, table, thousands, wrapped},
    },
    DOUBT, GOOD, PAUSED, Todo, WRONG,
};
use crate::{
    app::{Online, TokenLook},
    store::{ColumnChange, Proposal, ProposedColumn},
    sync::{
        Answered, EndpointSettings, FailureClass, FirstPage, Look, LookOutcome, Pause, seconds,
    },
    telemetry::chain,
};

/// So many columns of an endpoint are named.
const NAMED: usize = 200;

/// The token, a line an endpoint, and what their columns would be.
pub(super) fn told(online: &Online, settings: &[EndpointSettings]) -> String {
    const HEADER: [(&str, Align); 7] = [
        ("", Align::Left),
        ("endpoint", Align::Left),
        ("answer", Align::Left),
        ("records", Align::Left),
        ("key", Align::Left),
        ("columns", Align::Left),
        ("limit", Align::Left),
    ];
    let mut parts = vec![token(&online.token)];
    if !online.looks.is_empty() {
        let rows: Vec<Vec<String>> =
            online.looks.iter().map(|look| row(look, of(settings, &look.endpoint))).collect();
        parts.push(Style::of_stdout().table(&table(&HEADER, &rows)).trim_end().to_owned());
    }
    for look in &online.looks {
        parts.extend(columns(look));
        parts.extend(look.answered.as_ref().and_then(|answered| limits(&look.endpoint, answered)));
    }
    parts.join("\n\n")
}

fn of<'s>(settings: &'s [EndpointSettings], endpoint: &str) -> Option<&'s EndpointSettings> {
    settings.iter().find(|settings| settings.name == endpoint)
}

fn token(token: &TokenLook) -> String {
    match token {
        TokenLook::Got(life) => format!("{GOOD} token: there, ends in {}", seconds(*life)),
        TokenLook::Paused(until) => format!("{PAUSED} token: not to be asked for before {until}"),
        TokenLook::Failed(_) => format!("{WRONG} token: none, so that no endpoint was asked"),
    }
}

fn row(look: &Look, settings: Option<&EndpointSettings>) -> Vec<String> {
    let nothing = || "-".to_owned();
    let (records, key, columns) = match &look.outcome {
        LookOutcome::Page(page, columns) => (records(page), key(page), count(columns)),
        LookOutcome::Paused(_) | LookOutcome::Failed(_) => (nothing(), nothing(), nothing()),
    };
    let limit = settings.map(|settings| settings.limit).filter(|limit| limit.requests > 0);
    vec![
        mark(look).to_owned(),
        look.endpoint.clone(),
        look.answered.as_ref().map_or_else(nothing, |answered| answered.status.to_string()),
        records,
        key,
        columns,
        limit.map_or_else(
            || "none".to_owned(),
            |limit| format!("{} in {}", thousands(limit.requests.into()), seconds(limit.per)),
        ),
    ]
}

fn mark(look: &Look) -> &'static str {
    match &look.outcome {
        LookOutcome::Failed(_) => WRONG,
        LookOutcome::Paused(_) => PAUSED,
        LookOutcome::Page(page, _) if needs_person(page) => WRONG,
        LookOutcome::Page(page, _) if !page.doubts.is_empty() => DOUBT,
        LookOutcome::Page(..) => GOOD,
    }
}

/// Whether a run would end with what a person must see to.
fn needs_person(page: &FirstPage) -> bool {
    !page.rejected.is_empty() || page.duplicates > 0
}

fn records(page: &FirstPage) -> String {
    match page.total {
        Some(total) => format!("{} of {}", thousands(page.records), thousands(total)),
        None if page.is_all => thousands(page.records),
        None => format!("{} of more", thousands(page.records)),
    }
}

fn key(page: &FirstPage) -> String {
    if page.records == 0 {
        "-".to_owned()
    } else if page.keyless > 0 {
        format!("{} without", thousands(page.keyless))
    } else if page.duplicates > 0 {
        format!("{} again", thousands(page.duplicates))
    } else {
        "unique".to_owned()
    }
}

fn is_new(column: &ProposedColumn) -> bool {
    column.change == ColumnChange::New
}

fn is_widened(column: &ProposedColumn) -> bool {
    matches!(column.change, ColumnChange::Widened(_))
}

fn count(proposal: &Proposal) -> String {
    let columns = &proposal.columns;
    let mut parts = vec![thousands(columns.len() as u64)];
    if proposal.is_there {
        let (new, widened) = (
            columns.iter().filter(|column| is_new(column)).count(),
            columns.iter().filter(|column| is_widened(column)).count(),
        );
        for (count, what) in [(new, "new"), (widened, "widened")] {
            if count > 0 {
                parts.push(format!("{} {what}", thousands(count as u64)));
            }
        }
    }
    parts.join(", ")
}

/// The columns that there would be, or how those that are there would change.
fn columns(look: &Look) -> Option<String> {
    let LookOutcome::Page(page, proposal) = &look.outcome else { return None };
    let spelled = |column: &ProposedColumn| {
        let key = if column.is_key { " (key)" } else { "" };
        match column.change {
            ColumnChange::Widened(from) => format!(
                "{} {} instead of {}{key}",
                column.name,
                column.column_type.as_sql(),
                from.as_sql()
            ),
            ColumnChange::Stays | ColumnChange::New => {
                format!("{} {}{key}", column.name, column.column_type.as_sql())
            }
        }
    };
    let listed = |columns: Vec<&ProposedColumn>| {
        let mut named: Vec<String> =
            columns.iter().take(NAMED).map(|column| spelled(column)).collect();
        if columns.len() > NAMED {
            named.push(format!("and {} more", thousands((columns.len() - NAMED) as u64)));
        }
        named.join(", ")
    };
    let columns = proposal.columns.iter();
    let changed: Vec<&ProposedColumn> = if proposal.is_there {
        columns.filter(|column| is_new(column) || is_widened(column)).collect()
    } else if page.records > page.keyless {
        columns.collect()
    } else {
        Vec::new()
    };
    if changed.is_empty() {
        return None;
    }
    let what = if proposal.is_there {
        "would have these new columns and types"
    } else {
        "would have the columns"
    };
    let room = match proposal.without_room {
        0 => String::new(),
        fields => format!("; {} without room, in one JSON column", counted(fields as u64, "field")),
    };
    Some(wrapped(&format!("{} {what}: {}{room}", look.endpoint, listed(changed))))
}

/// What an answer tells of a limit.
fn limits(endpoint: &str, answered: &Answered) -> Option<String> {
    let headers: Vec<String> =
        answered.limits.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    (!headers.is_empty()).then(|| {
        wrapped(&format!("{endpoint} tells of a limit in its answer: {}", headers.join(", ")))
    })
}

/// What is to be done; what is the same for several endpoints is told once.
pub(super) fn todos(online: &Online, settings: &[EndpointSettings]) -> Vec<Todo> {
    let mut todos: Vec<Todo> = Vec::new();
    let mut add = |mark, about: &str, text: String| match todos
        .iter_mut()
        .find(|todo| todo.mark == mark && todo.text == text)
    {
        Some(todo) => todo.about.push(about.to_owned()),
        None => todos.push(Todo { mark, about: vec![about.to_owned()], text }),
    };
    match &online.token {
        TokenLook::Got(_) => {}
        TokenLook::Paused(until) => {
            add(
                PAUSED,
                "token",
                format!("the token endpoint has asked for a pause: check again after {until}"),
            );
        }
        TokenLook::Failed(error) => add(WRONG, "token", chain(error)),
    }
    for look in &online.looks {
        let name = &look.endpoint;
        match &look.outcome {
            LookOutcome::Failed(error) => add(WRONG, name, chain(error)),
            LookOutcome::Paused(pause) => add(PAUSED, name, paused(pause)),
            LookOutcome::Page(page, _) => {
                for text in of_records(page, of(settings, name)) {
                    add(WRONG, name, text);
                }
                for doubt in &page.doubts {
                    add(DOUBT, name, doubt.to_string());
                }
            }
        }
    }
    todos
}

/// What a sync would have a person see to.
fn of_records(page: &FirstPage, settings: Option<&EndpointSettings>) -> Vec<String> {
    let mut texts: Vec<String> = page
        .rejected
        .iter()
        .map(|(reason, count)| {
            let of = counted(page.records, "record");
            format!("{} of {of} cannot be stored: {reason}", thousands(*count))
        })
        .collect();
    if page.duplicates > 0 {
        let key = settings.map_or_else(Vec::new, |settings| settings.transforms.key.clone());
        let key: Vec<String> = key.iter().map(|part| format!("\"{part}\"")).collect();
        texts.push(format!(
            "{} of {} have a key that another one before them has, and would take its place: key = [{}] does not tell them apart, add a field that does",
            thousands(page.duplicates),
            counted(page.records, "record"),
            key.join(", ")
        ));
    }
    texts
}

fn paused(pause: &Pause) -> String {
    match pause {
        Pause::Wait(until) => format!(
            "paused until {until}: the API has asked for that, or the budget is spent for longer than `rate_limit.max_wait`; check again then"
        ),
        Pause::Refused { until, problem, .. } => format!(
            "paused until {until}: the request was refused ({problem}). Does something else use the same client, or is the limit lower than `rate_limit` says?"
        ),
        Pause::Stopped => "not asked: stopped by a signal".to_owned(),
        Pause::Locked(_) | Pause::FullLog(_) | Pause::TimedOut(_) => pause.to_string(),
    }
}

/// What it means for the exit status.
pub(super) fn status(online: &Online) -> ExitStatus {
    let mut failures: Vec<FailureClass> = Vec::new();
    let (mut is_unfinished, mut needs) = (false, false);
    match &online.token {
        TokenLook::Got(_) => {}
        TokenLook::Paused(_) => is_unfinished = true,
        TokenLook::Failed(error) => failures.push(error.class()),
    }
    for look in &online.looks {
        match &look.outcome {
            LookOutcome::Failed(error) => failures.push(error.class()),
            LookOutcome::Paused(_) => is_unfinished = true,
            LookOutcome::Page(page, _) => needs |= needs_person(page),
        }
    }
    ExitStatus::first_that_applies(&failures, is_unfinished, needs)
}
