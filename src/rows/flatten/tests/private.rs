//! What must not be stored is in nothing that is, whatever the record looks like; what may be stored is all there.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::rows::{Fate, HashKey, Redactor};

const SECRET: &[u8] = b"0123456789abcdef";

fn paths(paths: &[&str]) -> Vec<FieldPath> {
    paths.iter().map(|text| path(text)).collect()
}

fn private(exclude: &[&str], hash: &[&str]) -> Transforms {
    Transforms {
        exclude: paths(exclude),
        hash: paths(hash),
        hash_key: HashKey::derive(SECRET),
        ..keyed(&["id"])
    }
}

/// The hash of a value.
fn hashed(value: &str) -> String {
    Redactor::new(private(&[], &[])).hashed("v", value).expect("the value is not null")
}

#[test]
fn a_hash_takes_the_place_of_a_value_and_null_stays_null() {
    let record = r#"{"id":7,"email":"a@b.nl","n":1.0,"flag":true,"none":null,"user":{"x":1,"y":null,"z":[2]},"list":[{"email":"a@b.nl"},{"email":null}]}"#;
    let hash = ["id", "email", "n", "flag", "none", "user", "list[].email"];
    let email = hashed("\"a@b.nl\"");
    assert_eq!(
        flattened(private(&[], &hash), record),
        Ok(vec![
            format!("id={}", hashed("7")),
            format!("email={email}"),
            format!("n={}", hashed("1")),
            format!("flag={}", hashed("true")),
            format!("user={}", hashed(r#"{"z":[2],"x":1}"#)),
            format!(r#"list=[{{"email":"{email}"}},{{"email":null}}]"#),
        ])
    );
}

#[test]
fn a_key_that_is_no_scalar_is_rejected_though_it_could_be_hashed() {
    for (record, kind) in [(r#"{"id":{"a":1}}"#, Kind::Object), (r#"{"id":[1]}"#, Kind::Array)] {
        let rejected = flattened(private(&[], &["id"]), record);
        assert_eq!(rejected, Err(Reject::KeyNotScalar { part: path("id"), kind }));
    }
}

#[test]
fn without_a_key_what_must_be_hashed_is_left_out() {
    let transforms = Transforms { hash_key: None, ..private(&[], &["email", "list[].email"]) };
    assert_eq!(
        flattened(transforms, r#"{"id":7,"email":"a@b.nl","list":[{"email":"a@b.nl"}]}"#),
        Ok(vec!["id=7".into(), "list=[{}]".into()])
    );
}

#[test]
fn a_string_that_is_no_text_can_be_hashed() {
    assert!(flattened(private(&[], &["v"]), r#"{"id":7,"v":"\ud800"}"#).is_ok());
}

#[test]
fn paths_that_no_record_has_had_are_told() {
    let mut flattener = Flattener::new(Transforms {
        json: paths(&["map", "none"]),
        types: vec![(path("badge"), ColumnType::Text), (path("bagde"), ColumnType::Text)],
        ..private(&["plate", "plat", "list[].x", "list[].y", "gone", "gone.x"], &["email", "emial"])
    });
    flattener
        .flatten(raw(r#"{"id":1,"plate":1,"map":{},"gone":{"x":1}}"#))
        .expect("it has its key");
    flattener
        .flatten(raw(r#"{"id":2,"badge":null,"email":1,"list":[{"x":1}]}"#))
        .expect("it has its key");
    let unmet: Vec<String> =
        flattener.unmet().iter().map(|(key, path)| format!("{key} {path}")).collect();
    assert_eq!(
        unmet,
        ["exclude plat", "exclude list[].y", "hash emial", "json none", "types bagde"]
    );
}

#[test]
fn a_field_is_missed_only_where_it_would_have_been_seen() {
    let mut flattener = Flattener::new(Transforms {
        exclude: vec![path("secret"), path("gone")],
        json: vec![path("map")],
        ..keyed(&["id"])
    });
    let record = r#"{"id":1,"a":{"b":1,"x.y":2},"empty":{},"null":null,"secret":{"c":1},"map":{"c":1},"list":[]}"#;
    flattener.flatten(raw(record)).expect("the record has its key");
    for (json_path, sighting) in [
        ("a.b", Sighting::Met),
        ("a.\"x.y\"", Sighting::Met),
        ("a.x.y", Sighting::Missed),
        ("a.c", Sighting::Missed),
        ("a.b.c", Sighting::Missed),
        ("none", Sighting::Missed),
        ("none.c", Sighting::Missed),
        ("null", Sighting::Met),
        ("null.c", Sighting::Unknown),
        ("empty.c", Sighting::Unknown),
        ("list", Sighting::Met),
        ("map", Sighting::Met),
        ("map.c", Sighting::Unknown),
        ("secret", Sighting::Unknown),
        ("secret.c", Sighting::Unknown),
        ("gone", Sighting::Unknown),
    ] {
        assert_eq!(flattener.sighting(json_path), sighting, "{json_path}");
    }
    assert_eq!(Flattener::new(keyed(&["id"])).sighting("a"), Sighting::Unknown);
}

/// A value of any shape whose scalars are all alike.
fn any_shape() -> impl Strategy<Value = Json> {
    let key = "[a-c]";
    Just(Json::Bool(true)).prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            2 => prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Makes each scalar a text of its own, and sorts these into those that may be stored and those that may not.
fn number(
    json: &mut Json,
    dotted: &str,
    must_go: bool,
    transforms: &Transforms,
    leaves: &mut (BTreeSet<String>, BTreeSet<String>),
) {
    let names = |paths: &[FieldPath]| paths.iter().any(|path| path.as_str() == dotted);
    let must_go = must_go || names(&transforms.exclude) || names(&transforms.hash);
    match json {
        Json::Array(elements) => {
            for element in elements {
                number(element, &format!("{dotted}[]"), must_go, transforms, leaves);
            }
        }
        Json::Object(members) => {
            for (key, member) in members {
                let dot = if dotted.is_empty() { "" } else { "." };
                number(member, &format!("{dotted}{dot}{key}"), must_go, transforms, leaves);
            }
        }
        scalar => {
            let text = format!("<{}>", leaves.0.len() + leaves.1.len());
            *scalar = Json::String(text.clone());
            if must_go {
                leaves.1.insert(text)
            } else {
                leaves.0.insert(text)
            };
        }
    }
}

fn any_paths() -> impl Strategy<Value = Vec<String>> {
    let part = "[a-c](\\[\\]){0,2}";
    prop::collection::vec(prop::collection::vec(part, 1..4), 0..4)
        .prop_map(|paths| paths.iter().map(|parts| parts.join(".")).collect())
}

proptest! {
    #[test]
    fn only_what_may_be_stored_is_in_any_text(
        shape in prop::collection::btree_map("[a-c]", any_shape(), 0..4),
        exclude in any_paths(),
        hash in any_paths(),
        json in any_paths(),
    ) {
        let bare = |paths: &[String]| paths.iter().map(|text| path(text)).collect::<Vec<_>>();
        let transforms = Transforms {
            exclude: bare(&exclude),
            hash: bare(&hash),
            json: bare(&json),
            ..private(&[], &[])
        };
        let mut record = Json::Object(shape.into_iter().collect());
        let mut leaves = Default::default();
        number(&mut record, "", false, &transforms, &mut leaves);
        let (may_stay, must_go) = leaves;
        record["id"] = Json::from(1);
        let record = record.to_string();

        let mut flattener = Flattener::new(transforms.clone());
        let flat = flattener.flatten(raw(&record)).expect("the record has its key");
        let fields = spelled(&flattener, &flat).join("\n");
        let rejected = flattener.redact(raw(&record));
        let stored = Redactor::new(transforms.clone()).record(&record);
        prop_assert_eq!(Some(&rejected), stored.as_ref());
        for text in [&fields, &rejected] {
            for leaf in &must_go {
                prop_assert!(!text.contains(leaf.as_str()), "{leaf} in {text}");
            }
            for leaf in &may_stay {
                prop_assert!(text.contains(leaf.as_str()), "{leaf} not in {text}");
            }
        }
        // What was stored plainly ends as what is stored from now on.
        let mut plain = Flattener::new(Transforms { json: transforms.json.clone(), ..keyed(&["id"]) });
        let flat = plain.flatten(raw(&record)).expect("the record has its key");
        let mut redactor = Redactor::new(transforms);
        for (id, value) in &flat.fields {
            let json_path = plain.paths().json_path(*id);
            let Some(SqlValue::Text(text)) = value.to_sql(ColumnType::Text) else { continue };
            let kept = match redactor.fate(json_path) {
                Fate::Kept => text.into_owned(),
                Fate::Rewritten => redactor.rewritten(json_path, &text).unwrap_or_default(),
                Fate::Hashed | Fate::Removed => continue,
            };
            prop_assert!(must_go.iter().all(|leaf| !kept.contains(leaf.as_str())), "{kept}");
        }
    }
}
