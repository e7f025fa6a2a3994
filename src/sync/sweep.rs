//! Sweeps one endpoint: ask for a page, transform its records, commit them together with the checkpoint.

use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::{
    EndpointSettings, Event, Pause, StartOver,
    attempt::{Answer, Halt, Requester},
    error::EndpointError,
    plan,
    runner::Shared,
};
use crate::{
    api::{
        classify::Problem,
        page::{self, PageError},
        pagination::{Seen, State, Step, Style},
    },
    rows::Flattener,
    store::{
        Checkpoint, Effort, Origin, Page, RejectedRecord, RowCounts, RunId, Slice, Sweep, SweepId,
    },
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
    sweeper.account(unaccounted);
    progress.unaccounted = unaccounted;
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
        let mut sweep = self.open().await?;
        let stale = match self.slices(&sweep).await? {
            Swept::Complete => return Ok(()),
            Swept::Stale(problem) => problem,
        };
        // A cursor that the server no longer takes: only the first page can be asked for again.
        self.starts_over(StartOver::Refused(&stale));
        self.shared.store.abandon_sweep(sweep.id).await?;
        sweep = self.open().await?;
        match self.slices(&sweep).await? {
            Swept::Complete => Ok(()),
            Swept::Stale(problem) => Err(EndpointError::Http { page: 1, problem }.into()),
        }
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

    async fn slices(&mut self, sweep: &Sweep) -> Result<Swept, Halt> {
        for slice in &sweep.slices {
            if let Swept::Stale(problem) = self.slice(sweep.id, slice).await? {
                return Ok(Swept::Stale(problem));
            }
        }
        Ok(Swept::Complete)
    }

    async fn slice(&mut self, sweep: SweepId, slice: &Slice) -> Result<Swept, Halt> {
        let style = &self.endpoint.pagination;
        let stored: Option<State> =
            slice.state.as_deref().and_then(|state| serde_json::from_str(state).ok());
        let resumed = stored.is_some();
        let mut state = stored.unwrap_or_else(|| style.start());
        let mut number = slice.pages + 1;
        self.requester.next_page(number);
        loop {
            if self.stop.is_cancelled() {
                return Err(Halt::Paused(Pause::Stopped));
            }
            let response = match self.requester.get(&self.url(style, &state)).await? {
                Answer::Page(response) => response,
                Answer::NotFound(problem) => match style.not_found(&state) {
                    Some(end) => {
                        self.progress.mismatch = end.mismatch();
                        self.commit(sweep, slice.number, &[], Checkpoint::Complete).await?;
                        return Ok(Swept::Complete);
                    }
                    None if resumed && number == slice.pages + 1 => {
                        return Ok(Swept::Stale(problem));
                    }
                    None => return Err(EndpointError::Http { page: number, problem }.into()),
                },
                Answer::Refused(problem) if resumed && number == slice.pages + 1 => {
                    return Ok(Swept::Stale(problem));
                }
                Answer::Refused(problem) => {
                    return Err(EndpointError::Http { page: number, problem }.into());
                }
            };
            let page = match self.parse(style, &response.body) {
                Ok(page) => page,
                Err(source) => {
                    self.requester.try_again(EndpointError::Page { page: number, source }).await?;
                    continue;
                }
            };
            let digest = page.digest();
            let seen = Seen {
                records: page.records.len() as u64,
                total: page.total,
                next: page.next,
                digest,
            };
            let step = match style.advance(&state, &seen) {
                Ok(step) => step,
                Err(source) => {
                    // The same page again would end the same way: the next run begins at the first.
                    self.shared.store.abandon_sweep(sweep).await?;
                    return Err(EndpointError::Listing { page: number, source }.into());
                }
            };
            match step {
                Step::Next(next) => {
                    let checkpoint =
                        serde_json::to_string(&next).expect("a pagination's state is plain data");
                    let rows = self
                        .commit(sweep, slice.number, &page.records, Checkpoint::Next(&checkpoint))
                        .await?;
                    self.stored(number, page.records.len(), (next.records(), seen.total), rows);
                    state = next;
                    number += 1;
                    self.requester.next_page(number);
                }
                Step::End(end) => {
                    self.progress.mismatch = end.mismatch();
                    let rows = self
                        .commit(sweep, slice.number, &page.records, Checkpoint::Complete)
                        .await?;
                    self.stored(number, page.records.len(), (end.records, seen.total), rows);
                    return Ok(Swept::Complete);
                }
            }
        }
    }

    fn url(&self, style: &Style, state: &State) -> url::Url {
        let paging = style.params(state);
        let fixed = self
            .endpoint
            .params
            .iter()
            .filter(|(name, _)| paging.iter().all(|(other, _)| other != name));
        let params: Vec<_> = fixed.chain(&paging).cloned().collect();
        self.shared.client.url(&self.endpoint.path, &params)
    }

    fn parse<'b>(&self, style: &Style, body: &'b [u8]) -> Result<page::Page<'b>, PageError> {
        let next = match style {
            Style::Cursor { next, .. } => Some(next),
            Style::None | Style::Page { .. } => None,
        };
        page::parse(body, self.endpoint.records.as_ref(), self.endpoint.total.as_ref(), next)
    }

    async fn commit(
        &mut self,
        sweep: SweepId,
        slice: i64,
        raw: &[&RawValue],
        checkpoint: Checkpoint<'_>,
    ) -> Result<RowCounts, Halt> {
        let mut records = Vec::with_capacity(raw.len());
        let mut rejects = Vec::new();
        for record in raw {
            match self.flattener.flatten(record) {
                Ok(record) => records.push(record),
                Err(reason) => rejects.push(RejectedRecord {
                    reason: reason.to_string(),
                    record: self.flattener.redact(record),
                }),
            }
        }
        let effort = self.requester.take_effort();
        let page = Page {
            run: self.run,
            endpoint: &self.endpoint.name,
            sweep,
            slice,
            paths: self.flattener.paths(),
            records: &records,
            rejects: &rejects,
            effort,
            checkpoint,
        };
        let rows = self.shared.store.commit_page(&page).await?.rows;
        self.account(effort);
        self.progress.pages += 1;
        self.progress.rejected += rejects.len() as u64;
        self.progress.rows += rows;
        if rows.conflicting > 0 {
            tracing::warn!(
                endpoint.name = self.endpoint.name,
                records = rows.conflicting,
                "records came twice in this run with different content: the later one is kept"
            );
        }
        Ok(rows)
    }

    fn account(&mut self, effort: Effort) {
        self.progress.effort.requests += effort.requests;
        self.progress.effort.waited += effort.waited;
    }

    fn stored(&self, page: u64, records: usize, read: (u64, Option<u64>), rows: RowCounts) {
        self.shared.tell(&Event::PageStored {
            endpoint: &self.endpoint.name,
            page,
            records,
            read,
            rows,
        });
    }
}

/// How the pages of a sweep went.
enum Swept {
    Complete,
    /// The server no longer takes the checkpoint of an earlier run.
    Stale(Problem),
}
