//! From a record to its fields.

use serde_json::value::RawValue;

use super::{
    FieldPath, PathId, Paths, Transforms, Value,
    hash::RecordHasher,
    json::{self, Kind},
    keyed::KeyedHasher,
    rewrite,
    stored::keys,
    tokens::{Token, Tokens},
    trie::{NodeId, Sighting, Trie},
};

/// How deep objects are flattened; one that lies deeper is kept as JSON text. Real records are a few levels deep: this
/// only bounds the length of names when one is not.
const MAX_DEPTH: usize = 64;

/// Flattens the records of one endpoint, and remembers the paths of all fields met so far.
pub struct Flattener {
    key: Vec<FieldPath>,
    trie: Trie,
    paths: Paths,
    /// Where the record in hand has the field of each path.
    slots: Vec<Slot>,
    hasher: RecordHasher,
    keyed: KeyedHasher,
    /// The open objects of the record in hand.
    open: Vec<NodeId>,
    /// The number of the record in hand, from 1.
    record: u64,
    /// How many fields the record before had.
    usual_len: usize,
}

/// A record's fields, and the hash of its content.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// The fields that are not null: the key's parts first, in the order of the configuration, so that their ids are
    /// `0..key_len`; then the others in the order sent.
    pub fields: Vec<(PathId, Value<'a>)>,
    /// The first 128 bits of the BLAKE3 hash of the fields' paths, JSON types and values, after the transforms. Numbers
    /// count by value; the order of keys and all other spelling do not count, nor do nulls and empty objects.
    pub hash: [u8; 16],
}

/// Why a record cannot be stored: the reason that is kept with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The record is a scalar, an array or null.
    #[error("the record is {0}, not an object")]
    NotAnObject(Kind),
    /// A part of the key is not there.
    #[error("key part `{0}` is missing")]
    KeyMissing(FieldPath),
    /// A part of the key is null.
    #[error("key part `{0}` is null")]
    KeyNull(FieldPath),
    /// A part of the key is an array or an object.
    #[error("key part `{part}` is {kind}, not a scalar")]
    KeyNotScalar {
        /// The part.
        part: FieldPath,
        /// What it is.
        kind: Kind,
    },
    /// A part of the key is there twice: as one key that holds a dot, and as nested keys.
    #[error("key part `{0}` is ambiguous: it is there both as one key and as nested keys")]
    KeyAmbiguous(String),
    /// A string holds a lone surrogate, which no text in the database can.
    #[error("field `{0}` holds a string that is no Unicode text")]
    StringNotUnicode(String),
    /// A key holds a lone surrogate.
    #[error("a key is no Unicode text: {0}")]
    NameNotUnicode(String),
}

impl Reject {
    /// Whether an earlier copy of the record may have been stored: with a key as wrong as this one's it was not.
    pub(crate) fn may_have_a_row(&self) -> bool {
        match self {
            Self::StringNotUnicode(_) | Self::NameNotUnicode(_) => true,
            Self::NotAnObject(_)
            | Self::KeyMissing(_)
            | Self::KeyNull(_)
            | Self::KeyNotScalar { .. }
            | Self::KeyAmbiguous(_) => false,
        }
    }
}

/// Where a record has the field of a path.
#[derive(Clone, Copy)]
struct Slot {
    /// The number of the record that this is about; another record has no such field.
    record: u64,
    index: usize,
    node: NodeId,
}

impl Flattener {
    /// Starts with no path but the key's.
    pub fn new(transforms: Transforms) -> Self {
        let paths = Paths::new(&transforms);
        Self {
            key: transforms.key.clone(),
            keyed: KeyedHasher::new(transforms.hash_key.clone()),
            trie: Trie::new(transforms),
            slots: vec![Slot { record: 0, index: 0, node: Trie::ROOT }; paths.len()],
            usual_len: paths.len(),
            paths,
            hasher: RecordHasher::default(),
            open: Vec::new(),
            record: 0,
        }
    }

    /// The same for records that [`redact`](Self::redact) has written: what must be hashed in them is.
    pub fn of_redacted(transforms: Transforms) -> Self {
        let mut flattener = Self::new(transforms);
        flattener.trie.hashes_are_made();
        flattener
    }

