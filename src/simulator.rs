//! A stand-in for the API, faithful to what is documented of it; shares no code with the rest.
//!
//! It gives tokens for the documented form at [`TOKEN_PATH`], lists `/v2/users`, `/v2/buildings` and
//! `/v2/reservations` to those who bring one, and refuses what goes over each path's limit, a sliding window, with the
//! documented 429. A listing is asked for by `page` and `pageSize`, or by `cursor` (empty at first; or `style=cursor`)
//! and `pageSize`; records lie under `items`, beside `totalCount` and `page` or `nextCursor`. What the real listings
//! look like is not public, so these shapes are assumptions. The data follow from [`Settings`] alone.
//!
//! `GET /_stats` tells, without a token, what was asked for:
//!
//! ```json
//! {
//!   "token": { "requests": 1, "issued": 1 },
//!   "endpoints": {
//!     "/v2/users": {
//!       "requests": 22, "limited": 1, "unauthorized": 0, "invalid": 0, "pages": 21, "busiestWindow": 21
//!     }
//!   }
//! }
//! ```
//!
//! `limited` are the 429s, `unauthorized` the 401s, `invalid` the 400s, and `busiestWindow` is the most requests, refused
//! ones included, that any window of the limit's length has seen.

mod data;
mod json;
mod limiter;
mod listing;
mod responses;
mod server;
mod settings;
mod token;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

pub use self::settings::Settings;

/// The path of the token endpoint.
pub const TOKEN_PATH: &str = "/oauth2/token";

/// Serves on `listener` until `stop` is done and the requests in hand are answered.
///
/// # Errors
/// The listener fails for good.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|connection| {
        // Only slower without: a page's last packet would wait for an acknowledgement.
        connection.set_nodelay(true).ok();
    });
    axum::serve(listener, server::router(settings)).with_graceful_shutdown(stop).await
}

#[cfg(test)]
mod tests;
