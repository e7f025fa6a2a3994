//! An API that answers by a script.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use tokio::{net::TcpListener, runtime::Runtime};

use super::now;

/// A request as the scripted API saw it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    /// A query parameter, or nothing.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// A query parameter that is a number, or 0.
    pub(crate) fn number(&self, name: &str) -> usize {
        self.param(name).parse().unwrap_or(0)
    }
}

/// An answer of the scripted API.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

impl Answer {
    /// A JSON body, or what is given for one, with status 200.
    pub(crate) fn json(body: impl Into<Body>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![("content-type", "application/json".into())],
            body: body.into(),
        }
    }

    /// A status with a body.
    pub(crate) fn status(status: u16, body: impl Into<Body>) -> Self {
        let status =
            StatusCode::from_u16(status).expect("the test's status is a number that HTTP knows");
        Self { status, ..Self::json(body) }
    }

    /// The answer with one header more.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        for (name, value) in self.headers {
            let value = value.parse().expect("the test's header value is legal");
            response.headers_mut().insert(name, value);
        }
        response
    }
}

type Script = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// An API that answers by a script, with a token endpoint at `/token` that gives what is asked for.
pub(crate) struct Api {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _runtime: Runtime,
}

#[derive(Clone)]
struct Scripted {
    script: Script,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Api {
    /// Serves every path but `/token` by the script.
    pub(crate) fn serve(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve_all(
            move |asked| if asked.path == "/token" { token("token", 3600) } else { script(asked) },
        )
    }

    /// Serves every path by the script.
    pub(crate) fn serve_all(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let runtime = Runtime::new().expect("a runtime starts");
        let listener =
            runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let asked = Arc::default();
        let state = Scripted { script: Arc::new(script), asked: Arc::clone(&asked) };
        let router = Router::new().fallback(answer).with_state(state);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, asked, _runtime: runtime }
    }

    /// Its URL, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, in the order of arrival.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics while it holds this").clone()
    }

    /// The requests for one path so far.
    pub(crate) fn asked_for(&self, path: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.path == path).collect()
    }
}

async fn answer(State(scripted): State<Scripted>, uri: Uri, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("requests are small");
    let query =
        url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let asked = Asked {
        at: now(),
        method: parts.method,
        path: uri.path().to_owned(),
        query,
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    scripted.asked.lock().expect("no test panics while it holds this").push(asked.clone());
    (scripted.script)(&asked)
}

/// A token endpoint's answer.
pub(crate) fn token(access_token: &str, expires_in: u64) -> Answer {
    Answer::json(format!(
        r#"{{"access_token":"{access_token}","token_type":"Bearer","expires_in":"{expires_in}"}}"#
    ))
}
