//! What a new sweep asks for: everything, or what has changed since the last one.

use super::Sweeper;
use crate::{
    clock::Now,
    store::{Origin, StoreError, Sweep},
    sync::{
        Event, Everything,
        plan::{self, Occasion},
        since::{self, Known},
    },
};

/// What a sweep that is begun now asks for.
pub(super) struct Scope {
    /// What is known already; where it is not enough to ask for changes since, the reason. `None`: the endpoint is never asked
    /// for changes only, nor is a backfill.
    known: Option<Result<Known, Everything>>,
    /// Whether what is known is of no use from now on.
    pub(super) forgets: bool,
}

impl Scope {
    pub(super) fn known(&self) -> Option<&Known> {
        self.known.as_ref()?.as_ref().ok()
    }

    /// Whether it is noted what the sweep has covered.
    pub(super) fn covers(&self) -> bool {
        self.known.is_some()
    }
}

impl Sweeper<'_> {
    pub(super) async fn scope(&self, now: Now) -> Result<Scope, StoreError> {
        let Some(since) = &self.endpoint.since else {
            return Ok(Scope { known: None, forgets: true });
        };
        let coverage = self.shared.store.coverage(&self.endpoint.name).await?;
        let regular = Occasion { backfill: None, ..self.occasion };
        let fingerprint = plan::fingerprint(self.endpoint, regular);
        let known = since::known(since, &fingerprint, coverage.as_ref(), now);
        Ok(match self.occasion.backfill {
            None => Scope { forgets: known.is_err(), known: Some(known) },
            // It writes rows by the settings of now.
            Some(_) => Scope { known: None, forgets: matches!(known, Err(Everything::Changed(_))) },
        })
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
