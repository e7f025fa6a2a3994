//! A test alert: whether those who are to be told can be, before there is anything to tell.

use futures_util::future::join;

use super::{Channels, message::Message, record::Turn};
use crate::{
    app::AppError,
    clock::Clock,
    config::Config,
    store::{Alert, AlertKind},
};

/// What came of a test alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestAlert {
    /// Whether the webhook was told, or why not; `None`: there is none.
    pub webhook: Option<Result<(), String>>,
    /// The same of the command.
    pub command: Option<Result<(), String>>,
}

/// Tells the beginning of a test alert, and to whom that could be told its end. The configuration has its webhook already.
///
/// # Errors
/// Where the clock cannot be read, or the webhook's client not be made.
pub async fn test_alert(config: &Config) -> Result<TestAlert, AppError> {
    let clock = Clock::system().map_err(AppError::Clock)?;
    let channels = Channels::new(config.alerts.clone(), &config.api).map_err(AppError::Client)?;
    let why = "nothing is wrong: `mapiq-sync check --alert` was called";
    let mut alert = Alert::begun(AlertKind::Test, "", why, clock.now().wall);
    let database = config.store.path.as_path();
    let began = Message { alert: &alert, turn: Turn::Began, database };
    let (mut webhook, mut command) =
        join(channels.try_post(&began), channels.try_run(&began)).await;
    alert.ended_at = Some(clock.now().wall);
    let ended = Message { alert: &alert, turn: Turn::Ended, database };
    let of_its_end = |told: Result<(), String>| {
        told.map_err(|error| format!("told that it began, not that it ended: {error}"))
    };
    if webhook == Some(Ok(())) {
        webhook = channels.try_post(&ended).await.map(of_its_end);
    }
    if command == Some(Ok(())) {
        command = channels.try_run(&ended).await.map(of_its_end);
    }
    Ok(TestAlert { webhook, command })
}
