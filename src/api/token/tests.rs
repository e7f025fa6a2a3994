use std::sync::{
    Barrier,
    atomic::{AtomicBool, AtomicUsize},
};

use futures_util::future::join_all;

use super::*;
use crate::api::{
    CredentialsSource,
    testing::{self, Server, response, token_answer},
};

fn at(seconds: i64) -> BootTime {
    BootTime::from_nanos(seconds * 1_000_000_000)
}

fn client(server: &Server) -> Client {
    client_with(server, testing::credentials())
}

fn client_with(server: &Server, credentials: CredentialsSource) -> Client {
    Client::new(testing::settings(server.url(), server.url()), credentials)
        .expect("the settings are usable")
}

/// A server whose nth token is `token-n`, with that life.
fn numbered_tokens(expires_in: u64) -> Server {
    Server::start(move |requests| token_answer(&format!("token-{}", requests.len()), expires_in))
}

async fn token(client: &Client, seconds: i64) -> String {
    let token = client.access_token(at(seconds)).await.expect("the server gives tokens");
    token.0.expose_secret().to_owned()
}

#[tokio::test]
async fn the_grant_is_a_form_and_nothing_else() {
    let server = numbered_tokens(3600);
    assert_eq!(token(&client(&server), 0).await, "token-1");
    let request = server.requests().remove(0);
    assert!(request.head.starts_with("POST / HTTP/1.1\r\n"), "{request:?}");
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.header("authorization"), None);
    let expected = [
        ("grant_type", "client_credentials"),
        ("scope", "https://api.mapiq.com/public/.default"),
        ("client_id", "client 1"),
        ("client_secret", "s3cret"),
    ];
    assert_eq!(request.form(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn a_token_is_renewed_a_minute_ahead_of_its_end() {
    let server = numbered_tokens(3600);
    let client = client(&server);
    assert_eq!(token(&client, 1000).await, "token-1");
    assert_eq!(token(&client, 1000 + 3539).await, "token-1");
    assert_eq!(token(&client, 1000 + 3540).await, "token-2");
    assert_eq!(token(&client, 1000 + 3541).await, "token-2");
}

#[tokio::test]
async fn a_short_life_is_renewed_a_tenth_ahead() {
    let server = numbered_tokens(50);
    let client = client(&server);
    assert_eq!(token(&client, 0).await, "token-1");
    assert_eq!(token(&client, 44).await, "token-1");
    assert_eq!(token(&client, 45).await, "token-2");
    let expired = numbered_tokens(0);
    let client = self::client(&expired);
    assert_eq!(token(&client, 0).await, "token-1");
    assert_eq!(token(&client, 0).await, "token-2");
}

/// A server that holds its first answer back until the returned barrier is met.
fn held_server(
    answer: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
) -> (Server, Arc<Barrier>) {
    let barrier = Arc::new(Barrier::new(2));
    let held = Arc::clone(&barrier);
    let server = Server::start(move |requests| {
        if requests.len() == 1 {
            held.wait();
        }
        answer(requests.len())
    });
    (server, barrier)
}

/// Lets ten tasks ask at once, and answers only when all of them wait.
async fn ten_at_once(
    client: &Client,
    barrier: Arc<Barrier>,
) -> Vec<Result<AccessToken, TokenError>> {
    let waiting = Arc::new(AtomicUsize::new(0));
    let tasks = (0..10).map(|_| {
        let waiting = Arc::clone(&waiting);
        async move {
            waiting.fetch_add(1, Ordering::AcqRel);
            client.access_token(at(0)).await
        }
    });
    let release = async {
        // All tasks of this one thread have been polled once before this comes to its turn.
        assert_eq!(waiting.load(Ordering::Acquire), 10);
        tokio::task::spawn_blocking(move || barrier.wait()).await.expect("the barrier opens");
    };
    let (outcomes, ()) = tokio::join!(join_all(tasks), release);
    outcomes
}

#[tokio::test]
async fn many_who_want_a_token_make_one_request() {
    let (server, barrier) = held_server(|_| token_answer("t", 3600));
    let client = client(&server);
    let outcomes = ten_at_once(&client, barrier).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_failure_is_shared_by_all_who_waited_for_it_and_by_nobody_later() {
    let (server, barrier) =
        held_server(|nth| if nth == 1 { response(500, &[], "") } else { token_answer("t", 3600) });
    let client = client(&server);
    let outcomes = ten_at_once(&client, barrier).await;
    let unavailable = |outcome: &Result<_, _>| matches!(outcome, Err(TokenError::Unavailable(_)));
    assert!(outcomes.iter().all(unavailable), "{outcomes:?}");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(token(&client, 0).await, "t");
}

#[tokio::test]
async fn a_token_of_no_life_serves_all_who_waited_for_it() {
    let (server, barrier) = held_server(|_| token_answer("t", 0));
    let outcomes = ten_at_once(&client(&server), barrier).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn only_the_current_token_is_invalidated() {
    let server = numbered_tokens(3600);
    let client = client(&server);
    let first = client.access_token(at(0)).await.expect("the server gives tokens");
    client.invalidate(&first).await;
    assert_eq!(token(&client, 0).await, "token-2");
    client.invalidate(&first).await;
    assert_eq!(token(&client, 0).await, "token-2");
}

#[tokio::test]
async fn refused_credentials_are_read_afresh_once() {
    let server = Server::start(|requests| {
        let renewed = requests.last().is_some_and(|request| request.body.contains("renewed"));
        let refused = r#"{"error":"invalid_client","error_description":"expired"}"#;
        if renewed { token_answer("t", 3600) } else { response(401, &[], refused) }
    });
    let rotated = Arc::new(AtomicBool::new(false));
    let source = Arc::clone(&rotated);
    let client = client_with(
        &server,
        CredentialsSource(Arc::new(move || {
            let renewed = source.load(Ordering::Acquire);
            Ok(testing::credentials_with(if renewed { "renewed" } else { "old" }))
        })),
    );
    let error = client.access_token(at(0)).await.expect_err("the old secret is refused");
    assert_eq!(
        error.to_string(),
        "the token endpoint refuses the credentials: invalid_client: expired (HTTP 401); are the client id and the secret right and still valid?"
    );
    assert!(matches!(error, TokenError::Refused(_)) && !error.retry() && !error.unreachable());
    assert_eq!(server.requests().len(), 2);
    rotated.store(true, Ordering::Release);
    assert_eq!(token(&client, 0).await, "t");
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn credentials_that_cannot_be_read_afresh_are_told() {
    let server = Server::start(|_| response(400, &[], r#"{"error":"invalid_client"}"#));
    let reads = AtomicUsize::new(0);
    let client = client_with(
        &server,
        CredentialsSource(Arc::new(move || match reads.fetch_add(1, Ordering::AcqRel) {
            0 => Ok(testing::credentials_with("s3cret")),
            _ => Err("the file client_secret is gone".into()),
        })),
    );
    let error = client.access_token(at(0)).await.expect_err("there are no credentials any more");
    assert_eq!(error.to_string(), "the file client_secret is gone");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_come_or_is_too_large_is_a_transport_error() {
    let large = Server::start(|_| token_answer(&"x".repeat(300 * 1024), 3600));
    let error = client(&large).access_token(at(0)).await.expect_err("it is too large");
    assert!(matches!(error, TokenError::BadAnswer(_)), "{error:?}");
    assert!(!error.retry() && !error.unreachable());
    let closed = Server::start(|_| Vec::new());
    let error = client(&closed).access_token(at(0)).await.expect_err("there is no answer");
    assert!(error.retry() && !error.unreachable(), "{error:?}");
}

#[tokio::test]
async fn nothing_that_is_shown_holds_the_secret_or_the_token() {
    let server = Server::start(|_| {
        response(400, &[], r#"{"error":"invalid_request","error_description":"s3cret is bad"}"#)
    });
    let client = client(&server);
    let error = client.access_token(at(0)).await.expect_err("it is refused");
    let told = format!("{error} {error:?} {client:?} {:?}", client.credentials());
    assert!(told.contains("invalid_request: … is bad") && !told.contains("s3cret"), "{told}");
    let token = AccessToken::new("t0ken".to_owned().into());
    assert_eq!(format!("{token:?} {:?}", token.header()), "AccessToken Sensitive");
}
