//! What is done to an endpoint's records before they are stored.

use super::{
    reader::{Problem, Section},
    tree::Origin,
    values,
};
use crate::rows::{ColumnType, FieldPath, Transforms};

const TYPES: [(&str, ColumnType); 4] = [
    ("integer", ColumnType::Integer),
    ("real", ColumnType::Real),
    ("text", ColumnType::Text),
    ("boolean", ColumnType::Boolean),
];

/// A path and where it was written.
type Written = (FieldPath, Origin);

/// Reads an endpoint's `key`, `exclude`, `hash`, `json` and `types`; the key of the hashes comes later.
pub(super) fn read(endpoint: &mut Section<'_>) -> Option<Transforms> {
    let key = endpoint.required_list("key", r#"["id"]"#, values::field);
    let exclude = endpoint.list("exclude", values::path).unwrap_or_default();
    let hash = endpoint.list("hash", values::path).unwrap_or_default();
    let json = endpoint.list("json", values::field).unwrap_or_default();
    let types = endpoint.map("types", r#"{ badgeNumber = "text" }"#, |name, node| {
        Ok((values::field_name(name)?, values::word(node, &TYPES)?))
    });
    for (index, (path, origin)) in hash.iter().enumerate() {
        let (before, after) = hash.split_at(index);
        // Of a path that is there twice, the second one is told of.
        let others = before.iter().chain(after.iter().filter(|(other, _)| other != path));
        report(endpoint, "hash", origin, contradiction(path, &exclude, others, &json, &types));
    }
    let key = key?;
    for (index, (field, origin)) in key.iter().enumerate() {
        let is_repeated = key.iter().take(index).any(|(other, _)| other == field);
        report(endpoint, "key", origin, no_key(field, is_repeated, &exclude, &hash, &json));
    }
    let bare = |paths: Vec<Written>| paths.into_iter().map(|(path, _)| path).collect();
    Some(Transforms {
        key: bare(key),
        exclude: bare(exclude),
        hash: bare(hash),
        hash_key: None,
        json: bare(json),
        types,
    })
}

fn report(endpoint: &Section<'_>, key: &str, origin: &Origin, problem: Option<Problem>) {
    if let Some(problem) = problem {
        endpoint.report(origin, key, problem);
    }
}

/// Why a field cannot be a part of the key.
fn no_key(
    field: &FieldPath,
    is_repeated: bool,
    exclude: &[Written],
    hash: &[Written],
    json: &[Written],
) -> Option<Problem> {
    if is_repeated {
        return Some(Problem::new(format!("names `{field}` twice"), "name it once"));
    }
    if let Some(other) = above(exclude, field) {
        return Some(Problem::new(
            format!("names `{field}`, which `exclude` drops with `{other}`"),
            "a key must be stored: take it out of one of the two",
        ));
    }
    if let Some(other) = above(hash, field).filter(|other| *other != field) {
        return Some(Problem::new(
            format!("names `{field}`, which `hash` replaces with `{other}`"),
            format!("a key needs a column of its own: hash `{field}` itself"),
        ));
    }
    let other = above(json, field)?;
    Some(Problem::new(
        format!("names `{field}`, which `json` keeps as text with `{other}`"),
        "a key needs a column of its own: take it out of one of the two",
    ))
}

/// Why a field cannot be hashed, in the light of the other settings.
fn contradiction<'w>(
    path: &FieldPath,
    exclude: &[Written],
    others: impl IntoIterator<Item = &'w Written>,
    json: &[Written],
    types: &[(FieldPath, ColumnType)],
) -> Option<Problem> {
    if let Some(other) = above(exclude, path) {
        return Some(Problem::new(
            format!("names `{path}`, which `exclude` drops with `{other}`"),
            "take it out of one of the two",
        ));
    }
    if let Some(other) = above(others, path) {
        return Some(Problem::new(
            format!("names `{path}`, which it hashes with `{other}` already"),
            "take one of the two out",
        ));
    }
    if let Some((other, _)) = json.iter().find(|(other, _)| path.covers(other)) {
        return Some(Problem::new(
            format!("names `{path}`, while `json` keeps `{other}` as it is"),
            "take it out of one of the two",
        ));
    }
    let (other, _) = types.iter().find(|(other, _)| path.covers(other))?;
    Some(Problem::new(
        format!("names `{path}`, while `types` gives `{other}` a type"),
        "take it out of one of the two: a hash is text",
    ))
}

/// The first of the paths that is the field's or leads to an object or array around it.
fn above<'w>(
    paths: impl IntoIterator<Item = &'w Written>,
    field: &FieldPath,
) -> Option<&'w FieldPath> {
    paths.into_iter().map(|(path, _)| path).find(|path| path.covers(field))
}
