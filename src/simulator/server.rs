//! The server's state, and the handlers over it: each takes the time once, lets the pure parts decide, and answers.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use serde_json::json;

use super::{
    TOKEN_PATH,
    data::{Data, Endpoint},
    limiter::Limiter,
    listing::{Cursors, Listing},
    responses,
    settings::Settings,
    token::Tokens,
};

/// Everything that the server knows.
struct Server {
    settings: Settings,
    data: Data,
    started: Instant,
    token_endpoint: Mutex<TokenEndpoint>,
    /// In the order of [`Endpoint::ALL`].
    gates: [Mutex<Gate>; 3],
}

/// The token endpoint's state.
#[derive(Default)]
struct TokenEndpoint {
    tokens: Tokens,
    requests: u64,
}

/// The state of an endpoint that the gateway guards.
struct Gate {
    limiter: Limiter,
    requests: u64,
    limited: u64,
    unauthorized: u64,
    invalid: u64,
    pages: u64,
}

/// The routes of a server with these settings.
pub(crate) fn router(settings: Settings) -> Router {
    let gates = [(); 3].map(|()| {
        let limiter = Limiter::new(settings.requests, settings.per);
        Mutex::new(Gate { limiter, requests: 0, limited: 0, unauthorized: 0, invalid: 0, pages: 0 })
    });
    let server = Server {
        data: Data::new(&settings),
        started: now(),
        token_endpoint: Mutex::default(),
        gates,
        settings,
    };

    let mut router = Router::new().route(TOKEN_PATH, post(token)).route("/_stats", get(stats));
    for endpoint in Endpoint::ALL {
        let list = move |server, query, headers| list(server, endpoint, query, headers);
        router = router.route(endpoint.path(), get(list));
    }
    router.fallback(async || responses::not_found()).with_state(Arc::new(server))
}

async fn token(State(server): State<Arc<Server>>, headers: HeaderMap, form: Bytes) -> Response {
    let response = server.grant(&headers, &form);
    tokio::time::sleep(server.settings.latency).await;
    response
}

async fn list(
    State(server): State<Arc<Server>>,
    endpoint: Endpoint,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let response = server.list(endpoint, query.as_deref().unwrap_or_default(), &headers);
    tokio::time::sleep(server.settings.latency).await;
    response
}

async fn stats(State(server): State<Arc<Server>>) -> Response {
    responses::json_body(StatusCode::OK, server.stats().to_string())
}

impl Server {
    fn grant(&self, headers: &HeaderMap, form: &[u8]) -> Response {
        let mut endpoint = lock(&self.token_endpoint);
        endpoint.requests += 1;
        let content_type = text(headers, header::CONTENT_TYPE);
        let now = self.started.elapsed();
        match endpoint.tokens.grant(content_type, form, &self.settings, now, epoch_seconds()) {
            Ok(grant) => responses::granted(json!(grant).to_string()),
            Err(refusal) => responses::refused(&refusal),
        }
    }

    /// The gateway comes first, with its limit before its token check, so that a request with a bad token counts too.
    fn list(&self, endpoint: Endpoint, query: &str, headers: &HeaderMap) -> Response {
        let mut gate = lock(&self.gates[endpoint as usize]);
        gate.requests += 1;
        // Read under the lock: arrivals must come in order.
        let now = self.started.elapsed();
        if let Err(over_limit) = gate.limiter.arrive(now) {
            gate.limited += 1;
            return responses::over_limit(over_limit, self.settings.retry_after_header);
        }

        let authorization = text(headers, header::AUTHORIZATION);
        if let Err(message) = lock(&self.token_endpoint).tokens.check(authorization, now) {
            gate.unauthorized += 1;
            return responses::unauthorized(message);
        }

        let cursors = Cursors { seed: self.settings.seed, endpoint };
        match Listing::parse(query, cursors, self.settings.max_page_size) {
            Err(errors) => {
                gate.invalid += 1;
                responses::invalid(&errors)
            }
            Ok(listing) => {
                gate.pages += 1;
                // Not while others wait to be counted.
                drop(gate);
                responses::json_body(StatusCode::OK, listing.body(&self.data, cursors))
            }
        }
    }

    fn stats(&self) -> serde_json::Value {
        let endpoints = Endpoint::ALL.map(|endpoint| {
            let gate = lock(&self.gates[endpoint as usize]);
            let counts = json!({
                "requests": gate.requests,
                "limited": gate.limited,
                "unauthorized": gate.unauthorized,
                "invalid": gate.invalid,
                "pages": gate.pages,
                "busiestWindow": gate.limiter.busiest(),
            });
            (endpoint.path().to_owned(), counts)
        });
        let token = lock(&self.token_endpoint);
        json!({
            "token": { "requests": token.requests, "issued": token.tokens.issued() },
            "endpoints": serde_json::Map::from_iter(endpoints),
        })
    }
}

/// Locks a state, that of a handler that panicked too: every change is whole before anything can panic.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A header's value, where it is text.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The server's own idea of the time: another machine's, so not the program's clock.
fn epoch_seconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    u64::try_from(now.tv_sec).unwrap_or(0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server has a clock of its own: it shares no code"
)]
fn now() -> Instant {
    Instant::now()
}
