//! The endpoints that a limit has paused, as the database tells of them: a restart forgets none.

use std::time::Duration;

use super::{EndpointSettings, JobSettings, Runner};
use crate::{
    clock::BootTime,
    store::{PausedEndpoint, StoreError},
};

/// How soon an endpoint is looked at again that another process is at work on.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// An endpoint that a limit has left unfinished.
#[derive(Clone, Debug)]
pub struct Resumable {
    /// The endpoint.
    pub endpoint: String,
    /// The job that its run is one of, with no other endpoint.
    pub job: JobSettings,
    /// When its next request may go, as far as is known; while another process is at work on it, when to look again.
    pub not_before: BootTime,
    /// Whether a run would wait for that itself, rather than leave it to the next one, and nobody else is at work on it.
    pub worth_a_run: bool,
}

impl Runner {
    /// The endpoints whose last run a limit has paused, with the moments at which the limits let them go on. Those that no
    /// job names any more are left out.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn paused(&self) -> Result<Vec<Resumable>, StoreError> {
        let mut resumable = Vec::new();
        for paused in self.shared.store.paused_endpoints().await? {
            let Some((endpoint, job)) = self.settings_of(&paused) else { continue };
            let not_before = self.shared.store.free_at(&endpoint.group, endpoint.limit).await?;
            let wait: Duration = not_before.since(self.shared.clock.now().boot);
            let worth_a_run = wait <= self.shared.max_wait;
            let endpoint = endpoint.name.clone();
            resumable.push(Resumable { endpoint, job, not_before, worth_a_run });
        }
        Ok(resumable)
    }

    /// An endpoint of those, if it is one still: another process may have finished it, or be at work on it.
    ///
    /// # Errors
    /// Where the database, or the endpoint's lock, cannot be read.
    pub async fn paused_endpoint(&self, endpoint: &str) -> Result<Option<Resumable>, StoreError> {
        let mut paused = self.paused().await?.into_iter();
        let Some(mut paused) = paused.find(|paused| paused.endpoint == endpoint) else {
            return Ok(None);
        };
        if self.shared.store.try_lock(endpoint)?.is_none() {
            let look_again = self.shared.clock.now().boot.saturating_add(LOOK_AGAIN);
            paused.not_before = paused.not_before.max(look_again);
            paused.worth_a_run = false;
        }
        Ok(Some(paused))
    }

    /// The endpoint, and the job that it was paused in; where the configuration no longer has it there, another one.
    fn settings_of(&self, paused: &PausedEndpoint) -> Option<(&EndpointSettings, JobSettings)> {
        let endpoint =
            self.settings.endpoints.iter().find(|endpoint| endpoint.name == paused.endpoint)?;
        let jobs = self.settings.jobs.iter().filter(|job| job.endpoints.contains(&endpoint.name));
        let job =
            jobs.clone().find(|job| job.name == paused.job).or_else(|| jobs.clone().next())?;
        let job = JobSettings { endpoints: vec![endpoint.name.clone()], ..job.clone() };
        Some((endpoint, job))
    }
}
