//! Reads one page of a listing: pure.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::text::{beginning, one_line};
use crate::rows::{
    FieldPath,
    json::{self, Document, Kind, Member},
};

/// How much of a wrong body, or of its keys, a message shows, in characters.
const SHOWN: usize = 80;

/// BLAKE3 is several times as fast on so many bytes as it is on one record after the other.
const HASHED_AT_ONCE: usize = 1 << 16;

/// What one response holds, each value the text that was sent.
#[derive(Debug)]
pub struct Page<'a> {
    /// The records, in the order sent.
    pub records: Vec<&'a RawValue>,
    /// How many records the API says there are in all.
    pub total: Option<u64>,
    /// What the API names as the next cursor or URL.
    pub next: Option<String>,
}

/// A response that is no page of the listing.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Not JSON: a cut body, or a page for people.
    #[error(
        "the response is not JSON, does a proxy or a sign-in page answer instead of the API? It begins with `{beginning}`"
    )]
    NotJson {
        /// The body's beginning.
        beginning: String,
        /// Where reading it failed.
        source: serde_json::Error,
    },
    /// Nothing at all.
    #[error("the response is empty")]
    Empty,
    /// JSON that is cut, or spoilt further on.
    #[error("the response is not whole, valid JSON, after {bytes} bytes")]
    Cut {
        /// The body's length.
        bytes: usize,
        /// Where reading it failed.
        source: serde_json::Error,
    },
    /// Not text at all.
    #[error("the response is not UTF-8 text")]
    InvalidUtf8 {
        /// Where reading it failed.
        source: std::str::Utf8Error,
    },
    /// An object, while no `records` says where in it the records lie.
    #[error(
        "the response is an object, and `records` is not set to say where its records lie{}",
        hint(arrays)
    )]
    NotAnArray {
        /// The object's members that are arrays.
        arrays: Vec<String>,
    },
    /// Neither an array nor an object.
    #[error("the response is {kind}, not an array of records")]
    NotRecords {
        /// What it is instead.
        kind: Kind,
    },
    /// Nothing lies at the path.
    #[error("nothing lies at records = \"{path}\"; the response has {present}")]
    RecordsMissing {
        /// The configured path.
        path: FieldPath,
        /// The keys that are there, for a message.
        present: String,
    },
    /// Something else than an array lies at the path.
    #[error("{kind} lies at records = \"{path}\", not an array")]
    RecordsNotArray {
        /// The configured path.
        path: FieldPath,
        /// What lies there.
        kind: Kind,
    },
    /// The stated total is no count.
    #[error("{found} lies at total = \"{path}\", not a whole number")]
    BadTotal {
        /// The configured path.
        path: FieldPath,
        /// What lies there: a number, shortened, and of all else the kind, since it may be people's data.
        found: String,
    },
    /// The next cursor or URL is neither text nor a number.
    #[error("{kind} lies at next = \"{path}\", not a text or a number")]
    BadNext {
        /// The configured path.
        path: FieldPath,
        /// What lies there.
        kind: Kind,
    },
}

impl PageError {
    /// Whether asking again may help: a body may be cut or come from a proxy, but its shape is the configuration's matter.
    pub fn retry(&self) -> bool {
        match self {
            Self::NotJson { .. } | Self::Empty | Self::Cut { .. } | Self::InvalidUtf8 { .. } => {
                true
            }
            Self::NotAnArray { .. }
            | Self::NotRecords { .. }
            | Self::RecordsMissing { .. }
            | Self::RecordsNotArray { .. }
            | Self::BadTotal { .. }
            | Self::BadNext { .. } => false,
        }
    }
}

/// Reads a page; without a path for the records, the body is the array. An absent or null total or next is `None`.
///
/// # Errors
///
/// Says what the body is instead of a page, naming the configured path.
pub fn parse<'a>(
    body: &'a [u8],
    records: Option<&FieldPath>,
    total: Option<&FieldPath>,
    next: Option<&FieldPath>,
) -> Result<Page<'a>, PageError> {
    let text = str::from_utf8(body).map_err(|source| PageError::InvalidUtf8 { source })?;
    // Some .NET servers send a byte order mark; RFC 8259, section 8.1 lets a reader skip it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((members, records)) = in_one_pass(text, records, [total, next]) {
        return page(&members, records, total, next);
    }
    let document = json::document(text).map_err(|source| not_json(text, source))?;
    let members = match &document {
        Document::Object(members) => members.clone(),
        Document::Array(_) | Document::Scalar(_) => Vec::new(),
    };
    page(&members, records_of(document, records)?, total, next)
}

fn page<'a>(
    members: &[Member<'a>],
    records: Vec<&'a RawValue>,
    total: Option<&FieldPath>,
    next: Option<&FieldPath>,
) -> Result<Page<'a>, PageError> {
    let total = total.map_or(Ok(None), |path| total_of(members, path))?;
    let next = next.map_or(Ok(None), |path| next_of(members, path))?;
    Ok(Page { records, total, next })
}

