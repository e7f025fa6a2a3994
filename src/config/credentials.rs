//! Where the client's credentials and the key of hashed fields come from.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::Environment;
use crate::{
    api::{Credentials, CredentialsSource},
    rows::HashKey,
};

/// The credentials cannot be had.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct CredentialsError(
    /// A sentence that names every place looked at.
    pub(super) String,
);

/// A place where a credential may be.
#[derive(Clone)]
enum Place {
    /// A variable, which the environment's snapshot has or has not.
    Variable(&'static str, Option<String>),
    /// A file of the folder that systemd's `LoadCredential=` fills; without one it cannot be there.
    SystemdCredential(&'static str, Option<PathBuf>),
    /// A key of the configuration with the value itself.
    Key { key: &'static str, file: PathBuf, value: Option<String> },
    /// A key of the configuration with the path of a file that holds the value.
    KeyOfFile { key: &'static str, file: PathBuf, path: Option<PathBuf> },
}

impl Place {
    /// A variable of the environment's snapshot.
    fn variable(environment: &Environment, name: &'static str) -> Self {
        Self::Variable(name, environment.get(name).map(str::to_owned))
    }

    /// A file of systemd's folder.
    fn systemd(environment: &Environment, name: &'static str) -> Self {
        let folder = environment.get("CREDENTIALS_DIRECTORY");
        Self::SystemdCredential(name, folder.map(|folder| Path::new(folder).join(name)))
    }

    /// The place's name in a message.
    fn name(&self) -> String {
        match self {
            Self::Variable(name, _) => (*name).to_owned(),
            Self::SystemdCredential(name, None) => format!("$CREDENTIALS_DIRECTORY/{name}"),
            Self::SystemdCredential(_, Some(path)) | Self::KeyOfFile { path: Some(path), .. } => {
                path.display().to_string()
            }
            Self::Key { key, file, .. } | Self::KeyOfFile { key, file, path: None } => {
                format!("{key} in {}", file.display())
            }
        }
    }

    /// The place as it is told.
    fn found(&self) -> Found {
        let file = match self {
            Self::SystemdCredential(_, path) | Self::KeyOfFile { path, .. } => path.clone(),
            Self::Variable(..) | Self::Key { .. } => None,
        };
        Found { place: self.name(), file }
    }

    /// The value, or in a few words why there is none.
    ///
    /// # Errors
    ///
    /// A file that is there and cannot be read: another place's value would be a surprise.
    fn look(&self) -> Result<Result<String, String>, String> {
        match self {
            Self::Variable(_, value) | Self::Key { value, .. } => {
                Ok(filled(value.as_deref(), &self.name()))
            }
            Self::SystemdCredential(_, None) => {
                Ok(Err(format!("{} (the variable is not set)", self.name())))
            }
            Self::SystemdCredential(_, Some(path)) => read(path, &self.name()),
            // Not the path: where there is no such file, it may be the secret itself, in the wrong place.
            Self::KeyOfFile { key, file, path: Some(path) } => {
                read(path, &format!("{key} in {}", file.display()))
            }
            Self::KeyOfFile { path: None, .. } => Ok(Err(format!("{} (not set)", self.name()))),
        }
    }
}

fn filled(value: Option<&str>, place: &str) -> Result<String, String> {
    match value.map(str::trim_end) {
        None => Err(format!("{place} (not set)")),
        Some("") => Err(format!("{place} (empty)")),
        Some(value) => Ok(value.to_owned()),
    }
}

/// Reads a file; where there is none, that is told by another name than its path.
fn read(path: &Path, name: &str) -> Result<Result<String, String>, String> {
    let place = path.display();
    match fs::read_to_string(path) {
        Ok(text) => Ok(filled(Some(&text), &place.to_string())),
        Err(error) if is_of_no_file(error.kind()) => Ok(Err(format!("{name} (no such file)"))),
        Err(error) => Err(format!("the credential file {place} cannot be read: {error}")),
    }
}

fn is_of_no_file(error: io::ErrorKind) -> bool {
    matches!(
        error,
        io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput
    )
}

/// The first value found in the places.
fn first(what: &str, places: &[Place]) -> Result<String, String> {
    first_with_place(what, places).map(|(value, _)| value)
}

/// The first value found in the places, and where it was found.
fn first_with_place<'p>(what: &str, places: &'p [Place]) -> Result<(String, &'p Place), String> {
    let mut looked_at = Vec::with_capacity(places.len());
    for place in places {
        match place.look()? {
            Ok(value) => return Ok((value, place)),
            Err(reason) => looked_at.push(reason),
        }
    }
    Err(format!("no {what} in any of {}", looked_at.join(", ")))
}

/// Where a secret was looked for, and what came of it.
#[derive(Clone, Debug)]
pub struct Whereabouts {
    /// What it is: `client secret`.
    pub what: &'static str,
    /// Where it is, or a sentence that says why it cannot be had.
    pub found: Result<Found, String>,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The place for a message.
    pub place: String,
    /// The file that it is in, where it has one to itself.
    pub file: Option<PathBuf>,
}

/// Where one of a secret's places has it.
fn found(what: &'static str, places: &[Place]) -> Whereabouts {
    let found = first_with_place(what, places).map(|(_, place)| place.found());
    Whereabouts { what, found }
}

/// Where the client's credentials may be: `MAPIQ_CLIENT_ID` and `MAPIQ_CLIENT_SECRET`, the files `client_id` and
/// `client_secret` in `$CREDENTIALS_DIRECTORY`, and what the configuration says. An empty value counts as absent; white
/// space at the end (a file's newline) is dropped.
#[derive(Clone)]
pub(super) struct ClientPlaces {
    ids: [Place; 3],
    secrets: [Place; 3],
}

impl ClientPlaces {
    pub(super) fn new(
        environment: &Environment,
        client_id: Option<String>,
        client_secret_file: Option<PathBuf>,
        file: PathBuf,
    ) -> Self {
        let ids = [
            Place::variable(environment, "MAPIQ_CLIENT_ID"),
            Place::systemd(environment, "client_id"),
            Place::Key { key: "api.client_id", file: file.clone(), value: client_id },
        ];
        let secrets = [
            Place::variable(environment, "MAPIQ_CLIENT_SECRET"),
            Place::systemd(environment, "client_secret"),
            Place::KeyOfFile { key: "api.client_secret_file", file, path: client_secret_file },
        ];
        Self { ids, secrets }
    }

    /// The source that looks at each place in turn, at each call.
    pub(super) fn source(&self) -> CredentialsSource {
        let Self { ids, secrets } = self.clone();
        CredentialsSource(Arc::new(move || {
            match (first("client id", &ids), first("client secret", &secrets)) {
                (Ok(client_id), Ok(secret)) => {
                    Ok(Credentials { client_id, client_secret: SecretString::from(secret) })
                }
                (Err(id), Err(secret)) => Err(format!("{id}; {secret}")),
                (Err(error), _) | (_, Err(error)) => Err(error),
            }
        }))
    }

    /// Where the client's id and its secret are.
    pub(super) fn whereabouts(&self) -> [Whereabouts; 2] {
        [found("client id", &self.ids), found("client secret", &self.secrets)]
    }
}

impl fmt::Debug for ClientPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientPlaces(…)")
    }
}

/// Where the key of hashed fields may be: `MAPIQ_HASH_KEY`, the file `hash_key` in `$CREDENTIALS_DIRECTORY`, and the file
/// that the configuration names.
#[derive(Clone)]
pub(super) struct HashKeySource([Place; 3]);

impl HashKeySource {
    pub(super) fn new(environment: &Environment, path: Option<PathBuf>, file: PathBuf) -> Self {
        Self([
            Place::variable(environment, "MAPIQ_HASH_KEY"),
            Place::systemd(environment, "hash_key"),
            Place::KeyOfFile { key: "api.hash_key_file", file, path },
        ])
    }

