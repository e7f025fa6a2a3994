//! The terminal, or the file, behind stderr: what is written there goes above the progress bars and leaves them whole.

use std::{
    env,
    io::{self, IsTerminal, Write},
    sync::{LazyLock, Mutex, PoisonError},
};

use indicatif::{MultiProgress, ProgressDrawTarget};

use crate::telemetry::{self, journal};

/// The bars below everything else; there are none where stderr is no terminal, or no run is under way.
static BARS: LazyLock<Mutex<MultiProgress>> = LazyLock::new(Mutex::default);

/// Whether stderr is a terminal that can move its cursor.
pub(super) fn shows_bars() -> bool {
    io::stderr().is_terminal() && !is_dumb()
}

/// Whether stdout is a terminal that shows colours to somebody who wants them.
pub(super) fn shows_colours() -> bool {
    let no_color = env::var_os("NO_COLOR");
    telemetry::in_colour(io::stdout().is_terminal(), no_color.as_deref()) && !is_dumb()
}

/// Whether a terminal knows no escape sequences.
fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The bars of the run that is under way, or of the last one.
fn bars() -> MultiProgress {
    BARS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Room for the bars of another run; those of an earlier one must be cleared.
pub(super) fn new_bars() -> MultiProgress {
    let bars = MultiProgress::new();
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = bars.clone();
    bars
}

/// Takes a run's bars off the terminal for good.
pub(super) fn clear_bars() {
    let bars = bars();
    // A terminal that is gone shows nothing anyway.
    bars.clear().ok();
    // Else the next line would draw them again, below itself and on top of what stdout writes to the same terminal.
    bars.set_draw_target(ProgressDrawTarget::hidden());
}

/// Prints a line to stderr. Where that is closed nobody listens, which is no reason to stop.
pub(super) fn print(text: &str) {
    // In one write: after each the bars are drawn again, right behind what has no end of a line yet.
    Log.write_all(format!("{text}\n").as_bytes()).ok();
}

/// Prints an error to stderr; where systemd's journal reads that, as one.
pub(super) fn print_error(text: &str) {
    if journal::is_stderr() {
        journal::write_error(text).ok();
    } else {
        print(text);
    }
}

/// Writes to stderr, above the bars.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        bars().suspend(|| io::stderr().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        bars().suspend(|| io::stderr().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
