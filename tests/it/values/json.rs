//! JSON as the tests make it, and what it means: written anew, so that nothing is proved by itself.

use std::collections::BTreeMap;

/// A JSON value; a number is its spelling.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The keys that lead to a field.
pub(crate) type Keys = Vec<String>;

impl Json {
    /// Its JSON text, without white space.
    pub(crate) fn text(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Null => "null".into(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(token) => token.clone(),
            Self::Text(text) => quoted(text),
            Self::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(Self::text).collect();
                format!("[{}]", elements.join(","))
            }
            Self::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("{}:{}", quoted(key), value.text()))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    /// The name of its type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// What it says, however it is spelled: numbers by value, members in the order of their keys, no nulls among them.
    pub(crate) fn content(&self) -> String {
        match self {
            Self::Null | Self::Boolean(_) | Self::Text(_) => self.text(),
            Self::Number(token) => format!("{:?}", Decimal::read(token)),
            Self::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(Self::content).collect();
                format!("[{}]", elements.join(","))
            }
            Self::Object(members) => {
                let members: BTreeMap<_, _> = members
                    .iter()
                    .filter(|(_, value)| *value != Self::Null)
                    .map(|(key, value)| (key, value.content()))
                    .collect();
                format!("{members:?}")
            }
        }
    }

    /// The fields of a record: nested objects flattened, nulls left out.
    pub(crate) fn fields(&self) -> BTreeMap<Keys, Self> {
        let mut fields = BTreeMap::new();
        self.collect(&mut Vec::new(), &mut fields);
        fields
    }

    fn collect(&self, above: &mut Keys, fields: &mut BTreeMap<Keys, Self>) {
        match self {
            Self::Null => {}
            Self::Object(members) => {
                for (key, value) in members {
                    above.push(key.clone());
                    value.collect(above, fields);
                    above.pop();
                }
            }
            value => {
                fields.insert(above.clone(), value.clone());
            }
        }
    }
}

/// A number by its value: sign, digits without zeros at either end, power of ten of the last one.
#[derive(Debug, PartialEq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: String,
    exponent: i128,
}

impl Decimal {
    /// Reads a number as JSON spells it; panics on any other text.
    pub(crate) fn read(token: &str) -> Self {
        let (token_negative, rest) =
            token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        assert!(
            !all.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit()),
            "`{token}` is no number"
        );
        let exponent: i128 = exponent.parse().expect("the test's exponents are numbers");
        let significant = all.trim_end_matches('0');
        let zeros = i128::try_from(all.len() - significant.len()).expect("short");
        let digits = significant.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: 0 };
        }
        let after_point = i128::try_from(fraction.len()).expect("short");
        Self { negative: token_negative, digits, exponent: exponent + zeros - after_point }
    }

    /// The number without point and exponent, where it is whole and fits 64 bits.
    pub(crate) fn whole(&self) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| *zeros < 20)?;
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}{}", self.digits, "0".repeat(zeros)).parse().ok()
    }
}

/// Whether a number's digits survive the trip through a double.
pub(crate) fn survives(token: &str) -> bool {
    let real: f64 = token.parse().expect("JSON's numbers are Rust's");
    real.is_finite() && Decimal::read(&format!("{real:e}")) == Decimal::read(token)
}

/// Whether a number is spelled as a whole one, and fits 64 bits.
pub(crate) fn is_integer(token: &str) -> bool {
    token.parse::<i64>().is_ok()
}

/// How a part of the key is told from others, in whatever column.
pub(crate) fn key_text(value: &Json) -> String {
    match value {
        Json::Text(text) => text.clone(),
        Json::Number(token) if is_integer(token) || survives(token) => {
            let real: f64 = token.parse().expect("JSON's numbers are Rust's");
            Decimal::read(token)
                .whole()
                .map_or_else(|| format!("{real:?}"), |whole| whole.to_string())
        }
        value => value.text(),
    }
}

/// Reads a path of `_sync_columns`: keys joined by dots, some of them as JSON strings.
pub(crate) fn keys_of(json_path: &str) -> Keys {
    let mut keys = Vec::new();
    let mut rest = json_path;
    loop {
        if rest.starts_with('"') {
            let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            keys.push(strings.next().expect("a quote opens a key").expect("a JSON string"));
            rest = rest.split_at(strings.byte_offset()).1;
        } else {
            let (key, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
            keys.push(key.to_owned());
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None => break,
        }
    }
    assert_eq!(rest, "", "the path `{json_path}` is read to its end");
    keys
}
