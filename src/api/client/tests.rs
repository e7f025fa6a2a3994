use std::{
    error::Error as _,
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use http::StatusCode;

use super::*;
use crate::{
    api::testing::{self, Server, response},
    clock::BootTime,
};

const NOW: BootTime = BootTime::from_nanos(100_000_000_000);

/// A client of two servers: one that gives tokens, and the one at `base_url`.
async fn client_and_token(base_url: Url, change: impl Fn(&mut Settings)) -> (Client, AccessToken) {
    let tokens = Server::start(|_| testing::token_answer("t0ken", 3600));
    let mut settings = testing::settings(base_url, tokens.url());
    change(&mut settings);
    let client = Client::new(settings, testing::credentials()).expect("the settings are usable");
    let token = client.access_token(NOW).await.expect("the token endpoint is willing");
    (client, token)
}

async fn get(base_url: Url, change: impl Fn(&mut Settings)) -> Result<Response, TransportError> {
    let (client, token) = client_and_token(base_url, change).await;
    client.get(&client.url("/v2/users", &[]), &token).await
}

fn chain_text(error: &TransportError) -> String {
    let causes = chain(error).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(" / ")
}

#[tokio::test]
async fn a_request_says_who_asks_and_what_is_accepted() {
    let server = Server::start(|_| response(200, &["x-one: 1"], "[]"));
    let (client, token) = client_and_token(server.url(), |_| {}).await;
    let url = client.url("/v2/users", &[("name".into(), "ä b&c".into())]);
    let response = client.get(&url, &token).await.expect("the server answers");
    assert_eq!((response.status, response.body.as_slice()), (StatusCode::OK, &b"[]"[..]));
    assert_eq!(response.headers.get("x-one"), Some(&HeaderValue::from_static("1")));
    let request = server.requests().remove(0);
    assert!(
        request.head.starts_with("GET /v2/users?name=%C3%A4+b%26c HTTP/1.1\r\n"),
        "{request:?}"
    );
    assert_eq!(request.header("authorization"), Some("Bearer t0ken"));
    assert_eq!(request.header("user-agent"), Some(USER_AGENT));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("accept-encoding"), Some("gzip"));
}

