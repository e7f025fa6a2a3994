//! Rows that a complete sweep did not return: found, asked for once more, and marked as deleted.

use std::collections::BTreeMap;

use super::{Sweep, Sweeper, Swept};
use crate::{
    store::{DatedFrom, Judgement, Origin, ReadSlice, Reading, RowSet, StoreError, SweepId},
    sync::{
        Event, Pause,
        attempt::Halt,
        missing::{self, Answer, Asked, Missing, OnMissing},
    },
};

/// What a complete read says of the rows that it was to return.
#[derive(Default)]
struct Found {
    /// Rows that it did not return, by their slices.
    missing: BTreeMap<i64, RowSet>,
    /// How many rows it was to return.
    judged: u64,
}

impl Sweeper<'_> {
    /// Judges which rows the API no longer returns, by a sweep that has come to its end.
    pub(super) async fn judge(&mut self, sweep: &Sweep) -> Result<(), Halt> {
        if sweep.reading == Reading::Unjudged {
            return Ok(());
        }
        let (store, name) = (&self.shared.store, &self.endpoint.name);
        let none = RowSet::default();
        let seen = store.seen(sweep.id).await?;
        let judgement = Judgement {
            run: self.run,
            endpoint: name,
            seen: &seen,
            missing: &none,
            deleted: &none,
            waiting: None,
        };
        let slices = store.read_slices(sweep.id).await?;
        if sweep.reading == Reading::Changes || slices.iter().any(|slice| slice.unsure) {
            // What was returned is there; of the rest nothing is known.
            store.judge(&judgement).await?;
            return Ok(());
        }
        let OnMissing::Mark(guard) = self.endpoint.on_missing else { return Ok(()) };
        let found = self.find(&slices, &seen).await?;
        let mut told = Missing::new(found.missing, &store.missing(name).await?);
        let mut answer = Answer::default();
        if !told.once.is_empty() {
            if sweep.origin == Origin::Resumed {
                told.ask_for_all(slices.iter().map(|slice| slice.number));
            }
            // Noted before anything can go wrong: then the next complete read decides.
            store.judge(&Judgement { missing: &told.once, ..judgement }).await?;
            answer = self.ask_once_more(sweep.id, &slices, &told).await?;
            told.asked_once_more(&answer);
        }
        let seen = if answer.returned.is_empty() { &seen } else { &answer.returned };
        let agreed = &told.agreed;
        let held_back = guard.holds_back(agreed.len(), found.judged);
        if held_back {
            self.progress.waiting = Some((agreed.len(), found.judged));
        }
        // Other dates than the regular ones answer nothing that these have left open.
        let is_regular = self.occasion.backfill.is_none();
        let waiting = if held_back { Some(agreed.len()) } else { is_regular.then_some(0) };
        let deleted = if held_back { &none } else { agreed };
        let last =
            Judgement { run: self.run, endpoint: name, seen, missing: &none, deleted, waiting };
        self.progress.deleted += self.shared.store.judge(&last).await?;
        Ok(())
    }

    /// Finds what a sweep did not return of what there is.
    async fn find(&self, slices: &[ReadSlice], seen: &RowSet) -> Result<Found, StoreError> {
        let (store, name) = (&self.shared.store, &self.endpoint.name);
        let mut found = Found::default();
        let Some(window) = &self.endpoint.window else {
            if store.count_rows(name).await? == seen.len() {
                return Ok(Found { judged: seen.len(), ..found });
            }
            let number = slices.first().map_or(0, |slice| slice.number);
            self.each_row(None, |id, _| found.judge(id, Some(number), seen)).await?;
            return Ok(found);
        };
        let Some(field) = &window.field else { return Ok(found) };
        let wall = self.shared.clock.now().wall;
        let asked = Asked::new(slices, self.occasion.zone, wall);
        let (Some(mut asked), Some(column)) = (asked, store.date_column(name, field).await?) else {
            return Ok(found);
        };
        let (first, end) = asked.dates();
        let dated = Some(DatedFrom { column: &column, first: &first, end: &end });
        let mut any = false;
        self.each_row(dated, |id, value| {
            if seen.contains(id) {
                asked.returned(value);
            } else {
                any |= asked.slice_of(value).is_some();
            }
        })
        .await?;
        // Only now it is known how far back the API reaches.
        if any {
            self.each_row(dated, |id, value| found.judge(id, asked.judged_slice_of(value), seen))
                .await?;
        }
        Ok(found)
    }

    async fn each_row(
        &self,
        dated: Option<DatedFrom<'_>>,
        mut look: impl FnMut(i64, &str),
    ) -> Result<(), StoreError> {
        let mut next = Some(i64::MIN);
        while let Some(from) = next {
            let rows = self.shared.store.live_rows(&self.endpoint.name, dated, from).await?;
            next = rows.last().and_then(|(id, _)| id.checked_add(1));
            for (id, value) in &rows {
                look(*id, value);
            }
        }
        Ok(())
    }

    /// Asks for some slices of a sweep once more, where the limit allows that at once; gives what they return then. What
    /// keeps it from that leaves the rows to the next complete read.
    async fn ask_once_more(
        &mut self,
        sweep: SweepId,
        slices: &[ReadSlice],
        told: &Missing,
    ) -> Result<Answer, Halt> {
        let again = slices.iter().filter(|slice| told.slices.contains(&slice.number));
        let pages = again.map(|slice| slice.pages).sum();
        if !missing::is_asked_once_more(self.endpoint.limit, pages) {
            return Ok(Answer::default());
        }
        let (endpoint, rows) = (&self.endpoint.name, told.once.len());
        self.shared.tell(&Event::AsksOnceMore { endpoint, rows, pages });
        let mut second = self.shared.store.ask_again(sweep, &told.slices).await?;
        let id = second.id;
        match self.slices(&mut second).await {
            Ok(Swept::Complete) => {
                let store = &self.shared.store;
                let is_whole = store.read_slices(id).await?.iter().all(|slice| !slice.unsure);
                Ok(Answer { returned: store.seen(id).await?, is_whole })
            }
            Ok(Swept::Stale(_)) | Err(Halt::Paused(Pause::Wait(_) | Pause::Refused { .. })) => {
                let returned = self.shared.store.seen(id).await?;
                self.shared.store.abandon_sweep(id).await?;
                Ok(Answer { returned, is_whole: false })
            }
            Err(halt) => {
                self.shared.store.abandon_sweep(id).await?;
                Err(halt)
            }
        }
    }
}

impl Found {
    /// Takes a row in that was to be returned with a slice, if that is known.
    fn judge(&mut self, id: i64, slice: Option<i64>, seen: &RowSet) {
        let Some(slice) = slice else { return };
        self.judged += 1;
        if !seen.contains(id) {
            self.missing.entry(slice).or_default().insert(id);
        }
    }
}
