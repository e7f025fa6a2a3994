//! The types of columns.

use super::Value;

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

impl ColumnType {
    /// Every type.
    const ALL: [Self; 4] = [Self::Boolean, Self::Integer, Self::Real, Self::Text];

    /// The name that SQL gives it.
    pub fn as_sql(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Integer => "INTEGER",
            Self::Real => "REAL",
            Self::Text => "TEXT",
        }
    }

    /// Reads a name in either case: `text` as the configuration has it, `TEXT` as SQL does.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.as_sql().eq_ignore_ascii_case(name))
    }

    /// The narrowest type that holds a value.
    pub fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Boolean(_) => Self::Boolean,
            Value::Integer { .. } => Self::Integer,
            Value::Real { .. } => Self::Real,
            Value::Decimal(_) | Value::Text(_) | Value::Json { .. } => Self::Text,
        }
    }

    /// Whether a column of this type holds the value exactly.
    pub fn fits(self, value: &Value<'_>) -> bool {
        value.to_sql(self).is_some()
    }

    /// The narrowest type that holds both what this one holds and the value.
    ///
    /// INTEGER becomes REAL on the assumption that the values already stored survive it: whether their magnitude is at
    /// most [`EXACT_IN_REAL`](super::EXACT_IN_REAL) is for the caller to check, and TEXT the answer where one's is not.
    #[must_use]
    pub fn widen(self, value: &Value<'_>) -> Self {
        match (self, value) {
            _ if self.fits(value) => self,
            (Self::Integer, Value::Real { .. }) => Self::Real,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_sql_and_the_configuration_write_them() {
        for column in ColumnType::ALL {
            assert_eq!(ColumnType::parse(column.as_sql()), Some(column));
            assert_eq!(ColumnType::parse(&column.as_sql().to_lowercase()), Some(column));
        }
        assert_eq!(ColumnType::parse("number"), None);
    }

    #[test]
    fn a_column_widens_only_as_far_as_a_value_needs() {
        let number = Value::number;
        assert_eq!(ColumnType::Integer.widen(&number("1.0")), ColumnType::Integer);
        assert_eq!(ColumnType::Integer.widen(&number("0.5")), ColumnType::Real);
        assert_eq!(ColumnType::Integer.widen(&number("9223372036854775808")), ColumnType::Text);
        assert_eq!(ColumnType::Real.widen(&number("7")), ColumnType::Real);
        assert_eq!(ColumnType::Real.widen(&number("9007199254740993")), ColumnType::Text);
        assert_eq!(ColumnType::Boolean.widen(&number("1")), ColumnType::Text);
        assert_eq!(ColumnType::Integer.widen(&Value::Boolean(true)), ColumnType::Text);
        assert_eq!(ColumnType::Integer.widen(&Value::Text("007".into())), ColumnType::Text);
    }
}
