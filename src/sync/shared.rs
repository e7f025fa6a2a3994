//! What every endpoint's run uses.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU64},
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
    /// How often the token endpoint has refused by its limit: who holds a reservation from before must not ask it again.
    pub(super) token_refusals: AtomicU64,
    max_elapsed: Duration,
    watcher: Watcher,
    /// By group: whose turn it is to wait for a slot.
    turns: HashMap<String, Arc<Mutex<()>>>,
    /// By endpoint: two jobs of one process on one endpoint, one after the other.
    queues: HashMap<String, Queue>,
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
        let endpoints = settings.endpoints.iter();
        Self {
            max_wait: settings.max_wait,
            token_refusals: AtomicU64::new(0),
            longest_request: client.settings().timeout.saturating_add(SENT_WITHIN),
            max_elapsed: client.settings().max_elapsed,
            turns: endpoints
                .clone()
                .map(|endpoint| (endpoint.group.clone(), Arc::default()))
                .collect(),
            queues: endpoints.map(|endpoint| (endpoint.name.clone(), Queue::default())).collect(),
            client,
            store,
            clock,
            watcher,
        }
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        (self.watcher)(event);
    }

    pub(super) fn retry(&self) -> Retry {
        Retry::new(self.max_elapsed)
    }

    pub(super) fn turn(&self, group: &str) -> Arc<Mutex<()>> {
        self.turns.get(group).map(Arc::clone).unwrap_or_default()
    }

    pub(super) fn queue(&self, endpoint: &str) -> &Queue {
        self.queues.get(endpoint).expect("every endpoint of the settings has an entry")
    }
}
