//! What a fault makes of a response that was made as it should be.

use std::{convert::Infallible, future::pending, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::header,
    response::Response,
};
use futures_util::stream;

use super::{
    connection::{Cut, Wire},
    faults::{CutAt, FaultKind},
};

/// Damages a response, or the connection that it goes over.
pub(crate) async fn damage(response: Response, fault: &FaultKind, wire: &Wire) -> Response {
    match fault {
        FaultKind::Cut { at: CutAt::Before, end } => {
            wire.cut(Cut { after: None, end: *end });
            response
        }
        FaultKind::Cut { at: at @ (CutAt::Middle | CutAt::End), end } => {
            let (response, body) = gathered(response).await;
            let after = match at {
                CutAt::Before | CutAt::Middle => body.len() / 2,
                CutAt::End => body.len().saturating_sub(1),
            };
            wire.cut(Cut { after: Some(after), end: *end });
            with_body(response, body)
        }
        FaultKind::CutJson => {
            let (response, body) = gathered(response).await;
            with_body(response, body.slice(..body.len() / 2))
        }
        FaultKind::Empty => with_body(response, Bytes::new()),
        FaultKind::Slow { bytes, every } => {
            let (mut response, body) = gathered(response).await;
            response.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
            with_stream(response, body, *bytes, *every, None)
        }
        FaultKind::Endless { bytes, every } => {
            // White space may stand before any JSON, as long as it likes.
            let spaces = Bytes::from(vec![b' '; *bytes]);
            with_stream(response, Bytes::new(), *bytes, *every, Some(spaces))
        }
        FaultKind::Hang => pending().await,
        FaultKind::Html
        | FaultKind::Status { .. }
        | FaultKind::Quota { .. }
        | FaultKind::Forbidden
        | FaultKind::InvalidClient
        | FaultKind::Redirect { .. }
        | FaultKind::Revoked => response,
    }
}

async fn gathered(response: Response) -> (Response, Bytes) {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    (Response::from_parts(parts, Body::empty()), body)
}

fn with_body(response: Response, body: Bytes) -> Response {
    response.map(|_| Body::from(body))
}

/// The body in pieces of so many bytes, each so long after the one before; then `rest`, again and again.
fn with_stream(
    response: Response,
    body: Bytes,
    bytes: usize,
    every: Duration,
    rest: Option<Bytes>,
) -> Response {
    let pieces = stream::unfold((body, rest), move |(mut body, rest)| async move {
        let piece =
            if body.is_empty() { rest.clone()? } else { body.split_to(bytes.min(body.len())) };
        tokio::time::sleep(every).await;
        Some((Ok::<_, Infallible>(piece), (body, rest)))
    });
    response.map(|_| Body::from_stream(pieces))
}
