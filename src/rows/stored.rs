//! Carries transforms out on what was stored before they held.

use serde_json::value::RawValue;

use super::{
    Transforms, json,
    keyed::KeyedHasher,
    rewrite,
    tokens::{Token, Tokens},
    trie::{NodeId, Trie},
};

/// What must become of a stored column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Kept,
    /// It stays, but JSON text in it holds what must not stay; see [`Redactor::rewritten`].
    Rewritten,
    /// Its values become their hashes; see [`Redactor::hashed`].
    Hashed,
    /// Nothing of it may stay: it is excluded, or a part of an object that is hashed as a whole.
    Removed,
}

/// Excludes and hashes in stored values what the transforms say, as a [`Flattener`](super::Flattener) would have.
pub struct Redactor {
    trie: Trie,
    hasher: KeyedHasher,
}

impl Redactor {
    /// Takes the transforms that what is stored has not seen yet.
    pub fn new(transforms: Transforms) -> Self {
        let hasher = KeyedHasher::new(transforms.hash_key.clone());
        Self { trie: Trie::new(transforms), hasher }
    }

    /// What must become of the column of this [JSON path](super::Paths::json_path).
    pub fn fate(&mut self, json_path: &str) -> Fate {
        let mut node = Trie::ROOT;
        for key in keys(json_path) {
            if self.trie.node(node).is_hashed() {
                return Fate::Removed;
            }
            node = self.trie.child(node, &key);
            if self.trie.node(node).is_excluded() {
                return Fate::Removed;
            }
        }
        let node = self.trie.node(node);
        match (node.is_hashed(), node.reaches_within) {
            (true, _) => Fate::Hashed,
            (false, true) => Fate::Rewritten,
            (false, false) => Fate::Kept,
        }
    }

    /// The name by which the configuration knows the column of this JSON path.
    pub fn dotted(&mut self, json_path: &str) -> String {
        let node = self.node(json_path);
        self.trie.dotted(node).to_owned()
    }

    /// A column's JSON text with what must not stay left out or hashed; `None` for a text that is no JSON.
    pub fn rewritten(&mut self, json_path: &str, text: &str) -> Option<String> {
        let node = self.node(json_path);
        self.rewrite(node, text)
    }

    /// The hash of a column's value, given as JSON text; `None` for null and for a text that is no JSON.
    pub fn hashed(&mut self, json_path: &str, text: &str) -> Option<String> {
        let node = self.node(json_path);
        let mut tokens = tokens(text)?;
        let first = tokens.next().filter(|first| *first != Token::Null)?;
        rewrite::hash(first, &mut tokens, &mut self.trie, &mut self.hasher, node)
    }

    /// A record that could not be stored, as [`rewritten`](Self::rewritten) does a column.
    pub fn record(&mut self, text: &str) -> Option<String> {
        self.rewrite(Trie::ROOT, text)
    }

    /// A JSON object that has values by their JSON paths, each treated as its column would be; `None` where nothing is left
    /// of it, and for a text that is no object.
    pub fn by_path(&mut self, text: &str) -> Option<String> {
        let members = json::members(serde_json::from_str(text).ok()?)?;
        let mut kept = Vec::with_capacity(members.len());
        for (json_path, value) in members {
            let value = match self.fate(&json_path) {
                Fate::Kept => Some(value.get().to_owned()),
                Fate::Rewritten => self.rewritten(&json_path, value.get()),
                Fate::Hashed => {
                    self.hashed(&json_path, value.get()).map(|hash| format!("\"{hash}\""))
                }
                Fate::Removed => None,
            };
            kept.extend(
                value.map(|value| format!("{}:{value}", serde_json::Value::from(json_path))),
            );
        }
        (!kept.is_empty()).then(|| format!("{{{}}}", kept.join(",")))
    }

    fn rewrite(&mut self, node: NodeId, text: &str) -> Option<String> {
        let mut tokens = tokens(text)?;
        let first = tokens.next()?;
        Some(rewrite::rewrite(first, &mut tokens, &mut self.trie, &mut self.hasher, node))
    }

