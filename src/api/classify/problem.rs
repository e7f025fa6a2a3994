//! The one line that an error's body comes down to.

mod range;

use std::fmt;

use http::StatusCode;
use serde_json::value::RawValue;

use crate::{
    api::text::{beginning, hide, one_line},
    rows::json,
};

/// A summary's greatest length, in characters: a line or two on a terminal.
const SUMMARY: usize = 300;

/// The members that say what is wrong, in the order in which they read well: ASP.NET's problem details (RFC 9457), the
/// gateway's `{"statusCode", "message"}`, and OAuth's (RFC 6749, section 5.2).
const MEMBERS: [&str; 5] = ["title", "detail", "message", "error", "error_description"];

/// What an error response says, for a person; shown as `HTTP 400 Bad Request: One or more validation errors occurred …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// One line, at most 300 characters, without control characters; empty when the body says nothing.
    pub summary: String,
    /// The fields that the problem details complain of (`errors`), as they are named there.
    pub fields: Box<[String]>,
}

impl Problem {
    /// Reads the problem details, the gateway's message, an HTML page's title, or else the beginning of the text.
    pub(crate) fn read(status: StatusCode, body: &[u8]) -> Self {
        Self::hiding(status, body, "")
    }

    /// The same without a secret, should the body repeat it: a part of one at the summary's end is none either.
    pub(crate) fn hiding(status: StatusCode, body: &[u8], secret: &str) -> Self {
        let hidden = hide(&String::from_utf8_lossy(body), secret);
        let body = hidden.as_deref().map_or(body, str::as_bytes);
        let fit = |text: &str| one_line(hide(text, secret).as_deref().unwrap_or(text), SUMMARY);
        let value: Option<&RawValue> = str::from_utf8(body)
            .ok()
            .and_then(|text| serde_json::from_str(text.trim_start_matches('\u{feff}')).ok());
        let summary = value
            .and_then(|value| from_json(value, 0))
            .or_else(|| html_title(body))
            .map_or_else(|| beginning(body, SUMMARY), |text| fit(&text));
        Self { status, summary, fields: value.map(field_names).unwrap_or_default() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status.as_u16())?;
        if let Some(reason) = self.status.canonical_reason() {
            write!(f, " {reason}")?;
        }
        let summary = without_full_stop(&self.summary);
        // `HTTP 503 Service Unavailable: Service Unavailable` says nothing twice.
        let reason = self.status.canonical_reason().unwrap_or_default();
        if !summary.is_empty() && !summary.eq_ignore_ascii_case(reason) {
            write!(f, ": {summary}")?;
        }
        Ok(())
    }
}

/// A sentence that goes on, in an error's chain or in front of a hint.
fn without_full_stop(sentence: &str) -> &str {
    match sentence.strip_suffix('.') {
        Some(rest) if !rest.ends_with('.') => rest.trim_end(),
        _ => sentence,
    }
}

/// Joins what the body's members say; `None` where it has none of them. `depth` bounds `{"error": {"error": …}}`.
fn from_json(value: &RawValue, depth: u8) -> Option<String> {
    let members = json::members(value)?;
    let member = |name: &str| {
        members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    };
    let mut parts: Vec<String> = Vec::new();
    for value in MEMBERS.iter().filter_map(|name| member(name)) {
        let part = match json::string(value) {
            Some(text) => Some(text.into_owned()),
            None if depth < 2 => from_json(value, depth + 1),
            None => None,
        };
        // A gateway's title and message are often the same sentence.
        parts.extend(part.filter(|part| !part.trim().is_empty() && !parts.contains(part)));
    }
    let fields = member("errors").map(field_errors).unwrap_or_default();
    if parts.is_empty() && fields.is_empty() {
        return None;
    }
    let fields =
        if fields.is_empty() { String::new() } else { format!(" ({})", fields.join("; ")) };
    if let Some((_, before)) = parts.split_last_mut() {
        for part in before {
            part.truncate(without_full_stop(part).len());
        }
    }
    Some(parts.join(": ") + &fields)
}

/// ASP.NET's `"errors": {"field": ["what is wrong"]}`.
fn field_errors(errors: &RawValue) -> Vec<String> {
    json::members(errors)
        .unwrap_or_default()
        .into_iter()
        .map(|(field, messages)| {
            let messages: Vec<_> = match json::elements(messages) {
                Some(messages) => messages.into_iter().filter_map(json::string).collect(),
                None => json::string(messages).into_iter().collect(),
            };
            format!("{field}: {}", messages.join(", "))
        })
        .collect()
}

/// The fields that they complain of.
fn field_names(problem: &RawValue) -> Box<[String]> {
    let errors = json::members(problem).and_then(|members| {
        members.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("errors"))
    });
    let fields = errors.and_then(|(_, errors)| json::members(errors)).unwrap_or_default();
    fields.into_iter().map(|(field, _)| field.into_owned()).collect()
}

/// The title of an HTML page, such as a proxy's or a sign-in form's.
fn html_title(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    if !text.trim_start().starts_with('<') {
        return None;
    }
    let (_, rest) = text.split_once("<title>")?;
    let (title, _) = rest.split_once("</title>")?;
    Some(format!("an HTML page titled `{}`", one_line(title, SUMMARY)))
}
