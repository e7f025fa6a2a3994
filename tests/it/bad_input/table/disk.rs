//! Databases that cannot be written to any more. A full disk is a file system of a bounded size, mounted where only the binary sees it.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{Answer, Asked, Case, SECOND_PAGE, Sent, World, bodies::wrapped, is_second, listing};
use crate::{
    mounts::{namespace, namespace_for},
    support::{Finished, wait_until},
};

/// Runs a command with the folder `disk` on a file system of that size, and takes its files out afterwards.
const ON_SMALL_DISK: &str = r#"
mkdir -p disk && mount -t tmpfs -o size=$SIZE tmpfs disk || exit 99
[ ! -e mapiq.db ] || cp -a mapiq.db* disk
[ ! -e full ] || cat /dev/zero >disk/ballast 2>/dev/null
[ ! -e fill ] || { (until [ -e now ]; do sleep 0.01; done; cat /dev/zero >disk/ballast 2>/dev/null; touch filled) & }
status=0; "$@" || status=$?
rm -f disk/mapiq.db-shm disk/ballast; cp -a disk/. .
exit $status"#;

/// Runs a command with an end to how long a file may grow, in units of 512 bytes, as a quota would.
const IN_SMALL_FILES: &str = r#"trap "" XFSZ; ulimit -f $SIZE; exec "$@""#;

/// Runs the daemon so, until `room` is there; then the disk has room until `stop` is there.
const DAEMON_ON_SMALL_DISK: &str = r#"
await() { n=0; until [ -e $1 ] || [ $n -gt 6000 ]; do n=$((n+1)); sleep 0.01; done; }
mkdir -p disk && mount -t tmpfs -o size=$SIZE tmpfs disk || exit 99
"$@" & daemon=$!
await room; mount -o remount,size=64m disk
await stop; kill -TERM $daemon
status=0; wait $daemon || status=$?
rm -f disk/mapiq.db-shm; cp -a disk/. .
exit $status"#;

/// Whether a row can be done here; one that cannot is named on stderr, even where the tests' own output is caught.
pub(super) fn can_be_done(case: &Case) -> bool {
    !case.mounts || namespace_for(case.name).is_some()
}

