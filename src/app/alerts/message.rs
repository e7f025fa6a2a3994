//! What is told of an alert: docs/schemas/alert.json.

use std::path::Path;

use serde_json::json;

use super::record::Turn;
use crate::{
    clock::format_utc,
    store::{Alert, AlertKind},
};

/// The version of the JSON: it changes with whatever a receiver could stumble over.
const VERSION: u32 = 1;

/// What is told of an alert.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) alert: &'a Alert,
    pub(super) turn: Turn,
    pub(super) database: &'a Path,
}

impl Message<'_> {
    fn event(&self) -> &'static str {
        match self.turn {
            Turn::Began => "began",
            Turn::Ended => "ended",
        }
    }

    /// What it is about, for a person.
    fn what(&self) -> String {
        let endpoints = self.alert.endpoints.join(", ");
        match (self.alert.kind, self.turn) {
            (AlertKind::Failed, Turn::Began) => format!("{endpoints} failed"),
            (AlertKind::Failed, Turn::Ended) => format!("{} is synced again", self.alert.subject),
            (AlertKind::Stale, Turn::Began) => format!("{endpoints} is stale"),
            (AlertKind::Stale, Turn::Ended) => format!("{} is fresh again", self.alert.subject),
            (AlertKind::Credentials, Turn::Began) => "the credentials are refused".to_owned(),
            (AlertKind::Credentials, Turn::Ended) => "the credentials are good again".to_owned(),
            (AlertKind::Unreachable, Turn::Began) => "the API cannot be reached".to_owned(),
            (AlertKind::Unreachable, Turn::Ended) => "the API is reached again".to_owned(),
            (AlertKind::Database, Turn::Began) => "the database cannot be used".to_owned(),
            (AlertKind::Database, Turn::Ended) => "the database is used again".to_owned(),
            (AlertKind::Test, Turn::Began) => "a test alert".to_owned(),
            (AlertKind::Test, Turn::Ended) => "the test alert is over".to_owned(),
        }
    }

    /// The whole of it in a line.
    fn text(&self) -> String {
        let (host, what) = (host(), self.what());
        match self.turn {
            Turn::Began => format!("mapiq-sync on {host}: {what}: {}", self.alert.message),
            Turn::Ended => format!(
                "mapiq-sync on {host}: {what} (trouble since {})",
                format_utc(self.alert.since)
            ),
        }
    }

    /// The body of the webhook's request, and the command's stdin.
    pub(super) fn json(&self) -> String {
        let endpoint = Some(&self.alert.subject).filter(|subject| !subject.is_empty());
        json!({
            "version": VERSION,
            "event": self.event(),
            "kind": self.alert.kind.as_str(),
            "endpoint": endpoint,
            "endpoints": self.alert.endpoints,
            "since": format_utc(self.alert.since),
            "ended_at": self.alert.ended_at.map(format_utc),
            "message": self.alert.message,
            "host": host(),
            "database": self.database.display().to_string(),
            "text": self.text(),
        })
        .to_string()
    }

    /// The same in the command's environment.
    pub(super) fn variables(&self) -> [(&'static str, String); 6] {
        [
            ("MAPIQ_SYNC_ALERT_EVENT", self.event().to_owned()),
            ("MAPIQ_SYNC_ALERT_KIND", self.alert.kind.as_str().to_owned()),
            ("MAPIQ_SYNC_ALERT_ENDPOINT", self.alert.subject.clone()),
            ("MAPIQ_SYNC_ALERT_SINCE", format_utc(self.alert.since)),
            ("MAPIQ_SYNC_ALERT_MESSAGE", self.alert.message.clone()),
            ("MAPIQ_SYNC_ALERT_TEXT", self.text()),
        ]
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
