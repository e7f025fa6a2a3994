//! What the log says, at any level.

use super::{EXCLUDE, HASH, KEY, PLANTED, Registry, people_and_rejects};

#[test]
fn no_value_and_no_key_is_logged_at_any_level() {
    for settings in [HASH, EXCLUDE] {
        let mut registry = Registry::new(people_and_rejects());
        registry.sandbox.set("RUST_LOG", "trace");
        registry.run("").expect_status(65);
        let told = registry.run(settings).expect_status(65);
        for text in [told.stdout, told.stderr] {
            assert!(!text.contains(PLANTED) && !text.contains(KEY));
        }
    }
}