    fn node(&mut self, json_path: &str) -> NodeId {
        keys(json_path).iter().fold(Trie::ROOT, |node, key| self.trie.child(node, key))
    }
}

/// The tokens of a text that is JSON.
fn tokens(text: &str) -> Option<Tokens<'_>> {
    serde_json::from_str::<&RawValue>(text).ok().map(|value| Tokens::new(value.get()))
}

/// The keys that a [JSON path](super::Paths::json_path) leads along.
pub(super) fn keys(json_path: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut rest = Some(json_path);
    while let Some(path) = rest {
        let mut quoted = serde_json::Deserializer::from_str(path).into_iter::<String>();
        let (key, behind) = match quoted.next() {
            Some(Ok(key)) if path.starts_with('"') => {
                (key, path.get(quoted.byte_offset()..).unwrap_or_default())
            }
            _ => {
                let end = path.find('.').unwrap_or(path.len());
                let (key, behind) = path.split_at_checked(end).unwrap_or((path, ""));
                (key.to_owned(), behind)
            }
        };
        keys.push(key);
        rest = behind.strip_prefix('.');
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::{super::HashKey, *};

    fn redactor(exclude: &[&str], hash: &[&str]) -> Redactor {
        let path = |path: &&str| path.parse().expect("the test's path is valid");
        Redactor::new(Transforms {
            exclude: exclude.iter().map(path).collect(),
            hash: hash.iter().map(path).collect(),
            hash_key: HashKey::derive(b"0123456789abcdef"),
            ..Transforms::default()
        })
    }

    #[test]
    fn a_json_path_is_taken_apart_into_the_keys_it_was_made_of() {
        for (path, expected) in [
            ("workspace.nodeId", &["workspace", "nodeId"][..]),
            ("\"@odata.id\"", &["@odata.id"]),
            ("a.\"\".b", &["a", "", "b"]),
            (r#""say \"x\""."y[]""#, &["say \"x\"", "y[]"]),
            ("12.true", &["12", "true"]),
        ] {
            assert_eq!(keys(path), expected);
        }
    }

    #[test]
    fn the_fate_of_a_column_is_what_a_record_would_have_met() {
        let mut redactor =
            redactor(&["user.email", "tags[].x", "@odata.id"], &["name", "room", "day.at"]);
        for (path, fate) in [
            ("user.email", Fate::Removed),
            ("user.email.domain", Fate::Removed),
            ("user.emails", Fate::Kept),
            ("user", Fate::Rewritten),
            ("user.name", Fate::Kept),
            ("\"user.email\"", Fate::Removed),
            ("\"@odata.id\"", Fate::Removed),
            ("tags", Fate::Rewritten),
            ("name", Fate::Hashed),
            ("room.id", Fate::Removed),
            ("day.at", Fate::Hashed),
            ("other", Fate::Kept),
        ] {
            assert_eq!(redactor.fate(path), fate, "{path}");
        }
    }

    #[test]
    fn values_come_out_as_a_record_of_today_would_bring_them() {
        let mut redactor = redactor(&["tags[].x"], &["name", "tags[].y"]);
        let hash = redactor.hashed("name", "\"a\"").expect("there is a key");
        assert_eq!(
            redactor.rewritten("tags", r#"[{"x":1,"y":"a"},2]"#),
            Some(format!(r#"[{{"y":"{hash}"}},2]"#))
        );
        assert_eq!(
            redactor.record(r#"{"tags":[{"x":1}],"name":"a"}"#),
            Some(format!(r#"{{"tags":[{{}}],"name":"{hash}"}}"#))
        );
        assert_eq!(
            redactor.by_path(r#"{"name":"a","tags":[{"x":1}],"\"b.c\"":1.0}"#),
            Some(format!(r#"{{"name":"{hash}","tags":[{{}}],"\"b.c\"":1.0}}"#))
        );
        assert_eq!(redactor.by_path(r#"{"name.first":"a"}"#), None);
        assert_eq!(redactor.hashed("name", "null"), None);
        assert_eq!(redactor.hashed("name", "no JSON"), None);
        assert_eq!(redactor.rewritten("tags", "no JSON"), None);
    }
}
