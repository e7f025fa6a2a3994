//! Runs a command of the administrator's own: with little of the environment, for a bounded time.

use std::{env, io, pin::pin, process::Stdio, time::Duration};

use futures_util::future::{Either, join, select};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use super::AlertCommand;

/// What a command gets of the environment: none of it is a secret.
const PASSED_ON: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// So much of what it says last is kept.
const TAIL: usize = 500;

/// So long its stderr is read after its end, which something that it has started may keep open.
const AFTER: Duration = Duration::from_secs(1);

/// A command did not do what it was to.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It cannot be run.
    #[error("`{program}` cannot be run")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It has ended otherwise than with 0.
    #[error("`{program}` ended with {how}{}", shown(.said))]
    Ended {
        /// The program.
        program: String,
        /// The exit status or the signal.
        how: String,
        /// The last that it said on stderr.
        said: String,
    },
    /// It was killed, since it took too long.
    #[error("`{program}` was ended after {} s (alerts.timeout){}", timeout.as_secs_f64(), shown(.said))]
    TimedOut {
        /// The program.
        program: String,
        /// The longest time allowed.
        timeout: Duration,
        /// The last that it said on stderr.
        said: String,
    },
}

fn shown(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// Kills what a command has started and left, unless it has come to its end.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // A group that has ended meanwhile needs no end.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }
}

/// Runs a command, of a program and its arguments, to its end, with `input` on its stdin and `variables` in its environment.
/// Dropped before that, it is killed with all that it has started.
///
/// # Errors
/// Where it cannot be run, takes longer than `longest`, or ends otherwise than with 0.
pub async fn run_command(
    command: &AlertCommand,
    input: &str,
    variables: &[(&str, String)],
    longest: Duration,
) -> Result<(), CommandError> {
    let AlertCommand { program, arguments } = command;
    let program = program.clone();
    let failed = |source| CommandError::Start { program: program.clone(), source };
    let mut child = Command::new(&program)
        .args(arguments)
        .env_clear()
        .envs(PASSED_ON.iter().filter_map(|name| Some((name, env::var_os(name)?))))
        .envs(variables.iter().map(|(name, value)| (name, value.replace('\0', " "))))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let leader = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let mut group = Group(leader);
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let mut said = Vec::new();
    let ended = timeout(longest, async {
        let write = async {
            if let Some(mut stdin) = stdin {
                // One that does not read it may do without.
                stdin.write_all(input.as_bytes()).await.ok();
            }
        };
        let ends = pin!(async { join(write, child.wait()).await.1 });
        match select(ends, pin!(keep_tail(stderr, &mut said))).await {
            Either::Left((ended, reads)) => {
                // What it has started may keep its stderr open.
                timeout(AFTER, reads).await.ok();
                ended
            }
            Either::Right(((), ends)) => ends.await,
        }
    })
    .await;
    let text = |said: &[u8]| String::from_utf8_lossy(said).trim().replace(['\n', '\r'], " / ");
    match ended {
        Err(_) => Err(CommandError::TimedOut { program, timeout: longest, said: text(&said) }),
        Ok(Err(source)) => Err(failed(source)),
        Ok(Ok(status)) => {
            group.0 = None;
            if status.success() {
                return Ok(());
            }
            Err(CommandError::Ended { program, how: status.to_string(), said: text(&said) })
        }
    }
}

/// Reads to the end, and keeps the last of it.
async fn keep_tail(stream: Option<impl AsyncRead + Unpin>, tail: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    let mut bytes = [0; 1024];
    while let Ok(length @ 1..) = stream.read(&mut bytes).await {
        tail.extend_from_slice(bytes.get(..length).unwrap_or_default());
        tail.drain(..tail.len().saturating_sub(TAIL));
    }
}
