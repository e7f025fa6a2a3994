//! TLS in front of an API, with a certificate that nobody has signed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use crate::support::Api;

/// An API behind TLS, at `localhost`.
pub(super) struct TlsApi {
    port: u16,
    connections: Arc<AtomicUsize>,
    certificate: String,
    _runtime: Runtime,
}

impl TlsApi {
    /// Hands what comes by TLS on to the API.
    pub(super) fn before(api: &Api) -> Self {
        Self::with_certificate(api, "localhost", |_| {})
    }

    /// The same with a certificate for another name, or of another time.
    pub(super) fn with_certificate(
        api: &Api,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params =
            CertificateParams::new([name.to_owned()]).expect("the test's name is a legal one");
        change(&mut params);
        let signing_key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&signing_key).expect("a certificate can be made");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der())
            .expect("the key is one that rustls knows");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key belongs to the certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let runtime = Runtime::new().expect("a runtime starts");
        let listener =
            runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let behind = api.url().replace("http://", "");
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                // A client that does not trust the certificate ends the handshake: that connection is over.
                if let (Ok(mut tls), Ok(mut plain)) =
                    (acceptor.accept(stream).await, TcpStream::connect(&behind).await)
                {
                    copy_bidirectional(&mut tls, &mut plain).await.ok();
                }
            }
        });
        Self { port, connections, certificate: certificate.pem(), _runtime: runtime }
    }

    /// Its URL, without a slash at the end.
    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// How many connections came in so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Its certificate as a PEM file's text.
    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }
}
