//! Secrets: whatever command meets whatever fault, at the most talkative, neither its output nor any file in its folder holds
//! the client's secret, an access token, the key of hashes or a proxy's password, in no spelling.

mod faults;
mod memory;
mod spellings;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustix::process::Signal;

use self::{
    faults::{FAULTS, Fault, record},
    spellings::Needles,
};
use crate::support::{Answer, Api, Finished, Running, Sandbox, token, wait_until};

const SECRET: &str = "s3cret+of/the \"tests\"~&1234";

const TOKEN: &str = "t0ken.of-the_tests~1234.header.and.signature";

const KEY: &str = "k3y/of+the=tests for hashes";

const PASSWORD: &str = "pr0xy-passw0rd-of-the-tests";

/// The faults that are tried at once: most of them wait for something.
const AT_ONCE: usize = 6;

/// An endpoint whose records have something to hash, one of them without a key.
const USERS: &str = r#"
[[endpoint]]
name = "users"
path = "/v2/users"
key = ["id"]
records = "items"
hash = ["email"]
pagination = { style = "cursor", param = "cursor", next = "next" }
[endpoint.window]
from_param = "from"
to_param = "to"
field = "date"
back = "30d"
ahead = "30d"
"#;

/// Every command that does not stay, but for those that have no configuration.
const COMMANDS: &[&[&str]] = &[
    &["--run-now"],
    &["--run-now", "--confirm-deletions"],
    &["--run-now", "--from", "2026-01-01", "--to", "2026-01-02"],
    &["--run-now", "--job", "nobody"],
    &["backup", "copy.db"],
    &["rejects"],
    &["rejects", "--json"],
    &["rejects", "--retry"],
    &["resume", "users"],
    &["rebuild", "users", "--yes"],
    &["runs", "--json"],
    &["status"],
    &["status", "--json"],
    &["status", "--monitor"],
    &["check"],
    &["check", "--online"],
    &["plan"],
    &["plan", "--json"],
];

/// A folder with a database of a run that met no fault, and an API that gives the fault's answers.
struct Place {
    sandbox: Sandbox,
    _api: Api,
}

impl Place {
    fn new(fault: &Fault) -> Self {
        let api = Api::serve_all(|asked| match asked.path.as_str() {
            "/token" => token(TOKEN, 3600),
            _ => page(),
        });
        let mut sandbox = Sandbox::with_api(&api.url(), USERS);
        sandbox.set("MAPIQ_CLIENT_SECRET", SECRET);
        sandbox.set("MAPIQ_HASH_KEY", KEY);
        sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "100ms");
        sandbox.run(&["--run-now"]).expect_status(65);
        let answer = fault.answer;
        let api = Api::serve_all(move |asked| {
            answer(asked).unwrap_or_else(|| match asked.path.as_str() {
                "/token" => token(TOKEN, 3600),
                _ => page(),
            })
        });
        sandbox.set("RUST_LOG", "trace");
        sandbox.set("MAPIQ_SYNC__API__BASE_URL", &api.url());
        sandbox.set("MAPIQ_SYNC__API__TOKEN_URL", &format!("{}/token", api.url()));
        (fault.spoil)(&mut sandbox);
        Self { sandbox, _api: api }
    }

    /// What a command has said, and all that lies in the folder but for what a person has written there.
    #[track_caller]
    fn expect_discreet(&self, needles: &Needles, what: &str, finished: &Finished) {
        needles.expect_none(&format!("{what}: stdout"), finished.stdout.as_bytes());
        needles.expect_none(&format!("{what}: stderr"), finished.stderr.as_bytes());
        assert!(!finished.stderr.contains("panicked"), "{what}: {}", finished.stderr);
        let entries = fs::read_dir(self.sandbox.path()).expect("the folder can be read");
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_ours = !["config.toml", "secret"].contains(&name.as_str());
            if is_ours && path.is_file() {
                let bytes = fs::read(&path).expect("the file can be read");
                needles.expect_none(&format!("{what}: {name}"), &bytes);
            }
        }
    }

    /// Runs the daemon until its first run is done, or to its end where it does not stay.
    fn serve(&self, fault: &Fault, format: &str) -> Finished {
        let mut command = self.sandbox.command(&["--log-format", format]);
        (fault.meets)(&mut command);
        let daemon = Running::of(&mut command);
        if fault.daemon == 0 {
            wait_until("a run is done", || daemon.stderr().contains("run done"));
            daemon.signal(Signal::TERM);
        }
        daemon.wait().expect_status(fault.daemon)
    }
}

