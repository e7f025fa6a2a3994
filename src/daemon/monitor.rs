//! The listener for those who watch over the service: `/healthz`, `/readyz` and `/metrics`, on loopback. What is answered,
//! somebody else decides.
//!
//! A client that is slow, or means harm, costs a bounded number of connections for a bounded time, and never the runs
//! anything: one request a connection, small heads, no bodies.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// So many clients are served at a time; others wait in the kernel's queue.
const CONNECTIONS: usize = 16;

/// So long may the head of a request take.
const HEAD: Duration = Duration::from_secs(5);

/// So long may a connection last in all, its answer included.
const CONNECTION: Duration = Duration::from_secs(30);

/// More than the head of any honest request has; hyper takes no less.
const HEAD_BYTES: usize = 8 * 1024;

/// So many header lines are read.
const HEADERS: usize = 64;

/// How long it is until another try to accept, where the process has no file descriptor left.
const NEXT_ACCEPT: Duration = Duration::from_secs(1);

/// Plain text.
const TEXT: &str = "text/plain; charset=utf-8";

/// Where the service can be watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonitorSettings {
    /// The address, one of loopback; `None`: nowhere.
    pub listen: Option<SocketAddr>,
}

/// The address cannot be listened at.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen at {address} (`monitor.listen`): does another program, or another instance, use the port?"
)]
pub struct ListenError {
    /// The address.
    address: SocketAddr,
    source: io::Error,
}

/// What a client may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `/healthz`: whether it lives.
    Health,
    /// `/readyz`: whether it does its work.
    Readiness,
    /// `/metrics`: all figures.
    Metrics,
}

impl Question {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/healthz" => Some(Self::Health),
            "/readyz" => Some(Self::Readiness),
            "/metrics" => Some(Self::Metrics),
            _ => None,
        }
    }
}

/// What a client is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Reply {
    /// Plain text.
    pub fn text(status: StatusCode, body: String) -> Self {
        Self { status, content_type: TEXT, body }
    }
}

/// Answers questions.
pub trait Answers: Send + Sync + 'static {
    /// The answer to a question.
    fn answer(&self, question: Question) -> impl Future<Output = Reply> + Send;
}

/// An address that is listened at.
#[derive(Debug)]
pub struct Monitor {
    listener: TcpListener,
    address: SocketAddr,
}

impl Monitor {
    /// Begins to listen; nobody is answered yet.
    ///
    /// # Errors
    ///
    /// When the address is in use, or may not be used.
    pub async fn listen(address: SocketAddr) -> Result<Self, ListenError> {
        let failed = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// The address, with the port that the system has chosen where none was named.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`; then leaves those who are still at it.
    pub async fn serve<A: Answers>(self, answers: Arc<A>, stop: CancellationToken) {
        let (free, tasks) = (Arc::new(Semaphore::new(CONNECTIONS)), TaskTracker::new());
        let accepting = stop.run_until_cancelled(async {
            loop {
                let permit = Arc::clone(&free).acquire_owned().await;
                let stream = match self.listener.accept().await {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::debug!(error = &error as &dyn std::error::Error, "no connection");
                        // One that its client has given up says nothing of the next; another cause takes its time.
                        if error.kind() != io::ErrorKind::ConnectionAborted {
                            sleep(NEXT_ACCEPT).await;
                        }
                        continue;
                    }
                };
                let (answers, stop) = (Arc::clone(&answers), stop.clone());
                tasks.spawn(async move {
                    stop.run_until_cancelled(serve_one(stream, answers)).await;
                    drop(permit);
                });
            }
        });
        accepting.await;
        tasks.close();
        tasks.wait().await;
    }
}

async fn serve_one<A: Answers>(stream: TcpStream, answers: Arc<A>) {
    let service = service_fn(|request| {
        let answers = Arc::clone(&answers);
        async move { Ok::<_, Infallible>(respond(&request, answers.as_ref()).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "a client of the monitor");
        }
        Err(_) => tracing::debug!("a client of the monitor is too slow"),
    }
}

async fn respond(request: &Request<Incoming>, answers: &impl Answers) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refusal =
            Reply::text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n".into());
        let mut response = response(refusal);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Some(question) = Question::of(request.uri().path()) else {
        let paths = "there are /healthz, /readyz and /metrics\n";
        return response(Reply::text(StatusCode::NOT_FOUND, paths.into()));
    };
    response(answers.answer(question).await)
}

fn response(reply: Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    // Each answer is one of now.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
