//! A look at the first page of endpoints, as a sync would ask for it: within the budget, and nothing of it is stored.

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    Doubt, EndpointError, EndpointSettings, FirstPage, Pause, Runner, Width,
    attempt::{Answer, Answered, Halt, Requester},
    first_page::{self, Unreadable},
    intent::{self, Intent},
    plan::{self, Occasion, Span},
    reading,
    runner::located,
    shared::Shared,
};
use crate::{
    api::response::Response,
    rows::Flattener,
    store::{Bounds, Proposal, Slice},
};

/// What a look at an endpoint has shown.
#[derive(Debug)]
pub struct Look {
    /// The endpoint.
    pub endpoint: String,
    /// What the last answer has said beside its body; `None`: there was none.
    pub answered: Option<Answered>,
    /// How it ended.
    pub outcome: LookOutcome,
}

/// How a look ended.
#[derive(Debug)]
pub enum LookOutcome {
    /// With a page, and the columns that its records would have.
    Page(Box<FirstPage>, Proposal),
    /// A limit is in the way, or a signal.
    Paused(Pause),
    /// A sync would fail as well.
    Failed(EndpointError),
}

impl Runner {
    /// Asks for the first page of endpoints, each with the time zone that its window is counted in, side by side. Requests are
    /// reserved in the ledger. A pause is told and not waited for, nor is a wait longer than `max_wait`; one refusal by the
    /// limit is enough.
    pub async fn look(&self, endpoints: &[(&str, Tz)], stop: &CancellationToken) -> Vec<Look> {
        let known = self.settings.endpoints.iter();
        let chosen = known.filter_map(|endpoint| {
            let (_, zone) = endpoints.iter().find(|(name, _)| *name == endpoint.name)?;
            Some((endpoint, *zone))
        });
        let looks = chosen.map(|(endpoint, zone)| {
            let span = tracing::info_span!("endpoint", endpoint.name = endpoint.name);
            self.look_at(endpoint, zone, stop).instrument(span)
        });
        join_all(looks).await
    }

    async fn look_at(
        &self,
        endpoint: &EndpointSettings,
        zone: Tz,
        stop: &CancellationToken,
    ) -> Look {
        let mut requester = Requester::new(&self.shared, endpoint, None, stop);
        let outcome = match self.first_page(endpoint, zone, &mut requester).await {
            Ok((page, columns)) => LookOutcome::Page(Box::new(page), columns),
            Err(Halt::Paused(pause)) => LookOutcome::Paused(pause),
            Err(Halt::Failed(error)) => LookOutcome::Failed(located(&self.shared.store, error)),
        };
        Look { endpoint: endpoint.name.clone(), answered: requester.take_answered(), outcome }
    }

    async fn first_page(
        &self,
        endpoint: &EndpointSettings,
        zone: Tz,
        requester: &mut Requester<'_>,
    ) -> Result<(FirstPage, Proposal), Halt> {
        let Shared { store, client, .. } = &self.shared;
        let (response, too_wide) = self.ask(endpoint, zone, requester).await?;
        let mut flattener = Flattener::new(endpoint.transforms.clone());
        let judged = first_page::judge(endpoint, &mut flattener, &response, client.base_url());
        let (mut page, records) = judged.map_err(|unreadable| match unreadable {
            Unreadable::Page(source) => EndpointError::Page { page: 1, source },
            Unreadable::Listing(source) => EndpointError::Listing { page: 1, source },
        })?;
        page.doubts.extend(too_wide);
        let columns = store.propose(&endpoint.name, flattener.paths(), &records.stored).await?;
        Ok((page, columns))
    }

    /// Asks for the first page of what a sync would ask for: with a window, of the slice that today lies in, which is the most
    /// likely to have records. Where the API refuses that as too wide it is halved, as a sync does.
    async fn ask(
        &self,
        endpoint: &EndpointSettings,
        zone: Tz,
        requester: &mut Requester<'_>,
    ) -> Result<(Response, Option<Doubt>), Halt> {
        let Shared { store, client, clock, .. } = &self.shared;
        let (now, occasion) = (clock.now(), Occasion { zone, backfill: None });
        let learnt = match &endpoint.window {
            Some(_) => store.learnt_width(&endpoint.name).await?,
            None => None,
        };
        let today = now.wall.with_timezone(&zone).naive_local();
        let intent = Intent::new(endpoint, occasion, now, None, learnt.as_ref());
        let mut bounds = around(&intent.slices, today);
        let mut too_wide: Option<(Width, Width)> = None;
        loop {
            let range = intent::params(endpoint, occasion, &bounds).unwrap_or_default();
            let url = reading::url(client, endpoint, &range, &endpoint.pagination.start());
            let problem = match requester.get(&url).await? {
                Answer::Page(response) => {
                    let doubt = |(refused, taken)| Doubt::TooWide { refused, taken };
                    return Ok((response, too_wide.map(doubt)));
                }
                Answer::NotFound(problem) | Answer::Refused(problem) => problem,
            };
            let narrower = endpoint
                .window
                .as_ref()
                .filter(|window| problem.is_about_range([&window.from_param, &window.to_param]));
            let slice = Slice { number: 0, bounds: bounds.clone(), state: None, pages: 0 };
            let narrower = narrower.and_then(|window| plan::narrower(window, zone, &[slice]));
            let Some(plan::Narrower { refused, width, slices }) = narrower else {
                return Err(EndpointError::Http { page: 1, problem }.into());
            };
            too_wide = Some((too_wide.map_or(refused, |(refused, _)| refused), width));
            bounds = around(&slices, today);
        }
    }
}

/// The slice that a moment lies in, or else the first.
fn around(slices: &[Bounds], moment: NaiveDateTime) -> Bounds {
    let has = |bounds: &&Bounds| {
        Span::of(bounds).is_some_and(|span| span.lower <= moment && moment < span.upper)
    };
    slices.iter().find(has).or(slices.first()).cloned().unwrap_or_default()
}