fn page() -> Answer {
    Answer::json(format!(r#"{{"items":[{},{{"email":"nobody"}}],"next":null}}"#, record()))
}

/// Has every command meet a fault, and looks for the secrets after each. Gives how many commands that were.
fn meet(fault: &Fault, needles: &Needles) -> usize {
    let place = Place::new(fault);
    let mut count = 0;
    for format in ["text", "json"] {
        for arguments in COMMANDS {
            let arguments = [*arguments, &["--log-format", format]].concat();
            let mut command = place.sandbox.command(&arguments);
            (fault.meets)(&mut command);
            let finished = Finished::from(command.output().expect("the binary starts"));
            if arguments == ["--run-now", "--log-format", format] {
                let status = finished.status;
                assert_eq!(status, Some(fault.status), "{arguments:?}: {}", finished.stderr);
            }
            place.expect_discreet(needles, &format!("{arguments:?}"), &finished);
            count += 1;
        }
        let finished = place.serve(fault, format);
        place.expect_discreet(needles, &format!("the daemon, {format}"), &finished);
        count += 1;
    }
    count
}

#[test]
fn no_command_tells_or_stores_a_secret_under_any_fault() {
    let needles = Needles::of(&[SECRET, TOKEN, KEY, PASSWORD]);
    let (next, commands) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(fault) = FAULTS.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match catch_unwind(AssertUnwindSafe(|| meet(fault, &needles))) {
                        Ok(count) => {
                            commands.fetch_add(count, Ordering::SeqCst);
                        }
                        Err(why) => {
                            let why =
                                why.downcast::<String>().map_or_else(|_| String::new(), |why| *why);
                            let mut failures =
                                failures.lock().unwrap_or_else(PoisonError::into_inner);
                            failures.push(format!("{}: {why}", fault.name));
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failures.is_empty(), "{} faults:\n{}", failures.len(), failures.join("\n---\n"));
    assert_eq!(commands.into_inner(), FAULTS.len() * 2 * (COMMANDS.len() + 1));
}

#[test]
fn commands_without_a_configuration_tell_no_secret_of_the_environment() {
    let needles = Needles::of(&[SECRET, TOKEN, KEY, PASSWORD]);
    let mut sandbox = Sandbox::new();
    sandbox.set("MAPIQ_CLIENT_SECRET", SECRET);
    sandbox.set("MAPIQ_HASH_KEY", KEY);
    sandbox.set("HTTP_PROXY", &format!("http://user:{PASSWORD}@127.0.0.1:1"));
    sandbox.set("NO_PROXY", "127.0.0.1");
    sandbox.set("RUST_LOG", "trace");
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["--version"],
        &["backup", "--help"],
        &["rejects", "--help"],
        &["plan", "--help"],
        &["completions", "bash"],
        &["manual", "--dir", "."],
        &["demo", "--help"],
        &["simulate", "--help"],
        &["simulate", "--port", "none"],
        &["--unknown"],
        &["--run-now"],
        &["demo", "--dir", "demonstration"],
    ] {
        let finished = sandbox.run(arguments);
        needles.expect_none(&format!("{arguments:?}"), finished.stdout.as_bytes());
        needles.expect_none(&format!("{arguments:?}"), finished.stderr.as_bytes());
    }
    let demonstrated = fs::read_dir(sandbox.path().join("demonstration"));
    let mut files = 0;
    for entry in demonstrated.expect("the demo has made its folder") {
        let path = entry.expect("the folder can be read").path();
        let bytes = fs::read(&path).expect("the file can be read");
        needles.expect_none(&path.display().to_string(), &bytes);
        files += 1;
    }
    assert!(files > 0);
    let simulator = sandbox.start(&["simulate"]);
    wait_until("it listens", || simulator.stdout().contains("MAPIQ_CLIENT_SECRET"));
    simulator.signal(Signal::TERM);
    let finished = simulator.wait().expect_status(0);
    needles.expect_none("simulate", finished.stdout.as_bytes());
    needles.expect_none("simulate", finished.stderr.as_bytes());
}
