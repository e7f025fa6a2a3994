//! What those who watch over the daemon need to know of the configuration.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::freshness::{fresh_until, schedules_of};
use crate::{
    config::Config,
    daemon::ScheduleSettings,
    limits::Limit,
    store::{Asked, EndpointOverview},
};

/// The jobs and endpoints of the configuration, as far as they are watched.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) jobs: Vec<String>,
    pub(super) endpoints: Vec<WatchedEndpoint>,
    /// Each group once.
    pub(super) groups: Vec<(String, Limit)>,
}

/// An endpoint that a job syncs.
#[derive(Debug)]
pub(super) struct WatchedEndpoint {
    pub(super) name: String,
    pub(super) group: String,
    stale_after: Option<Duration>,
    schedules: Vec<ScheduleSettings>,
}

impl Watched {
    /// Those of a configuration. An endpoint that no job names is never synced, so there is nothing to watch.
    pub(super) fn of(config: &Config) -> Self {
        let mut watched = Self {
            jobs: config.sync.jobs.iter().map(|job| job.name.clone()).collect(),
            ..Self::default()
        };
        for endpoint in &config.sync.endpoints {
            let schedules: Vec<_> = schedules_of(config, endpoint).into_iter().cloned().collect();
            if schedules.is_empty() {
                continue;
            }
            if !watched.groups.iter().any(|(group, _)| *group == endpoint.group) {
                watched.groups.push((endpoint.group.clone(), endpoint.limit));
            }
            watched.endpoints.push(WatchedEndpoint {
                name: endpoint.name.clone(),
                group: endpoint.group.clone(),
                stale_after: endpoint.stale_after,
                schedules,
            });
        }
        watched
    }

    /// What to ask the database for.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            jobs: self.jobs.clone(),
            endpoints: self.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect(),
            groups: self.groups.clone(),
        }
    }
}

impl WatchedEndpoint {
    /// Until when its data is fresh; of one that was never synced, that counts from the start of the daemon.
    pub(super) fn fresh_until(
        &self,
        overview: &EndpointOverview,
        started: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let schedules: Vec<&ScheduleSettings> = self.schedules.iter().collect();
        fresh_until(overview.as_of.unwrap_or(started), self.stale_after, &schedules)
    }
}
