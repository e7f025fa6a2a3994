//! The pages of a slice, one after the other: ask for one, transform its records, commit them with the checkpoint.

use serde_json::value::RawValue;

use super::{SliceEnd, Stale, Sweeper};
use crate::{
    api::{
        page::{self, PageError},
        pagination::{Request, Seen, State, Step},
        response::Response,
    },
    store::{Checkpoint, Effort, Page, Reading, RejectedRecord, RowCounts, Slice, Sweep, SweepId},
    sync::{
        Event, Pause,
        attempt::{Answer, Halt},
        error::EndpointError,
    },
};

/// The place in a sweep that is read.
struct Place {
    sweep: SweepId,
    reading: Reading,
    slice: i64,
    /// The slice's number, from 1, and how many there are; `None`: there is no window.
    of_slices: Option<(u64, u64)>,
    /// The parameters that ask for the slice.
    range: Vec<(String, String)>,
    /// Where the pagination stands.
    state: State,
    /// The page asked for, from 1.
    page: u64,
    /// Whether an earlier run has left the state, and nothing was asked for from it yet.
    resumed: bool,
}

/// What a response has brought.
enum Read {
    Next(State),
    End,
    /// Nothing that could be read: it is worth another try.
    Again,
}

impl Sweeper<'_> {
    /// Reads a slice, one of `count`, from its checkpoint to its end.
    pub(super) async fn slice(
        &mut self,
        sweep: &Sweep,
        slice: &Slice,
        count: i64,
    ) -> Result<SliceEnd, Halt> {
        let style = &self.endpoint.pagination;
        let stored = slice.state.as_deref().map(serde_json::from_str);
        let resumed = stored.is_some();
        let Ok(state) = stored.unwrap_or_else(|| Ok(style.start())) else {
            return Ok(SliceEnd::Stale(Stale::Unreadable));
        };
        if !state.is_of(self.shared.client.base_url()) {
            return Ok(SliceEnd::Stale(Stale::Elsewhere));
        }
        let Some(range) = self.range(&slice.bounds) else {
            return Ok(SliceEnd::Stale(Stale::Unreadable));
        };
        let of_slices = self.of_slices(slice.number, count);
        let page = slice.pages + 1;
        let mut place = Place {
            sweep: sweep.id,
            reading: sweep.reading,
            slice: slice.number,
            of_slices,
            range,
            state,
            page,
            resumed,
        };
        self.requester.next_page(place.page);
        loop {
            if self.stop.is_cancelled() {
                return Err(Halt::Paused(Pause::Stopped));
            }
            if let Some(full) = self.shared.store.look_after_log().await? {
                return Err(Halt::Paused(Pause::FullLog(full)));
            }
            let response = match self.requester.get(&self.url(&place)).await? {
                Answer::Page(response) => response,
                answer => return self.no_page(&place, answer).await,
            };
            match self.read(&place, &response).await? {
                Read::Again => {}
                Read::End => return Ok(SliceEnd::Complete),
                Read::Next(state) => {
                    place = Place { state, page: place.page + 1, resumed: false, ..place };
                    self.requester.next_page(place.page);
                }
            }
        }
    }

    /// Judges an answer that is no page: past the last page it is the end, and where an earlier run has stopped it may say
    /// that its checkpoint has grown old.
    async fn no_page(&mut self, place: &Place, answer: Answer) -> Result<SliceEnd, Halt> {
        let (problem, end) = match answer {
            Answer::NotFound(problem) => {
                (problem, self.endpoint.pagination.not_found(&place.state))
            }
            Answer::Refused(problem) => (problem, None),
            Answer::Page(_) => unreachable!("a page is read, not judged"),
        };
        if let Some(end) = end {
            self.commit(place, &[], Checkpoint::PastTheEnd, end.mismatch().is_some()).await?;
            self.progress.end(end);
            return Ok(SliceEnd::Complete);
        }
        if place.resumed {
            Ok(SliceEnd::Stale(Stale::Refused(problem)))
        } else if place.page == 1 && self.is_about_the_range(&problem) {
            Ok(SliceEnd::Refused(problem))
        } else {
            Err(EndpointError::Http { page: place.page, problem }.into())
        }
    }

    /// Reads a response, and stores what it brings.
    async fn read(&mut self, place: &Place, response: &Response) -> Result<Read, Halt> {
        let page = match self.parse(&response.body) {
            Ok(page) => page,
            Err(source) => {
                self.requester.try_again(EndpointError::Page { page: place.page, source }).await?;
                return Ok(Read::Again);
            }
        };
        let seen = Seen {
            records: page.records.len() as u64,
            total: page.total,
            next: page.next.as_deref(),
            digest: page.digest(),
            url: &response.url,
            headers: &response.headers,
            base: self.shared.client.base_url(),
        };
        match self.endpoint.pagination.advance(&place.state, &seen) {
            Ok(Step::Next(state)) => {
                let checkpoint =
                    serde_json::to_string(&state).expect("a pagination's state is plain data");
                let rows =
                    self.commit(place, &page.records, Checkpoint::Next(&checkpoint), false).await?;
                self.stored(place, page.records.len(), (state.records(), seen.total), rows);
                Ok(Read::Next(state))
            }
            Ok(Step::End(end)) => {
                let rows = self
                    .commit(place, &page.records, Checkpoint::Complete, end.mismatch().is_some())
                    .await?;
                self.progress.end(end);
                self.stored(place, page.records.len(), (end.records, seen.total), rows);
                Ok(Read::End)
            }
            Err(source) => {
                if source.starts_over() {
                    self.shared.store.abandon_sweep(place.sweep).await?;
                }
                Err(EndpointError::Listing { page: place.page, source }.into())
            }
        }
    }

    fn url(&self, place: &Place) -> url::Url {
        let paging = match self.endpoint.pagination.request(&place.state) {
            Request::Params(paging) => paging,
            Request::Url(url) => return url,
        };
        let asked = [place.range.as_slice(), &paging].concat();
        let fixed = self
            .endpoint
            .params
            .iter()
            .filter(|(name, _)| asked.iter().all(|(other, _)| other != name));
        let params: Vec<_> = fixed.chain(&asked).cloned().collect();
        self.shared.client.url(&self.endpoint.path, &params)
    }

    fn parse<'b>(&self, body: &'b [u8]) -> Result<page::Page<'b>, PageError> {
        let next = self.endpoint.pagination.next();
        page::parse(body, self.endpoint.records.as_ref(), self.endpoint.total.as_ref(), next)
    }

    async fn commit(
        &mut self,
        place: &Place,
        raw: &[&RawValue],
        checkpoint: Checkpoint<'_>,
        mut unsure: bool,
    ) -> Result<RowCounts, Halt> {
        let mut records = Vec::with_capacity(raw.len());
        let mut rejects = Vec::new();
        for record in raw {
            match self.flattener.flatten(record) {
                Ok(record) => records.push(record),
                Err(reason) => {
                    unsure |= reason.may_have_a_row();
                    let record = self.flattener.redact(record);
                    rejects.push(RejectedRecord { reason: reason.to_string(), record });
                }
            }
        }
        let effort = self.requester.take_effort();
        self.progress.effort += effort;
        self.progress.unaccounted += effort;
        let pages = checkpoint.pages();
        let page = Page {
            run: self.run,
            endpoint: &self.endpoint.name,
            sweep: place.sweep,
            slice: place.slice,
            reading: place.reading,
            unsure,
            paths: self.flattener.paths(),
            records: &records,
            rejects: &rejects,
            effort,
            checkpoint,
        };
        let rows = self.shared.store.commit_page(&page).await?;
        self.progress.unaccounted = Effort::default();
        self.progress.pages += pages;
        self.progress.rejected += rejects.len() as u64;
        if place.reading == Reading::Second {
            self.progress.rows += RowCounts { unchanged: 0, ..rows };
        } else {
            self.progress.rows += rows;
        }
        if rows.conflicting > 0 && place.reading != Reading::Second {
            tracing::warn!(
                endpoint.name = self.endpoint.name,
                records = rows.conflicting,
                "records came twice in this run with different content: the later one is kept"
            );
        }
        Ok(rows)
    }

    fn stored(&self, place: &Place, records: usize, read: (u64, Option<u64>), rows: RowCounts) {
        self.shared.tell(&Event::PageStored {
            endpoint: &self.endpoint.name,
            slice: place.of_slices,
            page: place.page,
            records,
            read,
            rows,
        });
    }
}
