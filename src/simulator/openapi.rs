//! The definition of the API that the server publishes, as a vendor's portal would.

use serde_json::Value;

use super::{
    data::Endpoint,
    settings::{Settings, Style},
};

/// The definition of a server that takes any style, in parts: everything that it can answer.
const DEFINITION: [&str; 4] = [
    include_str!("openapi/service.json"),
    include_str!("openapi/paths.json"),
    include_str!("openapi/records.json"),
    include_str!("openapi/pages.json"),
];

/// The definition of a server with these settings: of a listing with one style, only what belongs to that.
pub(crate) fn of(settings: &Settings) -> Value {
    let mut definition = whole();
    for endpoint in Endpoint::ALL {
        let style = settings.style_of(endpoint.path());
        if let Some((suffix, parameters)) = parts(style) {
            narrow(&mut definition["paths"][endpoint.path()]["get"], suffix, parameters);
        }
    }
    definition
}

fn whole() -> Value {
    let mut whole = Value::Null;
    for part in DEFINITION {
        merge(&mut whole, serde_json::from_str(part).expect("a test reads it"));
    }
    whole
}

/// Adds the members of an object to another's, of objects within them likewise.
fn merge(into: &mut Value, part: Value) {
    match (into, part) {
        (Value::Object(into), Value::Object(part)) => {
            for (name, value) in part {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, part) => *into = part,
    }
}

/// How the names of a style's schemas end, and which parameters are about its pages. A style that is any has them all.
const fn parts(style: Style) -> Option<(&'static str, &'static [&'static str])> {
    match style {
        Style::Any => None,
        Style::Page => Some(("Page", &["page", "pageSize"])),
        Style::Offset => Some(("OffsetPage", &["offset", "limit"])),
        Style::Cursor => Some(("CursorPage", &["cursor", "pageSize"])),
        Style::NextUrl => Some(("NextUrlPage", &["cursor", "pageSize"])),
        Style::Link => Some(("List", &["cursor", "pageSize"])),
        Style::None => Some(("List", &[])),
    }
}

/// All parameters that are about pages.
const OF_PAGES: [&str; 6] = ["style", "page", "pageSize", "offset", "limit", "cursor"];

fn narrow(operation: &mut Value, suffix: &str, parameters: &[&str]) {
    let last = |reference: &Value| {
        let name = reference["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        name.unwrap_or_default().to_owned()
    };
    if let Some(all) = operation["parameters"].as_array_mut() {
        all.retain(|parameter| {
            let name = last(parameter);
            !OF_PAGES.contains(&name.as_str()) || parameters.contains(&name.as_str())
        });
    }
    let schema = &mut operation["responses"]["200"]["content"]["application/json"]["schema"];
    let of_style = schema["anyOf"].as_array().and_then(|schemas| {
        // `UserPage` is the shortest of those that end with `Page`.
        let fitting = schemas.iter().filter(|schema| last(schema).ends_with(suffix));
        fitting.min_by_key(|schema| last(schema).len()).cloned()
    });
    if let Some(of_style) = of_style {
        *schema = of_style;
    }
}

#[cfg(test)]
mod tests;
