//! `[alerts]`.

use std::{path::Path, time::Duration};

use super::{
    credentials::WebhookSource,
    reader::{Problem, Section},
    tree::{Node, Origin, Value},
    values,
};
use crate::{
    api::WebhookUrl,
    daemon::{AlertCommand, AlertSettings},
};

/// Reads it.
pub(super) fn read(root: &mut Section<'_>) -> AlertSettings {
    let mut alerts = root.section("alerts");
    let webhook = alerts.optional("webhook", values::webhook).map(WebhookUrl::new);
    let origin = alerts.origin_of("command");
    let command = alerts.list("command", values::text).and_then(|words| {
        let words: Vec<String> = words.into_iter().map(|(text, _)| text).collect();
        match split(words) {
            Ok(command) => Some(command),
            Err(problem) => {
                if let Some(origin) = &origin {
                    alerts.report(origin, "command", problem);
                }
                None
            }
        }
    });
    let timeout = alerts.optional("timeout", |node| {
        let timeout = values::duration_up_to(node, Duration::from_mins(10), "10m", "s")?;
        if timeout.is_zero() {
            return Err(Problem::new("must be longer than zero", "such as \"30s\""));
        }
        Ok(timeout)
    });
    alerts.finish();
    AlertSettings { webhook, command, timeout: timeout.unwrap_or(Duration::from_secs(30)) }
}

/// No shell looks for the program, and the working directory of a service is none to begin at.
fn split(words: Vec<String>) -> Result<AlertCommand, Problem> {
    const EXAMPLE: &str = r#"such as ["/usr/local/bin/tell", "operations"]; no shell reads it"#;
    let mut words = words.into_iter();
    match words.next() {
        None => Err(Problem::new("is empty", EXAMPLE)),
        Some(program) if !Path::new(&program).is_absolute() => {
            Err(Problem::new("must begin with the whole path of a program", EXAMPLE))
        }
        Some(program) => Ok(AlertCommand { program, arguments: words.collect() }),
    }
}

/// The webhook that a credential file holds, where there is one.
///
/// # Errors
///
/// As a sentence, where it cannot be read or holds something else; what it holds is not told.
pub(super) fn of_credential(source: &WebhookSource) -> Result<Option<WebhookUrl>, String> {
    let Some((text, place)) = source.look()? else { return Ok(None) };
    let origin = Origin::Environment(place.clone());
    let node = Node { value: Value::Text(text), origin, raw: None };
    match values::webhook(&node) {
        Ok(url) => Ok(Some(WebhookUrl::new(url))),
        Err(Problem { message, .. }) => Err(format!("the webhook in {place} {message}")),
    }
}
