use super::*;
use crate::{
    rows::{Flattener, HashKey, Transforms},
    store::schema::{Column, Extra, Field},
};

fn types(json_types: &[&str]) -> BTreeSet<String> {
    json_types.iter().map(|json_type| (*json_type).to_owned()).collect()
}

fn column(name: &str, declared: ColumnType, json_types: &[&str]) -> Column {
    let (json_path, key_part) = (name.to_owned(), (name == "id").then_some(0));
    Column { name: name.into(), json_path, declared, json_types: types(json_types), key_part }
}

fn table(columns: &[Column], extra: &[(&str, &[&str])]) -> Table {
    let field = |(path, json_types): &(&str, &[&str])| Field {
        json_path: (*path).into(),
        json_types: types(json_types),
    };
    let fields: Vec<Field> = extra.iter().map(field).collect();
    Table {
        name: "t".into(),
        columns: columns.to_vec(),
        extra: (!fields.is_empty()).then(|| Extra { column: "_extra".into(), fields }),
        added_by_users: Vec::new(),
        has_triggers: false,
    }
}

fn told(before: &Table, after: &Table) -> Vec<String> {
    let text = |change: &SchemaChange| {
        let types =
            [change.before.as_deref(), change.after.as_deref()].map(Option::unwrap_or_default);
        let (path, column) = (&change.json_path, &change.column);
        format!("{} {path} {column} {} > {}", change.change.as_str(), types[0], types[1])
    };
    between(before, after).iter().map(|(change, _)| text(change)).collect()
}

#[test]
fn every_change_of_a_table_is_told_and_nothing_else() {
    use ColumnType::{Integer, Real, Text};
    let before = table(
        &[
            column("id", Integer, &["number"]),
            column("a", Integer, &["number"]),
            column("b", Text, &["string"]),
        ],
        &[("x", &["string"])],
    );
    let after = table(
        &[
            column("id", Real, &["number"]),
            column("a", Text, &["boolean", "number", "string"]),
            column("b", Text, &["string"]),
            column("c", Integer, &["number"]),
        ],
        &[("x", &["array", "string"]), ("y", &["object"])],
    );
    assert_eq!(
        told(&before, &after),
        [
            "rebuilt column id id INTEGER > REAL",
            "changed type a a number > boolean,string",
            "rebuilt column a a INTEGER > TEXT",
            "new field c c  > number",
            "changed type x _extra string > array",
            "no room y _extra  > object",
        ]
    );
    assert_eq!(told(&after, &after), [""; 0]);
    // The type of a key of which nothing was seen yet is only provisional.
    let unused = table(&[column("id", Text, &[])], &[]);
    assert_eq!(told(&unused, &table(&[column("id", Integer, &["number"])], &[])), [""; 0]);
}

#[test]
fn an_example_is_the_first_value_that_shows_the_change_and_none_that_may_be_personal() {
    let path = |path: &str| path.parse().expect("the test's path is valid");
    let mut flattener = Flattener::new(Transforms {
        key: vec![path("id")],
        exclude: vec![path("guests[].email")],
        hash: vec![path("email")],
        hash_key: HashKey::derive(b"0123456789abcdef"),
        ..Transforms::default()
    });
    let long = "ä".repeat(200);
    let sent = [
        r#"{"id":1,"a":1,"email":"x@y","guests":[{"email":"x@y"}]}"#.to_owned(),
        format!(r#"{{"id":2,"a":0.50,"b":"{long}"}}"#),
        r#"{"id":3,"a":"seven","b":7}"#.to_owned(),
    ];
    let records: Vec<Record<'_>> = sent
        .iter()
        .map(|record| serde_json::from_str(record).expect("the test's JSON is valid"))
        .map(|record| flattener.flatten(record).expect("the test's record has its key"))
        .collect();
    let change = |json_path: &str| SchemaChange {
        change: Change::NewField,
        json_path: json_path.into(),
        column: String::new(),
        before: None,
        after: None,
    };
    let number = types(&["number"]);
    let changes = [
        (change("a"), Shown::Any),
        (change("a"), Shown::NotFitting(ColumnType::Integer)),
        (change("a"), Shown::OfOtherType(&number)),
        (change("b"), Shown::Any),
        (change("email"), Shown::Any),
        (change("guests"), Shown::Any),
        (change("gone"), Shown::Any),
    ];
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        examples(&changes, flattener.paths(), &records),
        [
            text("1"),
            text("0.50"),
            text("\"seven\""),
            Some(format!("\"{}…", "ä".repeat(EXAMPLE_LENGTH - 1))),
            None,
            None,
            None
        ]
    );
}
