//! What a person does to one endpoint by hand.

use chrono::{DateTime, Utc};

use super::AppError;
use crate::{
    clock::Clock,
    config::Config,
    store::{Holder, SetAside, Store},
};

/// The database, for one change by hand.
pub struct Upkeep {
    store: Store,
}

/// How it went to put a table aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebuild {
    /// It has another name now.
    SetAside(SetAside),
    /// There was none.
    NothingThere,
    /// A run is at work on it; whose, where that can be told.
    InUse(Option<Box<Holder>>),
}

impl Upkeep {
    /// Opens the database.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub async fn open(config: &Config) -> Result<Self, AppError> {
        let clock = Clock::system().map_err(AppError::Clock)?;
        Ok(Self { store: Store::open(config.store.clone(), clock).await? })
    }

    /// Clears the pauses that hold for a group: its own, and that of the token endpoint. Tells until when they would have been,
    /// and what the API had said.
    ///
    /// # Errors
    /// Where the database cannot be used.
    pub async fn clear_pauses(
        &self,
        group: &str,
    ) -> Result<Vec<(String, DateTime<Utc>, String)>, AppError> {
        self.store.clear_pauses(group).await.map_err(|error| self.store.locate(error).into())
    }

    /// How many rows an endpoint's table has; `None`: there is none.
    ///
    /// # Errors
    /// Where the database cannot be used.
    pub async fn stored_rows(&self, endpoint: &str) -> Result<Option<i64>, AppError> {
        self.store.stored_rows(endpoint).await.map_err(|error| self.store.locate(error).into())
    }

    /// Puts an endpoint's table aside, unless a run is at work on it.
    ///
    /// # Errors
    /// Where the database cannot be used.
    pub async fn rebuild(&self, endpoint: &str) -> Result<Rebuild, AppError> {
        let rebuilt = async {
            let Some(_lock) = self.store.try_lock(endpoint)? else {
                return Ok(Rebuild::InUse(self.store.holder(endpoint).await?.map(Box::new)));
            };
            let set_aside = self.store.set_aside(endpoint).await?;
            Ok(set_aside.map_or(Rebuild::NothingThere, Rebuild::SetAside))
        };
        rebuilt.await.map_err(|error| self.store.locate(error).into())
    }

    /// Closes the database.
    ///
    /// # Errors
    /// Where SQLite reports one; everything committed stays.
    pub async fn close(self) -> Result<(), AppError> {
        Ok(self.store.close().await?)
    }
}
