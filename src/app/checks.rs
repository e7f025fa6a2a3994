//! The daemon's daily check of the database.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    store::{Checked, Store},
    telemetry::chain,
};

/// How soon a check is tried again that was put off, or could not be made.
const TRY_AGAIN: Duration = Duration::from_hours(1);

/// Checks the database every day, until it is found to be damaged, which the store then says of itself, or until `stop`.
pub(super) async fn daily(store: Store, clock: Clock, stop: CancellationToken) {
    loop {
        let wait = match check_if_due(&store, &stop).await {
            Ok(wait) => wait,
            Err(_) if store.damage().is_some() => return,
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    "the database is not checked: tried again in an hour"
                );
                TRY_AGAIN
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(clock.now().boot.saturating_add(wait)) => {}
        }
    }
}

/// Checks the database where a day has passed since the last check; tells how long it is until the next one.
pub(super) async fn check_if_due(
    store: &Store,
    stop: &CancellationToken,
) -> Result<Duration, crate::store::StoreError> {
    let wait = store.next_check().await?;
    if !wait.is_zero() {
        return Ok(wait);
    }
    match store.check(stop).await? {
        Checked::Whole => {
            tracing::debug!("the database was checked: it is whole");
            store.next_check().await
        }
        Checked::PutOff => {
            tracing::warn!(
                "the daily check of the database is put off for an hour, since its log has grown large"
            );
            Ok(TRY_AGAIN)
        }
        Checked::Stopped => Ok(TRY_AGAIN),
    }
}