#[test]
fn a_path_is_appended_to_the_base_urls_own() {
    for (base, expected) in [
        ("http://localhost", "http://localhost/v2/users?a=1"),
        ("http://localhost/", "http://localhost/v2/users?a=1"),
        ("http://localhost/tenant/", "http://localhost/tenant/v2/users?a=1"),
    ] {
        let base: Url = base.parse().expect("the test's URL is valid");
        let client = Client::new(testing::settings(base.clone(), base), testing::credentials())
            .expect("the settings are usable");
        assert_eq!(client.url("/v2/users", &[("a".into(), "1".into())]).as_str(), expected);
        assert_eq!(client.url("/v2/users", &[]).query(), None);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::start(|_| response(302, &["location: /elsewhere"], ""));
    let response = get(server.url(), |_| {}).await.expect("a redirect is a response");
    assert_eq!(response.status, StatusCode::FOUND);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn another_origin_is_refused_before_anything_is_sent() {
    let server = Server::start(|_| response(200, &[], "[]"));
    let other = Server::start(|_| response(200, &[], "[]"));
    let (client, token) = client_and_token(server.url(), |_| {}).await;
    let mut with_user = server.url();
    with_user.set_username("user").expect("the URL has a host");
    for url in [other.url().join("/x?name=private").expect("a URL"), with_user] {
        let error = client.get(&url, &token).await.expect_err("it is another origin");
        assert!(matches!(error, TransportError::OtherOrigin { .. }), "{error}");
        assert!(!error.retry() && !error.unreachable() && error.unsent());
        assert!(!error.to_string().contains("private") && !error.to_string().contains("user"));
    }
    assert!(server.requests().is_empty() && other.requests().is_empty());
}

#[tokio::test]
async fn gzip_is_decompressed() {
    /// `[{"id": 1}]`, by gzip.
    const GZIPPED: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\x8b\xaeV\xcaLQ\xb2R0\xac\x8d\x05\0\xd1\xe2\xce\x89\x0b\0\0\0";
    let server = Server::start(|_| response(200, &["content-encoding: gzip"], GZIPPED));
    let whole = get(server.url(), |_| {}).await.expect("it is gzip");
    assert_eq!(whole.body, br#"[{"id": 1}]"#);
    let cut = Server::start(|_| {
        response(200, &["content-encoding: gzip"], GZIPPED.get(..20).expect("it is longer"))
    });
    let error = get(cut.url(), |_| {}).await.expect_err("it is cut");
    assert!(matches!(error, TransportError::BrokenOff { .. }) && error.retry(), "{error:?}");
}

#[tokio::test]
async fn a_body_larger_than_allowed_is_dropped_compressed_or_not() {
    let exact = Server::start(|_| response(200, &[], vec![b'x'; 64 * 1024]));
    assert_eq!(get(exact.url(), |_| {}).await.expect("just small enough").body.len(), 64 * 1024);
    let plain = Server::start(|_| response(200, &[], vec![b'x'; 64 * 1024 + 1]));
    let bomb = Server::start(|_| response(200, &["content-encoding: gzip"], gzip_bomb(40_000)));
    for server in [plain, bomb] {
        let error = get(server.url(), |_| {}).await.expect_err("it is too large");
        assert!(matches!(error, TransportError::TooLarge { limit: 65_536, .. }), "{error:?}");
        assert!(!error.retry() && !error.unsent());
    }
}

#[tokio::test]
async fn a_cut_body_and_a_closed_connection_break_the_exchange_off() {
    let cut = Server::start(|_| {
        let mut bytes = response(200, &[], r#"[{"id": 1}]"#);
        bytes.truncate(bytes.len() - 3);
        bytes
    });
    let closed = Server::start(|_| Vec::new());
    let nonsense = Server::start(|_| b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
    for server in [cut, closed, nonsense] {
        let error = get(server.url(), |_| {}).await.expect_err("there is no whole response");
        assert!(matches!(error, TransportError::BrokenOff { .. }), "{error:?}");
        assert!(error.retry() && !error.unreachable() && !error.unsent());
        assert_eq!(server.requests().len(), 1, "the library does not try again");
    }
}

/// A server that sends these bytes to whoever asks, and then is silent until the other side leaves.
fn then_silent(bytes: &'static [u8]) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The other side leaving is how this ends.
            drop(
                stream
                    .read(&mut [0; 4096])
                    .and_then(|_| stream.write_all(bytes))
                    .and_then(|()| io::copy(&mut stream, &mut io::sink())),
            );
        }
    });
    format!("http://localhost:{port}/").parse().expect("a URL")
}

#[tokio::test]
async fn silence_and_a_stalled_body_end_at_the_timeout() {
    for bytes in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[1,"] {
        let url = then_silent(bytes);
        let port = url.port().expect("the port is not the scheme's own");
        let timeout = Duration::from_millis(200);
        let settings = Settings { timeout, ..testing::settings(url.clone(), url) };
        let client = Client::new(settings, testing::credentials()).expect("usable settings");
        let error = client.post_for_token(&[], 9).await.expect_err("nothing comes in full");
        assert!(matches!(error, TransportError::TimedOut { .. }), "{error:?}");
        let told = format!("localhost:{port} did not answer in full within 0.2 s (api.timeout)");
        assert_eq!(error.to_string(), told);
        assert!(error.retry() && error.unreachable() && !error.unsent());
    }
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_name_are_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = closed.local_addr().expect("it is bound").port();
    drop(closed);
    let refused: Url = format!("http://127.0.0.1:{port}/").parse().expect("a URL");
    let error = get(refused, |_| {}).await.expect_err("nobody listens");
    assert!(matches!(error, TransportError::Connect { .. }), "{error:?}");
    assert!(error.retry() && error.unreachable() && error.unsent());

    // RFC 6761, section 6.4: `.invalid` never resolves. A proxy of the environment would hide that.
    let unknown: Url = "http://name.invalid/".parse().expect("a URL");
    let http = build(&testing::settings(refused_by_none(), refused_by_none()))
        .expect("the settings are usable");
    let error = http.get(unknown).send().await.expect_err("there is no such name");
    let error = TransportError::of(error, "name.invalid".into(), Duration::ZERO);
    assert!(matches!(error, TransportError::Dns { .. }), "{error:?}");
    assert!(error.retry() && error.unreachable() && error.unsent());
}

/// A loopback URL, with which a client leaves the environment's proxy alone.
fn refused_by_none() -> Url {
    "http://localhost/".parse().expect("a URL")
}

#[tokio::test]
async fn errors_name_neither_query_nor_token() {
    let server = Server::start(|_| Vec::new());
    let (client, token) = client_and_token(server.url(), |_| {}).await;
    let url = client.url("/v2/users", &[("email".into(), "private".into())]);
    let error = client.get(&url, &token).await.expect_err("nothing is answered");
    let told = format!("{} {error:?} {client:?} {token:?}", chain_text(&error));
    for secret in ["private", "t0ken", "s3cret"] {
        assert!(!told.contains(secret), "{told}");
    }
    assert!(error.source().is_some());
}

#[tokio::test]
async fn only_the_certificates_of_ca_file_are_trusted_beside_the_machines() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, own_file) = testing::certificate(&folder);
    let server = Server::start_tls(&own, |_| testing::token_answer("t", 3600));
    let client = |ca_file: &PathBuf| {
        let mut settings = testing::settings(server.url(), server.url());
        settings.ca_file = Some(ca_file.clone());
        Client::new(settings, testing::credentials()).expect("the settings are usable")
    };
    client(&own_file).access_token(NOW).await.expect("its own certificate is trusted");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let (_, other_file) = testing::certificate(&elsewhere);
    let error = client(&other_file).post_for_token(&[], 1).await.expect_err("it is not trusted");
    assert!(matches!(error, TransportError::Untrusted { .. }), "{}", chain_text(&error));
    assert!(!error.retry() && error.unreachable() && error.unsent());
    assert!(error.to_string().contains("api.ca_file"), "{error}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_unreachable() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, ca_file) = testing::certificate(&folder);
    let mut url = then_silent(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    url.set_scheme("https").expect("http and https are alike");
    let mut settings = testing::settings(url.clone(), url);
    settings.ca_file = Some(ca_file);
    let client = Client::new(settings, testing::credentials()).expect("the settings are usable");
    let error = client.post_for_token(&[], 1).await.expect_err("there is no handshake");
    assert!(matches!(error, TransportError::Tls { .. }), "{error:?}");
    assert!(error.retry() && error.unreachable() && error.unsent());
}

#[test]
fn what_cannot_be_set_up_names_its_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let (missing, empty) = (folder.path().join("none.pem"), folder.path().join("empty.pem"));
    let wrong = folder.path().join("wrong.pem");
    fs::write(&empty, "no certificate").expect("the folder is writable");
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&wrong, pem).expect("the folder is writable");
    let error = |change: &dyn Fn(&mut Settings)| {
        let mut settings = testing::settings(refused_by_none(), refused_by_none());
        change(&mut settings);
        Client::new(settings, testing::credentials()).expect_err("the setting is unusable")
    };
    let with_ca = |path: &PathBuf| error(&|settings| settings.ca_file = Some(path.clone()));
    assert!(matches!(with_ca(&missing), ClientError::CaFile { .. }));
    assert!(matches!(with_ca(&empty), ClientError::CaFileEmpty { .. }));
    assert!(matches!(with_ca(&wrong), ClientError::CaFileInvalid { .. }));
    let url = |text: &str| -> Url { text.parse().expect("the test's URL is valid") };
    let told = error(&|settings| settings.token_url = url("http://user:secret@localhost/"));
    assert_eq!(
        told.to_string(),
        "api.token_url must be an http or https URL without a user name and password"
    );
    let unreadable = CredentialsSource(Arc::new(|| Err("set MAPIQ_CLIENT_ID".into())));
    let settings = testing::settings(refused_by_none(), refused_by_none());
    let told = Client::new(settings, unreadable).expect_err("there are no credentials");
    assert_eq!(told.to_string(), "set MAPIQ_CLIENT_ID");
}

