//! `[alerts]`.

use std::{path::Path, time::Duration};

use super::{
    credentials::WebhookSource,
    reader::{Problem, Section},
    tree::{Node, Origin, Value},
    values,
};
use crate::{api::WebhookUrl, daemon::AlertSettings};

/// Reads it.
pub(super) fn read(root: &mut Section<'_>) -> AlertSettings {
    let mut alerts = root.section("alerts");
    let webhook = alerts.optional("webhook", values::webhook).map(WebhookUrl::new);
    let origin = alerts.origin_of("command");
    let command = alerts.list("command", values::text);
    if let (Some(command), Some(origin)) = (&command, origin)
        && let Err(problem) = check(command.first().map(|(program, _)| program.as_str()))
    {
        alerts.report(&origin, "command", problem);
    }
    let timeout = alerts.optional("timeout", |node| {
        let timeout = values::duration_up_to(node, Duration::from_mins(10), "10m", "s")?;
        if timeout.is_zero() {
            return Err(Problem::new("must be longer than zero", "such as \"30s\""));
        }
        Ok(timeout)
    });
    alerts.finish();
    AlertSettings {
        webhook,
        command: command.map(|command| command.into_iter().map(|(text, _)| text).collect()),
        timeout: timeout.unwrap_or(Duration::from_secs(30)),
    }
}

/// No shell looks for the program, and the working directory of a service is none to begin at.
fn check(program: Option<&str>) -> Result<(), Problem> {
    const EXAMPLE: &str = r#"such as ["/usr/local/bin/tell", "operations"]; no shell reads it"#;
    match program {
        None => Err(Problem::new("is empty", EXAMPLE)),
        Some(program) if !Path::new(program).is_absolute() => {
            Err(Problem::new("must begin with the whole path of a program", EXAMPLE))
        }
        Some(_) => Ok(()),
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
