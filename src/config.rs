//! What the configuration file and the environment say, checked whole: every error of one load is reported at once,
//! with its place and its mend.
//!
//! `tree` reads the file, `overlay` lays the environment over it, `reader` takes typed values out and notes what
//! is wrong, and one file a section makes the settings of the modules.

mod alerts;
mod api;
mod credentials;
mod database;
mod endpoint;
mod environment;
mod errors;
mod job;
mod mend;
mod monitor;
mod overlay;
mod pagination;
mod reader;
mod rejects;
mod since;
mod transforms;
mod tree;
mod values;
mod window;

use std::{fs, path::Path};

pub use self::{
    credentials::{CredentialsError, Found, Whereabouts},
    environment::Environment,
    errors::{ConfigError, Errors},
    values::length as duration,
};
use self::{
    reader::{Diagnostics, Section},
    tree::Tree,
};
use crate::{api as service, daemon, store, sync};

/// The variable that sets the proxy instead of the file.
const PROXY_VARIABLE: &str = "MAPIQ_SYNC__API__PROXY";

/// The configuration, checked: each module's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the client needs to know of the service.
    pub api: service::Settings,
    /// Where the credentials come from; see [`Config::read_credentials`].
    pub credentials: service::CredentialsSource,
    /// The same, for who wants to know where.
    client: credentials::ClientPlaces,
    /// Whether the configuration's file itself holds something that others must not read: a proxy's password.
    pub holds_secret: bool,
    /// Where the key of hashed fields comes from; see [`Config::read_hash_key`].
    hash_key: credentials::HashKeySource,
    /// Where the database is and who may read it.
    pub store: store::Settings,
    /// The endpoints and the jobs.
    pub sync: sync::Settings,
    /// When each job runs; one for each of [`sync::Settings::jobs`], in the same order.
    pub schedules: Vec<daemon::ScheduleSettings>,
    /// Who is told of what needs a person; see [`Config::read_webhook`].
    pub alerts: daemon::AlertSettings,
    /// Where the webhook may come from, too.
    webhook: credentials::WebhookSource,
    /// Where the daemon can be watched.
    pub monitor: daemon::MonitorSettings,
}

impl Config {
    /// Reads the credentials from where the configuration says, so that missing ones are told at the start.
    ///
    /// # Errors
    ///
    /// When one is found nowhere (the error names every place looked at) or a file that is there cannot be read.
    pub fn read_credentials(&self) -> Result<service::Credentials, CredentialsError> {
        (self.credentials.0)().map_err(CredentialsError)
    }

    /// Where each of the secrets is, and why one that is needed cannot be had: the client's id and its secret, and the key of
    /// hashed fields where an endpoint hashes one. Their values stay where they are.
    pub fn whereabouts(&self) -> Vec<Whereabouts> {
        let mut found = self.client.whereabouts().to_vec();
        if self.sync.endpoints.iter().any(|endpoint| !endpoint.transforms.hash.is_empty()) {
            found.push(self.hash_key.whereabouts());
        }
        found
    }

    /// Reads the key of hashed fields and gives it to the endpoints, where one of them hashes a field.
    ///
    /// # Errors
    ///
    /// When it is found nowhere (the error names every place looked at), is too short, or a file that is there cannot be
    /// read.
    pub fn read_hash_key(&mut self) -> Result<(), CredentialsError> {
        let endpoints = self.sync.endpoints.iter_mut();
        let mut hashing: Vec<_> =
            endpoints.filter(|endpoint| !endpoint.transforms.hash.is_empty()).collect();
        if hashing.is_empty() {
            return Ok(());
        }
        let key = self.hash_key.read().map_err(CredentialsError)?;
        for endpoint in &mut hashing {
            endpoint.transforms.hash_key = Some(key.clone());
        }
        Ok(())
    }

    /// Reads the URL that alerts are posted to where systemd has brought one, which goes before that of the configuration.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or holds something else.
    pub fn read_webhook(&mut self) -> Result<(), CredentialsError> {
        self.alerts.webhook = self.webhook()?;
        Ok(())
    }

    /// The URL that alerts are posted to.
    ///
    /// # Errors
    ///
    /// As [`Self::read_webhook`].
    pub fn webhook(&self) -> Result<Option<service::WebhookUrl>, CredentialsError> {
        let of_credential = alerts::of_credential(&self.webhook).map_err(CredentialsError)?;
        Ok(of_credential.or_else(|| self.alerts.webhook.clone()))
    }
}

/// Loads the configuration from a file, and from the environment what that sets.
///
/// Missing credentials are no error here, see [`Config::read_credentials`].
///
/// # Errors
///
/// All that is wrong with the file and with the environment, together.
pub fn load(path: &Path, environment: &Environment) -> Result<Config, Errors> {
    let unreadable = |message: String, help: &str| {
        Errors::of(ConfigError::in_file(path, message, Some(help.to_owned())))
    };
    let bytes = fs::read(path).map_err(|error| {
        unreadable(
            format!("cannot be read: {error}"),
            "name a readable file with `--config FILE` or MAPIQ_SYNC_CONFIG",
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        unreadable(format!("is not UTF-8: {}", error.utf8_error()), "save the file as UTF-8")
    })?;
    parse(&text, path, environment)
}

/// Reads the configuration from the text of a file; `file` names it in errors, and its folder is where relative paths of
/// `client_secret_file`, `hash_key_file` and `ca_file` begin.
///
/// # Errors
///
/// All that is wrong with the text and with the environment, together.
pub fn parse(text: &str, file: &Path, environment: &Environment) -> Result<Config, Errors> {
    let diagnostics = Diagnostics::default();
    let config = read(text, file, environment, &diagnostics);
    let errors = diagnostics.into_errors(text, file);
    if errors.is_empty() { Ok(config) } else { Err(Errors::new(errors)) }
}

/// Reads what can be read, and notes what cannot: the result counts only where nothing was noted.
fn read(text: &str, file: &Path, environment: &Environment, diagnostics: &Diagnostics) -> Config {
    let Tree { mut root, faults, reliable_until } = tree::parse(text);
    diagnostics.syntax(faults, reliable_until);
    overlay::apply(&mut root, environment, diagnostics);

    let folder = file.parent().unwrap_or(Path::new(""));
    let mut root = Section::root(root, diagnostics);
    let api = api::read(&mut root, folder);
    let rejects = rejects::read(&mut root);
    let store = database::read(&mut root, environment, rejects);
    let monitor = monitor::read(&mut root);
    let alerts = alerts::read(&mut root);
    let rate_limit = endpoint::read_default_limit(&mut root);
    let endpoints = endpoint::read_all(&mut root, rate_limit.limit);
    let jobs = job::read_all(&mut root, &endpoints, environment.machine());
    root.finish();

    let of_proxy = |proxy: &url::Url| proxy.password().is_some();
    let holds_secret = api.settings.proxy.as_ref().is_some_and(of_proxy)
        && environment.get(PROXY_VARIABLE).is_none();
    let client = credentials::ClientPlaces::new(
        environment,
        api.client_id,
        api.client_secret_file,
        file.to_owned(),
    );
    Config {
        hash_key: credentials::HashKeySource::new(environment, api.hash_key_file, file.to_owned()),
        credentials: client.source(),
        client,
        holds_secret,
        api: api.settings,
        store,
        sync: sync::Settings {
            max_wait: rate_limit.max_wait,
            endpoints: endpoints.settings,
            jobs: jobs.settings,
        },
        schedules: jobs.schedules,
        monitor,
        alerts,
        webhook: credentials::WebhookSource::new(environment),
    }
}

#[cfg(test)]
mod tests;
