//! What becomes of the alerts on record when something is heard, and what is to be told of them: pure.
//!
//! An alert begins with the first thing heard of it and ends with the first that says otherwise, whoever hears it: the record
//! is the database's. Each channel is told of each beginning once, and of the end of what it was told of. Where it could not be
//! told, it is the next time.

use chrono::{DateTime, TimeDelta, Utc};

use crate::store::{Alert, AlertKind, ToldAt};

/// What has ended is kept so long.
const KEPT: TimeDelta = TimeDelta::days(30);

/// What was heard of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct News {
    pub(super) kind: AlertKind,
    /// Empty where it is of none in particular.
    pub(super) endpoint: String,
    /// Why it holds; `None`: it does not.
    pub(super) message: Option<String>,
}

impl News {
    /// That such an alert holds, with its reason, or does not.
    pub(in crate::app) fn new(kind: AlertKind, endpoint: &str, message: Option<String>) -> Self {
        Self { kind, endpoint: endpoint.to_owned(), message }
    }
}

/// What a channel is to be told of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Began,
    Ended,
}

/// Whether one alert stands for all endpoints.
fn is_shared(kind: AlertKind) -> bool {
    matches!(kind, AlertKind::Credentials | AlertKind::Unreachable | AlertKind::Database)
}

/// Takes in what was heard. Endpoints that are not `known` any more are forgotten without a word.
pub(super) fn take_in(
    alerts: &mut Vec<Alert>,
    news: &[News],
    known: impl Fn(&str) -> bool,
    now: DateTime<Utc>,
) {
    for News { kind, endpoint, message } in news {
        let subject = if is_shared(*kind) { "" } else { endpoint };
        let found = alerts.iter().position(|alert| alert.kind == *kind && alert.subject == subject);
        let alert = found.and_then(|at| alerts.get_mut(at));
        match (alert, message) {
            (Some(alert), Some(message)) => {
                begin(alert, message, now);
                if !endpoint.is_empty() && !alert.endpoints.contains(endpoint) {
                    alert.endpoints.push(endpoint.clone());
                }
            }
            (None, Some(message)) => {
                let mut alert = Alert::begun(*kind, subject, message, now);
                alert.endpoints.extend(Some(endpoint.clone()).filter(|name| !name.is_empty()));
                alerts.push(alert);
            }
            (Some(alert), None) => {
                // An access token is for all: one success with it shows that the credentials are good.
                if *kind == AlertKind::Credentials {
                    alert.endpoints.clear();
                }
                alert.endpoints.retain(|name| name != endpoint);
                end_if_of_none(alert, now);
            }
            (None, None) => {}
        }
    }
    for alert in alerts.iter_mut().filter(|alert| alert.endpoints.iter().any(|name| !known(name))) {
        alert.endpoints.retain(|name| known(name));
        end_if_of_none(alert, now);
    }
    alerts.retain(|alert| {
        let is_told = [alert.webhook, alert.command].iter().any(|told| told.began.is_some());
        let is_known = alert.subject.is_empty() || known(&alert.subject);
        is_known && alert.ended_at.is_none_or(|ended| is_told && now - ended < KEPT)
    });
}

fn end_if_of_none(alert: &mut Alert, now: DateTime<Utc>) {
    if alert.endpoints.is_empty() {
        alert.ended_at.get_or_insert(now);
    }
}

/// One that had ended begins anew; for a channel that was not told of the end it has gone on.
fn begin(alert: &mut Alert, message: &str, now: DateTime<Utc>) {
    if alert.ended_at.take().is_none() {
        return;
    }
    (alert.since, alert.message) = (now, message.to_owned());
    for told in [&mut alert.webhook, &mut alert.command] {
        if told.ended.is_some() {
            *told = ToldAt::default();
        }
    }
}

/// What a channel is to be told, which was told that much.
pub(super) fn turn(alert: &Alert, told: ToldAt) -> Option<Turn> {
    match (told.began, told.ended, alert.ended_at) {
        (None, _, None) => Some(Turn::Began),
        (Some(_), None, Some(_)) => Some(Turn::Ended),
        _ => None,
    }
}

/// Notes that a channel was told.
pub(super) fn note(told: &mut ToldAt, turn: Turn, now: DateTime<Utc>) {
    match turn {
        Turn::Began => told.began = Some(now),
        Turn::Ended => told.ended = Some(now),
    }
}

#[cfg(test)]
mod tests;
