//! Every test that the guarantees name is there.

use std::{fs, path::Path};

/// Whether a module, or a test in one, is there below a folder.
fn is_there(folder: &str, name: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name.replace("::", "/"));
    if path.is_dir() || path.with_extension("rs").is_file() {
        return true;
    }
    let module = path.parent().map(|module| module.with_extension("rs"));
    let text = module.and_then(|module| fs::read_to_string(module).ok()).unwrap_or_default();
    name.rsplit("::").next().is_some_and(|test| text.contains(&format!("fn {test}(")))
}

#[test]
fn every_test_that_holds_a_promise_is_there() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guarantees.md"))
        .expect("the guarantees can be read");
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1));
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let mut count = 0;
    for name in names {
        count += 1;
        let found = if let Some(name) = name.strip_prefix("lib ") {
            is_there("src", name)
        } else if name.starts_with("tests/") {
            is_there("", name) || Path::new(env!("CARGO_MANIFEST_DIR")).join(name).is_file()
        } else {
            is_there("tests/it", name)
        };
        assert!(found, "docs/guarantees.md names `{name}`, which is not there");
    }
    assert!(count > 30, "{count} tests are named");
}
