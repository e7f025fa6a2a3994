//! The server's state, and how it answers: each request takes the time once, and lets the pure parts decide.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header, request::Parts, uri::Authority},
    response::Response,
};
use serde_json::json;

use super::{
    TOKEN_PATH,
    churn::Churned,
    clock::{Clock, system_time},
    connection::Wire,
    control,
    counts::Counts,
    damage,
    data::{Data, Endpoint, Filter, Moment, Selection},
    faults::{FaultKind, Faults, Told},
    limiter::Limiter,
    listing::{Listing, Records},
    query::{Asked, Cursors, Parameters, Part},
    requests::Requests,
    responses,
    settings::{NextUrl, Settings},
    token::Tokens,
    window::Window,
};

/// The longest form or fault that is read.
const LONGEST_BODY: usize = 64 * 1024;

/// So many selections are kept: those of the windows that one sweep asks for, and some.
const SELECTIONS: usize = 32;

/// Everything that the server knows.
pub(crate) struct Server {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) requests: Mutex<Requests>,
    data: Arc<Data>,
    /// The latest selections, the latest last.
    selections: Mutex<Vec<Arc<Selection>>>,
    token_endpoint: Mutex<TokenEndpoint>,
    /// The listings that change between requests.
    pub(crate) churned: Mutex<Vec<Churned>>,
    /// In the order of [`Endpoint::ALL`].
    gates: [Mutex<Gate>; Endpoint::ALL.len()],
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
    counts: Counts,
}

/// The routes of a server.
pub(crate) fn router(server: Arc<Server>) -> Router {
    control::routes().fallback(answer).with_state(server)
}

/// A response, and the fault that is still to be done to it.
type Answer = (Response, Option<FaultKind>);

/// Answers a request of a client: notes it, and lets happen to it what was asked for.
async fn answer(
    State(server): State<Arc<Server>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let number = lock(&server.requests).arrive(system_time(), parts.method.as_str(), path, query);
    let (response, fault) = server.respond(number, &parts, body).await;
    tokio::time::sleep(server.settings.latency).await;
    let Some(fault) = fault else {
        lock(&server.requests).answer(number, response.status().as_u16());
        return response;
    };
    let response = damage::damage(response, &fault, &wire).await;
    if !fault.leaves_no_answer() {
        lock(&server.requests).answer(number, response.status().as_u16());
    }
    response
}

impl Server {
    /// A server with these settings.
    pub(crate) fn new(settings: Settings) -> Self {
        let gates = Endpoint::ALL.map(|endpoint| {
            let limiter = Limiter::new(settings.limit_of(endpoint.path()), settings.limiter);
            Mutex::new(Gate { limiter, counts: Counts::default() })
        });
        let clock = Clock::start(&settings);
        let data = Data::new(&settings);
        let now = data.seen_from(data.moment(settings.now));
        // Of two for one path the latter counts, as with styles and limits.
        let churns = settings.churns.iter().rev().cloned();
        let churned = churns.map(|churn| Churned::new(churn, &data, settings.seed, now)).collect();
        Self {
            clock,
            faults: Mutex::new(Faults::new(settings.faults.clone())),
            requests: Mutex::default(),
            data: Arc::new(data),
            selections: Mutex::default(),
            churned: Mutex::new(churned),
            token_endpoint: Mutex::default(),
            gates,
            settings,
        }
    }

    async fn respond(&self, number: u64, parts: &Parts, body: Body) -> Answer {
        let path = parts.uri.path();
        if let (Some(endpoint), &Method::GET) = (Endpoint::at(path), &parts.method) {
            return self.list(number, endpoint, parts);
        }
        let fault = self.fault(parts);
        if path == TOKEN_PATH && parts.method == Method::POST {
            let form = to_bytes(body, LONGEST_BODY).await.unwrap_or_default();
            return (self.grant(&parts.headers, &form, fault.as_ref()), fault);
        }
        let response = match (fault.as_ref().and_then(instead), Endpoint::at(path)) {
            (Some(response), _) => response,
            (None, Some(_)) => responses::wrong_method("GET"),
            (None, None) if path == TOKEN_PATH => responses::wrong_method("POST"),
            (None, None) => responses::not_found(),
        };
        (response, fault)
    }

