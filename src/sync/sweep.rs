//! Sweeps one endpoint: takes up what an earlier run has left, or starts anew, and reads slice after slice.

mod changes;
mod drift;
mod missing;
mod page;
mod pages;
mod privacy;
mod windows;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::{
    EndpointSettings, Event, StartOver,
    attempt::{Halt, Requester},
    error::EndpointError,
    intent::Intent,
    missing::is_taken_up_in_time,
    plan::{self, Occasion},
    shared::Shared,
};
use crate::{
    api::{classify::Problem, pagination::End},
    rows::Flattener,
    store::{Effort, Origin, Plan, Reading, RowCounts, RunId, Sweep},
};

/// How long a sweep stays at a place that fails before it is given up: longer than outages last, and most cursors live.
const AGED: TimeDelta = TimeDelta::days(1);

/// What a sweep has done in this run so far; it stays true however the sweep ends.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) pages: u64,
    /// The moment since when changes were asked for; `None`: everything was.
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) rows: RowCounts,
    /// Rows marked as deleted.
    pub(super) deleted: u64,
    /// How many missing rows wait for a person's yes, and of how many.
    pub(super) waiting: Option<(u64, u64)>,
    pub(super) rejected: u64,
    pub(super) effort: Effort,
    /// Requests and waits that no stored page has accounted for.
    pub(super) unaccounted: Effort,
    /// Of the listings that state a total: how many records were read, and how many stated.
    pub(super) of_totals: (u64, u64),
    /// The same of the first listing where the two differ: what one has too few another may have too many.
    first_mismatch: Option<(u64, u64)>,
    /// Listings that moved in every pass in a way that may have cost rows.
    pub(super) moved: u64,
}

impl Progress {
    /// How many records were read and how many the API stated, where the two differ.
    pub(super) fn mismatch(&self) -> Option<(u64, u64)> {
        let (read, stated) = self.of_totals;
        (read != stated).then_some(self.of_totals).or(self.first_mismatch)
    }

    /// Counts a listing that was read to its end: with a window there is one a slice.
    fn end(&mut self, end: End) {
        self.moved += u64::from(end.moved);
        if let Some(total) = end.total {
            // A difference that the total's own changes explain is none.
            let (read, stated) = end.mismatch().unwrap_or((total, total));
            self.of_totals.0 += read;
            self.of_totals.1 += stated;
            self.first_mismatch = self.first_mismatch.or_else(|| end.mismatch());
        }
    }
}