/// The binary behind a script that may mount.
fn with_mounts(world: &World, namespace: &str, arguments: &[&str], script: &str) -> Command {
    let line = format!(r#"exec {namespace} sh -c "$SCRIPT" sh "$@""#);
    let mut command = wrapped(world, arguments, &line);
    command.env("SCRIPT", script).env("SIZE", "768k");
    command
}

/// A second page of a megabyte.
fn large_page(asked: &Asked) -> Option<Answer> {
    let record = |id| format!(r#"{{"id":{id},"name":"{}"}}"#, "Ada Lovelace ".repeat(40_000));
    is_second(asked).then(|| listing(&[record(3), record(4)], 2))
}

/// The database lies on the small disk as long as it is full.
const FULL_DISK: Case = Case {
    spoil: |world| world.set("DATABASE__PATH", "disk/mapiq.db"),
    mend: |world| world.unset("DATABASE__PATH"),
    command: |world| {
        let namespace = namespace().expect("rows that cannot be done are left out");
        with_mounts(world, namespace, &["--run-now"], ON_SMALL_DISK)
    },
    status: 74,
    mounts: true,
    told: &[
        "\nerror: users failed: cannot use the database: `disk/mapiq.db`: cannot ",
        "(no space left on its disk: free some, and the next run goes on at the checkpoint)",
    ],
    ..SECOND_PAGE
};

/// Stores the first page, and leaves the disk without a free byte.
fn fill_after_first_page(world: &mut World) {
    world.sandbox.write("refuse", "");
    super::run(&world.sandbox, &["--run-now"]).expect_status(1);
    fs::remove_file(world.sandbox.path().join("refuse")).expect("it was written just now");
    world.sandbox.write("full", "");
    world.set("DATABASE__PATH", "disk/mapiq.db");
}

fn refused(asked: &Asked, folder: &Path) -> Option<Answer> {
    let refuse = is_second(asked) && folder.join("refuse").exists();
    refuse.then(|| Answer::status(404, ""))
}

/// Has the disk filled up while the second page is on its way.
fn filled_meanwhile(asked: &Asked, folder: &Path) -> Option<Answer> {
    is_second(asked).then(|| {
        fs::write(folder.join("now"), "").expect("the folder is writable");
        wait_until("the disk is full", || folder.join("filled").exists());
        super::users(asked)
    })
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a full disk, found as a page is stored",
        answer: |asked, _| large_page(asked),
        ..FULL_DISK
    },
    Case {
        name: "a full disk, found as the ledger is written",
        answer: filled_meanwhile,
        spoil: |world| {
            world.sandbox.write("fill", "");
            world.set("DATABASE__PATH", "disk/mapiq.db");
            world.set("RATE_LIMIT__REQUESTS", "100");
        },
        // How it ended could not be recorded either.
        result: Some(""),
        ..FULL_DISK
    },
    Case {
        name: "a full disk from the first on, with a database",
        answer: refused,
        spoil: fill_after_first_page,
        told: &[
            "error: cannot open the database `disk/mapiq.db`",
            "(no space left on its disk, or the disk reported an error: free some, or see what the system's log says, and the next run goes on at the checkpoint)",
        ],
        ..FULL_DISK
    },
    Case {
        name: "a full disk from the first on, without a database",
        spoil: |world| {
            world.set("DATABASE__PATH", "disk/mapiq.db");
            world.sandbox.write("full", "");
        },
        told: &["`disk/mapiq.db", "no space left on"],
        result: None,
        sent: Sent::Whatever,
        stored: 0,
        resumes: false,
        ..FULL_DISK
    },
    Case {
        name: "a database that is deleted while it is in use",
        answer: |asked, folder| {
            is_second(asked).then(|| {
                fs::remove_file(folder.join("mapiq.db")).expect("the database is there");
                super::users(asked)
            })
        },
        status: 74,
        told: &[
            "\nerror: users failed: cannot use the database: the database `mapiq.db` was deleted, moved or replaced while it was in use",
        ],
        // It is gone with all that it had: the next run makes a new one.
        result: None,
        resumes: false,
        ..SECOND_PAGE
    },
    Case {
        name: "a file that may not grow",
        answer: |asked, _| large_page(asked),
        mounts: false,
        spoil: |_| {},
        command: |world| {
            let mut command = wrapped(world, &["--run-now"], IN_SMALL_FILES);
            command.env("SIZE", "1536");
            command
        },
        told: &[
            "\nerror: users failed: cannot use the database: `mapiq.db`: cannot ",
            "disk I/O error (the disk or its file system reported an error: is a quota used up",
        ],
        ..FULL_DISK
    },
];

#[test]
fn a_daemon_that_met_a_full_disk_goes_on_at_the_checkpoint_once_there_is_room() {
    let Some(namespace) = namespace_for("a daemon and a full disk") else { return };
    let mut world = World::new(|asked, _| large_page(asked));
    world.set("DATABASE__PATH", "disk/mapiq.db");
    let mut daemon = with_mounts(&world, namespace, &[], DAEMON_ON_SMALL_DISK);
    let daemon = daemon.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("sh starts");
    let asked_for = |cursor: &str| {
        let asked = world.api.asked_for("/v2/users");
        asked.iter().filter(|asked| asked.param("cursor") == cursor).count()
    };
    wait_until("two runs have met the full disk", || asked_for("1") >= 2);
    world.sandbox.write("room", "");
    wait_until("a run has got further", || asked_for("2") >= 1);
    world.mended.mend();
    world.sandbox.write("stop", "");
    let finished = Finished::from(daemon.wait_with_output().expect("sh can be waited for"));
    finished.expect_status(0).expect_stderr("`disk/mapiq.db`: cannot store a page");

    assert!(world.users() >= 4, "{} rows", world.users());
    let ended = "SELECT result FROM _sync_endpoint_runs ORDER BY run_id LIMIT 1";
    assert_eq!(world.sandbox.lines(ended), ["failed"]);
    let sweeps = "SELECT min(sweep_id) FROM _sync_sweeps WHERE result = 'complete'";
    assert_eq!(world.sandbox.count(sweeps), 1, "the sweep that met the full disk was finished");
}

#[test]
fn a_disk_without_room_to_write_the_file_anew_holds_nothing_up_but_the_erasure() {
    let Some(namespace) = namespace_for("a disk without room for an erasure") else { return };
    let mut world = World::new(|_, _| None);
    world.mended.mend();
    super::run(&world.sandbox, &["--run-now"]).expect_status(0);
    let open = rusqlite::Connection::open(world.sandbox.database()).expect("it can be opened");
    let large = "CREATE TABLE of_users AS SELECT randomblob(300000); PRAGMA wal_checkpoint";
    open.execute_batch(large).expect("the database can be written");
    drop(open);
    world.set("ENDPOINT__USERS__EXCLUDE", "[\"name\"]");
    world.set("DATABASE__PATH", "disk/mapiq.db");
    let mut command = with_mounts(&world, namespace, &["--run-now"], ON_SMALL_DISK);
    let finished = Finished::from(command.output().expect("sh starts"));
    finished.expect_status(0).expect_stderr("free some, and the next run erases them");
    assert_eq!(world.sandbox.count("SELECT count(*) FROM _sync_erasure"), 1);

    world.unset("DATABASE__PATH");
    super::run(&world.sandbox, &["--run-now"]).expect_status(0);
    assert_eq!(world.sandbox.count("SELECT count(*) FROM _sync_erasure"), 0);
}

/// Makes a backup there, and says what there is then; the earlier one must be as it was.
const BACKUP_ON_SMALL_DISK: &str = r#"
mkdir -p disk && mount -t tmpfs -o size=$SIZE tmpfs disk || exit 99
cp backup.db disk
status=0; "$@" || status=$?
cmp backup.db disk/backup.db || exit 98
ls disk
exit $status"#;

#[test]
fn a_disk_without_room_for_a_backup_is_told_and_keeps_the_earlier_one() {
    let Some(namespace) = namespace_for("a disk without room for a backup") else { return };
    let world = World::new(|_, _| None);
    world.mended.mend();
    super::run(&world.sandbox, &["--run-now"]).expect_status(0);
    world.sandbox.run(&["backup", "backup.db"]).expect_status(0);
    let open = rusqlite::Connection::open(world.sandbox.database()).expect("it can be opened");
    let large = "CREATE TABLE of_users AS SELECT randomblob(700000)";
    open.execute_batch(large).expect("the database can be written");
    drop(open);
    let arguments = ["backup", "disk/backup.db"];
    let mut command = with_mounts(&world, namespace, &arguments, BACKUP_ON_SMALL_DISK);
    let finished = Finished::from(command.output().expect("sh starts")).expect_status(74);
    assert_eq!(finished.stdout, "backup.db\n");
    finished
        .expect_stderr("error: no space left for the backup on the disk of `disk/backup.db`: it takes 1 MB, and 0 MB are free");
}
