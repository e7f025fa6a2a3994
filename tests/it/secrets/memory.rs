//! The process's memory: no core file has it, and no other process of the same user.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::{CommandExt, ExitStatusExt},
    },
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::{
    mounts::not_checked,
    support::{Answer, Api, Sandbox, wait_until},
};

/// Debian's `nobody`: root may look into everything.
const NOBODY: u32 = 65_534;

/// Lets core files be written, as far as that is allowed.
const WITH_CORES: &str = r#"ulimit -c "$(ulimit -H -c)"; exec "$@""#;

/// A command as a user who is not root, in a folder that is theirs to write to, with core files.
fn as_somebody(sandbox: &Sandbox, program: &Command) -> Command {
    fs::set_permissions(sandbox.path(), Permissions::from_mode(0o777)).expect("it is ours");
    let mut command = Command::new("sh");
    command
        .args(["-c", WITH_CORES, "sh"])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(sandbox.path())
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// The binary where every user may run it.
fn for_everybody(sandbox: &Sandbox) -> Command {
    let copy = sandbox.path().join("mapiq-sync");
    fs::copy(env!("CARGO_BIN_EXE_mapiq-sync"), &copy).expect("the binary can be copied");
    let mut program = Command::new(copy);
    let usual = sandbox.command(&[]);
    program.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
    program
}

/// Whether another process of the same user can read the environment of a process, which has the secret.
fn can_be_looked_into(sandbox: &Sandbox, process: u32) -> bool {
    let mut look = Command::new("cat");
    look.arg(format!("/proc/{process}/environ"));
    let output = as_somebody(sandbox, &look).status().expect("`sh` is there");
    output.success()
}

fn signal(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).expect("it has an id");
    kill_process(process, signal).expect("it is the test's own");
}

#[test]
fn no_core_file_is_written_and_no_process_of_the_same_user_looks_in() {
    let api = Api::serve(|_| Answer::json(r#"[{"id":1}]"#));
    let endpoint = "[[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\n";
    let sandbox = Sandbox::with_api(&api.url(), endpoint);
    let mut daemon = as_somebody(&sandbox, &for_everybody(&sandbox)).spawn().expect("it starts");
    wait_until("it is at work", || !api.asked_for("/users").is_empty());
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.id())).expect("it lives");
    let cores = limits.lines().find(|line| line.starts_with("Max core file size"));
    let cores: Vec<&str> = cores.unwrap_or_default().split_whitespace().skip(4).collect();
    assert_eq!(cores, ["0", "0", "bytes"]);
    // The kernel gives what belongs to a process that may not be looked into to root.
    let environment = fs::metadata(format!("/proc/{}/environ", daemon.id())).expect("it lives");
    assert_eq!(environment.uid(), 0, "it can be dumped");
    assert!(!can_be_looked_into(&sandbox, daemon.id()));
    signal(daemon.id(), Signal::ABORT);
    let ended = daemon.wait().expect("it can be waited for");
    assert_eq!(ended.signal(), Some(Signal::ABORT.as_raw()));
    assert!(!ended.core_dumped(), "a core file was written");

    // Another program shows that both would be there.
    let mut other =
        as_somebody(&sandbox, Command::new("sleep").arg("1000")).spawn().expect("it starts");
    let name = format!("/proc/{}/comm", other.id());
    wait_until("it sleeps", || fs::read_to_string(&name).is_ok_and(|name| name == "sleep\n"));
    let looked = can_be_looked_into(&sandbox, other.id());
    signal(other.id(), Signal::ABORT);
    let ended = other.wait().expect("it can be waited for");
    assert!(looked);
    if !ended.core_dumped() {
        not_checked("since this machine writes no core files: that none is written");
    }
    let entries = fs::read_dir(sandbox.path()).expect("the folder can be read");
    let names = entries.map(|entry| entry.expect("it can be read").file_name());
    let cores = names.filter(|name| name.to_string_lossy().starts_with("core")).count();
    assert!(cores <= 1, "{cores} core files");
}
