//! The hash of a record: of its values, whichever way they are spelled.

use super::{
    Value,
    number::Decimal,
    tokens::{Quoted, Token, Tokens},
};

/// Hashes records; keeps its memory from one to the next.
///
/// What is hashed: for each field its JSON path, its JSON type and its value. Numbers count by value; within JSON text
/// the order of keys and the spelling of strings do not count, of a key that is sent twice the last one does, and a
/// member that is null counts as absent, but an element that is null does not.
#[derive(Default)]
pub(crate) struct RecordHasher {
    /// The fields written so far.
    buffer: Vec<u8>,
    open: Vec<Open>,
    /// The members of all open objects.
    members: Vec<Member>,
    /// The members of one object in the order of their keys.
    ordered: Vec<u8>,
}

/// An open array or object.
enum Open {
    Array,
    Object {
        /// Where it starts in the buffer.
        start: usize,
        /// Its first member in the stack of members.
        first: usize,
    },
}

/// A member of an open object, by positions in the buffer.
struct Member {
    key: usize,
    value: usize,
    /// Set when the next member starts.
    end: usize,
}

/// What stands before a value; no tag is the start of another value's bytes, since texts state their length.
mod tag {
    pub(super) const FALSE: u8 = b'f';
    pub(super) const TRUE: u8 = b't';
    pub(super) const NULL: u8 = b'z';
    pub(super) const NUMBER: u8 = b'n';
    /// A number whose exponent does not fit 64 bits, by its spelling.
    pub(super) const BOUNDLESS_NUMBER: u8 = b'N';
    pub(super) const STRING: u8 = b's';
    /// A string that is no Unicode text, by its spelling.
    pub(super) const BROKEN_STRING: u8 = b'S';
    pub(super) const JSON: u8 = b'j';
    pub(super) const ARRAY_START: u8 = b'[';
    pub(super) const ARRAY_END: u8 = b']';
    pub(super) const OBJECT: u8 = b'{';
}

impl RecordHasher {
    /// Adds a field; the fields come in the order of their paths.
    pub(crate) fn field(&mut self, json_path: &str, value: &Value<'_>) {
        append_text(&mut self.buffer, json_path);
        match value {
            Value::Boolean(value) => {
                self.buffer.push(if *value { tag::TRUE } else { tag::FALSE });
            }
            Value::Integer { token, .. } | Value::Real { token, .. } => self.number(token),
            Value::Decimal(token) => self.number(token),
            Value::Text(text) => {
                self.buffer.push(tag::STRING);
                append_text(&mut self.buffer, text);
            }
            Value::Json { text, .. } => {
                self.buffer.push(tag::JSON);
                self.json(text);
            }
        }
    }

    /// Gives the hash of the fields added, and starts anew.
    pub(crate) fn finish(&mut self) -> [u8; 16] {
        let hash = blake3::hash(&self.buffer);
        self.buffer.clear();
        let (half, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
        *half
    }

    /// Gives the bytes of one value, which JSON text spells, to a function; no field may have been added.
    pub(crate) fn with_canonical<T>(&mut self, text: &str, take: impl FnOnce(&[u8]) -> T) -> T {
        self.json(text);
        let taken = take(&self.buffer);
        self.buffer.clear();
        taken
    }

    fn number(&mut self, token: &str) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[tag::NUMBER, 0, 0, 0, 0]);
        let is_written =
            Decimal::parse(token).is_some_and(|decimal| decimal.append_canonical(&mut self.buffer));
        if is_written {
            let length = length_bytes(self.buffer.len() - start - 5);
            self.buffer[start + 1..start + 5].copy_from_slice(&length);
        } else {
            self.buffer.truncate(start);
            self.buffer.push(tag::BOUNDLESS_NUMBER);
            append_text(&mut self.buffer, token);
        }
    }

    fn string(&mut self, string: Quoted<'_>) {
        if let Some(text) = string.decode() {
            self.buffer.push(tag::STRING);
            append_text(&mut self.buffer, &text);
        } else {
            self.buffer.push(tag::BROKEN_STRING);
            append_text(&mut self.buffer, string.text());
        }
    }

    /// Adds JSON text. An object is replaced by the hash of its ordered members as soon as it ends: so the work stays
    /// proportional to the text, however deep objects are nested.
    fn json(&mut self, text: &str) {
        self.open.clear();
        self.members.clear();
        for token in Tokens::new(text) {
            match token {
                Token::Key(key) => {
                    self.end_member();
                    let start = self.buffer.len();
                    self.string(key);
                    let value = self.buffer.len();
                    self.members.push(Member { key: start, value, end: value });
                }
                Token::ObjectStart => {
                    let (start, first) = (self.buffer.len(), self.members.len());
                    self.open.push(Open::Object { start, first });
                }
                Token::ObjectEnd => {
                    self.end_member();
                    if let Some(Open::Object { start, first }) = self.open.pop() {
                        self.end_object(start, first);
                    }
                }
                Token::ArrayStart => {
                    self.buffer.push(tag::ARRAY_START);
                    self.open.push(Open::Array);
                }
                Token::ArrayEnd => {
                    self.buffer.push(tag::ARRAY_END);
                    self.open.pop();
                }
                Token::String(string) => self.string(string),
                Token::Number(token) => self.number(token),
                Token::Boolean(value) => {
                    self.buffer.push(if value { tag::TRUE } else { tag::FALSE });
                }
                Token::Null => self.buffer.push(tag::NULL),
            }
        }
    }

    /// Notes where the value of the innermost object's last member ends.
    fn end_member(&mut self) {
        if let Some(Open::Object { first, .. }) = self.open.last()
            && let Some(member) = self.members.get_mut(*first..).and_then(<[Member]>::last_mut)
        {
            member.end = self.buffer.len();
        }
    }

    fn end_object(&mut self, start: usize, first: usize) {
        let Self { buffer, members, ordered, .. } = self;
        let key = |member: &Member| &buffer[member.key..member.value];
        let object = &mut members[first..];
        // Stable, so that of equal keys the one sent last stays the last.
        object.sort_by(|one, other| key(one).cmp(key(other)));
        ordered.clear();
        for (index, member) in object.iter().enumerate() {
            let is_repeated = object.get(index + 1).is_some_and(|next| key(next) == key(member));
            let is_null = buffer[member.value..member.end] == [tag::NULL];
            if !is_repeated && !is_null {
                ordered.extend_from_slice(&buffer[member.key..member.end]);
            }
        }
        members.truncate(first);
        buffer.truncate(start);
        buffer.push(tag::OBJECT);
        buffer.extend_from_slice(blake3::hash(ordered).as_bytes());
    }
}