#[tokio::test]
async fn a_proxy_gets_the_requests() {
    let proxy = Server::start(|_| response(200, &[], "[]"));
    let mut settings = testing::settings(
        "http://api.invalid/".parse().expect("a URL"),
        "http://api.invalid/token".parse().expect("a URL"),
    );
    settings.proxy = Some(proxy.url());
    let client = Client::new(settings, testing::credentials()).expect("the settings are usable");
    client.post_for_token(&[], 1024).await.expect("the proxy answers");
    let request = proxy.requests().remove(0);
    assert!(request.head.starts_with("POST http://api.invalid/token HTTP/1.1\r\n"), "{request:?}");
}

/// A gzip member that decompresses to one `x` and that many times 258 more, in about 13 bits each.
fn gzip_bomb(repeats: usize) -> Vec<u8> {
    let mut bits = vec![true, true, false]; // RFC 1951, section 3.2.3: the last block, fixed codes
    let mut code = |value: u16, length: u32| {
        bits.extend((0..length).rev().map(|bit| value >> bit & 1 == 1));
    };
    code(0x30 + u16::from(b'x'), 8);
    for _ in 0..repeats {
        code(0b1100_0101, 8); // length 258
        code(0, 5); // distance 1
    }
    code(0, 7);
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    bytes.extend(bits.chunks(8).map(|byte| {
        byte.iter().enumerate().fold(0, |sum, (place, bit)| sum | u8::from(*bit) << place)
    }));
    bytes
}
