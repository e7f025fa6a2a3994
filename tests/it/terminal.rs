//! A terminal to run the binary on.

use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
    thread::{self, JoinHandle},
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// A terminal of 80 columns, and what was written to it.
pub(crate) struct Terminal {
    screen: File,
    written: JoinHandle<String>,
}

impl Terminal {
    pub(crate) fn open() -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("Linux has ptys");
        grantpt(&keyboard).expect("the pty is ours");
        unlockpt(&keyboard).expect("the pty is ours");
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&keyboard, size).expect("a pty has a size");
        let name = ptsname(&keyboard, Vec::new()).expect("a pty has a name");
        let screen = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
        let written = thread::spawn(move || {
            let (mut keyboard, mut written, mut bytes) =
                (File::from(keyboard), Vec::new(), [0; 4096]);
            // Reading fails once the last to write has closed it.
            while let Ok(count @ 1..) = keyboard.read(&mut bytes) {
                written.extend(bytes.iter().take(count));
            }
            String::from_utf8_lossy(&written).into_owned()
        });
        Self { screen: screen.expect("a pty can be opened").into(), written }
    }

    /// Runs a command to its end, which must be a good one, with stderr on this terminal: what it showed, and what stdout
    /// got.
    #[track_caller]
    pub(crate) fn run(self, mut command: Command) -> (String, String) {
        let output = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(self.screen)
            .output()
            .expect("the binary starts");
        // It holds the terminal open too.
        drop(command);
        let shown = self.written.join().expect("the terminal is read to its end");
        assert_eq!(output.status.code(), Some(0), "{shown}");
        (shown, String::from_utf8(output.stdout).expect("what is printed is UTF-8"))
    }

    /// The same with stdout and stderr on this terminal.
    #[track_caller]
    pub(crate) fn run_whole(self, mut command: Command) -> String {
        let other = self.screen.try_clone().expect("a file can be held twice");
        let status = command.stdin(Stdio::null()).stdout(other).stderr(self.screen).status();
        drop(command);
        let shown = self.written.join().expect("the terminal is read to its end");
        assert_eq!(status.expect("the binary starts").code(), Some(0), "{shown}");
        shown
    }
}
