//! What the tests of runs have in common: a listing of numbered pages, and what stands between it and those who ask.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use crate::support::{self, Answer, Api, Asked};

/// Records a page.
const SIZE: usize = 10;

/// An answer is held back no longer than this, so that a test that fails comes to its end.
const HELD: Duration = Duration::from_secs(30);

/// The configuration of an endpoint that lists a path's pages; `more` are further lines of it.
pub(crate) fn endpoint(name: &str, path: &str, more: &str) -> String {
    format!(
        "[[endpoint]]\nname = \"{name}\"\npath = \"{path}\"\nkey = [\"id\"]\nrecords = \"items\"\ntotal = \"total\"\n\
         pagination = {{ style = \"page\", page_param = \"page\" }}\n{more}\n"
    )
}

/// The page that is asked for, of a listing of so many pages.
pub(crate) fn page(asked: &Asked, pages: usize) -> Answer {
    let last = asked.number("page") * SIZE;
    let records: Vec<String> = (last + 1 - SIZE..=last)
        .map(|id| format!(r#"{{"id":{id},"name":"record {id}","even":{}}}"#, id % 2 == 0))
        .collect();
    Answer::json(format!(r#"{{"items":[{}],"total":{}}}"#, records.join(","), pages * SIZE))
}

/// What a table of the whole listing holds, as `SELECT id, name, even FROM … ORDER BY id` prints it.
pub(crate) fn whole(pages: usize) -> Vec<String> {
    (1..=pages * SIZE).map(|id| format!("{id}|record {id}|{}", usize::from(id % 2 == 0))).collect()
}

/// The numbers of the pages that a path was asked for, in the order of arrival.
pub(crate) fn pages_asked(api: &Api, path: &str) -> Vec<usize> {
    api.asked_for(path).iter().map(|asked| asked.number("page")).collect()
}

/// A refusal for the limit, as it is documented.
pub(crate) fn refusal(seconds: u64) -> Answer {
    Answer::status(
        429,
        format!(
            r#"{{"statusCode":429,"message":"Rate limit is exceeded. Try again in {seconds} seconds."}}"#
        ),
    )
}

/// A server's limit, counted strictly: what arrives in any span of time of its length.
pub(crate) struct Window {
    requests: usize,
    per: Duration,
    arrived: Mutex<Vec<Instant>>,
}

impl Window {
    pub(crate) fn new(requests: usize, per: Duration) -> Arc<Self> {
        Arc::new(Self { requests, per, arrived: Mutex::default() })
    }

    /// Counts a request, and answers it where the window has room.
    pub(crate) fn answer(&self, answer: impl FnOnce() -> Answer) -> Answer {
        let mut arrived = lock(&self.arrived);
        let now = support::now();
        arrived.push(now);
        let room = self.held(&arrived, now) <= self.requests;
        drop(arrived);
        if room { answer() } else { refusal(self.per.as_secs()) }
    }

    /// The most requests that any window has seen; more than the limit means that some were refused.
    pub(crate) fn busiest(&self) -> usize {
        let arrived = lock(&self.arrived);
        arrived.iter().map(|end| self.held(&arrived, *end)).max().unwrap_or(0)
    }

    /// How many requests the window that ends with `end` holds.
    fn held(&self, arrived: &[Instant], end: Instant) -> usize {
        arrived
            .iter()
            .filter(|moment| **moment <= end && end.duration_since(**moment) < self.per)
            .count()
    }
}

/// Lets answers through as it is told to, and holds the others back.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    open: bool,
    /// How many may still pass a gate that is not open.
    allowed: usize,
    waiting: usize,
    /// How often those who wait were let go.
    released: usize,
}

impl Gate {
    /// A gate that is closed.
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// In a script: waits until the answer may go.
    pub(crate) fn pass(&self) {
        // The worker's other tasks go on elsewhere meanwhile.
        tokio::task::block_in_place(|| {
            let mut state = lock(&self.state);
            let released = state.released;
            state.waiting += 1;
            let held = |state: &mut GateState| {
                !state.open && state.allowed == 0 && state.released == released
            };
            let waited = self.changed.wait_timeout_while(state, HELD, held);
            (state, _) = waited.expect("no test panics while it holds this");
            state.waiting -= 1;
            state.allowed = state.allowed.saturating_sub(1);
        });
    }

    /// Lets everything through from now on.
    pub(crate) fn open(&self) {
        lock(&self.state).open = true;
        self.changed.notify_all();
    }

    /// Lets so many more through.
    pub(crate) fn allow(&self, more: usize) {
        lock(&self.state).allowed += more;
        self.changed.notify_all();
    }

    /// Lets go those who wait, without a change for those who come: their client is gone.
    pub(crate) fn release(&self) {
        let mut state = lock(&self.state);
        state.released += 1;
        state.allowed = 0;
        drop(state);
        self.changed.notify_all();
    }

    /// How many wait, and how many may still pass.
    pub(crate) fn waiting_and_allowed(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.waiting, state.allowed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds this")
}
