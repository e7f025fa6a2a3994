//! The manual pages.

use std::{collections::BTreeMap, fs, path::Path};

use crate::support::Sandbox;

/// Every page of a folder, by its name.
fn pages(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    entries
        .map(|entry| {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("a page is UTF-8"))
        })
        .collect()
}

/// The commands that the help names.
fn commands(sandbox: &Sandbox) -> Vec<String> {
    let help = sandbox.run(&["-h"]).expect_status(0).stdout;
    let (_, after) = help.split_once("Commands:\n").expect("the help names commands");
    let (list, _) = after.split_once("\n\n").expect("the list has an end");
    let names = list.lines().filter_map(|line| line.strip_prefix("  "));
    let names = names.filter(|line| !line.starts_with(' '));
    names.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn there_is_a_page_for_the_program_and_one_for_each_command() {
    let mut sandbox = Sandbox::new();
    sandbox.unset("MAPIQ_CLIENT_ID");
    sandbox.unset("MAPIQ_CLIENT_SECRET");
    let told = sandbox.run(&["manual", "--dir", "share/man1"]).expect_status(0);
    let pages = pages(&sandbox.path().join("share/man1"));
    let mut expected = vec!["mapiq-sync.1".to_owned()];
    let commands = commands(&sandbox);
    expected.extend(
        commands.iter().filter(|name| *name != "help").map(|name| format!("mapiq-sync-{name}.1")),
    );
    expected.sort();
    assert!(expected.len() > 5, "{expected:?}");
    assert_eq!(pages.keys().cloned().collect::<Vec<_>>(), expected);
    let told: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(told.len(), expected.len(), "{told:?}");
    assert!(told.contains(&"share/man1/mapiq-sync.1"), "{told:?}");
}

#[test]
fn the_programs_page_tells_statuses_files_environment_and_signals() {
    let sandbox = Sandbox::new();
    sandbox.run(&["manual", "--dir", "."]).expect_status(0);
    let pages = pages(sandbox.path());
    let program = &pages["mapiq-sync.1"];
    let headings: Vec<&str> =
        program.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
    assert_eq!(
        headings,
        [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "SUBCOMMANDS",
            "\"EXIT STATUS\"",
            "FILES",
            "ENVIRONMENT",
            "SIGNALS",
            "CONFIGURATION",
            "\"SEE ALSO\"",
        ]
    );
    for status in [0, 1, 2, 65, 69, 74, 75, 77, 78] {
        assert!(program.contains(&format!(".TP\n\\fB{status}\\fR\n")), "{status}: {program}");
    }
    for word in
        ["MAPIQ\\_SYNC\\_CONFIG", "CREDENTIALS\\_DIRECTORY", "SIGTERM", "mapiq\\-sync\\-backup(1)"]
    {
        let plain = program.replace("\\_", "_");
        assert!(plain.contains(&word.replace("\\_", "_")), "{word}: {program}");
    }
    let command = &pages["mapiq-sync-rejects.1"];
    assert!(command.contains("\\-\\-retry"), "{command}");
    assert!(!command.contains("\\-\\-log\\-format"), "it is the program's: {command}");
}

#[test]
fn the_same_program_writes_the_same_pages_at_any_time() {
    let mut sandbox = Sandbox::new();
    sandbox.run(&["manual", "--dir", "one"]).expect_status(0);
    sandbox.set("MAPIQ_SYNC_CONFIG", "/elsewhere/config.toml");
    sandbox.set("COLUMNS", "40");
    sandbox.run(&["manual", "--dir", "two"]).expect_status(0);
    assert_eq!(pages(&sandbox.path().join("one")), pages(&sandbox.path().join("two")));
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "");
    sandbox
        .run(&["manual", "--dir", "file/man1"])
        .expect_status(1)
        .expect_stderr("error: cannot write file/man1\n  caused by: ");
}
