//! A library between the program and the system's calls, built here from C.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tempfile::{NamedTempFile, TempDir};

/// The library's file.
pub(super) fn library() -> &'static Path {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (source, library) = (folder.path().join("preload.c"), folder.path().join("preload.so"));
        fs::write(&source, include_str!("preload.c")).expect("the folder is writable");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .output()
            .expect("`cc` is there: Rust links with it");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        (folder, library)
    });
    path
}

/// The calls that can fail.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    Write,
    Sync,
    Size,
}

/// What they fail with, by its number on Linux.
#[derive(Clone, Copy, Debug)]
pub(super) enum Error {
    /// `EIO`
    Io = 5,
    /// `ENOSPC`
    NoSpace = 28,
    /// `EROFS`: the kernel has made the file system read-only, as it does after errors of its disk.
    ReadOnly = 30,
}

/// A fault of the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) call: Call,
    pub(super) error: Error,
    /// The first of the process's calls that fails, from 1.
    pub(super) at: usize,
    /// Whether all later ones fail too.
    pub(super) lasts: bool,
}

impl Fault {
    /// Has a command meet it; the file is made as soon as it has.
    pub(super) fn meets(self, command: &mut Command, fired: &Path) {
        fails(command, self.call, self.error);
        command.env("FAULT_AT", self.at.to_string()).env("FAULT_FIRED", fired);
        if self.lasts {
            command.env("FAULT_LASTS", "1");
        }
    }
}

/// Has all these calls of a command fail while a file is there.
pub(super) fn fails_while(command: &mut Command, call: Call, error: Error, file: &Path) {
    fails(command, call, error);
    command.env("FAULT_LASTS", "1").env("FAULT_WHILE", file);
}

fn fails(command: &mut Command, call: Call, error: Error) {
    let call = match call {
        Call::Write => "write",
        Call::Sync => "sync",
        Call::Size => "size",
    };
    command
        .env("LD_PRELOAD", library())
        .env("FAULT_CALL", call)
        .env("FAULT_ERRNO", (error as i32).to_string());
}

/// A fault of the disk from the first write on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DiskFault {
    Full,
    Broken,
}

/// Has a command meet that.
pub(crate) fn meets_disk_fault(command: &mut Command, fault: DiskFault) {
    let error = match fault {
        DiskFault::Full => Error::NoSpace,
        DiskFault::Broken => Error::Io,
    };
    fails(command, Call::Write, error);
    command.env("FAULT_LASTS", "1");
}

/// Has a command find no name while a file is there.
pub(super) fn finds_no_name_while(command: &mut Command, file: &Path) {
    command.env("LD_PRELOAD", library()).env("NAMES_FAIL", file);
}

/// The clocks of a command, which a test can move while it runs.
#[derive(Clone)]
pub(super) struct Clocks(Arc<NamedTempFile>);

impl Clocks {
    /// Clocks that are right.
    pub(super) fn of(command: &mut Command) -> Self {
        let clocks = Self(Arc::new(NamedTempFile::new().expect("a temporary file can be made")));
        clocks.put(0, Duration::ZERO, false);
        clocks.put(1, Duration::ZERO, false);
        command.env("LD_PRELOAD", library()).env("CLOCKS", clocks.0.path());
        clocks
    }

    /// Puts the wall clock a day ahead, or a day back.
    pub(super) fn jump_a_day(&self, ahead: bool) {
        self.put(0, Duration::from_hours(24), !ahead);
    }

    /// Has the monotonic clock miss a time for which the machine was asleep.
    pub(super) fn miss(&self, length: Duration) {
        self.put(1, length, false);
    }

    fn put(&self, place: u64, length: Duration, back: bool) {
        let nanos = i64::try_from(length.as_nanos()).expect("the test's times are short");
        let nanos = if back { -nanos } else { nanos };
        self.0.as_file().write_all_at(&nanos.to_ne_bytes(), place * 8).expect("the file is open");
    }
}
