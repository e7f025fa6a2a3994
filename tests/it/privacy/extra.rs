//! Fields that have no column of their own, because their table is full.

use serde_json::Value;

use super::{EXCLUDE, HASH, Registry, people};

/// More fields than a table has columns for; they come before all others of a person.
const FILLERS: usize = 1_950;

/// The fields of [`super::person`] that have no column then.
const WITHOUT: &str = "SELECT json_path FROM _sync_columns WHERE type = 'JSON' AND json_path NOT LIKE 'a0%' AND json_path NOT LIKE 'a1%' ORDER BY json_path";

fn wide(count: usize) -> Vec<Value> {
    let mut records = people(count);
    for record in &mut records {
        for number in 0..FILLERS {
            record[format!("a{number:04}")] = Value::from(number);
        }
    }
    records
}

#[test]
fn a_field_without_a_column_is_excluded_later_too() {
    let mut registry = Registry::new(wide(5));
    registry.run("").expect_status(0);
    let kept = ["badge", "filler", "guests", "home.city", "host"];
    let without = registry.sandbox.lines(WITHOUT);
    assert_eq!(
        without,
        ["badge", "email", "filler", "guests", "home.city", "home.street", "host", "tags"]
    );

    registry.returns(wide(1));
    registry
        .run(EXCLUDE)
        .expect_status(0)
        .expect_stderr("users  removed from what is stored: rewritten _extra");
    registry.expect_gone();
    assert_eq!(registry.sandbox.lines(WITHOUT), kept);
    assert_eq!(
        registry.sandbox.lines(
            "SELECT _extra ->> '$.\"home.city\"' || (_extra -> '$.guests') FROM users WHERE id = 2"
        ),
        [r#"Rotterdam[{"seat":2},{}]"#]
    );
    assert_eq!(registry.sandbox.count("SELECT count(*) FROM users"), 5);
}

#[test]
fn a_field_without_a_column_is_hashed_later_as_a_record_would_bring_it() {
    const ROWS: &str = "SELECT id, _extra FROM users ORDER BY id";
    let hash = HASH.replace("\"home\", ", "");
    let mut fresh = Registry::new(wide(5));
    fresh.run(&hash).expect_status(0);

    let mut registry = Registry::new(wide(5));
    registry.run("").expect_status(0);
    registry.returns(wide(1));
    registry.run(&hash).expect_status(0);
    assert_eq!(registry.sandbox.lines(ROWS), fresh.sandbox.lines(ROWS));
}
