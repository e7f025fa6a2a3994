//! What the program tells systemd's journal. The journal is a socket of the test's own, in the place of the machine's where
//! only the binary sees it.

use std::{os::unix::net::UnixDatagram, path::Path, process::Command};

use rustix::process::Signal;

use super::{USERS, one_user, wait_for_runs};
use crate::{
    mounts::{namespace_for, within},
    support::{Answer, Api, Finished, Running, Sandbox, token, wait_until},
};

/// Puts the socket where journald listens, and names stderr as systemd does.
const CONNECTED: &str = r#"
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal || exit 99
ln -s "$JOURNAL" /run/systemd/journal/socket
JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2); export JOURNAL_STREAM
exec "$@""#;

/// The binary with its stderr connected to the journal.
fn connected(sandbox: &Sandbox, namespace: &str, arguments: &[&str]) -> Command {
    let mut command = within(namespace, sandbox, arguments, CONNECTED);
    command.env("JOURNAL", sandbox.path().join("journal"));
    command
}

/// What was sent to the journal.
fn entries(journal: &UnixDatagram) -> Vec<String> {
    let mut buffer = vec![0; 1 << 16];
    std::iter::from_fn(|| journal.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec()))
        .map(|entry| String::from_utf8_lossy(&entry).into_owned())
        .collect()
}

/// The daemon after one run, and what its journal got.
fn ran(name: &str, secret: &str, arguments: &[&str]) -> Option<(Finished, Vec<String>)> {
    let namespace = namespace_for(name)?;
    let refused = secret == "wrong";
    let api = Api::serve_all(move |asked| match asked.path.as_str() {
        "/token" if refused => Answer::status(401, r#"{"error":"invalid_client"}"#),
        "/token" => token("a-token", 3600),
        _ => one_user(),
    });
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    let journal = journal_in(sandbox.path());
    let daemon = Running::of(&mut connected(&sandbox, namespace, arguments));
    if !refused {
        wait_until("a page is asked for", || !api.asked_for("/v2/users").is_empty());
        wait_for_runs(&sandbox, 1, "ok");
        daemon.signal(Signal::TERM);
    }
    let finished = daemon.wait();
    Some((finished, entries(&journal)))
}

fn journal_in(folder: &Path) -> UnixDatagram {
    let journal = UnixDatagram::bind(folder.join("journal")).expect("a socket");
    journal.set_nonblocking(true).expect("a socket that does not wait");
    journal
}

#[test]
fn the_journal_gets_levels_and_fields_where_stderr_is_connected_to_it() {
    let name = "events in the journal";
    let Some((finished, entries)) = ran(name, "right", &[]) else { return };
    let finished = finished.expect_status(0);
    assert_eq!(finished.stderr, "");
    let run = entries.iter().find(|entry| entry.contains("MESSAGE=run done job.name=\"all\" "));
    let run = run.unwrap_or_else(|| panic!("{entries:#?}"));
    for line in
        ["PRIORITY=6", "SYSLOG_IDENTIFIER=mapiq-sync", "MAPIQ_JOB_NAME=all", "MAPIQ_RESULT=ok"]
    {
        assert!(run.lines().any(|known| known == line), "no {line} in {run}");
    }
}

#[test]
fn an_explicit_form_is_written_to_stderr_all_the_same() {
    let name = "text in place of the journal's form";
    let Some((finished, entries)) = ran(name, "right", &["--log-format", "text"]) else { return };
    assert!(finished.expect_status(0).stderr.contains(" INFO mapiq_sync::app::serve: ready"));
    assert_eq!(entries, [""; 0]);
}

#[test]
fn what_ends_the_program_is_an_error_of_the_journal() {
    let Some((finished, _)) = ran("the last error in the journal", "wrong", &[]) else { return };
    let finished = finished.expect_status(77);
    assert!(finished.stderr.lines().count() > 1, "{}", finished.stderr);
    assert!(finished.stderr.starts_with("<3>error: cannot get an access token\n<3>"));
}
