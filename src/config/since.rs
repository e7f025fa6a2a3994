//! `endpoint.since`.

use std::time::Duration;

use chrono::TimeDelta;

use super::{
    reader::{Problem, Section},
    values,
    window::{self, paging_params},
};
use crate::{
    api::pagination::Style,
    sync::{DateFormat, SinceSettings, WindowSettings},
};

/// What else of an endpoint has query parameters.
pub(super) struct Others<'o> {
    pub(super) params: &'o [(String, String)],
    pub(super) style: Option<&'o Style>,
    pub(super) window: Option<&'o WindowSettings>,
}

/// Reads the table; `None` never stands alone: what is wrong has been noted.
pub(super) fn read(mut since: Section<'_>, others: &Others<'_>) -> Option<SinceSettings> {
    let origin = since.origin_of("param");
    let param = since.required("param", r#""updatedAfter""#, values::filled_text);
    if let (Some(param), Some(origin)) = (&param, &origin)
        && let Some(whose) = others.owner_of(param)
    {
        let message = format!("is `{param}`, which is a parameter of {whose} too");
        since.report(origin, "param", Problem::new(message, "name two parameters"));
    }
    // Instants, as nearly all that take one take them.
    let default = || DateFormat::new("%Y-%m-%dT%H:%M:%SZ").expect("the default tells a full date");
    let format = since.optional("format", window::format);
    let lookback = since.optional("lookback", values::positive_duration);
    let full_every = since.optional("full_every", values::positive_duration);
    since.finish();
    let length = |length: Option<Duration>, default: TimeDelta| {
        length.map_or(default, |length| {
            TimeDelta::from_std(length).expect("a duration is a year at most")
        })
    };
    Some(SinceSettings {
        param: param?,
        format: format.unwrap_or_else(default),
        lookback: length(lookback, TimeDelta::hours(1)),
        full_every: length(full_every, TimeDelta::days(7)),
    })
}

impl Others<'_> {
    /// What a parameter is of already.
    fn owner_of(&self, param: &String) -> Option<&'static str> {
        let of_window = |window: &&WindowSettings| {
            [&window.from_param, &window.to_param].into_iter().any(|name| name == param)
        };
        if self.params.iter().any(|(name, _)| name == param) {
            Some("`params`")
        } else if self.style.is_some_and(|style| paging_params(style).contains(param)) {
            Some("the pagination")
        } else if self.window.as_ref().is_some_and(of_window) {
            Some("the window")
        } else {
            None
        }
    }
}
