//! The values of a record's fields, and what becomes of them in a column.

use std::borrow::Cow;

use super::{ColumnType, json::Kind, number::Decimal};

/// The largest magnitude up to which every whole number is a double: 2^53.
pub const EXACT_IN_REAL: i64 = 1 << 53;

/// Whole numbers below this magnitude, 2^63, fit 64 bits with a sign.
const FITS_64_BITS: f64 = 9_223_372_036_854_775_808.0;

/// A field's value as it was sent; never `null`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `true` or `false`.
    Boolean(bool),
    /// A number spelled as a whole one that fits 64 bits with a sign.
    Integer {
        /// The number.
        value: i64,
        /// Its spelling.
        token: Cow<'a, str>,
    },
    /// Another number whose digits survive the trip through a double.
    Real {
        /// The number.
        value: f64,
        /// Its spelling.
        token: Cow<'a, str>,
    },
    /// The spelling of a number that is neither.
    Decimal(&'a str),
    /// A string.
    Text(Cow<'a, str>),
    /// An array, or any value that is kept as JSON text, without white space.
    Json {
        /// The JSON text.
        text: String,
        /// What the text holds; never [`Kind::Null`].
        kind: Kind,
    },
}

/// A value in the form that the database stores.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue<'v> {
    /// For an INTEGER or BOOLEAN column.
    Integer(i64),
    /// For a REAL column.
    Real(f64),
    /// For a TEXT column.
    Text(Cow<'v, str>),
}

impl<'a> Value<'a> {
    /// Types a number token.
    pub(crate) fn number(token: &'a str) -> Self {
        Self::exact_number(Cow::Borrowed(token)).unwrap_or(Self::Decimal(token))
    }

    /// Types a number token that fits 64 bits or survives a double.
    fn exact_number(token: Cow<'a, str>) -> Option<Self> {
        let decimal = Decimal::parse(&token)?;
        if decimal.is_integer_token()
            && let Ok(value) = token.parse()
        {
            return Some(Self::Integer { value, token });
        }
        let value = token.parse().ok()?;
        decimal.survives_as(value).then_some(Self::Real { value, token })
    }

    /// Converts to a declared type where that is exact; any other value stays what it is.
    ///
    /// Text takes numbers and booleans by their JSON spelling; the number types take strings that spell such a number
    /// as JSON does (so not `007`, nor `-0`); boolean takes `"true"`, `"false"`, and the numbers 0 and 1.
    pub(crate) fn converted(self, to: ColumnType) -> Self {
        match (to, self) {
            (ColumnType::Text, Self::Boolean(value)) => Self::Text(spell_boolean(value).into()),
            (ColumnType::Text, Self::Integer { token, .. } | Self::Real { token, .. }) => {
                Self::Text(token)
            }
            (ColumnType::Text, Self::Decimal(token)) => Self::Text(token.into()),
            (ColumnType::Boolean, Self::Text(text)) if text == "true" => Self::Boolean(true),
            (ColumnType::Boolean, Self::Text(text)) if text == "false" => Self::Boolean(false),
            (ColumnType::Boolean, Self::Integer { token, .. }) if token == "1" => {
                Self::Boolean(true)
            }
            (ColumnType::Boolean, Self::Integer { token, .. }) if token == "0" => {
                Self::Boolean(false)
            }
            (ColumnType::Integer | ColumnType::Real, Self::Text(text)) => {
                Self::number_in_text(to, text)
            }
            (_, value) => value,
        }
    }

    /// The value as a part of the key: a number is spelled the same however it was sent, as it is where the key's column
    /// becomes TEXT, so that `1.0` finds the row that `1` has made.
    ///
    /// A number that only TEXT holds keeps its spelling.
    pub(crate) fn key_part(self) -> Self {
        match self {
            Self::Integer { value, .. } => Self::Integer { value, token: value.to_string().into() },
            Self::Real { value, .. } => Self::Real { value, token: spell_real(value).into() },
            value => value,
        }
    }

    fn number_in_text(to: ColumnType, text: Cow<'a, str>) -> Self {
        let is_candidate = Decimal::parse(&text).is_some_and(|decimal| {
            let is_negative_zero = decimal.is_zero() && decimal.is_negative();
            !is_negative_zero && (to == ColumnType::Real || decimal.is_integer_token())
        });
        if !is_candidate {
            return Self::Text(text);
        }
        match Self::exact_number(text.clone()) {
            Some(number) if to.fits(&number) => number,
            _ => Self::Text(text),
        }
    }

    /// The form for a column of this type; `None` when the value does not fit it.
    pub fn to_sql(&self, column: ColumnType) -> Option<SqlValue<'_>> {
        match (column, self) {
            (ColumnType::Boolean, Self::Boolean(value)) => {
                Some(SqlValue::Integer(i64::from(*value)))
            }
            (ColumnType::Integer, Self::Integer { value, .. }) => Some(SqlValue::Integer(*value)),
            (ColumnType::Integer, Self::Real { value, .. }) => {
                exact_integer(*value).map(SqlValue::Integer)
            }
            (ColumnType::Real, Self::Real { value, .. }) => Some(SqlValue::Real(*value)),
            (ColumnType::Real, Self::Integer { value, .. }) => {
                exact_real(*value).map(SqlValue::Real)
            }
            (ColumnType::Text, value) => Some(SqlValue::Text(value.spelling().into())),
            _ => None,
        }
    }

    /// The value as JSON text: numbers as they were sent.
    pub fn to_json(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => serde_json::Value::from(&**text).to_string().into(),
            value => value.spelling().into(),
        }
    }

    /// The spelling that a TEXT column holds.
    fn spelling(&self) -> &str {
        match self {
            Self::Boolean(value) => spell_boolean(*value),
            Self::Integer { token, .. } | Self::Real { token, .. } => token,
            Self::Decimal(token) => token,
            Self::Text(text) => text,
            Self::Json { text, .. } => text,
        }
    }

    /// The JSON type: `boolean`, `number`, `string`, `array` or `object`.
    pub fn json_type(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "boolean",
            Self::Integer { .. } | Self::Real { .. } | Self::Decimal(_) => "number",
            Self::Text(_) => "string",
            Self::Json { kind, .. } => kind.name(),
        }
    }
}

