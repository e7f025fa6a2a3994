//! The key of hashes, and settings that name nothing.

use serde_json::json;

use super::{KEY, Registry, people};

#[test]
fn a_missing_or_short_key_is_a_wrong_configuration_where_a_field_is_hashed() {
    let mut registry = Registry::new(people(1));
    registry.configure("hash = ['email']");
    registry.sandbox.unset("MAPIQ_HASH_KEY");
    let told = registry.sandbox.run(&["--run-now"]).expect_status(78).stderr;
    insta::assert_snapshot!(told, @"error: an endpoint hashes fields, but there is no hash key in any of MAPIQ_HASH_KEY (not set), $CREDENTIALS_DIRECTORY/hash_key (the variable is not set), api.hash_key_file in config.toml (not set): make one with `openssl rand -hex 32`, and keep it: with another key the hashes are others");
    registry.sandbox.set("MAPIQ_HASH_KEY", "short");
    registry.sandbox.run(&[]).expect_status(78).expect_stderr(
        "error: the hash key in MAPIQ_HASH_KEY has 5 bytes, and must have 16 at least",
    );
    assert!(!registry.sandbox.database().exists());
    registry.configure("");
    registry.sandbox.unset("MAPIQ_HASH_KEY");
    registry.sandbox.run(&["--run-now"]).expect_status(0);
}

#[test]
fn the_key_is_found_in_every_place_and_is_one_for_all_endpoints() {
    let mut registry = Registry::new(people(1));
    registry.run("hash = ['email']").expect_status(0);
    let hash = registry.sandbox.lines("SELECT email FROM users");
    registry.sandbox.write("hash_key", &format!("{KEY}\n"));
    let folder = registry.sandbox.path().display().to_string();
    registry.configure(
        "hash = ['email']\n[[endpoint]]\nname = 'guests'\npath = '/guests'\nkey = ['id']\nhash = ['email']",
    );
    let config = registry.sandbox.path().join("config.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration was written");
    let text = text.replace("[\"users\"]", "[\"users\", \"guests\"]");
    registry.sandbox.write("config.toml", &text);
    registry.sandbox.set("MAPIQ_HASH_KEY", "");
    registry.sandbox.set("CREDENTIALS_DIRECTORY", &folder);
    let told = registry.sandbox.run(&["--run-now"]).expect_status(0).stderr;
    assert!(!told.contains("hash key"), "{told}");
    assert_eq!(registry.sandbox.lines("SELECT email FROM guests"), hash);

    registry.sandbox.unset("CREDENTIALS_DIRECTORY");
    registry
        .sandbox
        .write("config.toml", &text.replace("[api]", "[api]\nhash_key_file = 'hash_key'"));
    registry.sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(registry.sandbox.lines("SELECT email FROM users"), hash);
}

#[test]
fn a_setting_that_names_nothing_is_told() {
    let mut registry = Registry::new(people(3));
    let told = registry
        .run("exclude = ['emial', 'guests[].email', 'tags']\nhash = ['guests[].emial']")
        .expect_status(0)
        .stderr;
    assert!(
        told.contains("no record has what these settings name")
            && told.contains("exclude = emial, hash = guests[].emial")
            && !told.contains("tags"),
        "{told}"
    );
    registry.returns(Vec::new());
    let told = registry.run("exclude = ['emial']").expect_status(0).stderr;
    assert!(!told.contains("emial"), "{told}");
}

#[test]
fn a_setting_within_what_was_always_empty_is_not_suspected() {
    let record = json!({ "id": 1, "attendees": [], "host": null, "room": {}, "email": null });
    let mut registry = Registry::new(vec![record]);
    let told = registry
        .run("exclude = ['attendees[].email', 'host.name', 'room.owner.name', 'email']")
        .expect_status(0)
        .stderr;
    assert!(!told.contains("no record has what"), "{told}");
    let told = registry.run("exclude = ['attendes[].email', 'hots.name']").expect_status(0).stderr;
    assert!(told.contains("exclude = attendes[].email, exclude = hots.name"), "{told}");

    // Here people's data is, only not where the settings say.
    registry.returns(vec![json!({ "id": 1, "attendees": ["Ada"], "host": "Ada" })]);
    let told = registry.run("exclude = ['attendees[].email', 'host.name']").expect_status(0).stderr;
    assert!(told.contains("exclude = attendees[].email, exclude = host.name"), "{told}");
}
