//! A database that cannot be used: status 74, and it is as it was.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    ALL, USERS, contents, expect_all_users_after_mend, run, run_command, run_plainly, serve, users,
};
use crate::support::{Api, Sandbox};

/// Debian's `nobody`; any user would do that is not root and owns nothing.
const NOBODY: u32 = 65_534;

/// An API and a sandbox for it.
fn right() -> (Api, Sandbox) {
    let api = serve(users);
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    (api, sandbox)
}

/// Ends with 74 and these words, the daemon too, and neither the file nor its folder changes; without it all is well.
#[track_caller]
fn expect_refused_untouched(api: &Api, sandbox: &Sandbox, told: &str) {
    let before = contents(sandbox.path());
    for arguments in [&["--run-now"][..], &[]] {
        let finished = run(sandbox, arguments).expect_status(74).expect_stderr(told);
        assert_eq!(finished.stdout, "");
        assert!(contents(sandbox.path()) == before, "the folder has changed");
    }
    assert!(api.asked().is_empty(), "nothing is asked that could not be stored");
    fs::remove_file(sandbox.database()).expect("the folder is writable");
    expect_all_users_after_mend(sandbox);
}

/// Makes another program's database.
fn make_foreign(path: &Path, journal_mode: &str) -> Connection {
    let connection = Connection::open(path).expect("the folder is writable");
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = {journal_mode}; CREATE TABLE users (id); INSERT INTO users VALUES (1);"
        ))
        .expect("the SQL is valid");
    connection
}

#[test]
fn another_programs_database_is_refused_and_not_touched() {
    for journal_mode in ["delete", "wal"] {
        let (api, sandbox) = right();
        drop(make_foreign(&sandbox.database(), journal_mode));
        expect_refused_untouched(
            &api,
            &sandbox,
            "error: `mapiq.db` is another program's database, it does not bear this program's mark: set `database.path`",
        );
    }
}

#[test]
fn another_programs_database_in_use_is_refused_and_not_touched() {
    let (_api, sandbox) = right();
    let connection = make_foreign(&sandbox.database(), "wal");
    let before = contents(sandbox.path());
    assert!(before.contains_key("mapiq.db-wal"));
    run(&sandbox, &["--run-now"]).expect_status(74).expect_stderr("is another program's database");
    assert!(contents(sandbox.path()) == before, "the folder has changed");
    drop(connection);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_not_touched() {
    // Longer and shorter than a database's header.
    for text in ["id,name\n1,a\n".repeat(100), "id,name\n".to_owned()] {
        let (api, sandbox) = right();
        sandbox.write("mapiq.db", &text);
        expect_refused_untouched(
            &api,
            &sandbox,
            "error: `mapiq.db` is not a SQLite database: set `database.path`",
        );
    }
}

#[test]
fn an_empty_file_is_taken() {
    let (_api, sandbox) = right();
    sandbox.write("mapiq.db", "");
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_kept() {
    let (api, sandbox) = right();
    expect_all_users_after_mend(&sandbox);
    let asked = api.asked().len();
    let connection = Connection::open(sandbox.database()).expect("the database is there");
    let execute = |sql| connection.execute(sql, []).expect("the SQL is valid");
    execute(
        "INSERT INTO _sync_migrations (version, description, success, checksum, execution_time) \
         SELECT 99, 'of the future', success, checksum, execution_time FROM _sync_migrations WHERE version = 1",
    );
    for arguments in [&["--run-now"][..], &[]] {
        run(&sandbox, arguments)
            .expect_status(74)
            .expect_stderr("error: `mapiq.db` was written by a newer version of this program")
            .expect_stderr("its schema is 99, this version knows up to ")
            .expect_stderr("run that version, or restore a backup");
    }
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), ALL);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_runs"), 1);
    assert_eq!(api.asked().len(), asked);
    execute("DELETE FROM _sync_migrations WHERE version = 99");
    expect_all_users_after_mend(&sandbox);
}

/// A copy of the binary where every user can run it, and the way to run it as one who may not write to the sandbox.
struct Unprivileged {
    folder: TempDir,
    as_root: bool,
}

