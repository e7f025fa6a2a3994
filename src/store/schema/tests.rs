use serde_json::value::RawValue;

use super::*;
use crate::rows::{FieldPath, Flattener, Transforms};

fn path(text: &str) -> FieldPath {
    text.parse().expect("the test's path is valid")
}

fn keyed(key: &[&str]) -> Transforms {
    Transforms { key: key.iter().map(|part| path(part)).collect(), ..Transforms::default() }
}

/// An endpoint whose pages change its table as the store would change it.
struct Endpoint {
    flattener: Flattener,
    table: Table,
}

impl Endpoint {
    fn new(transforms: Transforms) -> Self {
        let flattener = Flattener::new(transforms);
        let table = Table::new("t", flattener.paths());
        Self { flattener, table }
    }

    fn changes(&mut self, page: &[&str]) -> Changes {
        let raw: Vec<&RawValue> = page
            .iter()
            .map(|text| serde_json::from_str(text).expect("the test's JSON is valid"))
            .collect();
        let records: Vec<Record<'_>> = raw
            .iter()
            .map(|raw| self.flattener.flatten(raw).expect("the test's record has its key"))
            .collect();
        self.table.changes_for(self.flattener.paths(), &records)
    }

    fn page(&mut self, page: &[&str]) {
        let changes = self.changes(page);
        for &(index, column_type) in &changes.rebuilt {
            self.table.columns[index].declared = column_type;
        }
        self.table.extend(&changes);
        if let Some(extra) = &mut self.table.extra {
            extra.fields.extend(changes.overflowed);
        }
        for (place, json_types) in changes.json_types {
            assert!(self.table.set_json_types(place, json_types).is_some());
        }
    }

    /// The columns as `name TYPE`.
    fn columns(&self) -> Vec<String> {
        self.table
            .columns
            .iter()
            .map(|column| format!("{} {}", column.name, column.declared.as_sql()))
            .collect()
    }
}

fn after(transforms: Transforms, pages: &[&[&str]]) -> Vec<String> {
    let mut endpoint = Endpoint::new(transforms);
    for page in pages {
        endpoint.page(page);
    }
    endpoint.columns()
}

