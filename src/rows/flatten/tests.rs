use super::*;
use crate::rows::{ColumnType, SqlValue};

mod private;
mod properties;

fn path(text: &str) -> FieldPath {
    text.parse().expect("the test's path is valid")
}

fn keyed(key: &[&str]) -> Transforms {
    Transforms { key: key.iter().map(|part| path(part)).collect(), ..Transforms::default() }
}

fn raw(text: &str) -> &RawValue {
    serde_json::from_str(text).expect("the test's JSON is valid")
}

/// A record's fields as `path=spelling`, in their order.
fn spelled(flattener: &Flattener, record: &Record<'_>) -> Vec<String> {
    let spelling = |value: &Value<'_>| match value.to_sql(ColumnType::Text) {
        Some(SqlValue::Text(text)) => text.into_owned(),
        other => format!("{other:?}"),
    };
    record
        .fields
        .iter()
        .map(|(id, value)| format!("{}={}", flattener.paths().json_path(*id), spelling(value)))
        .collect()
}

fn flattened(transforms: Transforms, text: &str) -> Result<Vec<String>, Reject> {
    let mut flattener = Flattener::new(transforms);
    let record = flattener.flatten(raw(text))?;
    Ok(spelled(&flattener, &record))
}

fn hash(transforms: Transforms, text: &str) -> [u8; 16] {
    Flattener::new(transforms).flatten(raw(text)).expect("the test's record has its key").hash
}

