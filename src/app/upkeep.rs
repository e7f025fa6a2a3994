//! What a person does to one endpoint by hand.

use chrono::{DateTime, Utc};

use super::AppError;
use crate::{
    clock::Clock,
    config::Config,
    store::{Holder, SetAside, Store, StoreError},
};

/// How it went to put a table aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebuild {
    /// It has another name now.
    SetAside(SetAside),
    /// There was none.
    NothingThere,
    /// It was not to be.
    Refused,
    /// A run is at work on it; whose, where that can be told.
    InUse(Option<Box<Holder>>),
}

/// Clears the pauses that hold for a group: its own, and that of the token endpoint. Tells until when they would have been, and
/// what the API had said.
///
/// # Errors
/// Where the database cannot be used.
pub async fn clear_pauses(
    config: &Config,
    group: &str,
) -> Result<Vec<(String, DateTime<Utc>, String)>, AppError> {
    with_store(config, async |store| store.clear_pauses(group).await).await
}

/// Puts an endpoint's table aside, unless a run is at work on it, or whoever is asked about its number of rows does not agree.
///
/// # Errors
/// Where the database cannot be used.
pub async fn rebuild(
    config: &Config,
    endpoint: &str,
    agrees: impl FnOnce(i64) -> bool,
) -> Result<Rebuild, AppError> {
    let rebuilt = async |store: &Store| {
        let Some(rows) = store.stored_rows(endpoint).await? else {
            return Ok(Rebuild::NothingThere);
        };
        // Without the lock: a person may take long, and runs go on meanwhile.
        if !agrees(rows) {
            return Ok(Rebuild::Refused);
        }
        let Some(_lock) = store.try_lock(endpoint)? else {
            return Ok(Rebuild::InUse(store.holder(endpoint).await?.map(Box::new)));
        };
        let set_aside = store.set_aside(endpoint).await?;
        Ok(set_aside.map_or(Rebuild::NothingThere, Rebuild::SetAside))
    };
    with_store(config, rebuilt).await
}

/// Opens the database for one thing, and closes it.
async fn with_store<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Store) -> Result<T, StoreError>,
) -> Result<T, AppError> {
    let clock = Clock::system().map_err(AppError::Clock)?;
    let store = Store::open(config.store.clone(), clock).await?;
    let done = work(&store).await.map_err(|error| store.locate(error));
    let closed = store.close().await;
    let done = done?;
    closed?;
    Ok(done)
}
