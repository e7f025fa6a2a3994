//! What came of a test alert.

use super::{super::ExitStatus, GOOD, Todo, WRONG};
use crate::app::TestAlert;

/// Each channel, with what it is called and what came of it.
fn channels(told: &TestAlert) -> Vec<(&'static str, &Result<(), String>)> {
    let channels =
        [("alerts.webhook", told.webhook.as_ref()), ("alerts.command", told.command.as_ref())];
    channels.into_iter().filter_map(|(channel, told)| Some((channel, told?))).collect()
}

/// A line a channel.
pub(super) fn told(told: &TestAlert) -> String {
    let lines: Vec<String> = channels(told)
        .into_iter()
        .map(|(channel, told)| match told {
            Ok(()) => format!("{GOOD} test alert by {channel}: told, and of its end"),
            Err(_) => format!("{WRONG} test alert by {channel}: failed"),
        })
        .collect();
    if lines.is_empty() {
        return format!("{WRONG} test alert: there is nobody to tell");
    }
    lines.join("\n")
}

/// What is to be done.
pub(super) fn todos(told: &TestAlert) -> Vec<Todo> {
    let todo = |about: &str, text: &str| Todo {
        mark: WRONG,
        about: vec![about.to_owned()],
        text: text.to_owned(),
    };
    let channels = channels(told);
    if channels.is_empty() {
        return vec![todo(
            "alerts",
            "say in `[alerts]` who is told of trouble: a `webhook`, a `command`, or both",
        )];
    }
    let failed =
        channels.into_iter().filter_map(|(channel, told)| Some((channel, told.as_ref().err()?)));
    failed.map(|(channel, error)| todo(channel, error)).collect()
}

/// The exit status of what went wrong.
pub(super) fn status(told: &TestAlert) -> Option<ExitStatus> {
    let channels = channels(told);
    if channels.is_empty() {
        return Some(ExitStatus::Config);
    }
    channels.iter().any(|(_, told)| told.is_err()).then_some(ExitStatus::Failed)
}
