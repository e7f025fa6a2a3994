//! Disks that fail for a while: the daemon lives on, and so does the data.

use std::fs;

use rustix::process::Signal;

use super::{
    AFTER, ALL, ALL_AFTER, BEFORE, USERS, expect_whole,
    preload::{Call, Error, fails_while},
    serve,
};
use crate::{
    mounts::{namespace_for, within},
    support::{Finished, Running, Sandbox, wait_until},
};

/// Runs the daemon on a disk that fails in that way after its first run, until two runs more have met that.
#[track_caller]
fn outlived(error: Error, told: &str) {
    let before = serve(BEFORE);
    let mut sandbox = Sandbox::with_api(&before.url(), USERS);
    sandbox.run(&["--run-now"]).expect_status(0);
    let after = serve(AFTER);
    sandbox.set("MAPIQ_SYNC__API__BASE_URL", &after.url());
    let fault = sandbox.path().join("fault");
    let mut command = sandbox.command(&[]);
    fails_while(&mut command, Call::Write, error, &fault);
    fs::write(&fault, "").expect("the folder is writable");
    fs::remove_file(&fault).expect("it was made just now");
    let daemon = Running::of(&mut command);
    wait_until("the daemon is at work", || after.asked_for("/v2/users").len() > 3);
    fs::write(&fault, "").expect("the folder is writable");
    wait_until("two runs have failed", || daemon.stderr().matches(told).count() >= 2);
    fs::remove_file(&fault).expect("it was made before");

    let failed = "SELECT coalesce(max(run_id), 0) FROM _sync_runs";
    let last = sandbox.count(failed);
    let later = format!("SELECT count(*) FROM _sync_runs WHERE result = 'ok' AND run_id > {last}");
    wait_until("a later run is done", || sandbox.count(&later) >= 2);
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0).expect_stderr("`mapiq.db`: cannot ");
    assert_eq!(sandbox.lines(ALL), ALL_AFTER);
    // The signal may have come in the middle of a run: the next one takes that up.
    sandbox.run(&["--run-now"]).expect_status(65);
    expect_whole(&sandbox, ALL_AFTER);
}

#[test]
fn a_daemon_goes_on_once_its_disk_is_well_again() {
    outlived(Error::Io, "the disk or its file system reported an error");
}

#[test]
fn a_daemon_goes_on_once_its_disk_has_room_again() {
    outlived(Error::NoSpace, "no space left on its disk");
}

#[test]
fn a_daemon_goes_on_once_its_disk_is_writable_again() {
    outlived(Error::ReadOnly, "is it read-only by now");
}

/// Runs a command twice in the folder `disk`, which is read-only the first time, and takes its files out afterwards.
const READ_ONLY_AT_FIRST: &str = r#"
mkdir -p disk && mount -t tmpfs tmpfs disk && cp -a mapiq.db disk && mount -o remount,ro disk || exit 99
status=0; "$@" || status=$?
[ $status = 74 ] || exit $status
cmp mapiq.db disk/mapiq.db && [ "$(ls disk)" = mapiq.db ] || exit 98
mount -o remount,rw disk || exit 99
status=0; "$@" || status=$?
cp -a disk/. .
exit $status"#;

#[test]
fn a_file_system_that_is_read_only_is_told_and_used_once_it_is_not() {
    let Some(namespace) = namespace_for("a file system that is read-only") else { return };
    let before = serve(BEFORE);
    let mut sandbox = Sandbox::with_api(&before.url(), USERS);
    sandbox.run(&["--run-now"]).expect_status(0);
    let after = serve(AFTER);
    sandbox.set("MAPIQ_SYNC__API__BASE_URL", &after.url());
    sandbox.set("MAPIQ_SYNC__DATABASE__PATH", "disk/mapiq.db");
    let mut command = within(namespace, &sandbox, &["--run-now"], READ_ONLY_AT_FIRST);
    let finished = Finished::from(command.output().expect("sh starts"));
    finished
        .expect_status(65)
        .expect_stderr("error: cannot open `disk/mapiq.db-lock` for writing: its folder must exist")
        .expect_stderr("caused by: Read-only file system (os error 30)");
    expect_whole(&sandbox, ALL_AFTER);
}
