//! What a sweep asks for, decided before anything is asked: pure.

use serde_json::{Value, json};

use super::EndpointSettings;
use crate::{api::pagination::Style, rows::FieldPath, store::Bounds};

/// The slices of a sweep: without a window the whole endpoint is one snapshot.
pub(super) fn slices(_endpoint: &EndpointSettings) -> Vec<Bounds> {
    vec![Bounds::default()]
}

/// The settings that a sweep depends on, as JSON: with any other of these it starts over.
pub(super) fn fingerprint(endpoint: &EndpointSettings) -> String {
    let paths = |paths: &[FieldPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    let transforms = &endpoint.transforms;
    let types: Vec<_> =
        transforms.types.iter().map(|(path, to)| format!("{path}={}", to.as_sql())).collect();
    let pagination = match &endpoint.pagination {
        Style::None => json!("none"),
        Style::Page { page_param, size, first } => {
            json!({ "page_param": page_param, "size": size, "first": first })
        }
        Style::Offset { offset_param, limit } => {
            json!({ "offset_param": offset_param, "limit": limit })
        }
        Style::Cursor { param, next } => json!({ "param": param, "next": next.to_string() }),
        Style::NextUrl { next } => json!({ "next": next.to_string() }),
        Style::Link => json!("link"),
    };
    json!({
        "path": endpoint.path,
        "params": endpoint.params,
        "key": paths(&transforms.key),
        "records": endpoint.records.as_ref().map(ToString::to_string),
        "pagination": pagination,
        "exclude": paths(&transforms.exclude),
        "json": paths(&transforms.json),
        "types": types,
    })
    .to_string()
}

/// The names of the settings in which two fingerprints differ.
pub(super) fn differences(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (settings(before), settings(after));
    after
        .iter()
        .filter(|(name, value)| before.get(name.as_str()) != Some(value))
        .map(|(name, _)| name.clone())
        .collect()
}

fn settings(fingerprint: &str) -> serde_json::Map<String, Value> {
    match serde_json::from_str(fingerprint) {
        Ok(Value::Object(settings)) => settings,
        _ => serde_json::Map::new(),
    }
}

#[cfg(test)]
mod tests;
