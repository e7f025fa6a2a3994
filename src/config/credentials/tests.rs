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
    let places =
        ClientPlaces::new(environment, id.map(str::to_owned), secret_file, "c.toml".into());
    let source = places.source();
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
    let folder = folder(&[("client_id", "systemd-id\n"), ("client_secret", "systemd-secret\n")]);
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
    let places = ClientPlaces::new(
        &Environment::default(),
        Some("id".into()),
        Some(path.clone()),
        "c".into(),
    );
    let source = places.source();
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
        Err("no client id in any of MAPIQ_CLIENT_ID (empty), $CREDENTIALS_DIRECTORY/client_id \
             (the variable is not set), api.client_id in c.toml (not set); no client secret in \
             any of MAPIQ_CLIENT_SECRET (not set), $CREDENTIALS_DIRECTORY/client_secret (the \
             variable is not set), api.client_secret_file in c.toml (not set)"
            .into())
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
    let variables = environment(&[("CREDENTIALS_DIRECTORY", &folder.path().display().to_string())]);
    let error = look(&variables, Some("id"), None).expect_err("a folder is no secret");
    assert!(error.contains("client_secret cannot be read"), "{error}");
}

#[test]
fn it_is_told_where_a_secret_is_and_never_which() {
    let folder = folder(&[("client_secret", "hunter2\n")]);
    let path = folder.path().join("client_secret");
    let places = ClientPlaces::new(
        &environment(&[("MAPIQ_CLIENT_ID", "variable-id")]),
        None,
        Some(path.clone()),
        "c.toml".into(),
    );
    let [id, secret] = places.whereabouts();
    let found = id.found.expect("the variable is set");
    assert_eq!((id.what, found.place.as_str(), found.file), ("client id", "MAPIQ_CLIENT_ID", None));
    let found = secret.found.expect("the file is there");
    assert_eq!((found.place, found.file), (path.display().to_string(), Some(path)));
}
