//! The HTTP client: one bounded exchange at a time, no redirect and no retry of its own.

use std::{fmt, fs, io, path::PathBuf, sync::Arc};

use http::{HeaderMap, HeaderValue, header};
use reqwest::{Certificate, NoProxy, Proxy, RequestBuilder, redirect};
use rustls::crypto::{CryptoProvider, ring};
use url::{Host, Url};

use super::{
    CredentialsSource, Settings,
    origin::{same_origin, shown},
    response::Response,
    token::{AccessToken, TokenCache},
    transport::{TransportError, chain},
};
use crate::rows::json;

/// Who we say that we are.
const USER_AGENT: &str = concat!("mapiq-sync/", env!("CARGO_PKG_VERSION"));

/// The most of a body's stated length that is made room for before any of it has come.
const RESERVED: usize = 1 << 20;

/// The API's client; a clone shares its connections and its token.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    /// Holds the connections; its own redirects and retries are off, so that every request is one that was reserved.
    http: reqwest::Client,
    settings: Settings,
    credentials: CredentialsSource,
    /// The one token of all clones.
    token: TokenCache,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &shown(&self.0.settings.base_url)).finish()
    }
}

/// Why there is no client: each is a matter of the configuration or of the machine.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The credentials are missing or cannot be read; a sentence for a person.
    #[error("{0}")]
    Credentials(String),
    /// A URL that is not http(s), or that names credentials of its own.
    #[error("{key} must be an http or https URL without a user name and password")]
    Url {
        /// The configuration's key.
        key: &'static str,
    },
    /// `api.ca_file` cannot be read.
    #[error("cannot read api.ca_file {}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `api.ca_file` holds no certificate.
    #[error("api.ca_file {} holds no PEM certificate", path.display())]
    CaFileEmpty {
        /// The file.
        path: PathBuf,
    },
    /// `api.ca_file` holds something that is not a usable certificate.
    #[error("api.ca_file {} holds a certificate that cannot be read", path.display())]
    CaFileInvalid {
        /// The file.
        path: PathBuf,
        /// Why.
        source: reqwest::Error,
    },
    /// The machine knows no certificate authority.
    #[error(
        "this machine has no certificate authorities to trust; install the package ca-certificates, or set api.ca_file"
    )]
    NoAuthorities {
        /// The library's error.
        source: reqwest::Error,
    },
    /// `api.proxy` cannot be used.
    #[error("api.proxy cannot be used")]
    Proxy {
        /// Why.
        source: reqwest::Error,
    },
    /// Anything else that the HTTP library does not take.
    #[error("the HTTP client cannot be set up")]
    Setup {
        /// The library's error.
        source: reqwest::Error,
    },
}

impl Client {
    /// Prepares the client and reads the credentials a first time; sends nothing.
    ///
    /// # Errors
    ///
    /// The credentials are missing, a URL, the proxy or `api.ca_file` cannot be used, or the machine knows no certificate
    /// authority although one is needed.
    pub fn new(settings: Settings, credentials: CredentialsSource) -> Result<Self, ClientError> {
        for (key, url) in
            [("api.base_url", &settings.base_url), ("api.token_url", &settings.token_url)]
        {
            let usable = matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none();
            if !usable {
                return Err(ClientError::Url { key });
            }
        }
        let token = TokenCache::new((credentials.0)().map_err(ClientError::Credentials)?);
        let http = build(&settings)?;
        Ok(Self(Arc::new(Inner { http, settings, credentials, token })))
    }

    /// The URL of a path below the base URL, with query parameters.
    pub fn url(&self, path: &str, params: &[(String, String)]) -> Url {
        let mut url = self.0.settings.base_url.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{}", path.trim_start_matches('/')));
        if !params.is_empty() {
            url.query_pairs_mut().extend_pairs(params);
        }
        url
    }

    /// The base URL, whose origin alone gets the token.
    pub fn base_url(&self) -> &Url {
        &self.0.settings.base_url
    }

