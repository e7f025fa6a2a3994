//! The composition root: from the configuration to a runner, and from the schedule's ticks to runs.

mod alerts;
mod checks;
mod freshness;
mod health;
mod logging;
mod metrics;
mod plan;
mod preflight;
mod serve;
mod status;
mod upkeep;
mod watch;
mod watched;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use self::{
    alerts::{Alerts, Channels},
    watch::Watch,
    watched::Watched,
};
pub use self::{
    alerts::{TestAlert, test_alert},
    plan::{Forecast, GroupForecast, JobForecast, plan},
    preflight::{Finding, JobTimes, Offline, Online, TokenLook, Trouble, Verdict, offline, online},
    serve::{Load, Service, Told, watcher},
    status::{EndpointStatus, Freshness, JobStatus, Status, status},
    upkeep::{Rebuild, clear_pauses, rebuild},
};
use crate::{
    api::{Client, ClientError},
    clock::{Clock, ClockError},
    config::Config,
    daemon::{ListenError, ScheduleSettings},
    store::{Store, StoreError, Trigger},
    sync::{
        self, EndpointError, EndpointSettings, JobReport, JobSettings, RetryReport, Runner, Watcher,
    },
};

/// Everything that runs jobs.
pub struct App {
    runner: Arc<Runner>,
    store: Store,
    clock: Clock,
    schedules: Vec<ScheduleSettings>,
    /// Those who watch over the daemon.
    watch: Arc<Watch>,
}

/// Why the program cannot start, or the daemon cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The clocks cannot be read.
    #[error("cannot read the system's clocks")]
    Clock(#[source] ClockError),
    /// The client cannot be made of its settings.
    #[error("cannot set the API's client up")]
    Client(#[source] ClientError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody can watch over the daemon, though somebody means to.
    #[error(transparent)]
    Monitor(ListenError),
    /// The token endpoint refuses the credentials.
    #[error(transparent)]
    Credentials(EndpointError),
}

impl App {
    /// Puts everything together; asks nothing of the API yet.
    ///
    /// # Errors
    /// Where the client cannot be made, or the database cannot be used.
    pub async fn build(config: Config, watcher: Watcher) -> Result<Self, AppError> {
        let clock = Clock::system().map_err(AppError::Clock)?;
        let shown = Watched::of(&config);
        let channels = Channels::new(config.alerts, &config.api).map_err(AppError::Client)?;
        let client = Client::new(config.api, config.credentials).map_err(AppError::Client)?;
        let path = config.store.path.clone();
        let store = match Store::open(config.store, clock.clone()).await {
            Ok(store) => store,
            Err(error) => {
                alerts::tell_of_outage(&channels, &path, &error, clock.now().wall).await;
                return Err(error.into());
            }
        };
        let alerts = Alerts::new(channels, store.clone(), clock.clone());
        let (monitor, told) = (config.monitor, (store.clone(), clock.clone()));
        let watch = Watch::new(monitor, shown, client.clone(), told, alerts);
        let watcher = watch.over(watcher);
        let runner = Runner::new(config.sync, client, store.clone(), clock.clone(), watcher);
        Ok(Self { runner: Arc::new(runner), store, clock, schedules: config.schedules, watch })
    }

    /// Runs some jobs once, side by side.
    ///
    /// # Errors
    /// Where a run's start cannot be recorded.
    pub async fn run_once(
        &self,
        jobs: &[JobSettings],
        trigger: Trigger,
        stop: &CancellationToken,
    ) -> Result<Vec<JobReport>, AppError> {
        let runs = jobs.iter().map(|job| self.runner.run(job, trigger, stop));
        let reports = futures_util::future::join_all(runs).await;
        let reports = reports.into_iter().collect::<Result<Vec<_>, _>>().map_err(AppError::Store);
        match &reports {
            Ok(reports) => reports.iter().for_each(|report| self.watch.alerts.run_ended(report)),
            Err(error) => self.watch.alerts.ended(error),
        }
        self.watch.alerts.tell_once(&self.watch, stop).await;
        reports
    }

    /// Checks the database for damage where a day has passed since the last check.
    ///
    /// # Errors
    /// Where it is damaged, or cannot be read.
    pub async fn check_if_due(&self, stop: &CancellationToken) -> Result<(), AppError> {
        checks::check_if_due(&self.store, stop).await?;
        Ok(())
    }

    /// Tries the rejected records of all endpoints, or of one, again; asks nothing of the API, and needs no credentials.
    ///
    /// # Errors
    /// Where the database cannot be used.
    pub async fn retry_rejects(
        config: Config,
        endpoint: Option<&str>,
        stop: &CancellationToken,
    ) -> Result<RetryReport, AppError> {
        let clock = Clock::system().map_err(AppError::Clock)?;
        let store = Store::open(config.store, clock.clone()).await?;
        let asked = config.sync.endpoints.iter();
        let asked = asked.filter(|settings| endpoint.is_none_or(|name| settings.name == name));
        let retried = match store.rejected_endpoints().await {
            Ok(rejected) => {
                let has_some = |settings: &&EndpointSettings| rejected.contains(&settings.name);
                let endpoints: Vec<&EndpointSettings> = asked.filter(has_some).collect();
                sync::retry_rejects(&store, &clock, &endpoints, stop).await
            }
            Err(error) => Err(store.locate(error)),
        };
        let closed = store.close().await;
        let retried = retried?;
        closed?;
        Ok(retried)
    }

    /// Closes the database.
    ///
    /// # Errors
    /// Where SQLite reports one; everything committed stays.
    pub async fn close(self) -> Result<(), AppError> {
        drop(self.runner);
        drop(self.watch);
        Ok(self.store.close().await?)
    }
}
