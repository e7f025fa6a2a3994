//! Asks the API for a token and for the first page of each endpoint, within the budget.

use std::{env, time::Duration};

use chrono_tz::Tz;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::older;
use crate::{
    api::{Client, TokenError},
    app::AppError,
    clock::Clock,
    config::Config,
    store::{self, Presence, Store, StoreError},
    sync::{EndpointError, JobSettings, Look, NotBefore, Runner, Watcher},
};

/// What the API has answered.
#[derive(Debug)]
pub struct Online {
    /// To the request for a token.
    pub token: TokenLook,
    /// For each endpoint, in the order of the configuration; none where there is no token.
    pub looks: Vec<Look>,
}

/// What came of the token.
#[derive(Debug)]
pub enum TokenLook {
    /// It is there, and lasts so long.
    Got(Duration),
    /// The token endpoint is not to be asked before then, as it has said.
    Paused(NotBefore),
    /// There is none.
    Failed(EndpointError),
}

/// Gets a token and looks at the first page of the jobs' endpoints, or of every endpoint. The requests are in the ledger of the
/// database; where there is none, in one of their own, which is gone afterwards.
///
/// # Errors
/// Where the client cannot be made, or the database cannot be used.
pub async fn online(
    config: Config,
    jobs: Option<&[JobSettings]>,
    watcher: Watcher,
    stop: &CancellationToken,
) -> Result<Online, AppError> {
    let clock = Clock::system().map_err(AppError::Clock)?;
    let endpoints = chosen(&config, jobs);
    let (ledger, _folder) = ledger(&config).await?;
    // One try is enough to tell: who looks does not want to wait for an outage to end.
    let api = crate::api::Settings { max_elapsed: Duration::ZERO, ..config.api };
    let client = Client::new(api, config.credentials).map_err(AppError::Client)?;
    let store = Store::open(ledger, clock.clone()).await?;
    let runner = Runner::new(config.sync, client.clone(), store.clone(), clock.clone(), watcher);
    let token = token(&runner, &client, &clock).await;
    let endpoints: Vec<(&str, Tz)> =
        endpoints.iter().map(|(name, zone)| (name.as_str(), *zone)).collect();
    let looks = match &token {
        TokenLook::Got(_) => runner.look(&endpoints, stop).await,
        TokenLook::Paused(_) | TokenLook::Failed(_) => Vec::new(),
    };
    drop(runner);
    store.close().await?;
    Ok(Online { token, looks })
}

/// The endpoints to look at, each with the time zone of its first job.
fn chosen(config: &Config, jobs: Option<&[JobSettings]>) -> Vec<(String, Tz)> {
    let has = |job: &&JobSettings, name: &str| job.endpoints.iter().any(|named| named == name);
    let among = jobs.unwrap_or(&config.sync.jobs);
    let endpoints = config.sync.endpoints.iter().filter_map(|endpoint| {
        let job = among.iter().find(|job| has(job, &endpoint.name));
        let zone = job.map(|job| job.timezone);
        // One that no job names yet is looked at where all are.
        let zone = zone.or(jobs.is_none().then_some(Tz::UTC))?;
        Some((endpoint.name.clone(), zone))
    });
    endpoints.collect()
}

async fn token(runner: &Runner, client: &Client, clock: &Clock) -> TokenLook {
    let first = match runner.first_token().await {
        // The pause is stored by now, and tells its end.
        Err(EndpointError::Token(TokenError::Limited(_))) => runner.first_token().await,
        first => first,
    };
    match first {
        Ok(Some(until)) => TokenLook::Paused(until),
        Ok(None) => {
            let now = clock.now().boot;
            TokenLook::Got(client.token_expires().map_or(Duration::ZERO, |end| end.since(now)))
        }
        Err(error) => TokenLook::Failed(error),
    }
}

/// The database of the configuration where it is there; else one in a folder of its own, which goes with what is given beside.
async fn ledger(config: &Config) -> Result<(store::Settings, Option<TempDir>), AppError> {
    match store::usable(&config.store, &[]).await?.state {
        Presence::Current => Ok((config.store.clone(), None)),
        Presence::Older => Err(older(config)),
        Presence::Absent => {
            // Nobody else can look into it.
            let folder = tempfile::Builder::new().prefix("mapiq-sync-check-").tempdir();
            let folder =
                folder.map_err(|source| StoreError::Create { path: env::temp_dir(), source })?;
            let path = folder.path().join("ledger.db");
            Ok((store::Settings { path, mode: 0o600, ..config.store.clone() }, Some(folder)))
        }
    }
}
