//! File systems of a test's own, mounted where only its commands see them.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::support::Sandbox;

/// What gives the right to mount: a namespace of the user's own, or else one that root may make.
pub(crate) fn namespace() -> Option<&'static str> {
    static FOUND: OnceLock<Option<&str>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        ["unshare -rm", "unshare -m"].into_iter().find(|namespace| {
            let mount = format!("{namespace} mount -t tmpfs tmpfs /mnt");
            let tried = Command::new("sh").args(["-c", &mount]).stderr(Stdio::null()).status();
            tried.is_ok_and(|status| status.success())
        })
    })
}

/// The same for a test of that name; where there is none, that is told on stderr, even where the tests' own output is
/// caught.
pub(crate) fn namespace_for(name: &str) -> Option<&'static str> {
    let found = namespace();
    if found.is_none() {
        not_checked(&format!("since this user may mount nothing: {name}"));
    }
    found
}

/// The binary behind a shell's script that may mount, and ends with `exec "$@"` or does so itself.
pub(crate) fn within(
    namespace: &str,
    sandbox: &Sandbox,
    arguments: &[&str],
    script: &str,
) -> Command {
    let program = sandbox.command(arguments);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!(r#"exec {namespace} sh -c "$SCRIPT" sh "$@""#), "sh"])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(sandbox.path())
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("PATH", std::env::var_os("PATH").expect("the tests have a path"))
        .env("SCRIPT", script);
    command
}

/// Tells what cannot be tested here, even where the tests' own output is caught.
pub(crate) fn not_checked(what: &str) {
    let line = format!("NOT CHECKED, {what}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("stderr can be written to");
}
