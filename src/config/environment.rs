//! The environment as an argument.

use std::{collections::BTreeMap, env, fmt};

/// What the names of variables that set configuration keys begin with.
pub(super) const PREFIX: &str = "MAPIQ_SYNC__";

/// A snapshot of the environment variables that the program reads.
///
/// Values may be secret: its `Debug` output has the names only.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Takes the snapshot of this process's own environment.
    pub fn from_process() -> Self {
        env::vars_os()
            .map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            })
            .collect()
    }

    /// The value of a variable; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variables that set configuration keys: the rest of the name behind the prefix, the name, the value.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.0.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix(PREFIX)?, name.as_str(), value.as_str()))
        })
    }
}

impl FromIterator<(String, String)> for Environment {
    /// Keeps the variables that mean something to the program, no others.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        let read = |name: &str| {
            name.starts_with("MAPIQ_")
                || matches!(name, "CREDENTIALS_DIRECTORY" | "STATE_DIRECTORY")
        };
        Self(variables.into_iter().filter(|(name, _)| read(name)).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_value_and_foreign_variables_are_dropped() {
        let environment: Environment = [("MAPIQ_CLIENT_SECRET", "hunter2"), ("HOME", "/root")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(format!("{environment:?}"), r#"{"MAPIQ_CLIENT_SECRET"}"#);
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        let environment: Environment =
            [("MAPIQ_CLIENT_ID".to_owned(), String::new())].into_iter().collect();
        assert_eq!(environment.get("MAPIQ_CLIENT_ID"), None);
    }
}
