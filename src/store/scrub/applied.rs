//! The transforms as they were last carried out on what is stored: what has been added since, decided without SQL.

use serde::{Deserialize, Serialize};

use crate::rows::{FieldPath, HashKey, Transforms};

/// What `_sync_privacy` keeps of an endpoint's transforms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Applied {
    exclude: Vec<String>,
    hash: Vec<String>,
    json: Vec<String>,
    types: Vec<String>,
    /// What tells the key of the hashes from others; `None` where nothing is hashed.
    hash_key: Option<String>,
}

impl Applied {
    pub(super) fn of(transforms: &Transforms) -> Self {
        let hash_key = transforms.hash_key.as_ref().filter(|_| !transforms.hash.is_empty());
        Self {
            exclude: sorted(&transforms.exclude),
            hash: sorted(&transforms.hash),
            json: sorted(&transforms.json),
            types: sorted(transforms.types.iter().map(|(path, _)| path)),
            hash_key: hash_key.map(HashKey::check),
        }
    }

    /// What must still be carried out on what these have let through.
    pub(super) fn added(&self, now: &Transforms) -> Transforms {
        let added = |before: &[String], now: &[FieldPath]| {
            now.iter().filter(|path| !contains(before, path.as_str())).cloned().collect()
        };
        Transforms {
            exclude: added(&self.exclude, &now.exclude),
            hash: added(&self.hash, &now.hash),
            hash_key: now.hash_key.clone(),
            ..Transforms::default()
        }
    }

    /// Whether stored hashes were made with another key than those to come.
    pub(super) fn has_other_key(&self, now: &Self) -> bool {
        self.hash_key.is_some() && now.hash_key.is_some() && self.hash_key != now.hash_key
    }

    /// How the values of a TEXT column are spelled; `json_types` are those that it has met.
    pub(super) fn spelling<'t>(
        &self,
        dotted: &str,
        json_types: impl IntoIterator<Item = &'t str>,
    ) -> Spelling {
        let (strings, others): (Vec<_>, Vec<_>) =
            json_types.into_iter().partition(|json_type| *json_type == "string");
        if contains(&self.json, dotted) {
            return Spelling::Json;
        }
        match (strings.is_empty(), others.is_empty()) {
            // What was sent as a number may have been made a text, or the other way round.
            _ if contains(&self.types, dotted) => Spelling::Unknown,
            (false, true) => Spelling::String,
            (true, _) => Spelling::Json,
            (false, false) => Spelling::Unknown,
        }
    }
}

/// How a TEXT column spells its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Strings by their characters.
    String,
    /// As JSON does.
    Json,
    /// The one or the other: `1` may be a number or a string.
    Unknown,
}

fn sorted<'p>(paths: impl IntoIterator<Item = &'p FieldPath>) -> Vec<String> {
    let mut paths: Vec<_> = paths.into_iter().map(ToString::to_string).collect();
    paths.sort();
    paths
}

fn contains(paths: &[String], path: &str) -> bool {
    paths.iter().any(|other| other == path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::ColumnType;

    fn paths(paths: &[&str]) -> Vec<FieldPath> {
        paths.iter().map(|path| path.parse().expect("the test's path is valid")).collect()
    }

    fn transforms(exclude: &[&str], hash: &[&str], secret: &str) -> Transforms {
        Transforms {
            exclude: paths(exclude),
            hash: paths(hash),
            hash_key: HashKey::derive(secret.as_bytes()),
            ..Transforms::default()
        }
    }

    const ONE: &str = "0123456789abcdef";
    const OTHER: &str = "0123456789abcdeg";

    #[test]
    fn only_what_was_added_is_still_to_be_carried_out() {
        let before = Applied::of(&transforms(&["a", "b"], &["c"], ONE));
        let added = before.added(&transforms(&["b", "d"], &["c", "a"], ONE));
        assert_eq!((added.exclude, added.hash), (paths(&["d"]), paths(&["a"])));
        assert_eq!(added.hash_key, HashKey::derive(ONE.as_bytes()));
        assert_eq!(Applied::of(&transforms(&["b", "a"], &["c"], ONE)), before);
    }

    #[test]
    fn another_key_is_noticed_where_there_are_hashes_of_the_old_one() {
        let applied = |hash: &[&str], secret| Applied::of(&transforms(&[], hash, secret));
        assert!(applied(&["a"], ONE).has_other_key(&applied(&["a"], OTHER)));
        assert!(!applied(&["a"], ONE).has_other_key(&applied(&["b"], ONE)));
        assert!(!applied(&[], ONE).has_other_key(&applied(&["a"], OTHER)));
    }

    #[test]
    fn it_comes_back_as_it_was_stored_and_from_an_older_version_too() {
        let before = Applied::of(&transforms(&["a"], &["b"], ONE));
        let stored = serde_json::to_string(&before).expect("it is plain data");
        assert!(!stored.contains(ONE));
        assert_eq!(serde_json::from_str::<Applied>(&stored).ok(), Some(before));
        assert_eq!(serde_json::from_str::<Applied>("{}").ok(), Some(Applied::default()));
    }

    #[test]
    fn a_spelling_is_known_where_only_one_is_possible() {
        let before = Applied::of(&Transforms {
            json: paths(&["map"]),
            types: vec![(paths(&["badge"]).remove(0), ColumnType::Text)],
            ..Transforms::default()
        });
        for (dotted, json_types, spelling) in [
            ("a", &["string"][..], Spelling::String),
            ("a", &["boolean", "number"], Spelling::Json),
            ("a", &["array"], Spelling::Json),
            ("a", &["number", "string"], Spelling::Unknown),
            ("map", &["object", "string"], Spelling::Json),
            ("badge", &["string"], Spelling::Unknown),
        ] {
            assert_eq!(before.spelling(dotted, json_types.iter().copied()), spelling, "{dotted}");
        }
    }
}
