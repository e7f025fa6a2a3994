//! The terminal, or the file, behind stderr: what is written there goes above the progress bars and leaves them whole.

use std::{
    env,
    io::{self, IsTerminal, Write},
    sync::LazyLock,
};

use indicatif::{MultiProgress, ProgressDrawTarget};

/// The bars below everything else; there are none where stderr is no terminal.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Whether stderr is a terminal that can move its cursor.
pub(super) fn shows_bars() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The bars.
pub(super) fn bars() -> &'static MultiProgress {
    &BARS
}

/// Takes the bars off the terminal for good.
pub(super) fn clear_bars() {
    // A terminal that is gone shows nothing anyway.
    BARS.clear().ok();
    // Else the next line would draw them again, below itself and on top of what stdout writes to the same terminal.
    BARS.set_draw_target(ProgressDrawTarget::hidden());
}

/// Prints a line to stderr. Where that is closed nobody listens, which is no reason to stop.
pub(super) fn print(text: &str) {
    // In one write: after each the bars are drawn again, right behind what has no end of a line yet.
    Log.write_all(format!("{text}\n").as_bytes()).ok();
}

/// Writes to stderr, above the bars.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        BARS.suspend(|| io::stderr().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
