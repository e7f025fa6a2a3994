//! The types of columns.

/// The declared type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `true` and `false`, stored as 1 and 0.
    Boolean,
    /// A whole number that fits 64 bits with a sign.
    Integer,
    /// A number whose digits survive the trip through a double.
    Real,
    /// Everything else.
    Text,
}
