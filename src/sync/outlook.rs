//! What a run would ask for now, and how long that would take: asks nothing, and writes nothing.

mod estimate;

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};

pub use self::estimate::Certainty;
use self::estimate::{Past, answer_time};
use super::{
    EndpointSettings, Everything, JobSettings, Settings,
    intent::{self, Intent},
    plan::{self, Occasion},
};
use crate::{
    clock::{BootTime, Clock, Now},
    limits::{self, Demand, Forecast, Limit},
    store::{self, EndpointOutlook, GroupOutlook, Slice, StoreError},
};

/// What some jobs would ask for now, begun side by side.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// When that is.
    pub now: DateTime<Utc>,
    /// What each endpoint of each job would ask for, in the order of the configuration.
    pub endpoints: Vec<Prospect>,
    /// The budgets that they use, in the order of their first use.
    pub groups: Vec<Budget>,
}

/// What one endpoint would ask for in the run of one job.
#[derive(Clone, Debug)]
pub struct Prospect {
    /// The job.
    pub job: String,
    /// The endpoint.
    pub endpoint: String,
    /// The group whose budget it uses.
    pub group: String,
    /// How its sweep begins.
    pub begins: Begins,
    /// The moment since when it asks for changes, at least of some dates; `None`: it asks for everything.
    pub since: Option<DateTime<Utc>>,
    /// Why it asks for everything, where changes might do.
    pub everything: Option<Everything>,
    /// What it asks for, in order.
    pub slices: Vec<SliceProspect>,
    /// How many requests that takes.
    pub requests: u64,
    /// How surely: as surely as the least sure of its slices.
    pub certainty: Certainty,
    /// How long one request takes with its page, as far as its last run tells.
    pub answer: Duration,
    /// How long all of it takes.
    pub takes: Duration,
    /// The longest that one of its requests waits.
    pub longest_wait: Duration,
}

/// How a sweep begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begins {
    /// Anew.
    New,
    /// Where an earlier run has stopped, after so many pages.
    GoesOn {
        /// Pages that are stored already.
        pages: u64,
    },
    /// Anew, since these settings were others when it was begun.
    StartsOver {
        /// Their names.
        changed: Vec<String>,
    },
}

/// What a slice asks for.
#[derive(Clone, Debug)]
pub struct SliceProspect {
    /// The first moment of its dates and the first one after them, in the job's time zone; `None`: there is no window.
    pub dates: Option<(String, String)>,
    /// The query parameters that ask for it, those of the pagination and `params` left out.
    pub params: Vec<(String, String)>,
    /// The moment since when its changes are asked for.
    pub since: Option<DateTime<Utc>>,
    /// Requests that it takes.
    pub requests: u64,
    /// How surely.
    pub certainty: Certainty,
}

/// A group's budget.
#[derive(Clone, Debug)]
pub struct Budget {
    /// The group.
    pub group: String,
    /// Its limit.
    pub limit: Limit,
    /// How many requests of the present period are used.
    pub used: u64,
    /// How long the group is not to be asked, because the API said so.
    pub paused_for: Option<Duration>,
    /// How many requests the jobs would make of it.
    pub requests: u64,
}

/// Works out what these jobs would ask for if they were begun now.
///
/// # Errors
/// Where there is a database, and it cannot be read.
pub async fn outlook(
    settings: &Settings,
    jobs: &[JobSettings],
    path: &std::path::Path,
    clock: &Clock,
) -> Result<Outlook, StoreError> {
    let named: Vec<(&str, &str)> = settings
        .endpoints
        .iter()
        .map(|endpoint| (endpoint.name.as_str(), endpoint.group.as_str()))
        .collect();
    let known = store::outlook(path, clock, &named).await?.unwrap_or_default();
    Ok(outlook_of(settings, jobs, &known, clock.now()))
}

/// The same by what is known of them: pure.
pub fn outlook_of(
    settings: &Settings,
    jobs: &[JobSettings],
    known: &store::Outlook,
    now: Now,
) -> Outlook {
    let nothing = EndpointOutlook::default();
    let mut prospects = Vec::new();
    for job in jobs {
        for name in &job.endpoints {
            let of_name = settings.endpoints.iter().find(|endpoint| endpoint.name == *name);
            let Some(endpoint) = of_name else { continue };
            let past = known.endpoints.get(name).unwrap_or(&nothing);
            prospects.push((endpoint, prospect(endpoint, job, past, now)));
        }
    }
    let groups = budgets(&prospects, known, now);
    let mut prospects: Vec<Prospect> =
        prospects.into_iter().map(|(_, prospect)| prospect).collect();
    for budget in &groups {
        let used = known.groups.get(&budget.group).cloned().unwrap_or_default();
        forecast(&mut prospects, budget, &used, now.boot);
    }
    Outlook { now: now.wall, endpoints: prospects, groups }
}

