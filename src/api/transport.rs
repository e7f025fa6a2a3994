//! Why an exchange came to no response, told from the HTTP library's chain of errors.

use std::{error::Error as StdError, fmt, io, sync::Arc, time::Duration};

use rustls::CertificateError;

/// An exchange without a response; the host and its port are named, never the query or the credentials.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransportError {
    /// The name of the host, or of the proxy on the way, is not known.
    #[error("cannot reach {host}: its name cannot be looked up, is it spelled right?")]
    Dns {
        /// The host asked.
        host: String,
        /// What the library says at bottom.
        source: RootCause,
    },
    /// No connection: refused, no route, or the proxy did not let us through.
    #[error("cannot reach {host}: no connection, look at the network, the firewall and api.proxy")]
    Connect {
        /// The host asked.
        host: String,
        /// What the library says at bottom.
        source: RootCause,
    },
    /// The server's certificate is for another name than the one that was asked for.
    #[error("the certificate of {host} is for another name: is the host in the URL right?")]
    WrongName {
        /// The host asked.
        host: String,
        /// What the library says at bottom.
        source: RootCause,
    },
    /// The server's certificate has ended, or has not begun.
    #[error(
        "the certificate of {host} does not hold at this time: has it expired, or is this machine's clock wrong?"
    )]
    NotNow {
        /// The host asked.
        host: String,
        /// What the library says at bottom.
        source: RootCause,
    },
    /// The server's certificate is not trusted for another reason, such as an unknown issuer.
    #[error(
        "the certificate of {host} is not trusted; if it is signed by an authority of your own, name that in api.ca_file"
    )]
    Untrusted {
        /// The host asked.
        host: String,
        /// What the library says at bottom.
        source: RootCause,
    },
    /// The TLS handshake failed for another reason.
    #[error("cannot reach {host}: no secure connection")]
    Tls {
        /// The host asked.
        host: String,
        /// What the library says at bottom.
        source: RootCause,
    },
    /// The exchange, body included, took longer than allowed.
    #[error("{host} did not answer in full within {} s (api.timeout)", timeout.as_secs_f64())]
    TimedOut {
        /// The host asked.
        host: String,
        /// The longest time allowed.
        timeout: Duration,
        /// What the library says at bottom.
        source: RootCause,
    },
    /// The connection was reset, the body was cut or cannot be decompressed, or it is no HTTP.
    #[error("the exchange with {host} broke off")]
    BrokenOff {
        /// The host asked.
        host: String,
        /// What the library says at bottom.
        source: RootCause,
    },
    /// The body, decompressed, is larger than allowed.
    #[error(
        "the response of {host} is larger than {limit} bytes: ask for smaller pages, or raise api.max_body"
    )]
    TooLarge {
        /// The host asked.
        host: String,
        /// The largest size allowed.
        limit: u64,
    },
    /// The URL is not of the origin that the token is for; nothing was sent.
    #[error("{url} is not of the origin of api.base_url, which alone may get the token")]
    OtherOrigin {
        /// The URL, without query and credentials.
        url: String,
    },
    /// The request cannot be made at all; nothing was sent.
    #[error("the request to {host} cannot be made")]
    Request {
        /// The host asked.
        host: String,
        /// What the library says at bottom.
        source: RootCause,
    },
}

impl TransportError {
    /// Whether trying again may help.
    pub fn retry(&self) -> bool {
        match self {
            Self::Dns { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::TimedOut { .. }
            | Self::BrokenOff { .. } => true,
            Self::WrongName { .. }
            | Self::NotNow { .. }
            | Self::Untrusted { .. }
            | Self::TooLarge { .. }
            | Self::OtherOrigin { .. }
            | Self::Request { .. } => false,
        }
    }

    /// Whether the service could not be reached: DNS, no connection, TLS, time-out.
    pub fn unreachable(&self) -> bool {
        match self {
            Self::Dns { .. }
            | Self::Connect { .. }
            | Self::WrongName { .. }
            | Self::NotNow { .. }
            | Self::Untrusted { .. }
            | Self::Tls { .. }
            | Self::TimedOut { .. } => true,
            Self::BrokenOff { .. }
            | Self::TooLarge { .. }
            | Self::OtherOrigin { .. }
            | Self::Request { .. } => false,
        }
    }

    /// Whether the request was certainly not sent, so that it used nothing of the rate limit.
    pub fn unsent(&self) -> bool {
        match self {
            Self::Dns { .. }
            | Self::Connect { .. }
            | Self::WrongName { .. }
            | Self::NotNow { .. }
            | Self::Untrusted { .. }
            | Self::Tls { .. }
            | Self::OtherOrigin { .. }
            | Self::Request { .. } => true,
            Self::TimedOut { .. } | Self::BrokenOff { .. } | Self::TooLarge { .. } => false,
        }
    }

    /// A refused connection, for tests of what follows from one.
    #[cfg(test)]
    pub(crate) fn refused() -> Self {
        let error = reqwest::Proxy::all("http://[").expect_err("that is no address");
        Self::Connect { host: "localhost".into(), source: RootCause(Arc::new(error)) }
    }

    /// Tells the library's error apart.
    pub(super) fn of(error: reqwest::Error, host: String, timeout: Duration) -> Self {
        let error = error.without_url();
        let tls = chain(&error).find_map(|error| error.downcast_ref::<rustls::Error>());
        let certificate = match tls {
            Some(rustls::Error::InvalidCertificate(error)) => Some(error.clone()),
            Some(_) | None => None,
        };
        let broken_tls = tls.is_some() && error.is_connect();
        let source = RootCause(Arc::new(error));
        if let Some(certificate) = certificate {
            Self::of_certificate(&certificate, host, source)
        } else if source.0.is_timeout() {
            Self::TimedOut { host, timeout, source }
        } else if broken_tls {
            Self::Tls { host, source }
        } else if source.0.is_dns() {
            Self::Dns { host, source }
        } else if source.0.is_connect() {
            Self::Connect { host, source }
        } else if source.0.is_builder() {
            Self::Request { host, source }
        } else {
            Self::BrokenOff { host, source }
        }
    }

    fn of_certificate(error: &CertificateError, host: String, source: RootCause) -> Self {
        match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName { host, source }
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::NotNow { host, source },
            _ => Self::Untrusted { host, source },
        }
    }
}

/// The library's error, shown by the last of its causes: the layers above it, such as "error sending request" and "client
/// error (Connect)", tell a person nothing.
#[derive(Clone, Debug)]
pub struct RootCause(Arc<reqwest::Error>);

impl fmt::Display for RootCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        chain(self.0.as_ref()).last().map_or(Ok(()), |root| write!(f, "{root}"))
    }
}

impl StdError for RootCause {}

/// The chain of causes, with what an [`io::Error`] wraps: its `source` passes over the wrapped error itself.
pub(super) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}
