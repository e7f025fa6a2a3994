//! A stand-in for the API, faithful to what is documented of it; shares no code with the rest.
//!
//! It gives tokens for the documented form at [`TOKEN_PATH`], lists users, buildings, workspace reservations, check-ins,
//! parking lots and parking reservations to those who bring one, in any style of pages, and refuses what goes over each
//! path's limit with the documented 429. What the real listings look like is not public, so their shapes are
//! assumptions; `GET /openapi.json` states them. The data follow from [`Settings`] and the simulated time alone. Faults
//! are put in by [`Settings::faults`], or later by those who test; see docs/simulator.md.

mod churn;
mod clock;
mod connection;
mod control;
mod counts;
mod damage;
mod data;
mod faults;
mod json;
mod limiter;
mod listing;
mod openapi;
mod query;
mod requests;
mod responses;
mod server;
mod settings;
mod token;
mod window;

use std::{sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::{
    churn::Churn,
    clock::real_now,
    counts::Counts,
    faults::Fault,
    settings::{Limit, LimiterKind, NextUrl, Settings, Style, Windows},
};
use self::{
    connection::{Connections, Wire},
    data::Endpoint,
    server::Server,
};

/// The path of the token endpoint.
pub const TOKEN_PATH: &str = "/oauth2/token";

/// A simulator, and what can be done to it while it serves. Its clones are handles to the same one.
#[derive(Clone)]
pub struct Simulator(Arc<Server>);

impl Simulator {
    /// A simulator of these settings; its clocks start now.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Server::new(settings)))
    }

    /// Serves on `listener` until `stop` is done. Connections end then, whatever is under way on them.
    ///
    /// # Errors
    /// The listener fails for good.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let stopped = CancellationToken::new();
        let connections = Connections { listener, stop: stopped.clone() };
        let router = server::router(self.0);
        axum::serve(connections, router.into_make_service_with_connect_info::<Wire>())
            .with_graceful_shutdown(async move {
                stop.await;
                stopped.cancel();
            })
            .await
    }

    /// Puts the simulated time forward.
    pub fn advance(&self, by: Duration) {
        self.0.clock.advance(by);
    }

    /// What the listing at a path was asked for so far; `None`: there is none.
    pub fn counts(&self, path: &str) -> Option<Counts> {
        Some(self.0.counts(Endpoint::at(path)?))
    }

    /// How many records the listing at a path has, as the simulated time is now; `None`: there is none.
    pub fn records(&self, path: &str) -> Option<u64> {
        Some(self.0.records(Endpoint::at(path)?))
    }
}

/// Reads a duration: a number of seconds, or a number with one of the units ms, s, m, h and d.
///
/// # Errors
/// The text is no such number, in words.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 5] =
        [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];
    let (number, seconds_per_unit) = UNITS
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .unwrap_or((text, 1.0));
    let number: f64 =
        number.trim().parse().map_err(|_| "not a duration such as 6s, 500ms or 1.5".to_owned())?;
    Duration::try_from_secs_f64(number * seconds_per_unit).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
