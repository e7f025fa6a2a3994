//! Every bad input, one row each: how the world is made bad, and how the program must take it.
//!
//! What is stored before stays, nothing panics, no secret and no record's value is told, and once the trouble is mended
//! the next run goes on at the checkpoint, ends with 0 and has every row.

mod bodies;
mod clock;
mod cuts;
mod disk;
mod limits;
mod listings;
mod reach;
mod records;
mod statuses;
mod tokens;
mod types;

use std::{
    any::Any,
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{Mend, PAGES, TOKEN, USERS, run, run_command};
use crate::support::{Answer, Api, Asked, Sandbox, token};

/// The rows that run at once: most of them wait for something.
const AT_ONCE: usize = 10;

/// One row of the table.
struct Case {
    name: &'static str,
    /// The answer in the right one's place, until the trouble is mended; the sandbox's folder may keep marks.
    answer: fn(&Asked, &Path) -> Option<Answer>,
    /// Makes bad what is not the API's answer.
    spoil: fn(&mut World),
    /// Mends that.
    mend: fn(&mut World),
    /// How the binary runs while all is bad.
    command: fn(&World) -> Command,
    /// The exit status.
    status: i32,
    /// The endpoint's result in the journal; `None` where the journal cannot be written.
    result: Option<&'static str>,
    /// Words of the message: what happened, where, and what to do.
    told: &'static [&'static str],
    /// How often a bad answer was given.
    sent: Sent,
    /// How many users are stored nevertheless.
    stored: i64,
    /// Whether a file system must be mounted for it.
    mounts: bool,
    /// A look at what is stored.
    check: fn(&World),
    /// Whether the next run goes on behind the first page.
    resumes: bool,
    /// How many users there are in the end.
    in_the_end: i64,
}

/// How often the program asks.
#[derive(Clone, Copy, PartialEq)]
enum Sent {
    /// Once: another try would not help.
    Once,
    /// Again: it may pass.
    Again,
    /// It is not about an answer.
    Whatever,
}

/// The second page's answer is bad, and the endpoint fails at once.
const SECOND_PAGE: Case = Case {
    name: "",
    answer: |_, _| None,
    spoil: |_| {},
    mend: |_| {},
    command: |world| world.sandbox.command(&["--run-now"]),
    status: 1,
    result: Some("failed"),
    told: &[],
    sent: Sent::Once,
    stored: 2,
    mounts: false,
    check: |_| {},
    resumes: true,
    in_the_end: super::ALL,
};

/// It is odd, and stored as it is.
const STORED: Case =
    Case { status: 0, result: Some("ok"), stored: 6, resumes: false, ..SECOND_PAGE };

/// Nothing is stored: the first page was never reached.
const AT_FIRST: Case =
    Case { stored: 0, resumes: false, told: &["\nerror: users failed: "], ..SECOND_PAGE };

/// What a row works on.
struct World {
    sandbox: Sandbox,
    api: Api,
    mended: Mend,
    /// How many bad answers were given.
    bad: Arc<AtomicUsize>,
    /// Servers that live as long as the row.
    servers: Vec<Box<dyn Any>>,
}

impl World {
    fn new(answer: fn(&Asked, &Path) -> Option<Answer>) -> Self {
        let (mended, bad) = (Mend::default(), Arc::new(AtomicUsize::new(0)));
        let folder = Arc::new(OnceLock::<PathBuf>::new());
        let api = Api::serve_all({
            let (mended, bad, folder) = (mended.clone(), Arc::clone(&bad), Arc::clone(&folder));
            move |asked| {
                let folder = folder.get().expect("nothing is asked before the sandbox is made");
                if !mended.is_mended()
                    && let Some(answer) = answer(asked, folder)
                {
                    bad.fetch_add(1, Ordering::SeqCst);
                    return answer;
                }
                if asked.path == "/token" { token(TOKEN, 3600) } else { users(asked) }
            }
        });
        let sandbox = Sandbox::with_api(&api.url(), USERS);
        folder.set(sandbox.path().to_owned()).expect("it is set once");
        let mut world = Self { sandbox, api, mended, bad, servers: Vec::new() };
        // Longer than the longest first delay, so that what may be tried again is.
        world.set("RETRY__MAX_ELAPSED", "2s");
        world
    }

    /// Sets a value of the configuration.
    fn set(&mut self, key: &str, value: &str) {
        self.sandbox.set(&format!("MAPIQ_SYNC__{key}"), value);
    }

    fn unset(&mut self, key: &str) {
        self.sandbox.unset(&format!("MAPIQ_SYNC__{key}"));
    }

    fn users(&self) -> i64 {
        self.sandbox.count("SELECT count(*) FROM users")
    }
}

/// A page of the users; each says where the next one is.
fn users(asked: &Asked) -> Answer {
    let page = asked.number("cursor");
    listing(&[record(2 * page + 1), record(2 * page + 2)], page + 1)
}

