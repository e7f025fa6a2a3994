//! One page: read, its records transformed, and committed with the checkpoint.

use super::{
    SliceEnd, Sweeper,
    pages::{Place, Read},
};
use crate::{
    api::{
        pagination::{Seen, Step},
        response::Response,
    },
    store::{Checkpoint, Committed, Effort, Page, Reading, RowCounts, Turn},
    sync::{
        Event,
        attempt::Halt,
        error::EndpointError,
        reading::{self, Records},
    },
};

/// A step with the checkpoint's text.
struct Written {
    step: Step,
    checkpoint: String,
}

impl Written {
    fn new(step: Step) -> Self {
        let checkpoint = match &step {
            Step::Next(state) => {
                serde_json::to_string(state).expect("a pagination's state is plain data")
            }
            Step::End(_) => String::new(),
        };
        Self { step, checkpoint }
    }

    /// Where the slice stands after a page; `unsure`: not all of its rows are known.
    fn turn(&self, unsure: bool) -> Turn<'_> {
        match &self.step {
            Step::Next(_) => {
                Turn { checkpoint: Checkpoint::Next(&self.checkpoint), unsure, lacks: false }
            }
            Step::End(end) => Turn {
                checkpoint: Checkpoint::Complete,
                unsure: unsure || !end.is_sure(),
                lacks: end.may_lack_rows(),
            },
        }
    }
}

impl Sweeper<'_> {
    /// Reads a response, and stores what it brings.
    pub(super) async fn read(
        &mut self,
        place: &mut Place,
        response: &Response,
    ) -> Result<Read, Halt> {
        let style = &self.endpoint.pagination;
        let page = match reading::parse(self.endpoint, &response.body) {
            Ok(page) => page,
            Err(source) => {
                self.requester.try_again(EndpointError::Page { page: place.page, source }).await?;
                return Ok(Read::Again);
            }
        };
        let records = reading::transform(&mut self.flattener, &page);
        let keys = if style.overlaps() {
            reading::keys(self.endpoint, &records.stored)
        } else {
            Vec::new()
        };
        let seen = Seen::of(&page, &keys, response, self.shared.client.base_url());
        let advance = |seen: &Seen<'_>| style.advance(&place.state, seen).map(Written::new);
        let steps = advance(&seen).and_then(|step| {
            let Some(most) = style.may_repeat(&place.state, &seen) else { return Ok((step, None)) };
            let reordered = advance(&Seen { reordered: true, ..seen })?;
            Ok((step, Some((most, reordered))))
        });
        let (step, if_reordered) = match steps {
            Ok(steps) => steps,
            Err(source) => {
                if source.starts_over() {
                    self.shared.store.abandon_sweep(place.sweep).await?;
                }
                return Err(EndpointError::Listing { page: place.page, source }.into());
            }
        };
        let turns = (
            step.turn(records.unsure()),
            if_reordered.as_ref().map(|(most, step)| (*most, step.turn(records.unsure()))),
        );
        let (rows, took_second) = self.commit(place, &records, turns).await?;
        let step = match if_reordered {
            Some((_, reordered)) if took_second => reordered.step,
            _ => step.step,
        };
        let read = match &step {
            Step::Next(state) => state.records(),
            Step::End(end) => end.records,
        };
        self.shared.tell(&Event::PageStored {
            endpoint: &self.endpoint.name,
            slice: place.of_slices,
            page: place.page,
            records: page.records.len(),
            read: (read, seen.total),
            rows,
        });
        Ok(match step {
            Step::Next(state) => Read::Next(state),
            Step::End(end) => {
                self.progress.end(end);
                Read::End(SliceEnd::Complete)
            }
        })
    }

    /// Notes that there was no page: the one before was the last.
    pub(super) async fn past_the_end(
        &mut self,
        place: &mut Place,
        step: Step,
    ) -> Result<Read, Halt> {
        let written = Written::new(step);
        let turn = match &written.step {
            Step::Next(_) => {
                let checkpoint = Checkpoint::NextPass(&written.checkpoint);
                Turn { checkpoint, unsure: false, lacks: false }
            }
            Step::End(end) => Turn {
                checkpoint: Checkpoint::PastTheEnd,
                unsure: !end.is_sure(),
                lacks: end.may_lack_rows(),
            },
        };
        self.commit(place, &Records::default(), (turn, None)).await?;
        Ok(match written.step {
            Step::Next(state) => Read::NextPass(state),
            Step::End(end) => {
                self.progress.end(end);
                Read::End(SliceEnd::Complete)
            }
        })
    }

    /// Stores what a page has brought; tells what became of its rows, and whether the second of the turns was taken.
    async fn commit(
        &mut self,
        place: &mut Place,
        records: &Records<'_>,
        (turn, if_reordered): (Turn<'_>, Option<(u64, Turn<'_>)>),
    ) -> Result<(RowCounts, bool), Halt> {
        let effort = self.requester.take_effort();
        self.progress.effort += effort;
        self.progress.unaccounted += effort;
        let page = Page {
            run: self.run,
            endpoint: &self.endpoint.name,
            sweep: place.sweep,
            slice: place.slice,
            reading: place.reading,
            earlier: place.earlier.as_ref(),
            paths: self.flattener.paths(),
            records: &records.stored,
            rejects: &records.rejected,
            effort,
            turn,
            if_reordered,
        };
        let committed = self.shared.store.commit_page(&page).await?;
        let Committed { rows, row_ids, is_reordered } = committed;
        self.progress.unaccounted = Effort::default();
        self.progress.pages += turn.checkpoint.pages();
        self.progress.rejected += records.rejected.len() as u64;
        if place.reading == Reading::Second {
            self.progress.rows += RowCounts { unchanged: 0, ..rows };
        } else {
            self.progress.rows += rows;
        }
        // What is asked for again, since the listing has moved, may well differ.
        let is_again = if_reordered.is_some_and(|(most, _)| most > 1);
        if rows.conflicting > 0 && place.reading != Reading::Second && !is_again {
            tracing::warn!(
                endpoint.name = self.endpoint.name,
                records = rows.conflicting,
                "records came twice in this run with different content: the later one is kept"
            );
        }
        if let Some(earlier) = &mut place.earlier {
            earlier.add(&row_ids);
        }
        Ok((rows, is_reordered))
    }
}
