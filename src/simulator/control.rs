//! What tests and benches ask of the server itself, without a token.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use serde_json::{Value, json};

use super::{
    churn,
    data::Endpoint,
    faults::Fault,
    openapi,
    query::Parameters,
    responses,
    server::{Server, lock},
};

/// The routes that are not the API's.
pub(crate) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/openapi.json", get(definition))
        .route("/_stats", get(stats))
        .route("/_simulator/stats", get(stats))
        .route("/_simulator/requests", get(requests))
        .route("/_simulator/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/_simulator/churn", get(churned).post(set_rate))
        .route("/_simulator/time", get(time).post(advance))
}

async fn definition(State(server): State<Arc<Server>>) -> Response {
    json(&openapi::of(&server.settings))
}

async fn stats(State(server): State<Arc<Server>>) -> Response {
    json(&server.stats())
}

/// The latest requests; with `path`, those for it; with `after`, those with a higher number.
async fn requests(State(server): State<Arc<Server>>, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::of(query.as_deref().unwrap_or_default());
    let path = parameters.value("path");
    let after = match number(&parameters, "after", 0) {
        Ok(after) => after,
        Err(reason) => return wrong(&reason),
    };
    let requests = lock(&server.requests);
    let latest: Vec<_> = requests
        .latest()
        .filter(|request| request.number > after)
        .filter(|request| path.as_deref().is_none_or(|path| request.path == path))
        .collect();
    json(&json!({ "count": requests.count(), "requests": latest }))
}

async fn faults(State(server): State<Arc<Server>>) -> Response {
    json(&json!({ "faults": lock(&server.faults).spelled() }))
}

/// Adds one fault, or a list of them.
async fn add_faults(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let added = match serde_json::from_slice(&body) {
        Ok(Value::Array(faults)) => faults.iter().map(fault).collect(),
        Ok(one) => fault(&one).map(|fault| vec![fault]),
        Err(error) => Err(error.to_string()),
    };
    match added {
        Ok(added) => {
            let mut faults = lock(&server.faults);
            for fault in added {
                faults.add(fault);
            }
            json(&json!({ "faults": faults.spelled() }))
        }
        Err(reason) => wrong(&reason),
    }
}

fn fault(value: &Value) -> Result<Fault, String> {
    match value {
        Value::Object(object) => Fault::from_json(object),
        Value::String(text) => text.parse(),
        _ => Err("a fault is an object with `path` and `kind`, or a text as for --fault".into()),
    }
}

async fn clear_faults(State(server): State<Arc<Server>>) -> Response {
    lock(&server.faults).clear();
    json(&json!({ "faults": [] }))
}

/// What happened to a changing listing, and what it has now; with `from` and `to`, between these requests.
async fn churned(State(server): State<Arc<Server>>, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::of(query.as_deref().unwrap_or_default());
    let to = number(&parameters, "to", u64::MAX);
    let (from, to) = match number(&parameters, "from", 0).and_then(|from| Ok((from, to?))) {
        Ok(asked) => asked,
        Err(reason) => return wrong(&reason),
    };
    let path = parameters.value("path").unwrap_or_default();
    let churned = lock(&server.churned);
    let found = Endpoint::at(&path)
        .and_then(|endpoint| churned.iter().find(|churned| churned.is_of(endpoint)));
    match found {
        Some(churned) => json(&churned.shown(from, to)),
        None => wrong(&format!("`path` names no listing that changes between requests: `{path}`")),
    }
}

/// The number of a request that a parameter gives.
fn number(parameters: &Parameters, name: &str, default: u64) -> Result<u64, String> {
    parameters.value(name).map_or(Ok(default), |text| {
        text.parse().map_err(|_| format!("`{name}` must be the number of a request"))
    })
}

/// Sets how much all changing listings change between requests, by `{"rate": 0}`.
async fn set_rate(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let body = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    match churn::rate(&body["rate"].to_string()) {
        Ok(rate) => {
            lock(&server.churned).iter_mut().for_each(|churned| churned.set_rate(rate));
            json(&json!({ "rate": rate }))
        }
        Err(reason) => wrong(&reason),
    }
}

async fn time(State(server): State<Arc<Server>>) -> Response {
    json(&json!({ "now": server.clock.now().format("%Y-%m-%dT%H:%M:%S").to_string() }))
}

/// Puts the clock forward, by `{"advance": "36h"}` or so many seconds.
async fn advance(state: State<Arc<Server>>, body: Bytes) -> Response {
    let duration = match serde_json::from_slice::<Value>(&body).map(|body| body["advance"].clone())
    {
        Ok(Value::String(text)) => super::parse_duration(&text),
        Ok(Value::Number(number)) => super::parse_duration(&number.to_string()),
        Ok(_) => Err("`advance` is missing: a number of seconds, or a text such as 36h".into()),
        Err(error) => Err(error.to_string()),
    };
    match duration {
        Ok(duration) => {
            state.0.clock.advance(duration);
            time(state).await
        }
        Err(reason) => wrong(&reason),
    }
}

fn json(value: &Value) -> Response {
    responses::json_body(StatusCode::OK, value.to_string())
}

fn wrong(reason: &str) -> Response {
    let body = json!({ "error": reason }).to_string();
    responses::json_body(StatusCode::BAD_REQUEST, body)
}