/// What one endpoint would ask for, by the very decisions of a run.
fn prospect(
    endpoint: &EndpointSettings,
    job: &JobSettings,
    known: &EndpointOutlook,
    now: Now,
) -> Prospect {
    let occasion = Occasion { zone: job.timezone, backfill: None };
    let (coverage, learnt) = (known.coverage.as_ref(), known.learnt.as_ref());
    let intent = Intent::new(endpoint, occasion, now, coverage, learnt);
    let past = Past::new(endpoint, &intent.fingerprint, known);
    let planned = |slices: Vec<store::Bounds>| {
        let slice = |bounds| Slice { number: 0, bounds, state: None, pages: 0 };
        slices.into_iter().map(slice).collect::<Vec<_>>()
    };
    let (begins, slices, everything) = match &known.open {
        Some((fingerprint, sweep)) if *fingerprint == intent.fingerprint => {
            let more = intent::beyond(endpoint, occasion, now.wall, sweep, intent.learnt);
            let slices = sweep.slices.iter().cloned().chain(planned(more)).collect();
            (Begins::GoesOn { pages: sweep.pages }, slices, None)
        }
        left => {
            let begins = left.as_ref().map_or(Begins::New, |(fingerprint, _)| {
                let changed = plan::differences(fingerprint, &intent.fingerprint);
                Begins::StartsOver { changed }
            });
            let everything = intent.scope.known.and_then(Result::err);
            (begins, planned(intent.slices), everything)
        }
    };
    let slices: Vec<SliceProspect> = slices
        .iter()
        .map(|slice: &Slice| {
            let (requests, certainty) = past.requests(slice);
            let bounds = slice.bounds.clone();
            SliceProspect {
                params: intent::params(endpoint, occasion, &bounds).unwrap_or_default(),
                dates: bounds.lower.zip(bounds.upper),
                since: bounds.since,
                requests,
                certainty,
            }
        })
        .collect();
    Prospect {
        job: job.name.clone(),
        endpoint: endpoint.name.clone(),
        group: endpoint.group.clone(),
        begins,
        since: slices.iter().filter_map(|slice| slice.since).min(),
        everything,
        requests: slices.iter().map(|slice| slice.requests).sum(),
        certainty: slices.iter().map(|slice| slice.certainty).max().unwrap_or_default(),
        slices,
        answer: answer_time(&known.costs),
        takes: Duration::ZERO,
        longest_wait: Duration::ZERO,
    }
}

/// The budgets that they use.
fn budgets(
    prospects: &[(&EndpointSettings, Prospect)],
    known: &store::Outlook,
    now: Now,
) -> Vec<Budget> {
    let mut budgets: Vec<Budget> = Vec::new();
    for (endpoint, prospect) in prospects {
        if let Some(budget) = budgets.iter_mut().find(|budget| budget.group == endpoint.group) {
            budget.requests += prospect.requests;
            continue;
        }
        let GroupOutlook { counts_from, not_before } =
            known.groups.get(&endpoint.group).cloned().unwrap_or_default();
        let used = u64::from(limits::used(now.boot, endpoint.limit, &counts_from));
        budgets.push(Budget {
            group: endpoint.group.clone(),
            limit: endpoint.limit,
            used: if endpoint.limit.requests == 0 { 0 } else { used },
            paused_for: not_before.map(|end| end.since(now.boot)),
            requests: prospect.requests,
        });
    }
    budgets
}

/// Works out how long those take that use one budget. Two jobs with the same endpoint read it one after the other.
fn forecast(prospects: &mut [Prospect], budget: &Budget, used: &GroupOutlook, now: BootTime) {
    let mut members: Vec<&mut Prospect> =
        prospects.iter_mut().filter(|prospect| prospect.group == budget.group).collect();
    let mut last: HashMap<&str, usize> = HashMap::new();
    let mut demands = Vec::with_capacity(members.len());
    for (index, prospect) in members.iter().enumerate() {
        let after = last.insert(&prospect.endpoint, index);
        let Prospect { requests, answer, .. } = **prospect;
        demands.push(Demand { requests, answer, after });
    }
    drop(last);
    let GroupOutlook { counts_from, not_before } = used;
    let forecasts = limits::forecast(now, budget.limit, counts_from, *not_before, &demands);
    for (prospect, Forecast { ends, longest_wait }) in members.iter_mut().zip(forecasts) {
        prospect.takes = ends.since(now);
        prospect.longest_wait = longest_wait;
    }
}

/// As sweeps of these settings are marked, for tests of what is known from them.
#[cfg(test)]
pub(crate) fn fingerprint(endpoint: &EndpointSettings, job: &JobSettings) -> String {
    plan::fingerprint(endpoint, Occasion { zone: job.timezone, backfill: None })
}

#[cfg(test)]
mod tests;
