//! Idle: what a daemon costs that has nothing to do.
//!
//! Its one job is more than an hour away. It is watched from the moment on at which it has its token, which is the last
//! thing that it does at its start.

use std::{process::Child, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    Bench, child, clock,
    figures::{Figures, mebibytes},
    program::{Sandbox, Settings},
    server::{self, Server},
};

/// How long a daemon may take to its first request, before the bench fails.
const PATIENCE: Duration = Duration::from_secs(30);

const MINUTE: Duration = Duration::from_mins(1);

/// A daemon that runs; it is killed with this.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // Does nothing where it has ended and was waited for.
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}

/// Measures and tells.
pub(crate) fn run(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let window = Duration::from_secs(if bench.quick { 1 } else { 30 });
    let settings = server::Settings::unlimited(1, 20);
    let mut server = Server::start(&settings)?;
    let hour = clock::since_epoch().as_secs() / 3_600 + 2;
    let sandbox = Sandbox::new(
        &bench.binary,
        bench.folder.join("idle"),
        &Settings {
            address: server.address(),
            endpoints: &["reservations"],
            page_size: settings.page_size,
            rate_limit: "requests = 20",
            schedule: &format!("0 30 {} * * *", hour % 24),
        },
    )?;
    let mut daemon = Daemon(sandbox.command(&[])?.spawn()?);
    let pid = daemon.0.id();
    let started = clock::now();
    while server.take_notes()?.first_request.is_none() {
        ensure!(
            clock::between(started, clock::now()) < PATIENCE,
            "the daemon has not asked for a token"
        );
        // Between two looks, not instead of them.
        thread::sleep(Duration::from_millis(5));
    }

    let (mut resident, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..bench.samples(5) {
        let (before, from) = (child::time_so_far(pid)?, clock::now());
        // What is measured is this time itself.
        thread::sleep(window);
        let (after, to) = (child::time_so_far(pid)?, clock::now());
        let share = clock::between(before, after).div_duration_f64(clock::between(from, to));
        busy.push(share * MINUTE.as_secs_f64() * 1_000.0);
        let memory = child::status(pid, "VmRSS").context("the daemon has ended")?;
        resident.push(mebibytes(memory));
    }
    let asked = server.take_notes()?;
    ensure!(asked.first_page.is_none(), "the daemon was not idle: it has asked for a page");
    let target = Pid::from_raw(i32::try_from(pid)?).context("a child has a process id")?;
    kill_process(target, Signal::TERM)?;
    let status = daemon.0.wait()?;
    ensure!(status.success(), "the daemon ended with {status}");
    figures.tell("idle: resident memory", "MiB", resident);
    figures.tell("idle: processor time a minute", "ms", busy);
    Ok(())
}