    /// The paths of all fields met so far.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Flattens a record: nested objects become fields of their own, arrays stay JSON text, and what the transforms say
    /// is done. Of a key that is sent twice in one object, the last one counts.
    ///
    /// # Errors
    ///
    /// The record is no object, a part of its key is missing, null or no scalar, or a string or a key is no Unicode text.
    pub fn flatten<'a>(&mut self, record: &'a RawValue) -> Result<Record<'a>, Reject> {
        let kind = json::kind(record);
        if kind != Kind::Object {
            return Err(Reject::NotAnObject(kind));
        }
        let fields = self.fields(record)?;
        self.check_key(record, &fields)?;
        self.usual_len = fields.len();
        for id in self.paths.sorted() {
            let slot = self.slots[id.index()];
            if slot.record == self.record {
                self.hasher.field(self.paths.json_path(*id), &fields[slot.index].1);
            }
        }
        Ok(Record { fields, hash: self.hasher.finish() })
    }

    /// A record as JSON text without what is excluded, and hashed where it must be: what may be kept of one that cannot be
    /// stored.
    pub fn redact(&mut self, record: &RawValue) -> String {
        let mut tokens = Tokens::new(record.get());
        let first = tokens.next().unwrap_or(Token::Null);
        rewrite::rewrite(first, &mut tokens, &mut self.trie, &mut self.keyed, Trie::ROOT)
    }

    /// The configuration's paths that no record so far has had, each with its key in the configuration (`exclude`). What
    /// lies within another path that is excluded or hashed is not looked at, nor what would lie within an array that was
    /// always empty or an object that was always null.
    pub fn unmet(&self) -> Vec<(&'static str, &FieldPath)> {
        let Transforms { exclude, hash, json, types, .. } = self.trie.transforms();
        let typed = types.iter().map(|(path, _)| ("types", path));
        [("exclude", exclude), ("hash", hash), ("json", json)]
            .into_iter()
            .flat_map(|(name, paths)| paths.iter().map(move |path| (name, path)))
            .chain(typed)
            .filter(|(_, path)| self.trie.misses(path.as_str()))
            .filter(|(_, path)| {
                let mut gone = exclude.iter().chain(hash);
                !gone.any(|above| above != *path && above.covers(path))
            })
            .collect()
    }

    /// Whether the records so far have had the field of this [JSON path](Paths::json_path), null included.
    pub fn sighting(&self, json_path: &str) -> Sighting {
        self.trie.sighting(&keys(json_path))
    }

    fn fields<'a>(&mut self, record: &'a RawValue) -> Result<Vec<(PathId, Value<'a>)>, Reject> {
        self.record += 1;
        self.open.clear();
        self.trie.rewind();
        let mut fields = Vec::with_capacity(self.usual_len);
        // Room for the key; `check_key` makes sure that every part of it was filled in.
        fields.extend((0..).map(PathId).take(self.key.len()).map(|id| (id, Value::Boolean(false))));
        let mut tokens = Tokens::new(record.get());
        let mut node = Trie::ROOT;
        while let Some(token) = tokens.next() {
            let value = match token {
                Token::Key(key) => {
                    let object = self.open.last().copied().unwrap_or(Trie::ROOT);
                    let Some(name) = key.decode() else {
                        return Err(Reject::NameNotUnicode(key.text().to_owned()));
                    };
                    node = self.trie.child(object, &name);
                    if self.trie.node(node).is_excluded() {
                        tokens.skip_value();
                    } else if self.trie.meet(node, self.record) {
                        self.forget(node, &mut fields);
                    }
                    continue;
                }
                Token::Null | Token::ArrayEnd => continue,
                Token::ObjectEnd => {
                    self.open.pop();
                    continue;
                }
                first if self.trie.node(node).is_hashed() => {
                    match self.hashed(first, &mut tokens, node) {
                        Some(hash) => Value::Text(hash.into()),
                        None => continue,
                    }
                }
                Token::ObjectStart
                    if self.open.len() < MAX_DEPTH && !self.trie.node(node).is_json() =>
                {
                    self.open.push(node);
                    continue;
                }
                first if self.trie.node(node).is_json() => self.json_text(first, &mut tokens, node),
                Token::ObjectStart | Token::ArrayStart => self.json_text(token, &mut tokens, node),
                Token::Boolean(value) => Value::Boolean(value),
                Token::Number(number) => Value::number(number),
                Token::String(string) => match string.decode() {
                    Some(text) => Value::Text(text),
                    None => {
                        return Err(Reject::StringNotUnicode(self.trie.dotted(node).to_owned()));
                    }
                },
            };
            self.put(node, value, &mut fields)?;
        }
        Ok(fields)
    }

    /// The hash of a value. One that is no scalar makes no key, not even by its hash.
    fn hashed<'a>(
        &mut self,
        first: Token<'a>,
        tokens: &mut Tokens<'a>,
        node: NodeId,
    ) -> Option<String> {
        let hash = rewrite::hash(first, tokens, &mut self.trie, &mut self.keyed, node);
        let is_scalar = !matches!(first, Token::ObjectStart | Token::ArrayStart);
        let is_key = self.trie.node(node).path.is_some_and(|id| id.index() < self.key.len());
        hash.filter(|_| is_scalar || !is_key)
    }

    fn json_text<'a>(
        &mut self,
        first: Token<'a>,
        tokens: &mut Tokens<'a>,
        node: NodeId,
    ) -> Value<'a> {
        let text = rewrite::rewrite(first, tokens, &mut self.trie, &mut self.keyed, node);
        Value::Json { text, kind: rewrite::kind(first) }
    }

    /// Adds a field, or fills in a part of the key.
    fn put<'a>(
        &mut self,
        node: NodeId,
        value: Value<'a>,
        fields: &mut Vec<(PathId, Value<'a>)>,
    ) -> Result<(), Reject> {
        let value = match self.trie.node(node).declared_type {
            Some(column) => value.converted(column),
            None => value,
        };
        let id = self.path(node);
        if self.slots[id.index()].record == self.record {
            // Another node's field, since `forget` has seen to this one's: only nodes of a key part share a path.
            return Err(Reject::KeyAmbiguous(self.trie.dotted(node).to_owned()));
        }
        let index = if id.index() < self.key.len() {
            fields[id.index()] = (id, value.key_part());
            id.index()
        } else {
            fields.push((id, value));
            fields.len() - 1
        };
        self.slots[id.index()] = Slot { record: self.record, index, node };
        Ok(())
    }

    fn path(&mut self, node: NodeId) -> PathId {
        if let Some(id) = self.trie.node(node).path {
            return id;
        }
        let is_private = self.trie.transforms().is_private(self.trie.dotted(node));
        let declared_type = self.trie.node(node).declared_type;
        let id = self.paths.add(&self.trie.keys(node), declared_type, is_private);
        self.trie.set_path(node, id);
        self.slots.push(Slot { record: 0, index: 0, node });
        id
    }

    /// Takes back what an earlier member of the same key has given.
    fn forget(&mut self, node: NodeId, fields: &mut Vec<(PathId, Value<'_>)>) {
        let mut index = 0;
        fields.retain(|(id, _)| {
            let slot = &mut self.slots[id.index()];
            let is_within = slot.record == self.record && self.trie.is_within(slot.node, node);
            if is_within {
                slot.record = 0;
            }
            // A key part keeps its place, to be filled in anew.
            let stays = !is_within || id.index() < self.key.len();
            if stays {
                slot.index = index;
                index += 1;
            }
            stays
        });
    }

    fn check_key(&self, record: &RawValue, fields: &[(PathId, Value<'_>)]) -> Result<(), Reject> {
        for ((part, slot), (_, value)) in self.key.iter().zip(&self.slots).zip(fields) {
            if slot.record != self.record {
                return Err(key_trouble(part, record));
            }
            if let Value::Json { kind: kind @ (Kind::Array | Kind::Object), .. } = value {
                return Err(Reject::KeyNotScalar { part: part.clone(), kind: *kind });
            }
        }
        Ok(())
    }
}

/// Tells why a part of the key gave no field.
fn key_trouble(part: &FieldPath, record: &RawValue) -> Reject {
    match part.resolve(record).map(json::kind) {
        Some(Kind::Null) => Reject::KeyNull(part.clone()),
        Some(kind @ (Kind::Object | Kind::Array)) => {
            Reject::KeyNotScalar { part: part.clone(), kind }
        }
        // A scalar that gave no field is excluded.
        Some(Kind::Boolean | Kind::Number | Kind::String) | None => {
            Reject::KeyMissing(part.clone())
        }
    }
}

#[cfg(test)]
mod tests;
