//! The environment as an argument.

use std::{collections::BTreeMap, env, fmt, fs};

/// What the names of variables that set configuration keys begin with.
pub(super) const PREFIX: &str = "MAPIQ_SYNC__";

/// What tells one machine from others, where it is there. It must not be handed on, so only a hash of it goes any further.
const MACHINE_ID: &str = "/etc/machine-id";

/// A snapshot of the environment variables that the program reads.
///
/// Values may be secret: its `Debug` output has the names only.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// A number that is another one on another machine.
    machine: u64,
}

impl Environment {
    /// Takes the snapshot of this process's own environment.
    pub fn from_process() -> Self {
        let variables: Self = env::vars_os()
            .map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            })
            .collect();
        // Without one, all such machines count as the same.
        let id = fs::read_to_string(MACHINE_ID).unwrap_or_default();
        Self { machine: number(id.trim()), ..variables }
    }

    /// A number that is another one on another machine.
    pub(super) fn machine(&self) -> u64 {
        self.machine
    }

    /// The value of a variable; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variables that set configuration keys: the rest of the name behind the prefix, the name, the value.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.variables.iter().filter_map(|(name, value)| {
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
        let variables = variables.into_iter().filter(|(name, _)| read(name)).collect();
        Self { variables, machine: 0 }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

/// A number for a machine's id that does not tell the id.
fn number(id: &str) -> u64 {
    let hash = blake3::derive_key("mapiq-sync 2026 machine of a schedule's jitter", id.as_bytes());
    hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
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
