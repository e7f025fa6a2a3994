//! `plan`: what it says a run would ask for is what the run then asks for.

mod figures;
mod told;

use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

use jsonschema::Validator;
use serde_json::Value;

use crate::support::Sandbox;

/// The plan as JSON, held to its published schema.
fn planned(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let planned = sandbox.run(&[&["plan", "--json"], arguments].concat()).expect_status(0);
    assert_eq!(planned.stderr, "");
    let value = serde_json::from_str(&planned.stdout).expect("it is JSON");
    let errors: Vec<_> = schema().iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{value:#}");
    value
}

fn schema() -> Validator {
    let text = include_str!("../../docs/schemas/plan.json");
    let schema = serde_json::from_str(text).expect("the schema is JSON");
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("the schema is valid")
}

/// An endpoint of the first job.
fn endpoint<'p>(plan: &'p Value, name: &str) -> &'p Value {
    let endpoints = plan["jobs"][0]["endpoints"].as_array().expect("a job has endpoints");
    let found = endpoints.iter().find(|endpoint| endpoint["endpoint"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {plan:#}"))
}

/// Every file of a folder, with its bytes and when it was last written.
fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    entries
        .map(|entry| {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let written = fs::metadata(&path).and_then(|found| found.modified());
            let written = written.expect("a file has a time");
            (name, (fs::read(&path).expect("the file can be read"), written))
        })
        .collect()
}