    /// The fault that befalls a request.
    fn fault(&self, parts: &Parts) -> Option<FaultKind> {
        let query = parts.uri.query().unwrap_or_default();
        lock(&self.faults).befall(parts.uri.path(), query)
    }

    fn grant(&self, headers: &HeaderMap, form: &Bytes, fault: Option<&FaultKind>) -> Response {
        let mut endpoint = lock(&self.token_endpoint);
        endpoint.requests += 1;
        if let Some(response) = fault.and_then(instead) {
            return response;
        }
        let content_type = text(headers, header::CONTENT_TYPE);
        let now = self.clock.elapsed();
        match endpoint.tokens.grant(content_type, form, &self.settings, now, epoch_seconds()) {
            Ok(grant) => responses::granted(json!(grant).to_string()),
            Err(refusal) => responses::refused(&refusal),
        }
    }

    /// The gateway comes first, with its limit before its token check, so that a request with a bad token counts too. A
    /// request over the limit is spared any fault.
    fn list(&self, number: u64, endpoint: Endpoint, parts: &Parts) -> Answer {
        let mut gate = lock(&self.gates[endpoint as usize]);
        gate.counts.requests += 1;
        // Read under the lock: arrivals must come in order.
        let now = self.clock.elapsed();
        if let Err(over_limit) = gate.limiter.arrive(now) {
            gate.counts.limited += 1;
            gate.counts.over_limit += 1;
            let told = if self.settings.retry_after_header { Told::Both } else { Told::Message };
            let status = StatusCode::TOO_MANY_REQUESTS;
            return (responses::later(status, told, over_limit.retry_after), None);
        }
        let fault = self.fault(parts);
        if let Some(response) = fault.as_ref().and_then(instead) {
            let status = response.status();
            gate.counts.limited += u64::from(status == StatusCode::TOO_MANY_REQUESTS);
            gate.counts.failed += u64::from(status.is_server_error());
            return (response, fault);
        }
        if fault == Some(FaultKind::Revoked) {
            lock(&self.token_endpoint).tokens.revoke();
        }
        let authorization = text(&parts.headers, header::AUTHORIZATION);
        if let Err(message) = lock(&self.token_endpoint).tokens.check(authorization, now) {
            gate.counts.unauthorized += 1;
            return (responses::unauthorized(message), fault);
        }
        (self.page(number, endpoint, parts, gate), fault)
    }

    /// What the service behind the gateway answers.
    fn page(
        &self,
        number: u64,
        endpoint: Endpoint,
        parts: &Parts,
        mut gate: MutexGuard<'_, Gate>,
    ) -> Response {
        if self.settings.forbidden.iter().any(|path| path == endpoint.path()) {
            return responses::forbidden();
        }
        let query = parts.uri.query().unwrap_or_default();
        let cursors = Cursors { seed: self.settings.seed, endpoint };
        let mut parameters = Parameters::of(query);
        let asked = self.asked(&mut parameters, cursors);
        if !parameters.invalid.is_empty() {
            gate.counts.invalid += 1;
            return responses::invalid(&parameters.invalid);
        }
        gate.counts.pages += 1;
        // Not while others wait to be counted.
        drop(gate);

        let moment = |date_time| self.data.moment(date_time);
        let filter = Filter {
            from: asked.window.from.map(moment),
            to: asked.window.to.map(moment),
            updated_after: asked.window.updated_after.map(moment),
        };
        let records = self.asked_for(number, endpoint, filter);
        let is_bare = matches!(asked.part, Part::Whole | Part::Link { .. });
        let total = (is_bare && self.settings.totals).then(|| records.total());
        let listing = Listing { endpoint, records, cursors, total: self.settings.totals };
        responses::page(listing.answer(asked.part, &self.address(parts), query), total)
    }