    /// Makes one exchange: a GET with the bearer token (RFC 6750, section 2.1), its response whatever the status.
    ///
    /// # Errors
    ///
    /// No response came in full, in time, and of a bearable size; or the URL is of another origin, and nothing was sent.
    pub async fn get(&self, url: &Url, token: &AccessToken) -> Result<Response, TransportError> {
        if !same_origin(url, &self.0.settings.base_url) {
            return Err(TransportError::OtherOrigin { url: shown(url) });
        }
        let request = self.0.http.get(url.clone()).header(header::AUTHORIZATION, token.header());
        let limit = self.0.settings.max_body;
        let mut response = self.exchange(request, url, limit).await?;
        // An answer that is no page may repeat what was sent, and is shown.
        if !response.status.is_success() || !json::begins(&response.body) {
            token.hide_in(&mut response.body);
        }
        Ok(response)
    }

    /// Posts a form to the token endpoint.
    pub(super) async fn post_for_token(
        &self,
        form: &[(&str, &str)],
        max_body: u64,
    ) -> Result<Response, TransportError> {
        let url = &self.0.settings.token_url;
        self.exchange(self.0.http.post(url.clone()).form(form), url, max_body).await
    }

    /// What the client was made with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(super) fn credentials(&self) -> &CredentialsSource {
        &self.0.credentials
    }

    pub(super) fn token(&self) -> &TokenCache {
        &self.0.token
    }

    async fn exchange(
        &self,
        request: RequestBuilder,
        url: &Url,
        limit: u64,
    ) -> Result<Response, TransportError> {
        let host = || authority(url);
        let failed = |error| TransportError::of(error, host(), self.0.settings.timeout);
        let too_large = || TransportError::TooLarge { host: host(), limit };
        let mut response = request.send().await.map_err(failed)?;
        let stated = response.content_length().unwrap_or(0);
        if stated > limit {
            return Err(too_large());
        }
        let mut body =
            Vec::with_capacity(usize::try_from(stated).map_or(0, |length| length.min(RESERVED)));
        // The chunks are counted as they are decompressed, so that a small answer that grows without end is dropped in time.
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Response { url: url.clone(), status: response.status(), headers, body })
    }
}

/// The host asked, with the port where that is not the scheme's own.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

pub(super) fn build(settings: &Settings) -> Result<reqwest::Client, ClientError> {
    if CryptoProvider::get_default().is_none() {
        // Fails only where another thread has installed one in between, which does as well.
        ring::default_provider().install_default().ok();
    }
    let mut accept = HeaderMap::new();
    accept.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(accept)
        .timeout(settings.timeout)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never());
    let urls = [&settings.base_url, &settings.token_url];
    if let Some(proxy) = &settings.proxy {
        let proxy = Proxy::all(proxy.clone()).map_err(|source| ClientError::Proxy { source })?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_env()));
    } else if is_loopback(&settings.base_url) {
        // A proxy that the environment names for the outside cannot reach this machine's own loopback, and must not get the
        // token that plain HTTP carries there.
        builder = builder.no_proxy();
    }
    if let Some(path) = &settings.ca_file {
        let pem =
            fs::read(path).map_err(|source| ClientError::CaFile { path: path.clone(), source })?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .map_err(|source| ClientError::CaFileInvalid { path: path.clone(), source })?;
        if certificates.is_empty() {
            return Err(ClientError::CaFileEmpty { path: path.clone() });
        }
        builder = builder.tls_certs_merge(certificates);
    } else if urls.into_iter().chain(&settings.proxy).all(|url| url.scheme() == "http") {
        // Without TLS a machine without certificate authorities will do.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|source| {
        let of_tls = chain(&source).any(<dyn std::error::Error + 'static>::is::<rustls::Error>);
        match &settings.ca_file {
            Some(path) if of_tls => ClientError::CaFileInvalid { path: path.clone(), source },
            None if of_tls => ClientError::NoAuthorities { source },
            Some(_) | None => ClientError::Setup { source },
        }
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
