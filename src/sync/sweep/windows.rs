//! The slices of a window: what each asks for, a plan that grows with the days, and one that the API takes only in part.

use chrono::{DateTime, Utc};

use super::Sweeper;
use crate::{
    api::classify::Problem,
    store::{Bounds, Sweep},
    sync::{
        Event, Width,
        attempt::Halt,
        error::EndpointError,
        intent,
        plan::{self, Span},
    },
};

impl Sweeper<'_> {
    /// The parameters that ask for a slice; `None` where its bounds cannot be read.
    pub(super) fn range(&self, bounds: &Bounds) -> Option<Vec<(String, String)>> {
        intent::params(self.endpoint, self.occasion, bounds)
    }

    /// A slice's number, from 1, and how many there are.
    pub(super) fn of_slices(&self, number: i64, count: i64) -> Option<(u64, u64)> {
        self.endpoint.window.as_ref()?;
        Some((u64::try_from(number + 1).ok()?, u64::try_from(count).ok()?))
    }

    /// Whether the API refuses a request for its range of dates.
    pub(super) fn is_about_the_range(&self, problem: &Problem) -> bool {
        let window = self.endpoint.window.as_ref();
        window.is_some_and(|window| problem.is_about_range([&window.from_param, &window.to_param]))
    }

    /// Adds to the plan of an earlier run what the window of now reaches beyond it.
    pub(super) async fn extend(
        &self,
        sweep: &mut Sweep,
        wall: DateTime<Utc>,
        learnt: Option<Width>,
    ) -> Result<(), Halt> {
        let more = intent::beyond(self.endpoint, self.occasion, wall, sweep, learnt);
        if !more.is_empty() {
            sweep.slices = self.shared.store.extend_sweep(sweep.id, &more).await?;
        }
        Ok(())
    }

    /// Cuts what is left of a sweep, whose first slice the API refuses, into narrower slices. Where that cannot be done the
    /// endpoint fails, or, where the days have gone on since the slice was planned, the plan is stale: gives what the API
    /// said.
    pub(super) async fn narrow(
        &self,
        sweep: &mut Sweep,
        problem: Problem,
    ) -> Result<Option<Problem>, Halt> {
        let zone = self.occasion.zone;
        let window = self.endpoint.window.as_ref().expect("only a window has such slices");
        if let Some(narrower) = plan::narrower(window, zone, &sweep.slices) {
            let plan::Narrower { refused, width, slices } = narrower;
            sweep.slices = self.shared.store.recut_sweep(sweep.id, &slices, width.0).await?;
            let (endpoint, problem) = (&self.endpoint.name, &problem);
            self.shared.tell(&Event::Narrowed { endpoint, problem, refused, width });
            return Ok(None);
        }
        let wall = self.shared.clock.now().wall;
        let slice = sweep.slices.first().and_then(|slice| Span::of(&slice.bounds));
        let slice = slice.expect("it has just been asked for");
        if plan::has_passed(window, self.occasion, wall, slice) {
            return Ok(Some(problem));
        }
        let params = plan::params(window, zone, slice);
        let range: Vec<_> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let remedy = plan::remedy(self.occasion, wall, slice);
        Err(EndpointError::Range { range: range.join("&"), problem, remedy }.into())
    }
}
