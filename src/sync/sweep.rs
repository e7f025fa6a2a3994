//! Sweeps one endpoint: takes up what an earlier run has left, or starts anew, and reads slice after slice.

mod pages;

use tokio_util::sync::CancellationToken;

use super::{
    EndpointSettings, Event, StartOver,
    attempt::{Halt, Requester},
    plan,
    shared::Shared,
};
use crate::{
    api::classify::Problem,
    rows::Flattener,
    store::{Effort, Origin, RowCounts, RunId, Sweep},
};

/// What a sweep has done in this run so far; it stays true however the sweep ends.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) pages: u64,
    pub(super) rows: RowCounts,
    pub(super) rejected: u64,
    pub(super) effort: Effort,
    /// Requests and waits that no stored page has accounted for.
    pub(super) unaccounted: Effort,
    pub(super) mismatch: Option<(u64, u64)>,
}

/// Sweeps the endpoint, whose lock the caller holds.
pub(super) async fn sweep(
    shared: &Shared,
    endpoint: &EndpointSettings,
    run: RunId,
    stop: &CancellationToken,
    progress: &mut Progress,
) -> Result<(), Halt> {
    let mut sweeper = Sweeper {
        shared,
        endpoint,
        run,
        stop,
        flattener: Flattener::new(endpoint.transforms.clone()),
        requester: Requester::new(shared, endpoint, run, stop),
        progress,
    };
    let result = sweeper.run().await;
    let unaccounted = sweeper.requester.take_effort();
    progress.effort += unaccounted;
    progress.unaccounted += unaccounted;
    result
}

struct Sweeper<'s> {
    shared: &'s Shared,
    endpoint: &'s EndpointSettings,
    run: RunId,
    stop: &'s CancellationToken,
    flattener: Flattener,
    requester: Requester<'s>,
    progress: &'s mut Progress,
}

impl Sweeper<'_> {
    async fn run(&mut self) -> Result<(), Halt> {
        self.shared.store.ensure_table(&self.endpoint.name, self.flattener.paths()).await?;
        loop {
            let sweep = self.open().await?;
            match self.slices(&sweep).await? {
                Swept::Complete => return Ok(()),
                // Only the first page can be asked for again. What is asked for then is no checkpoint of an earlier run, so
                // this happens once.
                Swept::Stale(stale) => self.starts_over(match &stale {
                    Stale::Unreadable => StartOver::Unreadable,
                    Stale::Elsewhere => StartOver::Elsewhere,
                    Stale::Refused(problem) => StartOver::Refused(problem),
                }),
            }
            self.shared.store.abandon_sweep(sweep.id).await?;
        }
    }

    async fn slices(&mut self, sweep: &Sweep) -> Result<Swept, Halt> {
        for slice in &sweep.slices {
            if let Swept::Stale(stale) = self.slice(sweep.id, slice).await? {
                return Ok(Swept::Stale(stale));
            }
        }
        Ok(Swept::Complete)
    }

    async fn open(&self) -> Result<Sweep, Halt> {
        let fingerprint = plan::fingerprint(self.endpoint);
        let slices = plan::slices(self.endpoint);
        let sweep = self
            .shared
            .store
            .open_sweep(self.run, &self.endpoint.name, &fingerprint, &slices)
            .await?;
        match &sweep.origin {
            Origin::New => {}
            Origin::Resumed => {
                let pages = sweep.slices.iter().map(|slice| slice.pages).sum();
                if pages > 0 {
                    self.shared.tell(&Event::Resumed { endpoint: &self.endpoint.name, pages });
                }
            }
            Origin::Replaced { fingerprint: before } => {
                let changed = plan::differences(before, &fingerprint);
                self.starts_over(StartOver::Changed(&changed));
            }
        }
        Ok(sweep)
    }

    fn starts_over(&self, reason: StartOver<'_>) {
        self.shared.tell(&Event::StartsOver { endpoint: &self.endpoint.name, reason });
    }
}

/// How the pages of a sweep went.
enum Swept {
    Complete,
    /// The checkpoint of an earlier run is no longer of use.
    Stale(Stale),
}

/// Why a checkpoint is no longer of use.
enum Stale {
    /// An older version of this program has written it in a form of its own.
    Unreadable,
    /// It names a URL of the origin that the base URL had then.
    Elsewhere,
    /// The server does not take it.
    Refused(Problem),
}