    fn asked(&self, parameters: &mut Parameters, cursors: Cursors) -> Asked {
        let settings = &self.settings;
        let style = settings.style_of(cursors.endpoint.path());
        let part = parameters.part(cursors, style, settings.max_page_size);
        let window = if cursors.endpoint.has_window() {
            parameters.window(settings.windows, self.clock.now().date())
        } else {
            Window { updated_after: parameters.updated_after(), ..Window::default() }
        };
        Asked { part, window }
    }

    /// The records that a request gets, after what happens before it.
    fn asked_for(&self, number: u64, endpoint: Endpoint, filter: Filter) -> Records {
        let mut churned = lock(&self.churned);
        match churned.iter_mut().find(|churned| churned.is_of(endpoint)) {
            Some(churned) => {
                Records::Kept(churned.answer(&self.data, number, self.clock.now(), filter))
            }
            None => Records::Computed(Arc::clone(&self.data), self.select(endpoint, filter)),
        }
    }

    /// How many records a listing has now.
    pub(crate) fn records(&self, endpoint: Endpoint) -> u64 {
        let churned = lock(&self.churned);
        match churned.iter().find(|churned| churned.is_of(endpoint)) {
            Some(churned) => churned.total(),
            None => self.select(endpoint, Filter::default()).total(),
        }
    }

    /// The records that are asked for, as they stand now.
    fn select(&self, endpoint: Endpoint, filter: Filter) -> Arc<Selection> {
        let now: Moment = self.data.seen_from(self.data.moment(self.clock.now()));
        let mut selections = lock(&self.selections);
        let known = selections.iter().position(|known| known.is(endpoint, filter, now));
        let selection = match known {
            Some(place) => selections.remove(place),
            // Under the lock: who asks for the same meanwhile need not count again.
            None => Arc::new(Selection::new(&self.data, endpoint, filter, now)),
        };
        if selections.len() == SELECTIONS {
            selections.remove(0);
        }
        selections.push(Arc::clone(&selection));
        selection
    }

    /// The URL of the path that was asked for, as the client can ask for it.
    fn address(&self, parts: &Parts) -> String {
        let path = parts.uri.path();
        let host = text(&parts.headers, header::HOST);
        let host = host.and_then(|host| host.parse::<Authority>().ok());
        match (self.settings.next_url, host) {
            (NextUrl::Absolute, Some(host)) => format!("http://{host}{path}"),
            (NextUrl::Absolute, None) | (NextUrl::Relative, _) => path.to_owned(),
        }
    }

    /// What a listing was asked for.
    pub(crate) fn counts(&self, endpoint: Endpoint) -> Counts {
        let gate = lock(&self.gates[endpoint as usize]);
        Counts { busiest_window: gate.limiter.busiest() as u64, ..gate.counts }
    }

    /// What was asked for, in numbers.
    pub(crate) fn stats(&self) -> serde_json::Value {
        let endpoints = Endpoint::ALL
            .map(|endpoint| (endpoint.path().to_owned(), json!(self.counts(endpoint))));
        let token = lock(&self.token_endpoint);
        json!({
            "token": { "requests": token.requests, "issued": token.tokens.issued() },
            "endpoints": serde_json::Map::from_iter(endpoints),
        })
    }
}

/// The response that a fault puts in the place of the proper one.
fn instead(fault: &FaultKind) -> Option<Response> {
    match fault {
        FaultKind::Status { status, told, wait } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Some(responses::later(status, *told, *wait))
        }
        FaultKind::Quota { wait } => Some(responses::out_of_quota(*wait)),
        FaultKind::Forbidden => Some(responses::forbidden()),
        FaultKind::InvalidClient => Some(responses::refused(&super::token::Refusal::InvalidClient)),
        FaultKind::Html => Some(responses::html()),
        FaultKind::Redirect { to } => Some(responses::redirect(to)),
        FaultKind::Revoked
        | FaultKind::Cut { .. }
        | FaultKind::CutJson
        | FaultKind::Empty
        | FaultKind::Slow { .. }
        | FaultKind::Endless { .. }
        | FaultKind::Hang => None,
    }
}

/// Locks a state, that of a handler that panicked too: every change is whole before anything can panic.
pub(crate) fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A header's value, where it is text.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn epoch_seconds() -> u64 {
    let since = system_time().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs()
}
