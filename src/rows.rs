//! JSON record -> flat typed row: pure.
//!
//! [`Flattener`] takes an endpoint's records one by one. A number stays the text that was sent until the type of its
//! column is known, so that no digit is lost: [`ColumnType`] says whether a column holds a value exactly, and which type
//! holds both; [`Value::to_sql`] gives the form that is stored.

mod flatten;
mod hash;
pub mod json;
mod keyed;
mod names;
mod number;
mod path;
mod paths;
mod rewrite;
mod stored;
mod tokens;
mod trie;
mod types;
mod value;

pub use flatten::{Flattener, Record, Reject};
pub use keyed::HashKey;
pub use names::{EXTRA, RESERVED, unique_name};
pub use path::FieldPath;
pub use paths::{PathId, Paths};
pub use stored::{Fate, Redactor};
pub use trie::Sighting;
pub use types::ColumnType;
pub use value::{EXACT_IN_REAL, SqlValue, Value, spell_boolean, spell_real};

/// The key, and what is done to each record before it is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transforms {
    /// The record's key: one or more scalar fields.
    pub key: Vec<FieldPath>,
    /// Fields that are never stored; may reach into arrays (`attendees[].email`).
    pub exclude: Vec<FieldPath>,
    /// Fields that are stored as a keyed hash of their value; may reach into arrays. Without a key they are not stored.
    pub hash: Vec<FieldPath>,
    /// The key of these hashes.
    pub hash_key: Option<HashKey>,
    /// Fields kept as JSON text instead of being flattened.
    pub json: Vec<FieldPath>,
    /// Column types instead of what the data suggests.
    pub types: Vec<(FieldPath, ColumnType)>,
}
