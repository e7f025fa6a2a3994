//! Dotted paths into JSON.

use std::{fmt, str::FromStr};

/// A dotted path into JSON, such as `workspace.nodeId` or `attendees[].email`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldPath(String);

impl FromStr for FieldPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("a path cannot be empty".into()) } else { Ok(Self(text.into())) }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
