//! Examples of fields that have come or changed.

use serde_json::json;

use super::{EXCLUDE, HASH, Registry, people};

const EXAMPLES: &str =
    "SELECT json_path, example IS NULL FROM _sync_schema_changes ORDER BY json_path";

#[test]
fn an_example_of_a_field_goes_when_the_field_is_excluded_or_hashed_later() {
    for (settings, kept) in [
        (EXCLUDE, &["badge", "filler", "home.city", "host"][..]),
        // Of an object that is hashed as a whole nothing stays.
        (HASH, &[]),
    ] {
        let mut registry = Registry::new(vec![json!({ "id": 1 })]);
        registry.run("").expect_status(0);
        registry.returns(people(5));
        registry.run("").expect_status(0);
        let paths =
            ["badge", "email", "filler", "guests", "home.city", "home.street", "host", "tags"];
        assert_eq!(registry.sandbox.lines(EXAMPLES), paths.map(|path| format!("{path}|0")));

        registry.returns(vec![json!({ "id": 1 })]);
        registry.run(settings).expect_status(0);
        registry.expect_gone();
        let examples = "SELECT json_path FROM _sync_schema_changes WHERE example IS NOT NULL ORDER BY json_path";
        assert_eq!(registry.sandbox.lines(examples), kept, "{settings}");
    }
}
