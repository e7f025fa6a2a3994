//! JSON record -> flat typed row: pure.

pub mod json;
mod path;
mod types;

pub use path::FieldPath;
pub use types::ColumnType;

/// The key, and what is done to each record before it is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transforms {
    /// The record's key: one or more scalar fields.
    pub key: Vec<FieldPath>,
    /// Fields that are never stored; may reach into arrays (`attendees[].email`).
    pub exclude: Vec<FieldPath>,
    /// Fields kept as JSON text instead of being flattened.
    pub json: Vec<FieldPath>,
    /// Column types instead of what the data suggests.
    pub types: Vec<(FieldPath, ColumnType)>,
}