fn record(id: usize) -> String {
    format!(r#"{{"id":{id},"name":"Ada Lovelace {id}"}}"#)
}

/// A page of such records before the page of that number, which it names in every way.
fn listing<R: AsRef<str>>(records: &[R], next: usize) -> Answer {
    let page = Answer::json(text(records, next));
    if next < PAGES { page.with("link", format!("<?cursor={next}>; rel=next")) } else { page }
}

fn text<R: AsRef<str>>(records: &[R], next: usize) -> String {
    let (cursor, url) = if next < PAGES {
        (format!(r#""{next}""#), format!(r#""?cursor={next}""#))
    } else {
        ("null".to_owned(), "null".to_owned())
    };
    let records: Vec<&str> = records.iter().map(AsRef::as_ref).collect();
    format!(r#"{{"items":[{}],"next":{cursor},"next_url":{url}}}"#, records.join(","))
}

/// Whether that is the second page.
fn is_second(asked: &Asked) -> bool {
    asked.path == "/v2/users" && asked.param("cursor") == "1"
}

/// Makes an answer where the second page is asked for.
fn second(asked: &Asked, answer: impl FnOnce() -> Answer) -> Option<Answer> {
    is_second(asked).then(answer)
}

/// Makes an answer where a token is asked for.
fn for_token(asked: &Asked, answer: impl FnOnce() -> Answer) -> Option<Answer> {
    (asked.path == "/token").then(answer)
}

impl Case {
    /// The journal says why it did not end well, and when it may go on; the checkpoint, what is stored.
    #[track_caller]
    fn expect_recorded(&self, world: &World) {
        let why = "SELECT message IS NOT NULL, not_before_at IS NOT NULL FROM _sync_endpoint_runs \
                   WHERE result <> '' ORDER BY run_id DESC LIMIT 1";
        let recorded = world.sandbox.lines(why);
        match self.result {
            Some("ok") => assert_eq!(recorded, ["0|0"]),
            Some("failed") => assert_eq!(recorded, ["1|0"]),
            Some("paused") => assert_eq!(recorded, ["1|1"]),
            // How it ended could not be recorded.
            _ => {}
        }
        let pages = "SELECT coalesce(sum(c.pages), 0) FROM _sync_checkpoints AS c \
                     JOIN _sync_sweeps AS s USING (sweep_id) WHERE s.finished_at IS NULL";
        if self.resumes {
            assert_eq!(world.sandbox.count(pages), self.stored / 2, "pages at the checkpoint");
        }
    }

    /// Runs the row; panics where it does not hold.
    fn check(&self) {
        let mut world = World::new(self.answer);
        (self.spoil)(&mut world);
        let finished = run_command(&world.sandbox, (self.command)(&world));
        let mut finished = finished.expect_status(self.status);
        for words in self.told {
            finished = finished.expect_stderr(words);
        }
        if world.sandbox.database().exists() && self.result.is_some() {
            assert_eq!(world.users(), self.stored, "rows that are stored");
        }
        if let Some(result) = self.result {
            let last = "SELECT result FROM _sync_endpoint_runs ORDER BY run_id DESC LIMIT 1";
            assert_eq!(world.sandbox.lines(last), [result]);
            self.expect_recorded(&world);
        }
        let bad = world.bad.load(Ordering::SeqCst);
        match self.sent {
            Sent::Once => assert_eq!(bad, 1, "bad answers"),
            Sent::Again => assert!(bad > 1, "{bad} bad answers: it was not tried again"),
            Sent::Whatever => {}
        }
        (self.check)(&world);

        world.mended.mend();
        (self.mend)(&mut world);
        let first_pages = || {
            let asked = world.api.asked_for("/v2/users");
            asked.iter().filter(|asked| asked.param("cursor").is_empty()).count()
        };
        let before = first_pages();
        run(&world.sandbox, &["--run-now"]).expect_status(0);
        assert_eq!(world.users(), self.in_the_end, "rows in the end");
        assert_eq!(first_pages() == before, self.resumes, "the next run goes on at the checkpoint");
        let open = "SELECT count(*) FROM _sync_sweeps WHERE finished_at IS NULL";
        assert_eq!(world.sandbox.count(open), 0);
        assert_eq!(world.sandbox.lines("PRAGMA integrity_check"), ["ok"]);
    }
}

/// Every row.
fn all() -> impl Iterator<Item = &'static Case> {
    let groups = [
        bodies::CASES,
        clock::CASES,
        cuts::CASES.as_flattened(),
        cuts::GZIP,
        disk::CASES,
        limits::CASES,
        listings::CASES,
        reach::CASES,
        records::CASES,
        statuses::CASES,
        tokens::CASES,
        types::CASES,
    ];
    groups.into_iter().flatten()
}

#[test]
fn the_table_has_every_row_once() {
    let names: BTreeSet<&str> = all().map(|case| case.name).collect();
    assert_eq!(names.len(), all().count(), "two rows have one name");
    assert!(names.len() >= 190, "{} rows: some have got lost", names.len());
}

#[test]
fn every_bad_input_ends_as_the_table_says() {
    let cases: Vec<&Case> = all().filter(|case| disk::can_be_done(case)).collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| case.check())) {
                        let why = panic.downcast::<String>().map_or_else(
                            |panic| panic.downcast_ref::<&str>().copied().unwrap_or("").to_owned(),
                            |text| *text,
                        );
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.push(format!("{}: {why}", case.name));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failures.is_empty(), "{} rows fail:\n{}", failures.len(), failures.join("\n---\n"));
}
