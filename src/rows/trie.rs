//! The tree of all keys met so far: it finds what the configuration says of a field without building its path.

use std::collections::HashMap;

use super::{ColumnType, PathId, Transforms};

/// A place in the records: the root, a key within an object, or the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(usize);

/// The root's parent.
const NOWHERE: NodeId = NodeId(usize::MAX);

/// The tree of all keys met so far.
pub(crate) struct Trie {
    transforms: Transforms,
    /// Whether what is to be hashed comes as hashes already.
    is_hashed: bool,
    nodes: Vec<Node>,
    /// The node found last: what came after it in the record before is the first guess for what comes next.
    last: NodeId,
}

pub(crate) struct Node {
    parent: NodeId,
    key: Box<str>,
    /// The keys from the root joined by dots, `[]` for the elements of an array: what the configuration's paths match.
    dotted: Box<str>,
    children: HashMap<Box<str>, NodeId>,
    elements: Option<NodeId>,
    /// The node that came after this one the last time.
    followed_by: NodeId,
    /// The number of the record that this node was last met in.
    met_in: u64,
    /// Whether an element of an array, or a field within one, was met here that is neither null nor holds others.
    holds_scalar: bool,
    /// The path of the field here, once there was one; a key part has its path from the start.
    pub(crate) path: Option<PathId>,
    treatment: Treatment,
    /// Whether something within is excluded or hashed.
    pub(crate) reaches_within: bool,
    pub(crate) declared_type: Option<ColumnType>,
}

/// Whether a field was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// It was, if only as null.
    Met,
    /// It was not, though what would hold it has held something else.
    Missed,
    /// What would hold it was always null or empty, or the configuration does not look for it there.
    Unknown,
}

/// What becomes of the value at a node; of two that are asked for, the one that tells less.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Plain,
    Json,
    Hashed,
    Excluded,
}

impl Node {
    pub(crate) fn is_excluded(&self) -> bool {
        self.treatment == Treatment::Excluded
    }

    pub(crate) fn is_hashed(&self) -> bool {
        self.treatment == Treatment::Hashed
    }

    pub(crate) fn is_json(&self) -> bool {
        self.treatment == Treatment::Json
    }

    fn has_content(&self) -> bool {
        self.path.is_some()
            || self.holds_scalar
            || !self.children.is_empty()
            || self.elements.is_some()
    }
}

impl Trie {
    pub(crate) const ROOT: NodeId = NodeId(0);

    pub(crate) fn new(transforms: Transforms) -> Self {
        let nodes = Vec::new();
        let mut trie = Self { transforms, is_hashed: false, nodes, last: Self::ROOT };
        trie.insert(NOWHERE, "", String::new());
        trie
    }

