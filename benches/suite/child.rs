//! What a process costs, from its start to its end.

use std::{
    env, fs,
    process::{Command, ExitStatus},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::clock;

/// What a process has cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// When it was started and when it had ended, by the clock that all processes share.
    pub(crate) started: Duration,
    pub(crate) ended: Duration,
    /// Time on a processor, of all its threads, in the program and in the kernel, to a hundredth of a second.
    pub(crate) cpu: Duration,
    /// The most memory that was resident at once, in bytes.
    pub(crate) peak: u64,
    /// Bytes that it has handed to the kernel to be written: SQLite's, and a few hundred a request.
    pub(crate) written: u64,
}

impl Cost {
    /// From its start to its end.
    pub(crate) fn wall(&self) -> Duration {
        clock::between(self.started, self.ended)
    }
}

/// How often the peak is looked up. It is the kernel's own high-water mark, so that nothing between two looks is missed,
/// only what comes after the last one.
const LOOK: Duration = Duration::from_millis(10);

/// In what Linux counts processor time for `/proc`, whatever its own clock (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Runs a command to its end.
pub(crate) fn measure(command: &mut Command) -> Result<(ExitStatus, Cost)> {
    let started = clock::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let pid = child.id();
    let has_ended = AtomicBool::new(false);
    let (ended, peak) = thread::scope(|scope| {
        let peak = scope.spawn(|| watch_peak(pid, &has_ended));
        // Left to be waited for, so that its numbers can still be read.
        let ended = wait_for_end(pid).map(|()| clock::now());
        has_ended.store(true, Ordering::Release);
        peak.thread().unpark();
        (ended, peak.join().expect("reading a file does not panic"))
    });
    let (ended, cpu, written) = (ended?, processor_time(pid)?, written(pid)?);
    Ok((child.wait()?, Cost { started, ended, cpu, peak, written }))
}

/// Runs this executable as another of its processes, which must end with status 0.
pub(crate) fn measure_role(arguments: &[&str]) -> Result<Cost> {
    let mut command = Command::new(env::current_exe()?);
    let (status, cost) = measure(command.args(arguments))?;
    ensure!(status.success(), "`{}` ended with {status}", arguments.join(" "));
    Ok(cost)
}

fn wait_for_end(pid: u32) -> Result<()> {
    let pid =
        i32::try_from(pid).ok().and_then(Pid::from_raw).context("a child has a process id")?;
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    Ok(())
}

fn watch_peak(pid: u32, has_ended: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !has_ended.load(Ordering::Acquire) {
        peak = status(pid, "VmHWM").unwrap_or(peak);
        thread::park_timeout(LOOK);
    }
    peak
}

/// A size in `/proc/PID/status`, in bytes; nothing once the process has ended.
pub(crate) fn status(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn processor_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name before may hold anything, brackets too; `utime` and `stime` are the 12th and 13th after it.
    let (_, after) = stat.rsplit_once(')').context("a process has a name")?;
    let ticks = after.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(TICK * ticks.sum::<Result<u32, _>>()?)
}

/// Processor time of a process that runs, of those threads that it has, to the nanosecond.
pub(crate) fn time_so_far(pid: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let spent = fs::read_to_string(thread?.path().join("schedstat"))?;
        let spent = spent.split(' ').next().context("the kernel counts what threads spend")?;
        nanoseconds += spent.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

fn written(pid: u32) -> Result<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io"))
        .context("only root sees what the program writes, since its memory is private")?;
    let written = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    Ok(written.context("the kernel counts what is written")?.parse()?)
}
