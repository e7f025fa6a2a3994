//! Dotted paths into JSON.

use std::{fmt, str::FromStr};

use serde_json::value::RawValue;

use super::json::{self, Member};

/// A dotted path into JSON as a person writes it: `workspace.nodeId`, or `attendees[].email` for a field of every element.
///
/// A key that holds a dot itself needs no quotes: `@odata.nextLink` names the member of that name, or else `nextLink`
/// within `@odata`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldPath(String);

impl FieldPath {
    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path names a field of every element of an array.
    pub fn reaches_into_arrays(&self) -> bool {
        self.0.contains("[]")
    }

    /// Whether a field lies at this path or within what lies there.
    pub fn covers(&self, field: &Self) -> bool {
        field
            .0
            .strip_prefix(&self.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
    }

    /// Finds the value at this path; the longest key that matches wins, and of a key that is sent twice the last one.
    pub fn resolve<'a>(&self, value: &'a RawValue) -> Option<&'a RawValue> {
        self.resolve_in(&json::members(value)?)
    }

    /// Finds the value at this path within an object's members.
    pub fn resolve_in<'a>(&self, members: &[Member<'a>]) -> Option<&'a RawValue> {
        resolve_in(&self.0, members)
    }
}

fn resolve_in<'a>(path: &str, members: &[Member<'a>]) -> Option<&'a RawValue> {
    let find =
        |wanted: &str| members.iter().rev().find(|(key, _)| key == wanted).map(|(_, value)| *value);
    if let Some(found) = find(path) {
        return Some(found);
    }
    path.rmatch_indices('.').find_map(|(dot, _)| {
        let (key, rest) = path.split_at_checked(dot)?;
        resolve_in(rest.strip_prefix('.')?, &json::members(find(key)?)?)
    })
}

impl FromStr for FieldPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a path cannot be empty".into());
        }
        if text.split('.').any(|segment| segment.trim_end_matches("[]").is_empty()) {
            return Err(format!(
                "`{text}` has an empty part: a path is keys joined by single dots, such as `workspace.nodeId`"
            ));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved<'a>(path: &str, text: &'a str) -> Option<&'a str> {
        let path: FieldPath = path.parse().expect("the test's path is valid");
        path.resolve(serde_json::from_str(text).expect("the test's JSON is valid"))
            .map(RawValue::get)
    }

    #[test]
    fn a_path_descends_into_objects() {
        assert_eq!(resolved("data.results", r#"{"data":{"results":[1]}}"#), Some("[1]"));
        assert_eq!(resolved("data.results", r#"{"data":[1]}"#), None);
        assert_eq!(resolved("items", "[]"), None);
    }

    #[test]
    fn a_key_with_a_dot_is_found_before_a_nested_one() {
        assert_eq!(resolved("@odata.nextLink", r#"{"@odata.nextLink":"u"}"#), Some(r#""u""#));
        assert_eq!(resolved("a.b.c", r#"{"a":{"b.c":1},"a.b":{"d":2}}"#), Some("1"));
    }

    #[test]
    fn of_a_key_sent_twice_the_last_one_counts() {
        assert_eq!(resolved("a", r#"{"a":1,"a":2}"#), Some("2"));
    }

    #[test]
    fn a_path_covers_what_lies_within_it() {
        let covers = |one: &str, other: &str| {
            let path = |text: &str| text.parse::<FieldPath>().expect("the test's path is valid");
            path(one).covers(&path(other))
        };
        assert!(
            covers("a", "a")
                && covers("a", "a.b")
                && covers("a", "a[].b")
                && covers("a[]", "a[][]")
        );
        assert!(!covers("a.b", "a") && !covers("a", "ab") && !covers("a[]", "a.b"));
    }

    #[test]
    fn empty_parts_are_refused() {
        for text in ["", ".", "a..b", ".a", "a.", "[]"] {
            assert!(text.parse::<FieldPath>().is_err(), "{text}");
        }
    }
}
