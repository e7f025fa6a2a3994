//! The key of hashed fields, and what it makes of a value.

use std::{fmt, sync::Arc};

use secrecy::{ExposeSecret, SecretBox};

use super::hash::RecordHasher;

/// What the key is derived for: the same secret gives another key to any other purpose.
const CONTEXT: &str = "mapiq-sync 2026-11-24 hashes of fields";

/// Hashed to tell one key from another; no value is encoded as this text is.
const CHECKED: &[u8] = b"check";

/// The key of hashed fields. It is never shown, and wiped when the last copy goes.
#[derive(Clone)]
pub struct HashKey(Arc<SecretBox<[u8; 32]>>);

impl HashKey {
    /// The least length of a secret, in bytes: with less, all secrets could be tried.
    pub const LEAST_SECRET: usize = 16;

    /// Derives the key from a secret; `None` where that is too short.
    pub fn derive(secret: &[u8]) -> Option<Self> {
        if secret.len() < Self::LEAST_SECRET {
            return None;
        }
        let derive = |key: &mut [u8; 32]| *key = blake3::derive_key(CONTEXT, secret);
        Some(Self(Arc::new(SecretBox::init_with_mut(derive))))
    }

    /// Tells this key from others, and nothing else: 64 bits that may be stored in the open.
    pub fn check(&self) -> String {
        shown(&self.hash(CHECKED), 8)
    }

    fn hash(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(self.0.expose_secret(), bytes)
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

impl PartialEq for HashKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash(CHECKED) == other.hash(CHECKED)
    }
}

/// Hashes values with a key; keeps its memory from one to the next.
pub(crate) struct KeyedHasher {
    key: Option<HashKey>,
    canonical: RecordHasher,
}

impl KeyedHasher {
    pub(crate) fn new(key: Option<HashKey>) -> Self {
        Self { key, canonical: RecordHasher::default() }
    }

    /// The hash of a value, given as JSON text, in 32 lower-case hexadecimal digits; `None` without a key.
    ///
    /// Of 2^64 values two have the same 128 bits by chance: no analyst meets that, and more digits would only be longer to
    /// read. Whatever the spelling, the same value has the same hash: numbers count by value and strings by their
    /// characters, in objects neither the order of keys nor nulls count.
    pub(crate) fn hash(&mut self, text: &str) -> Option<String> {
        let key = self.key.as_ref()?;
        Some(self.canonical.with_canonical(text, |bytes| shown(&key.hash(bytes), 16)))
    }
}

/// The first bytes of a hash in hexadecimal digits.
fn shown(hash: &blake3::Hash, bytes: usize) -> String {
    hash.to_hex().chars().take(2 * bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef";

    fn hash(secret: &[u8], text: &str) -> String {
        KeyedHasher::new(HashKey::derive(secret)).hash(text).expect("the secret is long enough")
    }

    #[test]
    fn a_value_has_one_hash_however_it_is_spelled() {
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            (r#""a@b.nl""#, r#""\u0061@b.nl""#),
            (r#"{"a":1,"b":[true]}"#, r#"{"b":[true],"a":1.0,"c":null}"#),
        ] {
            assert_eq!(hash(SECRET, one), hash(SECRET, other), "{one} {other}");
        }
    }

    #[test]
    fn another_value_or_key_has_another_hash() {
        let values = ["1", r#""1""#, "true", r#""true""#, "[1]", "{}", "[]", r#""""#, r#"["1"]"#];
        for (index, one) in values.iter().enumerate() {
            for other in values.iter().skip(index + 1) {
                assert_ne!(hash(SECRET, one), hash(SECRET, other), "{one} {other}");
            }
            assert_ne!(hash(SECRET, one), hash(b"0123456789abcdeg", one), "{one}");
        }
    }

    /// Stored hashes are joined with those of later versions: this must never change.
    #[test]
    fn a_hash_stays_what_it_is() {
        assert_eq!(hash(SECRET, r#""a@b.nl""#), "9a0684e568647af023e24d4b5a021c86");
        assert_eq!(
            HashKey::derive(SECRET).map(|key| key.check()).as_deref(),
            Some("6abdac91a9b5d574")
        );
    }

    #[test]
    fn a_key_is_told_from_others_and_not_shown() {
        let key = HashKey::derive(SECRET).expect("the secret is long enough");
        assert_eq!(HashKey::derive(SECRET), Some(key.clone()));
        assert_ne!(HashKey::derive(b"0123456789abcdeg"), Some(key.clone()));
        assert_eq!(format!("{key:?}"), "HashKey(…)");
        assert_eq!(HashKey::derive(b"0123456789abcde"), None);
    }
}
