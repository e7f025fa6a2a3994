//! What any JSON comes to as rows. An input is a record, or an array of them.

use std::collections::BTreeSet;

use mapiq_sync::rows::{
    ColumnType, FieldPath, Flattener, HashKey, Record, SqlValue, Transforms, json, unique_name,
};
use serde_json::value::RawValue;

/// What an object gets that has no such member yet.
const NEW: &str = "a member that no input has";

pub(crate) fn hold(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(value) = serde_json::from_str::<&RawValue>(text) else { return };
    let records = json::elements(value).unwrap_or_else(|| vec![value]);
    let mut plain = Flattener::new(transforms(&[], &[]));
    let mut private =
        Flattener::new(transforms(&["secret", "a[].secret"], &["email", "a[].email"]));
    let mut columns: Vec<Option<ColumnType>> = Vec::new();
    let mut flat = Vec::new();
    for record in &records {
        check_private(&mut private, record);
        let Ok(row) = plain.flatten(record) else { continue };
        assert_eq!(
            plain.flatten(record).as_ref(),
            Ok(&row),
            "flattening depends on what was before"
        );
        check_hash(&row, record);
        columns.resize(plain.paths().len(), None);
        for (id, value) in &row.fields {
            let column = &mut columns[id.0 as usize];
            *column = Some(column.map_or(ColumnType::of(value), |column| column.widen(value)));
        }
        flat.push(row);
    }
    check_names(&plain);
    for (id, value) in flat.iter().flat_map(|row| &row.fields) {
        let column = columns[id.0 as usize].expect("it has met this value");
        let stored = value.to_sql(column);
        assert_eq!(stored.is_some(), column.fits(value));
        let has_type = match (column, &stored) {
            // A whole number of more than 53 bits makes the column TEXT, once the store has looked at what is in it.
            (ColumnType::Real, None) => value.json_type() == "number",
            (ColumnType::Boolean | ColumnType::Integer, Some(SqlValue::Integer(_)))
            | (ColumnType::Real, Some(SqlValue::Real(_)))
            | (ColumnType::Text, Some(SqlValue::Text(_))) => true,
            _ => false,
        };
        assert!(has_type, "{stored:?} in a column of {}", column.as_sql());
        assert!(matches!(value.to_sql(ColumnType::Text), Some(SqlValue::Text(_))));
        serde_json::from_str::<&RawValue>(&value.to_json()).expect("a value shows as JSON");
    }
}

fn transforms(exclude: &[&str], hash: &[&str]) -> Transforms {
    let path = |path: &&str| path.parse::<FieldPath>().expect("it is a path");
    Transforms {
        key: vec![path(&"id")],
        exclude: exclude.iter().map(path).collect(),
        hash: hash.iter().map(path).collect(),
        hash_key: HashKey::derive(b"a key of sixteen bytes and more"),
        ..Transforms::default()
    }
}

/// The order of members and all-null members change nothing.
fn check_hash(row: &Record<'_>, record: &RawValue) {
    let members = json::members(record).expect("what is flattened is an object");
    let names: BTreeSet<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    // Of a member that comes twice the last counts: its order matters.
    if names.len() < members.len() || names.contains(NEW) {
        return;
    }
    let mut parts: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_ref()), value.get()))
        .collect();
    parts.push(format!("\"{NEW}\":{{\"a\":null,\"b\":{{}}}}"));
    parts.reverse();
    let other = format!("{{{}}}", parts.join(" ,\n"));
    let other: &RawValue = serde_json::from_str(&other).expect("it is the same JSON");
    let hash = Flattener::new(transforms(&[], &[])).flatten(other).map(|row| row.hash);
    assert_eq!(hash, Ok(row.hash), "the hash depends on the order of members or on nulls");
}

/// The names that a table would get are all different, whatever their case.
fn check_names(flattener: &Flattener) {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut json_paths = BTreeSet::new();
    for id in flattener.paths().ids() {
        assert!(json_paths.insert(flattener.paths().json_path(id)), "a field has two paths");
        let name = flattener.paths().column_name(id);
        assert!(!name.is_empty() && !name.contains(char::is_whitespace), "{name:?} is no name");
        let name = unique_name(name, |name| taken.contains(&name.to_ascii_lowercase()));
        assert!(taken.insert(name.to_ascii_lowercase()), "two columns are named {name}");
    }
}

/// Nothing of an excluded field is left, and what is redacted comes to the same row.
fn check_private(flattener: &mut Flattener, record: &RawValue) {
    let row = flattener.flatten(record);
    let redacted = flattener.redact(record);
    let redacted: &RawValue = serde_json::from_str(&redacted).expect("a redacted record is JSON");
    if json::kind(redacted) == json::Kind::Object {
        let members = json::members(redacted).unwrap_or_default();
        assert!(!members.iter().any(|(name, _)| name == "secret"), "{redacted}");
    }
    if let Ok(row) = row {
        let mut again =
            Flattener::of_redacted(transforms(&["secret", "a[].secret"], &["email", "a[].email"]));
        let again = again.flatten(redacted).map(|row| row.hash);
        assert_eq!(again, Ok(row.hash), "{redacted} is another row than its record");
    }
    let paths = flattener.paths();
    let is_secret = |path: &str| path == "secret" || path.starts_with("secret.");
    assert!(!paths.ids().any(|id| is_secret(paths.json_path(id))));
}
