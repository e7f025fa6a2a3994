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

/// Makes the source that looks at each place in turn, at each call: `MAPIQ_CLIENT_ID` and `MAPIQ_CLIENT_SECRET`, the
/// files `client_id` and `client_secret` in `$CREDENTIALS_DIRECTORY`, and what the configuration says. An empty value
/// counts as absent; white space at the end (a file's newline) is dropped.
pub(super) fn source(
    environment: &Environment,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
    file: PathBuf,
) -> CredentialsSource {
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
        const MEND: &str = "make one with `openssl rand -hex 32`, and keep it: with another key the hashes are others";
        let (secret, place) = first_with_place("hash key", &self.0).map_err(|missing| {
            format!("an endpoint hashes fields, but there is {missing}: {MEND}")
        })?;
        let secret = SecretString::from(secret);
        let bytes = secret.expose_secret().as_bytes();
        HashKey::derive(bytes).ok_or_else(|| {
            format!(
                "the hash key in {} has {} bytes, and must have {} at least: {MEND}",
                place.name(),
                bytes.len(),
                HashKey::LEAST_SECRET
            )
        })
    }
}

impl fmt::Debug for HashKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKeySource(…)")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn look(
        environment: &Environment,
        id: Option<&str>,
        secret_file: Option<PathBuf>,
    ) -> Result<(String, String), String> {
        let source = source(environment, id.map(str::to_owned), secret_file, "c.toml".into());
        let Credentials { client_id, client_secret } = (source.0)()?;
        Ok((client_id, client_secret.expose_secret().to_owned()))
    }

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        for (name, content) in files {
            fs::write(folder.path().join(name), content).expect("the folder is writable");
        }
        folder
    }

    #[test]
    fn the_first_place_found_wins_and_an_empty_one_counts_as_absent() {
        let folder =
            folder(&[("client_id", "systemd-id\n"), ("client_secret", "systemd-secret\n")]);
        let path = folder.path().to_str().expect("the path is UTF-8");
        let config_secret = folder.path().join("client_id");
        let all = environment(&[
            ("MAPIQ_CLIENT_ID", "variable-id"),
            ("MAPIQ_CLIENT_SECRET", ""),
            ("CREDENTIALS_DIRECTORY", path),
        ]);
        let found = look(&all, Some("config-id"), Some(config_secret.clone()));
        assert_eq!(found, Ok(("variable-id".into(), "systemd-secret".into())));

        let found = look(&environment(&[]), Some("config-id"), Some(config_secret));
        assert_eq!(found, Ok(("config-id".into(), "systemd-id".into())));
    }

    #[test]
    fn a_file_is_read_afresh_at_each_call() {
        let folder = folder(&[("secret", "old\n")]);
        let path = folder.path().join("secret");
        let source =
            source(&Environment::default(), Some("id".into()), Some(path.clone()), "c".into());
        let secret = || (source.0)().map(|found| found.client_secret.expose_secret().to_owned());
        assert_eq!(secret(), Ok("old".into()));
        fs::write(&path, "new").expect("the folder is writable");
        assert_eq!(secret(), Ok("new".into()));
    }

    #[test]
    fn what_is_missing_names_every_place_looked_at() {
        let error = look(&environment(&[("MAPIQ_CLIENT_ID", " ")]), None, None);
        assert_eq!(
            error,
            Err(
                "no client id in any of MAPIQ_CLIENT_ID (empty), $CREDENTIALS_DIRECTORY/client_id \
                 (the variable is not set), api.client_id in c.toml (not set); no client secret in \
                 any of MAPIQ_CLIENT_SECRET (not set), $CREDENTIALS_DIRECTORY/client_secret (the \
                 variable is not set), api.client_secret_file in c.toml (not set)"
                    .into()
            )
        );
    }

    #[test]
    fn a_missing_file_and_an_empty_one_are_told_apart() {
        let folder = folder(&[("client_secret", "\n")]);
        let path = folder.path().display();
        let variables = environment(&[("CREDENTIALS_DIRECTORY", &path.to_string())]);
        let error = look(&variables, Some("id"), Some(folder.path().join("gone")))
            .expect_err("there is no secret");
        assert!(error.contains(&format!("{path}/client_secret (empty)")), "{error}");
        assert!(error.contains("api.client_secret_file in c.toml (no such file)"), "{error}");
    }

    #[test]
    fn a_secret_in_the_place_of_its_files_path_is_not_told() {
        for secret in ["hunter2", "hunter2\0", &"hunter2/".repeat(1000), "/etc/passwd/hunter2"] {
            let error = look(&environment(&[]), Some("id"), Some(secret.into()))
                .expect_err("there is no such file");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_hash_key_is_found_in_three_places_and_long_enough() {
        let folder = folder(&[("hash_key", "systemd-systemd-systemd\n"), ("own", "short\n")]);
        let credentials = folder.path().to_str().expect("the path is UTF-8");
        let read = |variables: &[(&str, &str)], path: Option<PathBuf>| {
            HashKeySource::new(&environment(variables), path, "c.toml".into()).read()
        };
        let key = |secret: &str| Ok(HashKey::derive(secret.as_bytes()).expect("it is long enough"));

        let systemd = ("CREDENTIALS_DIRECTORY", credentials);
        assert_eq!(
            read(&[("MAPIQ_HASH_KEY", "variable-variable"), systemd], None),
            key("variable-variable")
        );
        assert_eq!(read(&[("MAPIQ_HASH_KEY", " "), systemd], None), key("systemd-systemd-systemd"));
        assert_eq!(read(&[], Some(folder.path().join("hash_key"))), key("systemd-systemd-systemd"));
        let own = folder.path().join("own");
        let short = read(&[], Some(own.clone())).expect_err("it is too short");
        assert!(
            short.starts_with(&format!(
                "the hash key in {} has 5 bytes, and must have 16",
                own.display()
            )),
            "{short}"
        );
        assert!(!short.contains("short"), "{short}");
        let missing = read(&[], None).expect_err("there is none");
        assert!(
            missing.contains(
                "no hash key in any of MAPIQ_HASH_KEY (not set), $CREDENTIALS_DIRECTORY/hash_key (the variable is \
                 not set), api.hash_key_file in c.toml (not set): make one with `openssl rand -hex 32`"
            ),
            "{missing}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_passed_over() {
        let folder = folder(&[]);
        fs::create_dir(folder.path().join("client_secret")).expect("the folder is writable");
        let variables =
            environment(&[("CREDENTIALS_DIRECTORY", &folder.path().display().to_string())]);
        let error = look(&variables, Some("id"), None).expect_err("a folder is no secret");
        assert!(error.contains("client_secret cannot be read"), "{error}");
    }
}
