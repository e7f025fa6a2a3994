//! What holds for records of every form: nothing sent is lost or changed, and the hash is of the content alone.

use std::{cmp::Reverse, collections::BTreeMap, fmt::Write as _};

use proptest::prelude::*;

use super::*;
use crate::rows::{EXACT_IN_REAL, number::Decimal, spell_boolean, spell_real};

/// A JSON value by its content; a number is the mantissa times ten to the exponent.
#[derive(Clone, Debug, PartialEq)]
enum Json {
    Null,
    Boolean(bool),
    Number(i128, i32),
    String(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

/// Content that is compared: numbers without trailing zeros, members that are null left out.
fn normal(json: &Json) -> Json {
    match json {
        Json::Number(0, _) => Json::Number(0, 0),
        Json::Number(mantissa, exponent) if mantissa % 10 == 0 => {
            normal(&Json::Number(mantissa / 10, exponent + 1))
        }
        Json::Array(elements) => Json::Array(elements.iter().map(normal).collect()),
        Json::Object(members) => Json::Object(
            members
                .iter()
                .filter(|(_, member)| **member != Json::Null)
                .map(|(key, member)| (key.clone(), normal(member)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// The fields by JSON path.
fn leaves(json: &Json, above: &str, to: &mut BTreeMap<String, Json>) {
    match json {
        Json::Null => {}
        Json::Object(members) => {
            for (key, member) in members {
                let plain = !key.is_empty() && !key.contains(['.', '"', '[', ']']);
                let key = if plain { key.clone() } else { serde_json::json!(key).to_string() };
                let dot = if above.is_empty() { "" } else { "." };
                leaves(member, &format!("{above}{dot}{key}"), to);
            }
        }
        scalar_or_array => {
            to.insert(above.to_owned(), scalar_or_array.clone());
        }
    }
}

fn content(record: &Json) -> BTreeMap<String, Json> {
    let mut fields = BTreeMap::new();
    leaves(&normal(record), "", &mut fields);
    fields
}

/// Writes JSON; each choice of `choices` sways the spelling of one thing, and no choices make it plain.
struct Speller<'c> {
    choices: std::iter::Cycle<std::slice::Iter<'c, u8>>,
    text: String,
}

impl<'c> Speller<'c> {
    fn spell(json: &Json, choices: &'c [u8]) -> String {
        let mut speller = Self { choices: choices.iter().cycle(), text: String::new() };
        speller.value(json);
        speller.text
    }

    fn choice(&mut self, of: u8) -> u8 {
        self.choices.next().map_or(0, |choice| choice % of)
    }

    fn space(&mut self) {
        let space = ["", " ", "\n\t"][usize::from(self.choice(3))];
        self.text.push_str(space);
    }

    fn value(&mut self, json: &Json) {
        self.space();
        match json {
            Json::Null => self.text.push_str("null"),
            Json::Boolean(value) => self.text.push_str(spell_boolean(*value)),
            Json::Number(mantissa, exponent) => self.number(*mantissa, *exponent),
            Json::String(string) => self.string(string),
            Json::Array(elements) => {
                self.text.push('[');
                for (index, element) in elements.iter().enumerate() {
                    self.text.push_str(if index > 0 { "," } else { "" });
                    self.value(element);
                }
                self.text.push(']');
            }
            Json::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if self.choice(2) == 1 {
                    members.sort_by_key(|(key, _)| Reverse(*key));
                }
                self.text.push('{');
                for (index, (key, member)) in members.into_iter().enumerate() {
                    self.text.push_str(if index > 0 { "," } else { "" });
                    self.space();
                    self.string(key);
                    self.space();
                    self.text.push(':');
                    self.value(member);
                }
                self.text.push('}');
            }
        }
        self.space();
    }

    fn number(&mut self, mantissa: i128, exponent: i32) {
        let sign = if mantissa < 0 { "-" } else { "" };
        let digits = mantissa.unsigned_abs().to_string();
        let spelling = match (self.choice(4), exponent) {
            (0, 0) => format!("{sign}{digits}"),
            (0, _) => format!("{sign}{digits}e{exponent}"),
            (1, _) => format!("{sign}{digits}.000E{exponent:+}"),
            (2, _) if mantissa != 0 => format!("{sign}{digits}00e{}", exponent - 2),
            _ => format!(
                "{sign}0.0{digits}e{}",
                exponent + 1 + i32::try_from(digits.len()).expect("few digits")
            ),
        };
        self.text.push_str(&spelling);
    }

    fn string(&mut self, string: &str) {
        if self.choice(2) == 0 {
            self.text.push_str(&serde_json::json!(string).to_string());
            return;
        }
        self.text.push('"');
        for unit in string.encode_utf16() {
            write!(self.text, "\\u{unit:04X}").expect("a String takes all text");
        }
        self.text.push('"');
    }
}

fn any_number() -> impl Strategy<Value = (i128, i32)> {
    let mantissa = prop_oneof![
        (-20_i128..20),
        any::<i64>().prop_map(i128::from),
        (i128::from(i64::MAX) - 2..i128::from(i64::MAX) + 3),
        (i128::from(EXACT_IN_REAL) - 3..i128::from(EXACT_IN_REAL) + 3),
        any::<i128>(),
    ];
    (mantissa, prop_oneof![4 => Just(0), 2 => -25..25, 1 => -400..400])
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-c]", 1 => "[aA_.\"\\[\\]@ é\\\\\u{0}💡-]{0,4}"]
}

fn any_json() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        1 => Just(Json::Null),
        1 => any::<bool>().prop_map(Json::Boolean),
        3 => any_number().prop_map(|(mantissa, exponent)| Json::Number(mantissa, exponent)),
        3 => prop_oneof!["[0-9]{1,4}", "[a\"\\\\/\n\u{0}é💡,:{}\\[\\]]{0,5}", any::<String>()]
            .prop_map(Json::String),
    ];
    scalar.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            3 => prop::collection::btree_map(any_key(), inner, 0..5).prop_map(Json::Object),
        ]
    })
}

