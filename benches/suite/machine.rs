//! Where the figures come from: without it they mean nothing.

use std::{env, fs, path::Path, process::Command, thread};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::clock;

/// The machine, and what was built on it. What cannot be found out is null.
pub(crate) fn describe(binary: &Path, folder: &Path) -> Result<Value> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    Ok(json!({
        "cpu": field(&read("/proc/cpuinfo"), "model name"),
        "cores": thread::available_parallelism()?.get(),
        "memory": field(&read("/proc/meminfo"), "MemTotal"),
        "load_before": read("/proc/loadavg").split(' ').next(),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "filesystem": filesystem(&read("/proc/self/mountinfo"), &folder.canonicalize()?),
        "rustc": first_line(&rustc, &["--version"]),
        "sqlite": rusqlite::version(),
        "program": first_line(&binary.to_string_lossy(), &["--version"]),
        "suite_commit": first_line("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]),
        "date": DateTime::from_timestamp(clock::since_epoch().as_secs().cast_signed(), 0)
            .map(|now| now.to_rfc3339_opts(SecondsFormat::Secs, true)),
    }))
}

/// The description as a list in Markdown.
pub(crate) fn to_markdown(machine: &Value) -> String {
    let mut text = String::new();
    for (what, value) in machine.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.extend(["- ", what, ": ", &value, "\n"]);
    }
    text
}

/// The value of the first line that names a field, as `/proc` has them.
fn field(text: &str, name: &str) -> Option<String> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned()).next()
}

/// The type of the filesystem that a folder lies on: of the mounts above it the deepest, and of those the last.
fn filesystem(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        Some((mount.split(' ').nth(4)?, kind.split(' ').next()?))
    });
    let above = mounts.filter(|(point, _)| folder.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.lines().next()?.to_owned();
    output.status.success().then_some(line)
}
