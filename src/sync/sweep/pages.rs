//! The pages of a slice, one after the other, until its listing ends.

use super::{SliceEnd, Stale, Sweeper};
use crate::{
    api::pagination::{State, Style},
    store::{Earlier, Reading, RowSet, Slice, Sweep, SweepId},
    sync::{
        Event, Pause,
        attempt::{Answer, Halt},
        error::EndpointError,
        reading,
    },
};

/// The place in a sweep that is read.
pub(super) struct Place {
    pub(super) sweep: SweepId,
    pub(super) reading: Reading,
    pub(super) slice: i64,
    /// The slice's number, from 1, and how many there are; `None`: there is no window.
    pub(super) of_slices: Option<(u64, u64)>,
    /// The parameters that ask for the slice.
    pub(super) range: Vec<(String, String)>,
    /// Where the pagination stands.
    pub(super) state: State,
    /// The page asked for, from 1.
    pub(super) page: u64,
    /// Whether an earlier run has left the state, and nothing was asked for from it yet.
    pub(super) resumed: bool,
    /// The rows returned so far; `None` where one page is all there is.
    pub(super) earlier: Option<Earlier>,
}

/// What the answer to a request has brought.
pub(super) enum Read {
    /// A page, and the listing goes on from this state.
    Next(State),
    /// No page, and the listing is read once more from this state.
    NextPass(State),
    /// The slice's end.
    End(SliceEnd),
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
        let earlier = self.earlier(sweep, slice, &state).await?;
        let mut place = Place {
            sweep: sweep.id,
            reading: sweep.reading,
            slice: slice.number,
            of_slices,
            range,
            state,
            page,
            resumed,
            earlier,
        };
        self.requester.next_page(place.page);
        loop {
            if self.stop.is_cancelled() {
                return Err(Halt::Paused(Pause::Stopped));
            }
            if let Some(full) = self.shared.store.look_after_log().await? {
                return Err(Halt::Paused(Pause::FullLog(full)));
            }
            let url = reading::url(&self.shared.client, self.endpoint, &place.range, &place.state);
            let read = match self.requester.get(&url).await? {
                Answer::Page(response) => self.read(&mut place, &response).await?,
                answer => self.no_page(&mut place, answer).await?,
            };
            let (state, pages) = match read {
                Read::Again => continue,
                Read::End(end) => return Ok(end),
                Read::Next(state) => (state, 1),
                Read::NextPass(state) => (state, 0),
            };
            self.begins_pass(&mut place, &state);
            place = Place { state, page: place.page + pages, resumed: false, ..place };
            self.requester.next_page(place.page);
        }
    }

    /// What a slice has returned before it is gone on with.
    async fn earlier(
        &self,
        sweep: &Sweep,
        slice: &Slice,
        state: &State,
    ) -> Result<Option<Earlier>, Halt> {
        if self.endpoint.pagination == Style::None {
            return Ok(None);
        }
        if slice.pages == 0 {
            return Ok(Some(Earlier::default()));
        }
        let store = &self.shared.store;
        let (pages, is_again) = state.pass();
        let in_slice = store.returned(sweep.id, slice.number, 0).await?;
        let in_pass = if is_again {
            let before = slice.pages.saturating_sub(pages);
            Some(store.returned(sweep.id, slice.number, before).await?)
        } else {
            None
        };
        Ok(Some(Earlier { in_slice, in_pass }))
    }

    /// Tells of a listing that is read once more.
    fn begins_pass(&self, place: &mut Place, next: &State) {
        if next.pass() != (0, true) {
            return;
        }
        if let Some(earlier) = &mut place.earlier {
            earlier.in_pass = Some(RowSet::default());
        }
        let (endpoint, slice) = (&*self.endpoint.name, place.of_slices);
        self.shared.tell(&Event::ReadsAgain { endpoint, slice });
    }

    /// Judges an answer that is no page: past the last page it is the end, and where an earlier run has stopped it may say
    /// that its checkpoint has grown old.
    async fn no_page(&mut self, place: &mut Place, answer: Answer) -> Result<Read, Halt> {
        let (problem, step) = match answer {
            Answer::NotFound(problem) => {
                (problem, self.endpoint.pagination.not_found(&place.state))
            }
            Answer::Refused(problem) => (problem, None),
            Answer::Page(_) => unreachable!("a page is read, not judged"),
        };
        match step {
            Some(step) => self.past_the_end(place, step).await,
            None if place.resumed => Ok(Read::End(SliceEnd::Stale(Stale::Refused(problem)))),
            None if place.page == 1 && self.is_about_the_range(&problem) => {
                Ok(Read::End(SliceEnd::Refused(problem)))
            }
            None => Err(EndpointError::Http { page: place.page, problem }.into()),
        }
    }
}