fn append_text(buffer: &mut Vec<u8>, text: &str) {
    buffer.extend_from_slice(&length_bytes(text.len()));
    buffer.extend_from_slice(text.as_bytes());
}

fn length_bytes(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("a response is bounded far below 4 GiB").to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{super::json::Kind, *};

    fn hash_of(text: &str) -> [u8; 16] {
        let mut hasher = RecordHasher::default();
        hasher.field("a", &Value::Json { text: text.into(), kind: Kind::Array });
        hasher.finish()
    }

    #[test]
    fn spelling_within_json_text_does_not_count() {
        for (one, other) in [
            (r#"[{"b":1,"a":{"d":2,"c":[]}}]"#, r#"[{"a":{"c":[],"d":2.0},"b":10e-1}]"#),
            (r#"[{"a":1,"a":2}]"#, r#"[{"a":2}]"#),
            (r#"[{"a":1,"a":null}]"#, "[{}]"),
            (r#"[{"a":null,"b":"\u0041"}]"#, r#"[{"\u0062":"A"}]"#),
            ("[ 1, 2 ]", "[1,2]"),
            ("[0e99999999999999999999]", "[0]"),
        ] {
            assert_eq!(hash_of(one), hash_of(other), "{one} {other}");
        }
    }

    #[test]
    fn another_value_or_structure_has_another_hash() {
        let texts = [
            "[]",
            "[[]]",
            "[[],[]]",
            "[null]",
            "[{}]",
            "[1]",
            "[\"1\"]",
            "[true]",
            "[\"true\"]",
            "[1,2]",
            "[2,1]",
            "[12]",
            "[[1],2]",
            "[[1,2]]",
            r#"[{"a":1}]"#,
            r#"[{"a":"1"}]"#,
            r#"[{"b":1}]"#,
            r#"["a",1]"#,
            r#"[{"a":{"b":1}}]"#,
            r#"[{"a":{},"b":1}]"#,
            r#"[{"a":[null]}]"#,
            "[1e99999999999999999999]",
            "[2e99999999999999999999]",
            r#"["\ud800"]"#,
            r#"["\ud801"]"#,
        ];
        for (index, one) in texts.iter().enumerate() {
            for other in texts.iter().skip(index + 1) {
                assert_ne!(hash_of(one), hash_of(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn a_field_is_more_than_its_text() {
        let hash = |path: &str, value: Value<'_>| {
            let mut hasher = RecordHasher::default();
            hasher.field(path, &value);
            hasher.finish()
        };
        let one = hash("a", Value::number("1"));
        assert_eq!(one, hash("a", Value::number("1.0")));
        assert_ne!(one, hash("b", Value::number("1")));
        assert_ne!(one, hash("a", Value::Text("1".into())));
        assert_ne!(one, hash("a", Value::Boolean(true)));
        assert_ne!(one, hash("a", Value::Json { text: "1".into(), kind: Kind::Number }));
    }

    #[test]
    fn depth_does_not_matter() {
        let deep = |inner: &str| {
            format!("{}{inner}{}", "[{\"b\":0,\"a\":".repeat(10_000), "}]".repeat(10_000))
        };
        assert_ne!(hash_of(&deep("1")), hash_of(&deep("2")));
        assert_eq!(hash_of(&deep("1")), hash_of(&deep("1.0")));
    }
}