/// The values of one field in several records: often numbers only, so that not every column ends as TEXT.
fn any_column() -> impl Strategy<Value = Vec<Json>> {
    let number = any_number().prop_map(|(mantissa, exponent)| Json::Number(mantissa, exponent));
    prop_oneof![prop::collection::vec(number, 1..6), prop::collection::vec(any_json(), 1..6)]
}

fn any_record() -> impl Strategy<Value = Json> {
    prop::collection::btree_map(any_key(), any_json(), 0..8).prop_map(|mut members| {
        members.insert("id".into(), Json::Number(1, 0));
        Json::Object(members)
    })
}

/// A record like this one, with one of its values replaced.
fn replaced(json: &Json, place: usize, by: &Json) -> Json {
    match json {
        Json::Object(members) if !members.is_empty() => {
            let at = place % members.len();
            let replace = |(index, (key, member)): (usize, (&String, &Json))| {
                let member = if index == at {
                    replaced(member, place / members.len(), by)
                } else {
                    member.clone()
                };
                (key.clone(), member)
            };
            Json::Object(members.iter().enumerate().map(replace).collect())
        }
        Json::Array(elements) if !elements.is_empty() => {
            let at = place % elements.len();
            let mut elements = elements.clone();
            elements[at] = replaced(&elements[at], place / elements.len(), by);
            Json::Array(elements)
        }
        _ => by.clone(),
    }
}

fn hash_of(text: &str) -> [u8; 16] {
    hash(keyed(&["id"]), text)
}

