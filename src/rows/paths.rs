//! The paths of the fields met so far, each with what the store needs to know of it.

use super::{ColumnType, FieldPath, Transforms, names};

/// A field's path: its index into [`Paths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathId(pub u32);

impl PathId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The paths of the fields met so far; the key's parts are the first ones, there before any record.
#[derive(Debug)]
pub struct Paths {
    entries: Vec<Entry>,
    /// The paths in the order of their JSON paths.
    sorted: Vec<PathId>,
    key_len: usize,
}

#[derive(Debug)]
struct Entry {
    json_path: String,
    column_name: String,
    declared_type: Option<ColumnType>,
    is_private: bool,
}

impl Paths {
    /// Starts with the key's parts.
    pub(crate) fn new(transforms: &Transforms) -> Self {
        let mut paths = Self { entries: Vec::new(), sorted: Vec::new(), key_len: 0 };
        for part in &transforms.key {
            let keys: Vec<&str> = part.as_str().split('.').collect();
            let is_private = transforms.is_private(part.as_str());
            paths.add(&keys, transforms.declared_type(part.as_str()), is_private);
        }
        paths.key_len = paths.len();
        paths
    }

    /// Adds the path that these keys lead along.
    pub(crate) fn add(
        &mut self,
        keys: &[&str],
        declared_type: Option<ColumnType>,
        is_private: bool,
    ) -> PathId {
        let id = PathId(u32::try_from(self.len()).expect("fewer paths than 2^32 fit the memory"));
        let json_path = json_path(keys);
        let place =
            self.sorted.partition_point(|other| self.json_path(*other) < json_path.as_str());
        self.sorted.insert(place, id);
        let column_name = names::column_name(keys.iter().copied());
        self.entries.push(Entry { json_path, column_name, declared_type, is_private });
        id
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no path.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many parts the key has: they are the paths `0..key_len`.
    pub fn key_len(&self) -> usize {
        self.key_len
    }

    /// The path as text that stands for no other path: keys joined by dots, a key that is empty or holds a dot, a
    /// double quote or a square bracket being written as a JSON string (`workspace.nodeId`, `"@odata.id"`).
    ///
    /// A key part is read as nested keys, whichever way the records spell it.
    pub fn json_path(&self, id: PathId) -> &str {
        &self.entries[id.index()].json_path
    }

    /// The column's name, before collisions are resolved by [`unique_name`](super::unique_name).
    pub fn column_name(&self, id: PathId) -> &str {
        &self.entries[id.index()].column_name
    }

    /// The type that the configuration declares for it.
    pub fn declared_type(&self, id: PathId) -> Option<ColumnType> {
        self.entries[id.index()].declared_type
    }

    /// Whether the configuration excludes or hashes the field, or something within it: no value of it is shown elsewhere.
    pub fn is_private(&self, id: PathId) -> bool {
        self.entries[id.index()].is_private
    }

    /// All paths.
    pub fn ids(&self) -> impl Iterator<Item = PathId> {
        self.sorted.iter().copied()
    }

    /// The paths in the order of their JSON paths.
    pub(crate) fn sorted(&self) -> &[PathId] {
        &self.sorted
    }
}

impl Transforms {
    /// The type that is declared for the field of this dotted name.
    pub(crate) fn declared_type(&self, dotted: &str) -> Option<ColumnType> {
        self.types.iter().find(|(path, _)| path.as_str() == dotted).map(|(_, column)| *column)
    }

    /// Whether the field of this dotted name is never stored.
    pub(crate) fn excludes(&self, dotted: &str) -> bool {
        names_field(&self.exclude, dotted)
    }

    /// Whether the field of this dotted name is stored as a hash.
    pub(crate) fn hashes(&self, dotted: &str) -> bool {
        names_field(&self.hash, dotted)
    }

    /// Whether a field within the object or array of this dotted name is left out or hashed; the record itself is neither.
    pub(crate) fn reaches_within(&self, dotted: &str) -> bool {
        self.exclude.iter().chain(&self.hash).any(|path| {
            path.as_str().strip_prefix(dotted).is_some_and(|rest| {
                dotted.is_empty() || rest.starts_with('.') || rest.starts_with("[]")
            })
        })
    }

    /// Whether the field of this dotted name, or something within it, is excluded or hashed.
    pub(crate) fn is_private(&self, dotted: &str) -> bool {
        self.excludes(dotted) || self.hashes(dotted) || self.reaches_within(dotted)
    }

    /// Whether the field of this dotted name is kept as JSON text.
    pub(crate) fn keeps_as_json(&self, dotted: &str) -> bool {
        names_field(&self.json, dotted)
    }

    /// The part of the key that the field of this dotted name is.
    pub(crate) fn key_part(&self, dotted: &str) -> Option<usize> {
        self.key.iter().position(|part| part.as_str() == dotted)
    }
}

fn names_field(paths: &[FieldPath], dotted: &str) -> bool {
    paths.iter().any(|path| path.as_str() == dotted)
}

fn json_path(keys: &[&str]) -> String {
    let mut path = String::new();
    for (index, key) in keys.iter().enumerate() {
        if index > 0 {
            path.push('.');
        }
        if key.is_empty() || key.contains(['.', '"', '[', ']']) {
            path.push_str(&serde_json::Value::from(*key).to_string());
        } else {
            path.push_str(key);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_path_stands_for_one_path_only() {
        for (keys, path) in [
            (&["workspace", "nodeId"][..], "workspace.nodeId"),
            (&["@odata.id"], "\"@odata.id\""),
            (&["@odata", "id"], "@odata.id"),
            (&["a", "", "b"], "a.\"\".b"),
            (&["say \"x\"", "y[]"], r#""say \"x\""."y[]""#),
        ] {
            assert_eq!(json_path(keys), path);
        }
    }

    #[test]
    fn the_key_is_known_before_any_record() {
        let transforms = Transforms {
            key: vec!["origin".parse().expect("a path"), "at.timeHour".parse().expect("a path")],
            types: vec![("origin".parse().expect("a path"), ColumnType::Text)],
            ..Transforms::default()
        };
        let paths = Paths::new(&transforms);
        assert_eq!((paths.len(), paths.key_len()), (2, 2));
        assert_eq!(paths.declared_type(PathId(0)), Some(ColumnType::Text));
        assert_eq!(paths.json_path(PathId(1)), "at.timeHour");
        assert_eq!(paths.column_name(PathId(1)), "at_time_hour");
    }
}
