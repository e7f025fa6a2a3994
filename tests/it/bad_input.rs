//! Bad input: each case ends with its status and with a message that says what happened, where, and what to do; what is
//! stored stays, the mended next run holds every row, and no secret is told.

mod answers;
mod configuration;
mod credentials;
mod damaged;
mod database;
mod origins;
mod reach;
mod records;
mod table;
mod tls;
mod usage;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::support::{Answer, Api, Asked, Finished, Sandbox, token};

/// A part of every secret of these tests, of [`Sandbox`]'s own too.
const IN_EVERY_SECRET: &str = "hunter";

/// A part of the values of records that only the database may hold.
const PERSONAL: &str = "Lovelace";

/// The access token.
const TOKEN: &str = "hunter.access.token";

/// An endpoint of [`PAGES`] pages that name the cursor of the next.
const USERS: &str = r#"
[[endpoint]]
name = "users"
path = "/v2/users"
key = ["id"]
records = "items"
pagination = { style = "cursor", param = "cursor", next = "next" }
"#;

/// How many pages the users have; two records each.
const PAGES: usize = 3;

/// How many users there are.
const ALL: i64 = 6;

/// Runs the binary at its most talkative, makes sure that it tells no secret, and drops the log: what is left on stderr
/// is told to a person in any case.
#[track_caller]
fn run(sandbox: &Sandbox, arguments: &[&str]) -> Finished {
    run_command(sandbox, sandbox.command(arguments))
}

/// The same for a command that a test has made itself.
#[track_caller]
fn run_command(sandbox: &Sandbox, mut command: Command) -> Finished {
    let mut finished = discreet(sandbox, command.env("RUST_LOG", "trace"));
    let (log, told): (Vec<&str>, Vec<&str>) =
        finished.stderr.split_inclusive('\n').partition(|line| is_logged(line));
    // Without a log the look for secrets would have looked at nothing.
    assert!(finished.status != Some(0) || log.concat().contains(" DEBUG "), "{log:?}");
    finished.stderr = told.concat();
    finished
}

/// Runs the binary as a person does, and makes sure that it tells no secret.
#[track_caller]
fn run_plainly(sandbox: &Sandbox, arguments: &[&str]) -> Finished {
    discreet(sandbox, &mut sandbox.command(arguments))
}

#[track_caller]
fn discreet(sandbox: &Sandbox, command: &mut Command) -> Finished {
    let finished = Finished::from(command.output().expect("the binary starts"));
    let told = [&finished.stdout, &finished.stderr];
    for line in told.iter().flat_map(|text| text.lines()) {
        assert!(!line.contains(IN_EVERY_SECRET), "a secret is told: {line}");
        assert!(!line.contains(PERSONAL), "a record's value is told: {line}");
        assert!(!line.contains("panicked"), "it panicked: {line}");
    }
    if let Ok(stored) = fs::read(sandbox.database()) {
        let stored = String::from_utf8_lossy(&stored);
        assert!(!stored.contains(IN_EVERY_SECRET), "a secret is stored");
    }
    finished
}

/// Whether a line is one of the log: those begin with their time.
fn is_logged(line: &str) -> bool {
    line.split_once('T').is_some_and(|(date, _)| {
        date.len() == "2026-01-01".len() && date.bytes().all(|c| c.is_ascii_digit() || c == b'-')
    })
}

/// An API with a token endpoint.
fn serve(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Api {
    Api::serve_all(
        move |asked| {
            if asked.path == "/token" { token(TOKEN, 3600) } else { script(asked) }
        },
    )
}

/// A page of the users, which are always the same.
fn users(asked: &Asked) -> Answer {
    let page = asked.number("cursor");
    let (first, second) = (2 * page + 1, 2 * page + 2);
    let next = if page + 1 < PAGES { format!(r#""{}""#, page + 1) } else { "null".to_owned() };
    Answer::json(format!(
        r#"{{"items":[{{"id":{first},"name":"user {first}"}},{{"id":{second},"name":"user {second}"}}],"next":{next}}}"#
    ))
}

/// Something bad that a test ends.
#[derive(Clone, Default)]
struct Mend(Arc<AtomicBool>);

impl Mend {
    /// Ends it.
    fn mend(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it has been ended.
    fn is_mended(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Runs once more, now that the trouble is mended: every user is there.
#[track_caller]
fn expect_all_users_after_mend(sandbox: &Sandbox) {
    run(sandbox, &["--run-now"]).expect_status(0);
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), ALL);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_sweeps WHERE finished_at IS NULL"), 0);
}

/// Every file of a folder: its permission bits and its content.
fn contents(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    entries
        .map(|entry| {
            let entry = entry.expect("the folder can be read");
            let mode = entry.metadata().expect("the file is there").permissions().mode();
            let content = fs::read(entry.path()).expect("the file can be read");
            (entry.file_name().to_string_lossy().into_owned(), (mode, content))
        })
        .collect()
}

/// Makes sure that nothing but these files was made.
#[track_caller]
fn expect_only(sandbox: &Sandbox, names: &[&str]) {
    let found: Vec<String> = contents(sandbox.path()).into_keys().collect();
    assert_eq!(found, names);
}
