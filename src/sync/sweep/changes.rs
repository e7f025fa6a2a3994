//! What a new sweep asks for: everything, or what has changed since the last one.

use super::Sweeper;
use crate::{
    store::{Origin, StoreError, Sweep},
    sync::{
        Event, Everything,
        intent::{Intent, Scope},
    },
};

impl Sweeper<'_> {
    /// Decides what a sweep that is begun now asks for.
    pub(super) async fn intent(&self) -> Result<Intent, StoreError> {
        let (store, name) = (&self.shared.store, &self.endpoint.name);
        let now = self.shared.clock.now();
        let coverage =
            if self.endpoint.since.is_some() { store.coverage(name).await? } else { None };
        let learnt =
            if self.endpoint.window.is_some() { store.learnt_width(name).await? } else { None };
        let (coverage, learnt) = (coverage.as_ref(), learnt.as_ref());
        Ok(Intent::new(self.endpoint, self.occasion, now, coverage, learnt))
    }

    /// Tells what a sweep asks for, where that might be less than everything.
    pub(super) fn tell_scope(&mut self, sweep: &Sweep, scope: &Scope) {
        let endpoint = &self.endpoint.name;
        self.progress.since = sweep.since;
        if let Some(since) = sweep.since {
            self.shared.tell(&Event::AsksForChanges { endpoint, since });
        } else if let (Some(Err(reason)), Origin::New) = (&scope.known, &sweep.origin)
            && *reason != Everything::First
        {
            self.shared.tell(&Event::AsksForEverything { endpoint, reason });
        }
    }
}