#[test]
fn objects_are_flattened_and_arrays_stay_json() {
    assert_eq!(
        flattened(
            keyed(&["id"]),
            r#"{"b":{"c":{"d":1.50},"e":{}},"tags":[ "x", {"y": 2} ],"none":null,"id":"007","@odata.id":true}"#
        ),
        Ok(["id=007", "b.c.d=1.50", r#"tags=["x",{"y":2}]"#, "\"@odata.id\"=true"]
            .map(String::from)
            .to_vec())
    );
}

#[test]
fn the_key_comes_first_in_the_order_of_the_configuration() {
    let fields =
        flattened(keyed(&["at.hour", "origin"]), r#"{"x":1,"origin":"JFK","at":{"hour":5}}"#);
    assert_eq!(fields, Ok(["at.hour=5", "origin=JFK", "x=1"].map(String::from).to_vec()));
}

#[test]
fn a_key_part_with_a_dot_is_found_either_way_but_not_both() {
    for text in [r#"{"@odata.id":7}"#, r#"{"@odata":{"id":7}}"#] {
        assert_eq!(flattened(keyed(&["@odata.id"]), text), Ok(vec!["@odata.id=7".into()]));
    }
    assert_eq!(
        flattened(keyed(&["@odata.id"]), r#"{"@odata.id":7,"@odata":{"id":7}}"#),
        Err(Reject::KeyAmbiguous("@odata.id".into()))
    );
}

#[test]
fn what_is_kept_of_a_record_that_cannot_be_stored_is_without_what_is_excluded() {
    let exclude = ["plate", "user.email", "guests[].email"].map(path).to_vec();
    let mut flattener = Flattener::new(Transforms { exclude, ..keyed(&["id"]) });
    let record = r#"{"plate":"X","user":{"email":"X","n":1},"guests":[{"email":"X","n":[2]}],"":{"plate":3}}"#;
    let kept = r#"{"user":{"n":1},"guests":[{"n":[2]}],"":{"plate":3}}"#;
    assert_eq!(flattener.redact(raw(record)), kept);
    assert_eq!(
        flattener.redact(raw(&format!("[{record},[{record}]]"))),
        format!("[{kept},[{kept}]]")
    );
}

#[test]
fn a_record_that_cannot_be_stored_is_rejected_with_its_reason() {
    for (text, reason) in [
        ("[1]", "the record is an array, not an object"),
        ("null", "the record is null, not an object"),
        ("\"x\"", "the record is a string, not an object"),
        (r#"{"x":1}"#, "key part `a.b` is missing"),
        (r#"{"a":{"b":null}}"#, "key part `a.b` is null"),
        (r#"{"a":{"b":1,"b":null}}"#, "key part `a.b` is null"),
        (r#"{"a":{"b":1},"a":2}"#, "key part `a.b` is missing"),
        (r#"{"a":{"b":[1]}}"#, "key part `a.b` is an array, not a scalar"),
        (r#"{"a":{"b":{"c":1}}}"#, "key part `a.b` is an object, not a scalar"),
        (r#"{"a":{"b":1,"x":"\ud800"}}"#, "field `a.x` holds a string that is no Unicode text"),
        (r#"{"a":{"b":1,"\ud800":2}}"#, r#"a key is no Unicode text: "\ud800""#),
    ] {
        let reject = flattened(keyed(&["a.b"]), text).expect_err(text);
        assert_eq!(reject.to_string(), reason);
    }
    let excluded = Transforms { exclude: vec![path("id")], ..keyed(&["id"]) };
    assert_eq!(flattened(excluded, r#"{"id":1}"#), Err(Reject::KeyMissing(path("id"))));
}

#[test]
fn a_rejected_record_leaves_nothing_in_the_next_one() {
    let mut flattener = Flattener::new(keyed(&["id"]));
    let good = raw(r#"{"id":1,"a":2}"#);
    let hash = flattener.flatten(good).expect("the record has its key").hash;
    for bad in [r#"{"a":3,"b":4}"#, r#"{"id":1,"b":{"c":"\ud800"}}"#] {
        assert!(flattener.flatten(raw(bad)).is_err());
        let record = flattener.flatten(good).expect("the record has its key");
        assert_eq!(record.hash, hash);
        assert_eq!(spelled(&flattener, &record), ["id=1", "a=2"]);
    }
}

#[test]
fn of_a_key_sent_twice_the_last_one_counts() {
    for (text, fields) in [
        (r#"{"id":1,"a":2,"b":3,"a":4,"id":5}"#, &["id=5", "b=3", "a=4"][..]),
        (r#"{"id":1,"a":{"x":1,"y":2},"b":3,"a":{"y":4}}"#, &["id=1", "b=3", "a.y=4"]),
        (r#"{"id":1,"a":{"x":{"z":1}},"a":2,"b":3}"#, &["id=1", "a=2", "b=3"]),
        (r#"{"id":1,"a":2,"a":null}"#, &["id=1"]),
        (r#"{"id":1,"a":2,"\u0061":{}}"#, &["id=1"]),
    ] {
        assert_eq!(flattened(keyed(&["id"]), text).expect(text), fields);
    }
    assert_eq!(
        hash(keyed(&["id"]), r#"{"id":1,"a":{"x":1,"y":2},"b":3,"a":{"y":4}}"#),
        hash(keyed(&["id"]), r#"{"b":3,"a":{"y":4},"id":1}"#)
    );
}

#[test]
fn the_transforms_exclude_keep_and_convert() {
    let transforms = Transforms {
        exclude: vec![path("user.plate"), path("guests[].email"), path("map.secret"), path("gone")],
        json: vec![path("map"), path("raw")],
        types: vec![(path("badge"), ColumnType::Text), (path("count"), ColumnType::Integer)],
        ..keyed(&["id"])
    };
    let text = r#"{"id":1,"user":{"plate":"\ud800","name":"N"},"guests":[{"email":"e","n":1.0}],
        "map":{"k": [1], "secret": 1},"raw":"x","gone":{"a":[1]},"badge":7,"count":"42"}"#;
    let mut flattener = Flattener::new(transforms.clone());
    let record = flattener.flatten(raw(text)).expect("the record has its key");
    assert_eq!(
        spelled(&flattener, &record),
        [
            "id=1",
            "user.name=N",
            r#"guests=[{"n":1.0}]"#,
            r#"map={"k":[1]}"#,
            "raw=\"x\"",
            "badge=7",
            "count=42"
        ]
    );
    let types: Vec<_> = record.fields.iter().map(|(_, value)| value.json_type()).collect();
    assert_eq!(types, ["number", "string", "array", "object", "string", "string", "number"]);
    assert_eq!(flattener.paths().declared_type(record.fields[5].0), Some(ColumnType::Text));

    // The hash is of what is stored, so what is excluded does not count, and a conversion does.
    let stored = r#"{"id":1,"user":{"name":"N"},"guests":[{"n":1}],"map":{"k":[1]},"raw":"x","badge":7,"count":42}"#;
    assert_eq!(record.hash, hash(transforms.clone(), stored));
    let unconverted = Transforms { types: Vec::new(), ..transforms };
    assert_ne!(record.hash, hash(unconverted, stored));
}

#[test]
fn a_record_that_cannot_be_stored_is_kept_without_what_is_excluded() {
    let exclude = vec![path("email"), path("user.plate"), path("guests[].email")];
    let mut flattener = Flattener::new(Transforms { exclude, ..keyed(&["id"]) });
    let text = r#"{"email":"e","user":{"plate":"p","name":"N"},"guests":[{"email":"e","n":1}]}"#;
    assert_eq!(flattener.flatten(raw(text)), Err(Reject::KeyMissing(path("id"))));
    assert_eq!(flattener.redact(raw(text)), r#"{"user":{"name":"N"},"guests":[{"n":1}]}"#);
    assert_eq!(flattener.redact(raw(" 1.0 ")), "1.0");
}

#[test]
fn json_text_that_is_null_is_absent_and_empty_is_kept() {
    let transforms = || Transforms { json: vec![path("map")], ..keyed(&["id"]) };
    assert_eq!(flattened(transforms(), r#"{"id":1,"map":null}"#), Ok(vec!["id=1".into()]));
    let empty = flattened(transforms(), r#"{"id":1,"map":{}}"#);
    assert_eq!(empty, Ok(vec!["id=1".into(), "map={}".into()]));
}

#[test]
fn nesting_of_any_depth_is_kept() {
    let arrays = format!(r#"{{"id":1,"a":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let fields = flattened(keyed(&["id"]), &arrays).expect("the record has its key");
    assert_eq!(fields[1].len(), "a=".len() + 20_000);

    let depth = 10_000;
    let objects = format!("{}2{}", r#"{"id":1,"a":"#.repeat(depth), "}".repeat(depth));
    let fields = flattened(keyed(&["id"]), &objects).expect("the record has its key");
    assert_eq!(fields.len(), MAX_DEPTH + 1);
    let deepest = fields.last().expect("there are fields");
    let rest = depth - MAX_DEPTH;
    let kept = format!("{}2{}", r#"{"id":1,"a":"#.repeat(rest), "}".repeat(rest));
    assert_eq!(*deepest, format!("{}={kept}", vec!["a"; MAX_DEPTH].join(".")));
}

#[test]
fn nulls_and_empty_objects_do_not_count_in_the_hash() {
    let plain = hash(keyed(&["id"]), r#"{"id":1,"a":2}"#);
    assert_eq!(plain, hash(keyed(&["id"]), r#"{"z":null,"e":{"f":{},"g":null},"a":2,"id":1}"#));
    assert_ne!(plain, hash(keyed(&["id"]), r#"{"id":1,"a":2,"e":[]}"#));
    assert_ne!(plain, hash(keyed(&["id"]), r#"{"id":1,"b":2}"#));
}

#[test]
fn records_and_rejects_can_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Flattener>();
    crosses::<Record<'_>>();
    crosses::<Reject>();
}

#[test]
fn the_hash_of_a_content_never_changes() {
    // Another hash would have every row of every database rewritten: these values are for good.
    for (record, hash) in [
        (r#"{"id":1}"#, "09cd42cc1643830dace340176b07705c"),
        (r#"{"id":"1"}"#, "6983bd14194d49cc50a7eb05108dc603"),
        (
            r#"{"id":1,"a":{"b":true},"c":0.1,"d":[1,{"e":null,"f":"\u00e9"}]}"#,
            "637158db77cc125165023a2700734dfa",
        ),
        (r#"{"id":-0.0,"a.b":1e400,"text":"007"}"#, "554f946c33cc505938fd7b3b1296bcb2"),
    ] {
        let flat = Flattener::new(keyed(&["id"])).flatten(raw(record)).map(|flat| flat.hash);
        let hex = flat
            .map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat());
        assert_eq!(hex.as_deref(), Ok(hash), "{record}");
    }
}