/// Sweeps the endpoint, whose lock the caller holds.
pub(super) async fn sweep(
    shared: &Shared,
    endpoint: &EndpointSettings,
    occasion: Occasion,
    run: RunId,
    stop: &CancellationToken,
    progress: &mut Progress,
) -> Result<(), Halt> {
    let mut sweeper = Sweeper {
        shared,
        endpoint,
        occasion,
        run,
        stop,
        flattener: Flattener::new(endpoint.transforms.clone()),
        requester: Requester::new(shared, endpoint, Some(run), stop),
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
    occasion: Occasion,
    run: RunId,
    stop: &'s CancellationToken,
    flattener: Flattener,
    requester: Requester<'s>,
    progress: &'s mut Progress,
}

impl Sweeper<'_> {
    async fn run(&mut self) -> Result<(), Halt> {
        self.scrub().await?;
        self.shared.store.ensure_table(&self.endpoint.name, self.flattener.paths()).await?;
        loop {
            let mut sweep = self.open().await?;
            let before = self.records();
            match self.slices(&mut sweep).await? {
                Swept::Complete => {
                    self.tell_unmet(&sweep);
                    self.judge_fields(&sweep, self.records() > before).await?;
                    return self.judge(&sweep).await;
                }
                // What is asked for then is no plan and no checkpoint of an earlier run, so this happens once.
                Swept::Stale(stale) => self.starts_over(match &stale {
                    Stale::Unreadable => StartOver::Unreadable,
                    Stale::Elsewhere => StartOver::Elsewhere,
                    Stale::Refused(problem) => StartOver::Refused(problem),
                    Stale::Fails(error) => StartOver::Fails(error),
                }),
            }
            self.shared.store.abandon_sweep(sweep.id).await?;
        }
    }

    /// Reads what is left of a sweep; a slice that the API refuses as too wide is cut, and those after it too.
    async fn slices(&mut self, sweep: &mut Sweep) -> Result<Swept, Halt> {
        let before = self.progress.pages;
        while let Some(slice) = sweep.slices.first().cloned() {
            let count = sweep.slices.last().map_or(0, |last| last.number + 1);
            let end = match self.slice(sweep, &slice, count).await {
                Err(Halt::Failed(error))
                    if self.progress.pages == before
                        && error.is_of_the_place()
                        && self.has_aged(sweep) =>
                {
                    SliceEnd::Stale(Stale::Fails(error))
                }
                end => end?,
            };
            match end {
                SliceEnd::Complete => {
                    sweep.slices.remove(0);
                }
                SliceEnd::Stale(stale) => return Ok(Swept::Stale(stale)),
                SliceEnd::Refused(problem) => {
                    if let Some(problem) = self.narrow(sweep, problem).await? {
                        return Ok(Swept::Stale(Stale::Refused(problem)));
                    }
                }
            }
        }
        Ok(Swept::Complete)
    }

    async fn open(&mut self) -> Result<Sweep, Halt> {
        let intent = self.intent().await?;
        let Intent { fingerprint, learnt, scope, slices } = intent;
        let wall = self.shared.clock.now().wall;
        let plan = Plan {
            fingerprint: &fingerprint,
            backfill: self.occasion.backfill,
            slices: &slices,
            judges: self.endpoint.on_missing.judges(self.endpoint.window.as_ref()),
            covers: scope.covers(),
            forgets: scope.forgets,
        };
        let (name, store) = (&self.endpoint.name, &self.shared.store);
        let mut sweep = store.open_sweep(self.run, name, &plan).await?;
        match &sweep.origin {
            Origin::New => {}
            Origin::Resumed => {
                if sweep.pages > 0 {
                    let pages = sweep.pages;
                    self.shared.tell(&Event::Resumed { endpoint: name, pages });
                }
                if sweep.reading == Reading::First && !is_taken_up_in_time(sweep.moved_at, wall) {
                    store.do_not_judge(sweep.id, name).await?;
                    sweep.reading = Reading::Unjudged;
                }
                self.extend(&mut sweep, wall, learnt).await?;
            }
            Origin::Replaced { fingerprint: before } => {
                let changed = plan::differences(before, &fingerprint);
                self.starts_over(StartOver::Changed(&changed));
            }
        }
        self.tell_scope(&sweep, &scope);
        Ok(sweep)
    }

    /// Whether a sweep that fails where an earlier run has stopped has stood there for so long that it is not to be gone on
    /// with: the place may have gone by, and while the sweep stays open, the pages before it are not read again. A backfill
    /// is not given up: whoever has asked for it is there.
    fn has_aged(&self, sweep: &Sweep) -> bool {
        let age = sweep.moved_at.map(|moved_at| self.shared.clock.now().wall - moved_at);
        self.occasion.backfill.is_none() && age.is_some_and(|age| age > AGED)
    }

    fn starts_over(&self, reason: StartOver<'_>) {
        self.shared.tell(&Event::StartsOver { endpoint: &self.endpoint.name, reason });
    }
}

/// How a sweep went.
enum Swept {
    Complete,
    /// What an earlier run has left is no longer of use.
    Stale(Stale),
}

/// How a slice went.
enum SliceEnd {
    Complete,
    /// See [`Swept::Stale`].
    Stale(Stale),
    /// The API does not take its range of dates.
    Refused(Problem),
}

/// Why what an earlier run has left is no longer of use.
enum Stale {
    /// An older version of this program has written it in a form of its own.
    Unreadable,
    /// It names a URL of the origin that the base URL had then.
    Elsewhere,
    /// The server does not take it.
    Refused(Problem),
    /// It fails whenever it is asked for.
    Fails(EndpointError),
}
