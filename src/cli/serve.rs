//! The daemon: jobs on their schedules until a signal.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::{ExitStatus, fail, fail_app};
use crate::{
    app::{self, App, Service},
    config::{self, Config, Environment},
    daemon::Requests,
};

/// Serves until a signal; being stopped by one is its regular end. `path` is where the configuration comes from, which a
/// signal has loaded anew.
pub(super) async fn run(config: Config, path: PathBuf, stop: &CancellationToken) -> ExitStatus {
    // Before anything else: until it listens, a signal that only asks for something would end the process.
    let requests = match Requests::listen() {
        Ok(requests) => requests,
        Err(error) => return fail(ExitStatus::Failed, &anyhow::Error::new(error)),
    };
    let (watcher, told) = app::watcher();
    let app = match App::build(config, watcher).await {
        Ok(app) => app,
        Err(error) => return fail_app(error),
    };
    let service = Service { told, requests, load: Box::new(move || load(&path)) };
    let served = app.serve(service, stop).await;
    let closed = app.close().await;
    match served.and(closed) {
        Ok(()) => ExitStatus::Done,
        Err(error) => fail_app(error),
    }
}

/// Loads the configuration with all that it needs; else tells what is wrong with it, each in a line.
fn load(path: &Path) -> Result<Config, Vec<String>> {
    let mut config = config::load(path, &Environment::from_process()).map_err(|errors| {
        errors.iter().map(config::ConfigError::summary).collect::<Vec<String>>()
    })?;
    let complete = config
        .read_credentials()
        .and_then(|_| config.read_hash_key())
        .and_then(|()| config.read_webhook());
    complete.map_err(|error| vec![error.to_string()])?;
    Ok(config)
}
