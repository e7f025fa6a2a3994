//! The daemon: jobs on their schedules until a signal.

use tokio_util::sync::CancellationToken;

use super::{ExitStatus, fail_app};
use crate::{
    app::{self, App},
    config::Config,
};

/// Serves until a signal; being stopped by one is its regular end.
pub(super) async fn run(config: Config, stop: &CancellationToken) -> ExitStatus {
    let (watcher, paused) = app::watcher();
    let app = match App::build(config, watcher).await {
        Ok(app) => app,
        Err(error) => return fail_app(error),
    };
    let served = app.serve(paused, stop).await;
    let closed = app.close().await;
    match served.and(closed) {
        Ok(()) => ExitStatus::Done,
        Err(error) => fail_app(error),
    }
}