proptest! {
    #[test]
    fn every_scalar_and_array_comes_out_as_sent(records in prop::collection::vec(any_record(), 1..4)) {
        // One flattener for all of them, as in a run: what a record leaves behind must not show in the next.
        let mut flattener = Flattener::new(keyed(&["id"]));
        for record in &records {
            let text = Speller::spell(record, &[]);
            let flat = flattener.flatten(raw(&text)).expect("the record has its key");
            let mut fields = BTreeMap::new();
            leaves(record, "", &mut fields);
            prop_assert_eq!(flat.fields.len(), fields.len());
            prop_assert_eq!(flat.fields[0].0, PathId(0));
            for (id, value) in &flat.fields {
                let path = flattener.paths().json_path(*id);
                let Some(sent) = fields.get(path) else { return Err(TestCaseError::fail(path.to_owned())) };
                let Some(SqlValue::Text(stored)) = value.to_sql(ColumnType::Text) else {
                    return Err(TestCaseError::fail("every value fits TEXT"));
                };
                let expected = match sent {
                    Json::String(string) => string.clone(),
                    other => Speller::spell(other, &[]),
                };
                prop_assert_eq!(stored, expected);
            }
        }
    }

    #[test]
    fn spelling_order_and_white_space_do_not_change_the_hash(
        record in any_record(),
        choices in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let plain = Speller::spell(&record, &[]);
        let other = Speller::spell(&record, &choices);
        prop_assert_eq!(hash_of(&plain), hash_of(&other), "{} {}", plain, other);
    }

    #[test]
    fn the_hash_is_the_same_only_for_the_same_content(
        record in any_record(),
        place in any::<usize>(),
        by in any_json(),
    ) {
        let Json::Object(mut members) = replaced(&record, place, &by) else {
            return Err(TestCaseError::fail("a record that has its key is not empty"));
        };
        members.insert("id".into(), Json::Number(1, 0));
        let other = Json::Object(members);
        let is_same_hash = hash_of(&Speller::spell(&record, &[])) == hash_of(&Speller::spell(&other, &[]));
        prop_assert_eq!(is_same_hash, content(&record) == content(&other), "{:?} {:?}", record, other);
    }

    #[test]
    fn a_column_that_widens_keeps_every_value(
        values in any_column(),
        choices in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        let texts: Vec<String> = values
            .iter()
            .filter(|value| **value != Json::Null)
            .map(|value| Speller::spell(&Json::Array(vec![value.clone()]), &choices))
            .collect();
        let records: Vec<String> = texts.iter().map(|text| format!(r#"{{"id":{text}}}"#)).collect();
        let mut column = Column::default();
        for (record, text) in records.iter().zip(&texts) {
            let element = json::elements(raw(text)).expect("it is an array")[0];
            let value = match json::kind(element) {
                Kind::Number => Value::number(element.get()),
                Kind::Boolean => Value::Boolean(element.get() == "true"),
                Kind::String => Value::Text(json::string(element).expect("the test's strings are text")),
                kind => Value::Json { text: record.clone(), kind },
            };
            column.store(value);
        }
        column.check()?;
    }
}

/// A column as the store keeps one: typed by its first value, rebuilt when a value does not fit.
#[derive(Default)]
struct Column<'a> {
    declared: Option<ColumnType>,
    stored: Vec<SqlValue<'a>>,
    sent: Vec<Value<'a>>,
}

impl<'a> Column<'a> {
    fn store(&mut self, value: Value<'a>) {
        let present = self.declared.unwrap_or_else(|| ColumnType::of(&value));
        let survives = |stored: &SqlValue<'_>| match stored {
            SqlValue::Integer(integer) => integer.unsigned_abs() <= EXACT_IN_REAL.unsigned_abs(),
            SqlValue::Real(_) | SqlValue::Text(_) => true,
        };
        let wanted = match present.widen(&value) {
            ColumnType::Real
                if present == ColumnType::Integer && !self.stored.iter().all(survives) =>
            {
                ColumnType::Text
            }
            wanted => wanted,
        };
        if wanted != present {
            for stored in &mut self.stored {
                *stored = rebuilt(stored, present, wanted);
            }
        }
        self.declared = Some(wanted);
        self.stored
            .push(owned(value.to_sql(wanted).expect("a column that was widened holds the value")));
        self.sent.push(value);
    }

    fn check(&self) -> Result<(), TestCaseError> {
        for (stored, sent) in self.stored.iter().zip(&self.sent) {
            let spelling = match (self.declared, stored) {
                (Some(ColumnType::Boolean), SqlValue::Integer(value)) => {
                    spell_boolean(*value == 1).to_owned()
                }
                (Some(ColumnType::Integer), SqlValue::Integer(value)) => value.to_string(),
                (Some(ColumnType::Real), SqlValue::Real(value)) => spell_real(*value),
                (Some(ColumnType::Text), SqlValue::Text(text)) => text.to_string(),
                other => return Err(TestCaseError::fail(format!("{other:?} in a typed column"))),
            };
            let Some(SqlValue::Text(expected)) = sent.to_sql(ColumnType::Text) else {
                return Err(TestCaseError::fail("every value fits TEXT"));
            };
            if sent.json_type() == "number" {
                prop_assert_eq!(
                    by_value(&spelling),
                    by_value(&expected),
                    "{} {}",
                    spelling,
                    expected
                );
            } else {
                prop_assert_eq!(spelling, expected);
            }
        }
        Ok(())
    }
}

fn rebuilt(stored: &SqlValue<'_>, from: ColumnType, to: ColumnType) -> SqlValue<'static> {
    match (from, stored, to) {
        (ColumnType::Boolean, SqlValue::Integer(value), _) => {
            SqlValue::Text(spell_boolean(*value == 1).into())
        }
        (_, SqlValue::Integer(value), ColumnType::Real) => {
            Value::Integer { value: *value, token: "".into() }
                .to_sql(to)
                .map(owned)
                .expect("it was checked")
        }
        (_, SqlValue::Integer(value), _) => SqlValue::Text(value.to_string().into()),
        (_, SqlValue::Real(value), _) => SqlValue::Text(spell_real(*value).into()),
        (_, SqlValue::Text(text), _) => SqlValue::Text(text.to_string().into()),
    }
}

fn owned(value: SqlValue<'_>) -> SqlValue<'static> {
    match value {
        SqlValue::Integer(value) => SqlValue::Integer(value),
        SqlValue::Real(value) => SqlValue::Real(value),
        SqlValue::Text(text) => SqlValue::Text(text.into_owned().into()),
    }
}

fn by_value(token: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    Decimal::parse(token)?.append_canonical(&mut bytes).then_some(bytes)
}