/// The double that is this whole number, up to a magnitude of [`EXACT_IN_REAL`].
fn exact_real(value: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a double holds every integer up to 2^53")]
    (value.unsigned_abs() <= EXACT_IN_REAL.unsigned_abs()).then_some(value as f64)
}

/// The whole number that is this double, up to a magnitude of [`EXACT_IN_REAL`].
fn exact_integer(value: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole, and checked against the range")]
    let integer = value as i64;
    exact_real(integer).filter(|real| real.total_cmp(&(value + 0.0)).is_eq()).map(|_| integer)
}

/// How JSON spells a value of a BOOLEAN column that becomes TEXT.
pub fn spell_boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// How JSON spells a value of a REAL column that becomes TEXT: the shortest digits that give the same double (`0.1`,
/// `1e300`). A whole number that fits 64 bits is spelled by its digits (`5`), as an INTEGER column's are.
pub fn spell_real(value: f64) -> String {
    // Adding zero makes one of the two zeros.
    let value = value + 0.0;
    if value.fract() == 0.0 && value.abs() < FITS_64_BITS {
        format!("{value}")
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    #[test]
    fn a_number_token_is_typed_without_losing_a_digit() {
        for (token, column) in [
            ("7", ColumnType::Integer),
            ("-0", ColumnType::Integer),
            ("-9223372036854775808", ColumnType::Integer),
            ("1.10", ColumnType::Real),
            ("1e2", ColumnType::Real),
            ("10000000000000000000000", ColumnType::Real),
            ("9223372036854775808", ColumnType::Text),
            ("3.14159265358979323846", ColumnType::Text),
            ("1e400", ColumnType::Text),
        ] {
            let value = Value::number(token);
            assert_eq!(ColumnType::of(&value), column, "{token}");
            assert_eq!(value.to_sql(ColumnType::Text), Some(SqlValue::Text(token.into())));
            assert_eq!(value.json_type(), "number");
        }
    }

    #[test]
    fn numbers_cross_between_integer_and_real_only_where_exact() {
        let stored = |token, column| match Value::number(token).to_sql(column) {
            Some(SqlValue::Real(real)) => Some(SqlValue::Real(real)),
            Some(SqlValue::Integer(integer)) => Some(SqlValue::Integer(integer)),
            Some(SqlValue::Text(_)) | None => None,
        };
        let as_real = |token| stored(token, ColumnType::Real);
        assert_eq!(as_real("9007199254740992"), Some(SqlValue::Real(9_007_199_254_740_992.0)));
        assert_eq!(as_real("9007199254740993"), None);
        assert_eq!(as_real("-9223372036854775808"), None);

        let as_integer = |token| stored(token, ColumnType::Integer);
        assert_eq!(as_integer("1.0"), Some(SqlValue::Integer(1)));
        assert_eq!(as_integer("-0.0"), Some(SqlValue::Integer(0)));
        assert_eq!(as_integer("1.5"), None);
        assert_eq!(as_integer("1e300"), None);
        assert_eq!(as_integer("-9007199254740994.0"), None);
    }

    #[test]
    fn a_value_of_another_type_does_not_fit() {
        assert_eq!(text("7").to_sql(ColumnType::Integer), None);
        assert_eq!(Value::Boolean(true).to_sql(ColumnType::Integer), None);
        assert_eq!(Value::number("1").to_sql(ColumnType::Boolean), None);
        assert_eq!(Value::Boolean(true).to_sql(ColumnType::Boolean), Some(SqlValue::Integer(1)));
    }

    #[test]
    fn a_declared_type_converts_only_what_it_can_convert_exactly() {
        let converted = |value: Value<'static>, to| value.converted(to);
        assert_eq!(converted(Value::number("1.50"), ColumnType::Text), text("1.50"));
        assert_eq!(converted(Value::Boolean(true), ColumnType::Text), text("true"));
        assert_eq!(converted(text("42"), ColumnType::Integer), Value::number("42"));
        assert_eq!(converted(text("1.50"), ColumnType::Real), Value::number("1.50"));
        assert_eq!(converted(text("42"), ColumnType::Real), Value::number("42"));
        assert_eq!(converted(text("true"), ColumnType::Boolean), Value::Boolean(true));
        assert_eq!(converted(Value::number("0"), ColumnType::Boolean), Value::Boolean(false));
        for (value, to) in [
            (text("007"), ColumnType::Integer),
            (text("-0"), ColumnType::Integer),
            (text("1.0"), ColumnType::Integer),
            (text("9223372036854775808"), ColumnType::Integer),
            (text("9007199254740993"), ColumnType::Real),
            (text("3.14159265358979323846"), ColumnType::Real),
            (text("True"), ColumnType::Boolean),
            (Value::number("2"), ColumnType::Boolean),
            (Value::Boolean(true), ColumnType::Integer),
        ] {
            assert_eq!(value.clone().converted(to), value);
        }
    }

    #[test]
    fn a_key_is_spelled_the_same_however_it_was_sent() {
        for (tokens, spelling) in [
            (&["1", "1.0", "10e-1"][..], "1"),
            (&["0", "-0", "-0.0", "0e9"], "0"),
            (&["2.5", "2.50", "25E-1"], "2.5"),
            (&["1000000000000000000", "1e18"], "1000000000000000000"),
            (&["10000000000000000000000", "1e22"], "1e22"),
            (&["9223372036854775808"], "9223372036854775808"),
        ] {
            for token in tokens {
                let value = Value::number(token).key_part();
                assert_eq!(value.to_sql(ColumnType::Text), text(spelling).to_sql(ColumnType::Text));
            }
        }
    }

    #[test]
    fn a_value_is_told_in_json_as_it_was_sent() {
        for token in ["9223372036854775808", "1.50", "1e400", "true", r#""a\"\u0000ü""#] {
            let sent: &serde_json::value::RawValue =
                serde_json::from_str(token).expect("the test's JSON is valid");
            let value = match serde_json::from_str(token) {
                Ok(serde_json::Value::Bool(value)) => Value::Boolean(value),
                Ok(serde_json::Value::String(text)) => Value::Text(text.into()),
                _ => Value::number(sent.get()),
            };
            assert_eq!(value.to_json(), token);
        }
        let json = Value::Json { text: "[1.0,null]".into(), kind: Kind::Array };
        assert_eq!(json.to_json(), "[1.0,null]");
    }

    #[test]
    fn a_double_is_spelled_by_its_shortest_digits() {
        for (value, spelling) in [
            (0.1, "0.1"),
            (1e300, "1e300"),
            (5.0, "5"),
            (-0.0, "0"),
            (-0.5, "-0.5"),
            (1.5e-7, "1.5e-7"),
            (1e18, "1000000000000000000"),
            (1e19, "1e19"),
        ] {
            assert_eq!(spell_real(value), spelling);
        }
    }
}