#[test]
fn the_key_stands_first_and_takes_its_types_from_the_first_rows() {
    let mut endpoint = Endpoint::new(keyed(&["at.hour", "origin"]));
    assert_eq!(endpoint.columns(), ["at_hour TEXT", "origin TEXT"]);
    endpoint.page(&[r#"{"x":1,"origin":"JFK","at":{"hour":5}}"#]);
    assert_eq!(endpoint.columns(), ["at_hour INTEGER", "origin TEXT", "x INTEGER"]);
    let key: Vec<&str> = endpoint.table.key().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(key, ["at_hour", "origin"]);
}

#[test]
fn a_key_that_held_text_stays_text() {
    assert_eq!(after(keyed(&["id"]), &[&[r#"{"id":"a"}"#], &[r#"{"id":1}"#]]), ["id TEXT"]);
}

#[test]
fn a_page_that_fits_changes_nothing() {
    let mut endpoint = Endpoint::new(keyed(&["id"]));
    endpoint.page(&[r#"{"id":1,"a":0.5,"b":true,"c":"x","d":[1]}"#]);
    let fits = r#"{"id":2.0,"a":7,"b":false,"c":"7","d":[],"e":null,"f":{}}"#;
    assert!(endpoint.changes(&[fits]).is_empty());
    assert!(endpoint.changes(&[]).is_empty());
}

#[test]
fn columns_are_added_in_the_order_first_seen() {
    assert_eq!(
        after(keyed(&["id"]), &[&[r#"{"b":1,"id":1}"#, r#"{"id":2,"a":{"z":"x","y":2.5},"b":2}"#]]),
        ["id INTEGER", "b INTEGER", "a_z TEXT", "a_y REAL"]
    );
}

#[test]
fn names_that_are_taken_get_the_next_number() {
    let mut endpoint = Endpoint::new(keyed(&["userId"]));
    endpoint.table.added_by_users.push("Note".into());
    endpoint.page(&[r#"{"userId":1,"user_id":1,"USER_ID":1,"_hash":1,"note":1,"user":{"id":1}}"#]);
    assert_eq!(
        endpoint.columns(),
        ["user_id", "user_id__2", "user_id__3", "_hash__2", "note__2", "user_id__4"]
            .map(|name| format!("{name} INTEGER"))
    );
    assert_eq!(endpoint.table.width(), 6 + 5 + 1);
}

#[test]
fn a_column_widens_no_further_than_it_must() {
    let values = |values: &[&str]| {
        let pages: Vec<String> =
            values.iter().map(|value| format!(r#"{{"id":1,"v":{value}}}"#)).collect();
        let one_page: Vec<&str> = pages.iter().map(String::as_str).collect();
        let pages: Vec<&[&str]> = one_page.chunks(1).collect();
        (
            after(keyed(&["id"]), &[&one_page]).swap_remove(1),
            after(keyed(&["id"]), &pages).swap_remove(1),
        )
    };
    for (sent, column) in [
        (&["1", "2.0", "1e3"][..], "v INTEGER"),
        (&["1", "0.5"], "v REAL"),
        (&["0.5", "1"], "v REAL"),
        (&["1", "\"1\""], "v TEXT"),
        (&["true", "1"], "v TEXT"),
        (&["1", "true"], "v TEXT"),
        (&["0.5", "9007199254740993"], "v TEXT"),
        (&["1", "9223372036854775808"], "v TEXT"),
        (&["[1]", "{\"a\":1}"], "v TEXT"),
        (&["null", "true", "null", "false"], "v BOOLEAN"),
    ] {
        assert_eq!(values(sent), (column.to_owned(), column.to_owned()), "{sent:?}");
    }
}

/// Across pages that is the database's to find out: it has the earlier value.
#[test]
fn a_type_that_a_later_value_asks_for_must_hold_the_earlier_ones_of_its_page() {
    let large = r#"{"id":1,"v":1152921504606846976}"#;
    let half = r#"{"id":2,"v":0.5}"#;
    for page in [[large, half], [half, large]] {
        assert_eq!(after(keyed(&["id"]), &[&page]), ["id INTEGER", "v TEXT"]);
    }
    assert_eq!(after(keyed(&["id"]), &[&[large], &[half]]), ["id INTEGER", "v REAL"]);
}

#[test]
fn declared_types_hold_as_far_as_the_values_let_them() {
    let types = |column| Transforms { types: vec![(path("v"), column)], ..keyed(&["id"]) };
    let one = r#"{"id":1,"v":1}"#;
    let text = r#"{"id":1,"v":"x"}"#;
    assert_eq!(after(types(ColumnType::Real), &[&[one]]), ["id INTEGER", "v REAL"]);
    assert_eq!(after(types(ColumnType::Boolean), &[&[one]]), ["id INTEGER", "v BOOLEAN"]);
    assert_eq!(after(types(ColumnType::Text), &[&[one]]), ["id INTEGER", "v TEXT"]);
    assert_eq!(after(types(ColumnType::Integer), &[&[text, one]]), ["id INTEGER", "v TEXT"]);
    assert_eq!(after(types(ColumnType::Integer), &[&[one], &[text]]), ["id INTEGER", "v TEXT"]);
}

#[test]
fn a_type_declared_later_widens_and_never_narrows() {
    let later = |column| {
        let mut endpoint = Endpoint::new(keyed(&["id"]));
        endpoint.page(&[r#"{"id":1,"v":1,"w":"x"}"#]);
        let types = vec![(path("v"), column), (path("w"), column)];
        endpoint.flattener = Flattener::new(Transforms { types, ..keyed(&["id"]) });
        endpoint.page(&[r#"{"id":1,"v":1,"w":"1"}"#]);
        endpoint.columns().split_off(1)
    };
    assert_eq!(later(ColumnType::Text), ["v TEXT", "w TEXT"]);
    assert_eq!(later(ColumnType::Real), ["v INTEGER", "w TEXT"]);
}

#[test]
fn the_json_types_that_were_sent_are_gathered() {
    let mut endpoint = Endpoint::new(keyed(&["id"]));
    endpoint.page(&[r#"{"id":1,"v":1}"#]);
    endpoint.page(&[r#"{"id":2,"v":"x"}"#, r#"{"id":3,"v":[1]}"#]);
    let types: Vec<_> = endpoint.table.columns[1].json_types.iter().map(String::as_str).collect();
    assert_eq!(types, ["array", "number", "string"]);
}

/// A record of fields `prefix0`, `prefix1`, ….
fn wide(prefix: &str, fields: usize) -> String {
    let fields: Vec<String> = (0..fields).map(|field| format!(r#""{prefix}{field}":1"#)).collect();
    format!(r#"{{"id":1,{}}}"#, fields.join(","))
}

#[test]
fn a_field_for_which_there_is_no_room_changes_nothing_but_what_is_known_of_it() {
    let mut endpoint = Endpoint::new(keyed(&["id"]));
    endpoint.page(&[&wide("f", DATA_COLUMNS - 1)]);
    assert_eq!((endpoint.table.columns.len(), &endpoint.table.extra), (DATA_COLUMNS, &None));
    let changes = endpoint.changes(&[r#"{"id":1,"_EXTRA":1,"f0":1}"#]);
    let field = |json_types: &[&str]| Field {
        json_path: "_EXTRA".into(),
        json_types: json_types.iter().map(|&json_type| json_type.into()).collect(),
    };
    let expected = Changes {
        extra: Some("_extra".into()),
        overflowed: vec![field(&["number"])],
        ..Changes::default()
    };
    assert_eq!(changes, expected);
    endpoint.page(&[r#"{"id":1,"_EXTRA":1}"#]);
    assert!(endpoint.changes(&[r#"{"id":1,"_EXTRA":0.5}"#]).is_empty());
    let changes = endpoint.changes(&[r#"{"id":1,"_EXTRA":"x"}"#, r#"{"id":2,"more":1}"#]);
    assert_eq!(changes.json_types, [(Place::Extra(0), field(&["number", "string"]).json_types)]);
    assert_eq!((changes.extra, changes.overflowed.len(), changes.rebuilt), (None, 1, vec![]));
}

#[test]
fn the_column_for_what_finds_no_room_makes_way_for_a_users() {
    let mut endpoint = Endpoint::new(keyed(&["id"]));
    endpoint.table.added_by_users.push("_EXTRA".into());
    let changes = endpoint.changes(&[&wide("f", DATA_COLUMNS)]);
    assert_eq!(changes.extra.as_deref(), Some("_extra__2"));
    assert_eq!(changes.added.len(), DATA_COLUMNS - 1);
}

#[test]
fn users_columns_leave_less_room() {
    let mut endpoint = Endpoint::new(keyed(&["id"]));
    endpoint.table.added_by_users = (0..1000).map(|own| format!("own{own}")).collect();
    let changes = endpoint.changes(&[&wide("f", DATA_COLUMNS)]);
    assert_eq!(endpoint.table.width() + changes.width(), MAX_COLUMNS);
    assert_eq!(changes.added.len() + changes.overflowed.len(), DATA_COLUMNS);
    assert!(changes.extra.is_some());
}
