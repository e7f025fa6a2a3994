//! What every endpoint's run uses.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use tokio::sync::Mutex;

use super::{Event, Settings, hold::Queue};
use crate::{
    api::{Client, retry::Retry},
    clock::Clock,
    store::Store,
};

/// Tells those who watch a run what happens in it.
pub type Watcher = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// What every endpoint's run uses.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) max_wait: Duration,
    /// The longest that a request may take from its reservation to its end.
    pub(super) longest_request: Duration,
    max_elapsed: Duration,
    watcher: Watcher,
    lanes: Arc<Lanes>,
}

/// What keeps the runs of one process in order, those of an earlier configuration too.
#[derive(Default)]
struct Lanes {
    /// How often the token endpoint has refused by its limit: who holds a reservation from before must not ask it again.
    token_refusals: AtomicU64,
    /// By group: whose turn it is to wait for a slot.
    turns: Table<Arc<Mutex<()>>>,
    /// By endpoint: two jobs of one process on one endpoint, one after the other.
    queues: Table<Queue>,
}

/// One entry a name, made when it is first asked for; the names are those of a configuration, so they stay few.
type Table<T> = std::sync::Mutex<HashMap<String, T>>;

fn entry<T: Clone + Default>(table: &Table<T>, name: &str) -> T {
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    table.entry(name.to_owned()).or_default().clone()
}

/// A reservation is sent within this time or not at all: the request's own time counts from it, and a machine that was
/// suspended meanwhile must not send what the ledger no longer counts.
pub(super) const SENT_WITHIN: Duration = Duration::from_secs(1);

/// The token endpoint's limit is not known: a refusal without a time counts for the API's default period.
pub(super) const TOKEN_PERIOD: Duration = Duration::from_mins(1);

impl Shared {
    pub(super) fn new(
        settings: &Settings,
        client: Client,
        store: Store,
        clock: Clock,
        watcher: Watcher,
    ) -> Self {
        Self {
            max_wait: settings.max_wait,
            longest_request: client.settings().timeout.saturating_add(SENT_WITHIN),
            max_elapsed: client.settings().max_elapsed,
            lanes: Arc::default(),
            client,
            store,
            clock,
            watcher,
        }
    }

    /// The same for another configuration: its runs and those of this one keep in order as if they were of one.
    pub(super) fn with(&self, settings: &Settings, client: Client) -> Self {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let lanes = Arc::clone(&self.lanes);
        Self { lanes, ..Self::new(settings, client, store, clock, Arc::clone(&self.watcher)) }
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        (self.watcher)(event);
    }

    pub(super) fn retry(&self) -> Retry {
        Retry::new(self.max_elapsed)
    }

    pub(super) fn turn(&self, group: &str) -> Arc<Mutex<()>> {
        entry(&self.lanes.turns, group)
    }

    pub(super) fn queue(&self, endpoint: &str) -> Queue {
        entry(&self.lanes.queues, endpoint)
    }

    pub(super) fn token_refusals(&self) -> &AtomicU64 {
        &self.lanes.token_refusals
    }
}