impl Unprivileged {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let copy = folder.path().join("mapiq-sync");
        fs::copy(env!("CARGO_BIN_EXE_mapiq-sync"), copy).expect("the binary can be copied");
        set_mode(folder.path(), 0o755);
        Self { folder, as_root: rustix::process::geteuid().is_root() }
    }

    /// The binary as it runs in the sandbox, but without the right to write there: permission bits do not bind root.
    fn command(&self, sandbox: &Sandbox) -> Command {
        let usual = sandbox.command(&["--run-now"]);
        let mut command = Command::new(self.folder.path().join("mapiq-sync"));
        command.args(usual.get_args()).current_dir(sandbox.path()).env_clear();
        command.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if self.as_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the file is the test's own");
}

#[test]
fn a_read_only_folder_is_told_and_left_as_it_is() {
    let unprivileged = Unprivileged::new();
    let (api, sandbox) = right();
    set_mode(sandbox.path(), 0o555);
    let before = contents(sandbox.path());
    run_command(&sandbox, unprivileged.command(&sandbox))
        .expect_status(74)
        .expect_stderr("error: cannot open `mapiq.db-lock` for writing: its folder must exist, and both must be writable by this user")
        .expect_stderr("caused by: Permission denied");
    assert!(contents(sandbox.path()) == before, "the folder has changed");
    assert!(api.asked().is_empty());
    set_mode(sandbox.path(), 0o755);
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_database_that_may_only_be_read_is_told_and_left_as_it_is() {
    let unprivileged = Unprivileged::new();
    let (_api, mut sandbox) = right();
    sandbox.set("MAPIQ_SYNC__DATABASE__MODE", "0644");
    expect_all_users_after_mend(&sandbox);
    let names: Vec<String> = contents(sandbox.path()).into_keys().collect();
    for name in &names {
        set_mode(&sandbox.path().join(name), 0o444);
    }
    set_mode(sandbox.path(), 0o555);
    let before = contents(sandbox.path());
    run_command(&sandbox, unprivileged.command(&sandbox))
        .expect_status(74)
        .expect_stderr("must be writable by this user");
    assert!(contents(sandbox.path()) == before, "the folder has changed");
    set_mode(sandbox.path(), 0o755);
    for name in &names {
        set_mode(&sandbox.path().join(name), 0o644);
    }
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_database_of_another_user_is_told() {
    let unprivileged = Unprivileged::new();
    let (_api, sandbox) = right();
    expect_all_users_after_mend(&sandbox);
    set_mode(sandbox.path(), 0o755);
    // Not even its owner may read it, for where the tests do not run as root.
    set_mode(&sandbox.database(), 0o000);
    run_command(&sandbox, unprivileged.command(&sandbox))
        .expect_status(74)
        .expect_stderr("error: cannot read the database `mapiq.db`")
        .expect_stderr("caused by: Permission denied");
    set_mode(&sandbox.database(), 0o600);
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let (api, mut sandbox) = right();
    sandbox.set("MAPIQ_SYNC__DATABASE__PATH", "data/mapiq.db");
    let told = run_plainly(&sandbox, &["--run-now"]).expect_status(74).stderr;
    insta::assert_snapshot!(told, @"
    error: cannot open `data/mapiq.db-lock` for writing: its folder must exist, and both must be writable by this user
      caused by: No such file or directory (os error 2)
    ");
    assert!(api.asked().is_empty());
    fs::create_dir(sandbox.path().join("data")).expect("the folder is writable");
    run(&sandbox, &["--run-now"]).expect_status(0);
    assert!(sandbox.path().join("data/mapiq.db").exists());
}

#[test]
fn a_folder_in_the_databases_place_is_told() {
    let (_api, sandbox) = right();
    fs::create_dir(sandbox.database()).expect("the folder is writable");
    run(&sandbox, &["--run-now"])
        .expect_status(74)
        .expect_stderr("error: cannot read the database `mapiq.db`")
        .expect_stderr("caused by: Is a directory");
    fs::remove_dir(sandbox.database()).expect("it is empty");
    expect_all_users_after_mend(&sandbox);
}
