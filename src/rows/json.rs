//! JSON text read level by level: each value stays the text that was sent, so that no number loses a digit.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The kind of a JSON value, told by its first character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The JSON type's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl fmt::Display for Kind {
    /// The name with its article, for the middle of a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Array | Self::Object => write!(f, "an {}", self.name()),
            Self::Boolean | Self::Number | Self::String => write!(f, "a {}", self.name()),
        }
    }
}

/// Tells the kind of a value.
pub fn kind(value: &RawValue) -> Kind {
    // A RawValue is valid JSON without white space around it, so the first byte decides.
    match value.get().as_bytes().first() {
        Some(b'n') => Kind::Null,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'"') => Kind::String,
        Some(b'[') => Kind::Array,
        Some(b'{') => Kind::Object,
        _ => Kind::Number,
    }
}

/// Whether a body begins as an array or an object does, as every page and most answers do.
pub fn begins(body: &[u8]) -> bool {
    let mut rest = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).iter();
    matches!(rest.find(|byte| !byte.is_ascii_whitespace()), Some(b'[' | b'{'))
}

/// A whole JSON text, taken apart one level.
#[derive(Debug)]
pub enum Document<'a> {
    /// An array's elements.
    Array(Vec<&'a RawValue>),
    /// An object's members, in the order sent, a key that is sent twice included.
    Object(Vec<Member<'a>>),
    /// A scalar.
    Scalar(&'a RawValue),
}

/// A key of an object with its value.
pub type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// Reads a JSON text, in one pass over it.
///
/// # Errors
///
/// Where it is no JSON.
pub fn document(text: &str) -> Result<Document<'_>, serde_json::Error> {
    match text.trim_start().as_bytes().first() {
        Some(b'[') => serde_json::from_str(text).map(Document::Array),
        Some(b'{') => {
            serde_json::from_str(text).map(|members: Members<'_>| Document::Object(members.0))
        }
        _ => serde_json::from_str(text).map(Document::Scalar),
    }
}

/// Reads an object whose member of this key is an array, in one pass over it: the other members, and the array's elements.
/// `None` for any other text.
pub fn members_and_elements<'a>(
    text: &'a str,
    key: &str,
) -> Option<(Vec<Member<'a>>, Vec<&'a RawValue>)> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let (members, elements) = deserializer.deserialize_map(Apart { key }).ok()?;
    deserializer.end().ok()?;
    Some((members, elements?))
}

/// Takes one member's elements apart from the other members.
struct Apart<'k> {
    key: &'k str,
}

impl<'de> Visitor<'de> for Apart<'_> {
    type Value = (Vec<Member<'de>>, Option<Vec<&'de RawValue>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut members, mut elements) = (Vec::new(), None);
        while let Some(Key(key)) = map.next_key()? {
            if key == self.key {
                elements = Some(map.next_value()?);
            } else {
                members.push((key, map.next_value()?));
            }
        }
        Ok((members, elements))
    }
}

/// Splits an object into its members, in the order sent, a key that is sent twice included; `None` for any other kind.
pub fn members(value: &RawValue) -> Option<Vec<Member<'_>>> {
    if kind(value) != Kind::Object {
        return None;
    }
    serde_json::from_str::<Members<'_>>(value.get()).ok().map(|members| members.0)
}

/// Splits an array into its elements; `None` for any other kind.
pub fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    if kind(value) != Kind::Array {
        return None;
    }
    serde_json::from_str(value.get()).ok()
}

/// Decodes a string; `None` for any other kind, and for a string that is no Unicode text (a lone surrogate).
pub fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.as_bytes().contains(&b'\\') {
        serde_json::from_str::<String>(text).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The members of an object, borrowed from its text.
struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor<'a>(std::marker::PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for MembersVisitor<'a> {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                let mut members = Vec::with_capacity(map.size_hint().unwrap_or(16));
                while let Some((Key(key), value)) = map.next_entry::<Key<'a>, &'a RawValue>()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor(std::marker::PhantomData))
    }
}

/// A key, borrowed where it holds no escape: serde's own `Cow` always copies.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor<'a>(std::marker::PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for KeyVisitor<'a> {
            type Value = Key<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).expect("the test's JSON is valid")
    }

    #[test]
    fn members_keep_order_spelling_and_repeats() {
        let object = raw(r#"{"b": 1.00, "a\n": [1, 2], "b": "x"}"#);
        let members = members(object).expect("it is an object");
        let seen: Vec<_> = members.iter().map(|(key, value)| (key.as_ref(), value.get())).collect();
        assert_eq!(seen, [("b", "1.00"), ("a\n", "[1, 2]"), ("b", r#""x""#)]);
    }

    #[test]
    fn only_an_object_has_members_and_only_an_array_has_elements() {
        assert!(members(raw("[1]")).is_none());
        assert!(elements(raw("{}")).is_none());
        assert_eq!(elements(raw("[ 1 , {} ]")).map(|elements| elements.len()), Some(2));
    }

    #[test]
    fn strings_are_decoded() {
        assert_eq!(string(raw(r#""plain""#)).as_deref(), Some("plain"));
        assert_eq!(string(raw(r#""a\u0000\"b""#)).as_deref(), Some("a\0\"b"));
        assert_eq!(string(raw("7")), None);
        assert_eq!(string(raw(r#""\ud800""#)), None);
    }
}
