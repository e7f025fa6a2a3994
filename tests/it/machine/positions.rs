//! A fault at every single place where a sync writes, syncs or sizes a file: whichever it is, the run says what is wrong or
//! has done all the same, and the next one has every row.

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    AFTER, ALL, ALL_AFTER, ALL_BEFORE, BEFORE, USERS, expect_whole,
    preload::{Call, Error, Fault},
    serve,
};
use crate::support::{Api, Finished, Sandbox};

/// How many positions are tried at once.
const AT_ONCE: usize = 4;

/// So many failures are enough to tell of.
const TOLD: usize = 20;

/// Where a sync begins that is to meet the fault.
struct Start {
    api: Api,
    /// What is in the folder.
    files: BTreeMap<String, Vec<u8>>,
    /// The rows in the end.
    rows: &'static [&'static str],
    /// How a run without a fault ends: 65 where a record is rejected.
    status: i32,
}

impl Start {
    /// No database yet.
    fn first() -> Self {
        Self { api: serve(BEFORE), files: BTreeMap::new(), rows: ALL_BEFORE, status: 0 }
    }

    /// A database with what the API had; it has changed.
    fn later() -> Self {
        let before = serve(BEFORE);
        let sandbox = Sandbox::with_api(&before.url(), USERS);
        sandbox.run(&["--run-now"]).expect_status(0);
        Self { api: serve(AFTER), files: files(sandbox.path()), rows: ALL_AFTER, status: 65 }
    }

    fn sandbox(&self) -> Sandbox {
        let sandbox = Sandbox::with_api(&self.api.url(), USERS);
        for (name, bytes) in self.files.iter().filter(|(name, _)| name.starts_with("mapiq.db")) {
            fs::write(sandbox.path().join(name), bytes).expect("the folder is writable");
        }
        sandbox
    }

    /// Has one sync meet the fault, and another follow it. Tells whether there was such a place.
    fn meets(&self, fault: Fault) -> bool {
        let sandbox = self.sandbox();
        let fired = sandbox.path().join("fired");
        let mut command = sandbox.command(&["--run-now"]);
        fault.meets(&mut command, &fired);
        let finished = Finished::from(command.output().expect("the binary starts"));
        let met = fired.exists();
        self.expect_told(&sandbox, &finished, fault, met);

        let next = sandbox.run(&["--run-now"]);
        // A record that is rejected again is still a rejected one.
        let next = next.expect_status(self.status);
        assert!(!next.stderr.contains("damaged"), "{}", next.stderr);
        expect_whole(&sandbox, self.rows);
        met
    }

    /// The run says what, where and what to do, or has all rows: nothing in between.
    fn expect_told(&self, sandbox: &Sandbox, finished: &Finished, fault: Fault, met: bool) {
        let Finished { status, stderr, .. } = finished;
        assert!(!stderr.contains("panicked") && !stderr.contains("damaged"), "{stderr}");
        if *status == Some(self.status) {
            assert_eq!(sandbox.lines(ALL), self.rows, "it says that all is done");
            return;
        }
        assert!(met, "no fault was met:\n{stderr}");
        assert_eq!(*status, Some(74), "{stderr}");
        assert!(stderr.contains("`mapiq.db"), "it does not say where:\n{stderr}");
        let told = match fault.error {
            Error::Io => "the disk or its file system reported an error",
            Error::NoSpace => "no space left on its disk: free some, and the next run goes on",
            Error::ReadOnly => "is it read-only by now",
        };
        // SQLite does not tell the two apart where the log's index cannot grow.
        let either = "no space left on its disk, or the disk reported an error: free some, or see";
        let is_told = stderr.contains(told) || stderr.contains(either);
        assert!(is_told, "it does not say what to do:\n{stderr}");
    }

    /// Tries every place in turn; gives how many there are.
    fn meets_everywhere(&self, call: Call, error: Error, lasts: bool) -> usize {
        let (next, ended) = (AtomicUsize::new(1), AtomicBool::new(false));
        let (met, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while !ended.load(Ordering::SeqCst) {
                        let at = next.fetch_add(1, Ordering::SeqCst);
                        let fault = Fault { call, error, at, lasts };
                        match catch_unwind(AssertUnwindSafe(|| self.meets(fault))) {
                            Ok(true) => {
                                met.fetch_add(1, Ordering::SeqCst);
                            }
                            Ok(false) => ended.store(true, Ordering::SeqCst),
                            Err(why) => {
                                let why = why.downcast::<String>().map_or_else(
                                    |_| "it panicked with no text".to_owned(),
                                    |text| *text,
                                );
                                let mut failures =
                                    failures.lock().unwrap_or_else(PoisonError::into_inner);
                                failures.push(format!("{fault:?}: {why}"));
                                // Where each one fails, the end would never be seen.
                                if failures.len() >= TOLD {
                                    ended.store(true, Ordering::SeqCst);
                                }
                            }
                        }
                    }
                });
            }
        });
        let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert!(
            failures.is_empty(),
            "{} places fail:\n{}",
            failures.len(),
            failures.join("\n---\n")
        );
        met.into_inner()
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let named = entries.map(|entry| {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        (name, fs::read(path).expect("the file can be read"))
    });
    named.collect()
}

/// How many places a sync has at least where it writes, lest the faults come to nothing.
const WRITES: usize = 150;

#[test]
fn an_io_error_at_any_write_of_a_first_sync_costs_no_row() {
    let places = Start::first().meets_everywhere(Call::Write, Error::Io, false);
    assert!(places > WRITES, "{places} places");
}

#[test]
fn an_io_error_at_any_write_of_a_later_sync_costs_no_row() {
    let places = Start::later().meets_everywhere(Call::Write, Error::Io, false);
    assert!(places > WRITES, "{places} places");
}

#[test]
fn a_disk_that_fails_from_any_write_on_costs_no_row() {
    let places = Start::later().meets_everywhere(Call::Write, Error::Io, true);
    assert!(places > WRITES, "{places} places");
}

#[test]
fn a_disk_that_is_full_from_any_write_on_costs_no_row() {
    let places = Start::later().meets_everywhere(Call::Write, Error::NoSpace, true);
    assert!(places > WRITES, "{places} places");
}

#[test]
fn an_io_error_at_any_sync_or_change_of_size_costs_no_row() {
    for (call, lasts) in
        [(Call::Sync, false), (Call::Sync, true), (Call::Size, false), (Call::Size, true)]
    {
        for start in [Start::first(), Start::later()] {
            assert!(start.meets_everywhere(call, Error::Io, lasts) > 1, "{call:?}");
        }
    }
}