/// The usual page, an object with the records in one of its members; for any other one, and where `others` may lie in that
/// member, there is the longer way, which also tells what is wrong.
fn in_one_pass<'a>(
    text: &'a str,
    records: Option<&FieldPath>,
    others: [Option<&FieldPath>; 2],
) -> Option<(Vec<Member<'a>>, Vec<&'a RawValue>)> {
    let key = records?.as_str();
    let reaches = |path: &&FieldPath| path.as_str().split('.').next() == Some(key);
    if key.contains('.') || others.iter().flatten().any(reaches) {
        return None;
    }
    json::members_and_elements(text, key)
}

/// A body that begins like a page is one that was cut, and holds people's data: only of another one the beginning is shown.
fn not_json(text: &str, source: serde_json::Error) -> PageError {
    if text.trim_start().is_empty() {
        PageError::Empty
    } else if json::begins(text.as_bytes()) {
        PageError::Cut { bytes: text.len(), source }
    } else {
        PageError::NotJson { beginning: beginning(text.as_bytes(), SHOWN), source }
    }
}

fn records_of<'a>(
    document: Document<'a>,
    path: Option<&FieldPath>,
) -> Result<Vec<&'a RawValue>, PageError> {
    match (document, path) {
        (Document::Array(elements), None) => Ok(elements),
        (Document::Object(members), Some(path)) => {
            let found = path.resolve_in(&members).ok_or_else(|| PageError::RecordsMissing {
                path: path.clone(),
                present: keys(&members),
            })?;
            json::elements(found).ok_or_else(|| PageError::RecordsNotArray {
                path: path.clone(),
                kind: json::kind(found),
            })
        }
        (Document::Array(_), Some(path)) => Err(missing(path, Kind::Array)),
        (Document::Scalar(value), Some(path)) => Err(missing(path, json::kind(value))),
        (Document::Object(members), None) => Err(PageError::NotAnArray {
            arrays: members
                .into_iter()
                .filter(|(_, value)| json::kind(value) == Kind::Array)
                .map(|(key, _)| one_line(&key, SHOWN))
                .collect(),
        }),
        (Document::Scalar(value), None) => Err(PageError::NotRecords { kind: json::kind(value) }),
    }
}

fn total_of(members: &[Member<'_>], path: &FieldPath) -> Result<Option<u64>, PageError> {
    let found = path.resolve_in(members).filter(|found| json::kind(found) != Kind::Null);
    let Some(found) = found else { return Ok(None) };
    let digits = json::string(found);
    let digits = digits.as_deref().unwrap_or(found.get());
    digits.parse().map(Some).map_err(|_| PageError::BadTotal {
        path: path.clone(),
        found: match json::kind(found) {
            Kind::Number => format!("`{}`", one_line(found.get(), SHOWN)),
            kind => kind.to_string(),
        },
    })
}

fn next_of(members: &[Member<'_>], path: &FieldPath) -> Result<Option<String>, PageError> {
    let Some(found) = path.resolve_in(members) else { return Ok(None) };
    let kind = json::kind(found);
    let bad = || PageError::BadNext { path: path.clone(), kind };
    match kind {
        Kind::Null => Ok(None),
        Kind::Number => Ok(Some(found.get().to_owned())),
        Kind::String => json::string(found).map(|next| Some(next.into_owned())).ok_or_else(bad),
        Kind::Boolean | Kind::Array | Kind::Object => Err(bad()),
    }
}

fn missing(path: &FieldPath, kind: Kind) -> PageError {
    let present = format!("no keys, it is {kind}");
    PageError::RecordsMissing { path: path.clone(), present }
}

/// What an object has instead of what was looked for.
fn keys(members: &[Member<'_>]) -> String {
    if members.is_empty() {
        return "no keys, it is an empty object".into();
    }
    let keys: Vec<_> = members.iter().map(|(key, _)| format!("`{key}`")).collect();
    format!("the keys {}", one_line(&keys.join(", "), SHOWN * 2))
}

/// Proposes the arrays that the records may lie in.
fn hint(arrays: &[String]) -> String {
    if arrays.is_empty() {
        return String::new();
    }
    let settings: Vec<_> = arrays.iter().map(|key| format!("records = \"{key}\"")).collect();
    format!("; try {}", one_line(&settings.join(" or "), SHOWN * 2))
}

impl Page<'_> {
    /// The digest of the records as they were sent: two pages with the same one are the same page.
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        let mut block = Vec::new();
        for record in &self.records {
            block.extend_from_slice(&(record.get().len() as u64).to_le_bytes());
            block.extend_from_slice(record.get().as_bytes());
            if block.len() >= HASHED_AT_ONCE {
                hasher.update(&block);
                block.clear();
            }
        }
        Digest::from_hash(hasher.update(&block).finalize())
    }
}

/// 128 bits that stand for a page's records or a cursor; written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(blake3::hash(bytes))
    }

    /// What stands for this and all that came before it.
    #[must_use]
    pub fn after(self, before: Option<Self>) -> Self {
        before.map_or(self, |Self(before)| {
            Self::of(&[before.to_be_bytes(), self.0.to_be_bytes()].concat())
        })
    }

    fn from_hash(hash: blake3::Hash) -> Self {
        let mut half = [0; 16];
        half.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        Self(u128::from_be_bytes(half))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        u128::from_str_radix(&digits, 16).map(Self).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
