//! A server for tests that answers with bytes, so that it can do what an HTTP library would not: cut, stall, mislead.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};
use url::Url;

use super::{Credentials, CredentialsSource, Settings};

/// A request as it came in.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The request line and the headers, as sent.
    pub(super) head: String,
    /// The body.
    pub(super) body: String,
}

impl Request {
    /// The value of a header; names are compared without case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The fields of a form body, in the order sent.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

/// A server on a free loopback port; every connection gets one answer and is closed.
pub(super) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request with the bytes that `answer` gives for the requests so far, this one the last.
    pub(super) fn start(answer: impl Fn(&[Request]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::serve(None, answer)
    }

    /// Speaks TLS with this certificate and key.
    pub(super) fn start_tls(
        certificate: &rcgen::CertifiedKey<rcgen::KeyPair>,
        answer: impl Fn(&[Request]) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der())
            .expect("rcgen makes usable keys");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.cert.der().clone()], key)
            .expect("the key belongs to the certificate");
        Self::serve(Some(Arc::new(config)), answer)
    }

    fn serve(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&[Request]) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("the listener is bound");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let seen = Arc::clone(&requests);
        let answer = Arc::new(answer);
        // Detached: it waits for connections until the test's process ends.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, seen, answer) = (tls.clone(), Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || {
                    // A client that goes away is what some tests are about.
                    drop(serve_one(stream, tls, &seen, &*answer));
                });
            }
        });
        Self { address, scheme, requests }
    }

    /// The server's address by the name that its certificate is for.
    pub(super) fn url(&self) -> Url {
        let url = format!("{}://localhost:{}/", self.scheme, self.address.port());
        url.parse().expect("it is a URL")
    }

    /// The requests so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no test thread panics while it holds the lock").clone()
    }
}

fn serve_one(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    seen: &Mutex<Vec<Request>>,
    answer: &dyn Fn(&[Request]) -> Vec<u8>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    match tls {
        None => {
            let mut stream = stream;
            converse(&mut stream, seen, answer)
        }
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(connection, stream);
            converse(&mut stream, seen, answer)?;
            stream.conn.send_close_notify();
            stream.flush()
        }
    }
}

fn converse(
    stream: &mut (impl Read + Write),
    seen: &Mutex<Vec<Request>>,
    answer: &dyn Fn(&[Request]) -> Vec<u8>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        bytes.extend_from_slice(&byte);
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let mut request = Request { head, body: String::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    let so_far = {
        let mut seen = seen.lock().expect("no test thread panics while it holds the lock");
        seen.push(request);
        seen.clone()
    };
    stream.write_all(&answer(&so_far))?;
    stream.flush()
}

/// A whole response.
pub(super) fn response(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n").into_bytes();
    for header in headers {
        bytes.extend_from_slice(format!("{header}\r\n").as_bytes());
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// A token answer as the service documents it.
pub(super) fn token_answer(token: &str, expires_in: u64) -> Vec<u8> {
    let body = format!(
        r#"{{"access_token":"{token}","token_type":"Bearer","not_before":1700000000,"expires_in":{expires_in},"expires_on":1700003600,"resource":"x"}}"#
    );
    response(200, &["content-type: application/json"], body)
}

/// Settings for servers of a test.
pub(super) fn settings(base_url: Url, token_url: Url) -> Settings {
    Settings {
        base_url,
        token_url,
        scope: "https://api.mapiq.com/public/.default".into(),
        timeout: Duration::from_secs(10),
        max_body: 64 * 1024,
        proxy: None,
        ca_file: None,
        max_elapsed: Duration::from_secs(1),
    }
}

/// Credentials that never change.
pub(super) fn credentials() -> CredentialsSource {
    CredentialsSource(Arc::new(|| Ok(credentials_with("s3cret"))))
}

/// Credentials with that secret.
pub(super) fn credentials_with(secret: &str) -> Credentials {
    Credentials { client_id: "client 1".into(), client_secret: secret.to_owned().into() }
}

/// A self-signed certificate for `localhost`, and its PEM file in that folder.
pub(super) fn certificate(
    folder: &tempfile::TempDir,
) -> (rcgen::CertifiedKey<rcgen::KeyPair>, PathBuf) {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .expect("rcgen makes a certificate");
    let path = folder.path().join(format!("{}.pem", certificate.signing_key.serialize_pem().len()));
    std::fs::write(&path, certificate.cert.pem()).expect("the folder is writable");
    (certificate, path)
}