    /// Reads the secret, and derives the key from it.
    ///
    /// # Errors
    ///
    /// As a sentence, where there is none or it is too short, or a file cannot be read.
    pub(super) fn read(&self) -> Result<HashKey, String> {
        self.read_at().map(|(key, _)| key)
    }

    /// Where the secret is that the key is derived from.
    pub(super) fn whereabouts(&self) -> Whereabouts {
        let found = self.read_at().map(|(_, place)| place.found());
        Whereabouts { what: "hash key", found }
    }

    fn read_at(&self) -> Result<(HashKey, &Place), String> {
        const MEND: &str = "make one with `openssl rand -hex 32`, and keep it: with another key the hashes are others";
        let (secret, place) = first_with_place("hash key", &self.0).map_err(|missing| {
            format!("an endpoint hashes fields, but there is {missing}: {MEND}")
        })?;
        let secret = SecretString::from(secret);
        let bytes = secret.expose_secret().as_bytes();
        HashKey::derive(bytes).map(|key| (key, place)).ok_or_else(|| {
            format!(
                "the hash key in {} has {} bytes, and must have {} at least: {MEND}",
                place.name(),
                bytes.len(),
                HashKey::LEAST_SECRET
            )
        })
    }
}

/// Where the URL that alerts are posted to may be, beside the configuration: the file `alert_webhook` in
/// `$CREDENTIALS_DIRECTORY`.
#[derive(Clone, Debug)]
pub(super) struct WebhookSource(Option<PathBuf>);

impl WebhookSource {
    pub(super) fn new(environment: &Environment) -> Self {
        let folder = environment.get("CREDENTIALS_DIRECTORY");
        Self(folder.map(|folder| Path::new(folder).join("alert_webhook")))
    }

    /// What the file holds, and the file's name; nothing where it is empty or not there.
    ///
    /// # Errors
    ///
    /// As a sentence, where it cannot be read.
    pub(super) fn look(&self) -> Result<Option<(String, String)>, String> {
        let Some(path) = &self.0 else { return Ok(None) };
        let place = path.display().to_string();
        Ok(read(path, &place)?.ok().map(|text| (text, place)))
    }
}

impl fmt::Debug for HashKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKeySource(…)")
    }
}

#[cfg(test)]
mod tests;
