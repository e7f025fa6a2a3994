//! Every input that is kept of the fuzzers keeps the properties that they look for: `fuzz/properties/` holds both to the same.

#[path = "../../fuzz/properties/classification.rs"]
mod classification;
#[path = "../../fuzz/properties/config.rs"]
mod config;
#[path = "../../fuzz/properties/link.rs"]
mod link;
#[path = "../../fuzz/properties/pages.rs"]
mod pages;
#[path = "../../fuzz/properties/retry_after.rs"]
mod retry_after;
#[path = "../../fuzz/properties/rows.rs"]
mod rows;

use std::{collections::BTreeSet, fs, panic, path::Path};

/// What holds an input to a target's properties.
type Hold = fn(&[u8]);

const TARGETS: [(&str, Hold); 6] = [
    ("classification", classification::hold),
    ("config", config::hold),
    ("link", link::hold),
    ("pages", pages::hold),
    ("retry_after", retry_after::hold),
    ("rows", rows::hold),
];

/// The names of what lies in a folder of `fuzz/`.
fn names(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    let entries = fs::read_dir(&folder).expect("the folder is part of the sources");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("the folder is readable").path();
        let stem = path.file_stem().expect("an entry has a name");
        stem.to_string_lossy().into_owned()
    };
    entries.map(name).collect()
}

#[test]
fn every_kept_input_keeps_the_properties() {
    for (target, hold) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/inputs").join(target);
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).expect("every target has inputs") {
            let path = entry.expect("the folder is readable").path();
            let input = fs::read(&path).expect("an input is readable");
            let held = panic::catch_unwind(|| hold(&input));
            assert!(held.is_ok(), "{} breaks a property of {target}", path.display());
            inputs += 1;
        }
        assert!(inputs > 2, "{target} has {inputs} inputs");
    }
}

#[test]
fn every_target_is_replayed() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for folder in ["targets", "properties", "inputs"] {
        assert_eq!(names(folder), targets, "fuzz/{folder}");
    }
}