    /// Takes what is to be hashed for hashes from now on, before a record was met.
    pub(crate) fn hashes_are_made(&mut self) {
        self.is_hashed = true;
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Sets the path of the field at a node.
    pub(crate) fn set_path(&mut self, id: NodeId, path: PathId) {
        self.nodes[id.0].path = Some(path);
    }

    /// Begins another record.
    pub(crate) fn rewind(&mut self) {
        self.last = Self::ROOT;
    }

    /// Finds the node of a key within an object.
    pub(crate) fn child(&mut self, parent: NodeId, key: &str) -> NodeId {
        let guess = self.nodes[self.last.0].followed_by;
        let guessed = self.node(guess);
        if guessed.parent == parent && *guessed.key == *key {
            self.last = guess;
            return guess;
        }
        let found = self.node(parent).children.get(key).copied().unwrap_or_else(|| {
            let dotted = match &*self.node(parent).dotted {
                "" if parent == Self::ROOT => key.to_owned(),
                above => format!("{above}.{key}"),
            };
            let id = self.insert(parent, key, dotted);
            self.nodes[parent.0].children.insert(key.into(), id);
            id
        });
        self.nodes[self.last.0].followed_by = found;
        self.last = found;
        found
    }

    /// Finds the node of the elements of an array. An array in the place of a record is taken for records.
    pub(crate) fn elements(&mut self, array: NodeId) -> NodeId {
        if array == Self::ROOT {
            return array;
        }
        self.node(array).elements.unwrap_or_else(|| {
            let dotted = format!("{}[]", self.node(array).dotted);
            // Not reached by a key, so no key can be mistaken for it: it is nobody's child.
            let id = self.insert(NOWHERE, "", dotted);
            self.nodes[array.0].elements = Some(id);
            id
        })
    }

    /// Notes that a node is met in a record; tells whether it was met in it before.
    pub(crate) fn meet(&mut self, id: NodeId, record: u64) -> bool {
        std::mem::replace(&mut self.nodes[id.0].met_in, record) == record
    }

    /// Whether a node is another one, or lies within it.
    pub(crate) fn is_within(&self, id: NodeId, above: NodeId) -> bool {
        self.upwards(id).any(|node| node == above)
    }

    /// The keys that lead to a node of an object.
    pub(crate) fn keys(&self, id: NodeId) -> Vec<&str> {
        let mut keys: Vec<&str> = self
            .upwards(id)
            .filter(|node| *node != Self::ROOT)
            .map(|node| &*self.node(node).key)
            .collect();
        keys.reverse();
        keys
    }

    /// Notes that a scalar was met at a node within an array or JSON text.
    pub(crate) fn meet_scalar(&mut self, id: NodeId) {
        self.nodes[id.0].holds_scalar = true;
    }

    /// Whether nothing of this dotted name was met, though something has been met where it would have to be: an array
    /// without elements, or an object that is always null, tells nothing of what may come in it.
    pub(crate) fn misses(&self, dotted: &str) -> bool {
        let around = |node: &Node| {
            let rest = dotted.strip_prefix(&*node.dotted);
            rest.is_some_and(|rest| {
                node.dotted.is_empty() || rest.is_empty() || rest.starts_with(['.', '['])
            })
        };
        let nearest = self.nodes.iter().filter(|node| around(node)).map(|node| &node.dotted);
        let Some(nearest) = nearest.max_by_key(|dotted| dotted.len()) else { return false };
        **nearest != *dotted
            && self.nodes.iter().filter(|node| node.dotted == *nearest).any(Node::has_content)
    }

    /// Whether the field was met that these keys lead to.
    pub(crate) fn sighting(&self, keys: &[String]) -> Sighting {
        let mut at = self.node(Self::ROOT);
        for key in keys {
            if at.treatment != Treatment::Plain {
                return Sighting::Unknown;
            }
            let Some(below) = at.children.get(key.as_str()) else {
                let dotted = [&*at.dotted, key].join(if at.dotted.is_empty() { "" } else { "." });
                let is_unseen = !at.has_content() || self.transforms.excludes(&dotted);
                return if is_unseen { Sighting::Unknown } else { Sighting::Missed };
            };
            at = self.node(*below);
        }
        if at.is_excluded() { Sighting::Unknown } else { Sighting::Met }
    }

    /// What the configuration says.
    pub(crate) fn transforms(&self) -> &Transforms {
        &self.transforms
    }

    /// The keys from the root joined by dots.
    pub(crate) fn dotted(&self, id: NodeId) -> &str {
        &self.node(id).dotted
    }

    fn upwards(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(Some(id), |node| {
            Some(self.node(*node).parent).filter(|parent| *parent != NOWHERE)
        })
    }

    fn insert(&mut self, parent: NodeId, key: &str, dotted: String) -> NodeId {
        let id = NodeId(self.nodes.len());
        let transforms = &self.transforms;
        let key_part = transforms.key_part(&dotted).and_then(|part| u32::try_from(part).ok());
        let must_hash = !self.is_hashed && transforms.hashes(&dotted);
        let treatment = match (must_hash, transforms.keeps_as_json(&dotted)) {
            _ if transforms.excludes(&dotted) => Treatment::Excluded,
            (true, _) if transforms.hash_key.is_none() => Treatment::Excluded,
            (true, _) => Treatment::Hashed,
            (false, true) => Treatment::Json,
            (false, false) => Treatment::Plain,
        };
        self.nodes.push(Node {
            parent,
            key: key.into(),
            children: HashMap::new(),
            elements: None,
            followed_by: Self::ROOT,
            met_in: 0,
            holds_scalar: false,
            path: key_part.map(PathId),
            treatment,
            reaches_within: transforms.reaches_within(&dotted),
            declared_type: transforms.declared_type(&dotted),
            dotted: dotted.into(),
        });
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_node_whatever_came_before_it() {
        let mut trie = Trie::new(Transforms::default());
        let a = trie.child(Trie::ROOT, "a");
        let b = trie.child(a, "b");
        let empty = trie.child(Trie::ROOT, "");
        for _ in 0..2 {
            trie.rewind();
            assert_eq!(trie.child(Trie::ROOT, ""), empty);
            assert_eq!(trie.child(Trie::ROOT, "a"), a);
            assert_eq!(trie.child(a, "b"), b);
        }
        assert_ne!(trie.child(Trie::ROOT, "b"), b);
        assert_ne!(trie.child(a, ""), empty);
        assert_eq!(trie.keys(b), ["a", "b"]);
        assert!(trie.is_within(b, a) && !trie.is_within(a, b));
    }

    #[test]
    fn what_the_configuration_says_is_matched_by_the_dotted_name() {
        let path = |text: &str| text.parse().expect("the test's path is valid");
        let mut trie = Trie::new(Transforms {
            key: vec![path("@odata.id")],
            exclude: vec![path("a[].b[].c")],
            ..Transforms::default()
        });
        let literal = trie.child(Trie::ROOT, "@odata.id");
        assert_eq!(trie.node(literal).path, Some(PathId(0)));

        let a = trie.child(Trie::ROOT, "a");
        let elements = trie.elements(a);
        let b = trie.child(elements, "b");
        let elements = trie.elements(b);
        assert!(trie.node(elements).reaches_within);
        let c = trie.child(elements, "c");
        assert!(trie.node(c).is_excluded() && !trie.node(b).is_excluded());
        let literal = trie.child(Trie::ROOT, "a[].b");
        assert_eq!(trie.dotted(literal), trie.dotted(b));
        assert_ne!(literal, b);
    }
}
