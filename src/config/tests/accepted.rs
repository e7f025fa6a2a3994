use std::{fs, path::PathBuf, time::Duration};

use chrono::TimeDelta;

use super::*;
use crate::{
    api::pagination::Style,
    limits::Limit,
    rows::{ColumnType, FieldPath},
    store::RejectBounds,
};

const SHIPPED: &str = include_str!("../../../config.toml");

fn field(path: &str) -> FieldPath {
    path.parse().expect("the test's path is valid")
}

#[test]
fn the_least_configuration_has_the_defaults_of_the_contract() -> Result<(), Errors> {
    let config = load(LEAST, &[])?;
    assert_eq!(config.api.base_url.as_str(), "https://api.mapiq.com/");
    assert_eq!(config.api.token_url.as_str(), "https://account.mapiq.com/api/public/oauth2/token");
    assert_eq!(config.api.scope, "https://api.mapiq.com/public/.default");
    assert_eq!(config.api.timeout, Duration::from_secs(30));
    assert_eq!(config.api.max_body, 64 << 20);
    assert_eq!(config.api.proxy, None);
    assert_eq!(config.api.ca_file, None);
    assert_eq!(config.api.max_elapsed, Duration::from_mins(5));
    assert_eq!(config.store.path, PathBuf::from("mapiq.db"));
    assert_eq!(config.store.mode, 0o600);
    assert_eq!(config.store.rejects, RejectBounds { keep: 10_000, age: TimeDelta::days(90) });
    assert_eq!(config.sync.max_wait, Duration::from_mins(10));

    let [endpoint] = config.sync.endpoints.as_slice() else { panic!("there is one endpoint") };
    assert_eq!(endpoint.limit, Limit { requests: 20, per: Duration::from_mins(1) });
    assert_eq!(endpoint.group, "/v2/users");
    assert_eq!(endpoint.pagination, Style::None);
    assert_eq!((&endpoint.records, &endpoint.total), (&None, &None));
    assert_eq!(endpoint.transforms.key, [field("id")]);

    let [schedule] = config.schedules.as_slice() else { panic!("there is one job") };
    assert_eq!(schedule.job, "directory");
    assert_eq!(schedule.text, "0 0 5 * * *");
    assert_eq!(schedule.timezone, chrono_tz::UTC);
    Ok(())
}

#[test]
fn every_key_that_is_carried_out_is_read() -> Result<(), Errors> {
    let text = r#"
[api]
base_url = "https://api.example.com/prefix/"
token_url = "https://login.example.com/token?p=policy"
scope = "s"
client_id = "c"
client_secret_file = "secret"
timeout = "10s"
max_body = "1MiB"
proxy = "http://proxy.example.com:3128"
ca_file = "/etc/ca.pem"
[rate_limit]
requests = 5
per = "10s"
max_wait = "0s"
[retry]
max_elapsed = "1m"
[database]
path = "/var/lib/x.db"
mode = "0640"
[rejects]
keep = 0
days = 1
[[endpoint]]
name = "a"
path = "/v2/a"
key = ["id", "site.id"]
params = { z = "1", a = "2" }
records = "data.items"
total = "data.total"
pagination = { style = "page", page_param = "p", size_param = "s", size = 50, first = 0 }
rate_limit = { requests = 100, per = "300s", group = "g" }
exclude = ["email", "attendees[].email"]
json = ["attributes"]
types = { badgeNumber = "text", workspace.level = "integer" }
on_missing = "keep"
[[endpoint]]
name = "b"
path = "/v2/b"
key = ["id"]
pagination = { style = "cursor", param = "cursor", next = "meta.next" }
rate_limit = { group = "own" }
[[endpoint]]
name = "c"
path = "/v2/c"
key = ["id"]
pagination = { style = "page", size = 10 }
[[job]]
name = "j"
schedule = "0 */15 * * * *"
timezone = "Europe/Amsterdam"
endpoints = ["b", "a"]
"#;
    let config = parse(text, Path::new("/etc/mapiq/config.toml"), &Environment::default())?;
    assert_eq!(config.api.base_url.as_str(), "https://api.example.com/prefix");
    assert_eq!(config.api.max_body, 1 << 20);
    assert_eq!(config.api.proxy.as_ref().and_then(|url| url.host_str()), Some("proxy.example.com"));
    assert_eq!(config.api.ca_file, Some("/etc/ca.pem".into()));
    assert_eq!(config.api.max_elapsed, Duration::from_mins(1));
    assert_eq!(config.sync.max_wait, Duration::ZERO);
    assert_eq!((config.store.path, config.store.mode), ("/var/lib/x.db".into(), 0o640));
    assert_eq!(config.store.rejects, RejectBounds { keep: 0, age: TimeDelta::days(1) });

    let [a, b, c] = config.sync.endpoints.as_slice() else { panic!("there are three endpoints") };
    assert_eq!(a.params, [("z".into(), "1".into()), ("a".into(), "2".into())]);
    assert_eq!((&a.records, &a.total), (&Some(field("data.items")), &Some(field("data.total"))));
    let size = Some(("s".to_owned(), 50));
    assert_eq!(a.pagination, Style::Page { page_param: "p".into(), size, first: 0 });
    assert_eq!(a.limit, Limit { requests: 100, per: Duration::from_mins(5) });
    assert_eq!(a.group, "g");
    assert_eq!(a.transforms.key, [field("id"), field("site.id")]);
    assert_eq!(a.transforms.exclude, [field("email"), field("attendees[].email")]);
    assert_eq!(a.transforms.json, [field("attributes")]);
    assert_eq!(
        a.transforms.types,
        [(field("badgeNumber"), ColumnType::Text), (field("workspace.level"), ColumnType::Integer)]
    );
    assert_eq!(b.pagination, Style::Cursor { param: "cursor".into(), next: field("meta.next") });
    assert_eq!(b.group, "own");
    assert_eq!(b.limit, Limit { requests: 5, per: Duration::from_secs(10) });
    let size = Some(("pageSize".to_owned(), 10));
    assert_eq!(c.pagination, Style::Page { page_param: "page".into(), size, first: 1 });

    let [job] = config.sync.jobs.as_slice() else { panic!("there is one job") };
    assert_eq!(job.endpoints, ["b", "a"]);
    let [schedule] = config.schedules.as_slice() else { panic!("there is one schedule") };
    assert_eq!(schedule.timezone, chrono_tz::Europe::Amsterdam);
    Ok(())
}

#[test]
fn every_style_of_paging_is_read() -> Result<(), Errors> {
    let limit = |param: &str| Some((param.to_owned(), 50));
    for (written, style) in [
        ("style = 'none'", Style::None),
        ("style = 'offset'", Style::Offset { offset_param: "offset".into(), limit: None }),
        (
            "style = 'offset', limit = 50",
            Style::Offset { offset_param: "offset".into(), limit: limit("limit") },
        ),
        (
            "style = 'offset', offset_param = 'skip', limit_param = 'top', limit = 50",
            Style::Offset { offset_param: "skip".into(), limit: limit("top") },
        ),
        (
            "style = 'next-url', next = '@odata.nextLink'",
            Style::NextUrl { next: field("@odata.nextLink") },
        ),
        ("style = 'link'", Style::Link),
    ] {
        let paged = format!("key = [\"id\"]\npagination = {{ {written} }}");
        let config = load(&changed("key = [\"id\"]", &paged), &[])?;
        assert_eq!(config.sync.endpoints.first().map(|users| &users.pagination), Some(&style));
    }
    Ok(())
}

#[test]
fn the_environment_changes_keys_and_members_by_name() -> Result<(), Errors> {
    let text = format!(
        "{LEAST}{}",
        r#"
[[endpoint]]
name = "users__all"
path = "/v2/all"
key = ["id"]
params = { includeCancelled = "false" }
[[job]]
name = "night-run"
schedule = "0 0 1 * * *"
endpoints = ["users"]
"#
    );
    let config = load(
        &text,
        &[
            ("MAPIQ_SYNC__RATE_LIMIT__PER", "6s"),
            ("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "7"),
            ("MAPIQ_SYNC__DATABASE__MODE", "0640"),
            ("MAPIQ_SYNC__API__SCOPE", "12345"),
            ("MAPIQ_SYNC__ENDPOINT__USERS__PATH", "/v2/x"),
            ("MAPIQ_SYNC__ENDPOINT__USERS__KEY", r#"["a", "b"]"#),
            ("MAPIQ_SYNC__ENDPOINT__USERS__PAGINATION", r#"{ style = "page" }"#),
            ("MAPIQ_SYNC__ENDPOINT__USERS__PAGINATION__SIZE", "500"),
            ("MAPIQ_SYNC__ENDPOINT__USERS__TYPES__badgeNumber", "text"),
            ("MAPIQ_SYNC__ENDPOINT__USERS__PARAMS__since", "2026-01-01"),
            ("MAPIQ_SYNC__ENDPOINT__USERS__ALL__PATH", "/v2/y"),
            ("MAPIQ_SYNC__ENDPOINT__USERS__ALL__PARAMS__INCLUDECANCELLED", "true"),
            ("MAPIQ_SYNC__JOB__NIGHT_RUN__TIMEZONE", "Europe/Amsterdam"),
            ("MAPIQ_SYNC_SERVICE_HOST", "10.0.0.1"),
        ],
    )?;
    assert_eq!(config.store.mode, 0o640);
    assert_eq!(config.api.scope, "12345");
    let [users, all] = config.sync.endpoints.as_slice() else { panic!("there are two endpoints") };
    assert_eq!(users.limit, Limit { requests: 7, per: Duration::from_secs(6) });
    assert_eq!(users.path, "/v2/x");
    assert_eq!(users.transforms.key, [field("a"), field("b")]);
    let size = Some(("pageSize".to_owned(), 500));
    assert_eq!(users.pagination, Style::Page { page_param: "page".into(), size, first: 1 });
    assert_eq!(users.transforms.types, [(field("badgeNumber"), ColumnType::Text)]);
    assert_eq!(users.params, [("since".into(), "2026-01-01".into())]);
    assert_eq!(all.path, "/v2/y");
    assert_eq!(config.schedules.last().map(|job| job.timezone.name()), Some("Europe/Amsterdam"));
    Ok(())
}

#[test]
fn a_relative_database_begins_at_the_first_state_folder() -> Result<(), Errors> {
    let folders = ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b");
    assert_eq!(load(LEAST, &[folders])?.store.path, PathBuf::from("/var/lib/a/mapiq.db"));
    let absolute = ("MAPIQ_SYNC__DATABASE__PATH", "/srv/x.db");
    assert_eq!(load(LEAST, &[folders, absolute])?.store.path, PathBuf::from("/srv/x.db"));
    assert_eq!(load(LEAST, &[("STATE_DIRECTORY", "")])?.store.path, PathBuf::from("mapiq.db"));
    Ok(())
}

#[test]
fn a_file_named_in_the_configuration_lies_beside_it() -> Result<(), Errors> {
    let text = format!("api.ca_file = \"ca.pem\"\n{LEAST}");
    let config = parse(&text, Path::new("/etc/mapiq/config.toml"), &Environment::default())?;
    assert_eq!(config.api.ca_file, Some("/etc/mapiq/ca.pem".into()));
    Ok(())
}

#[test]
fn missing_credentials_are_told_on_reading_them_not_on_loading() -> Result<(), Errors> {
    let config = load(LEAST, &[])?;
    let error = config.read_credentials().expect_err("there are none").to_string();
    for place in [
        "MAPIQ_CLIENT_ID",
        "$CREDENTIALS_DIRECTORY/client_id",
        "api.client_id in config.toml",
        "MAPIQ_CLIENT_SECRET",
        "$CREDENTIALS_DIRECTORY/client_secret",
        "api.client_secret_file in config.toml",
    ] {
        assert!(error.contains(place), "{error}");
    }
    let variables = [("MAPIQ_CLIENT_ID", "id"), ("MAPIQ_CLIENT_SECRET", "hunter2")];
    let config = load(LEAST, &variables)?;
    assert_eq!(config.read_credentials().ok().map(|found| found.client_id), Some("id".into()));
    assert!(!format!("{config:?}").contains("hunter2"));
    Ok(())
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_read() -> Result<(), Errors> {
    load(&format!("\u{feff}{}", LEAST.replace('\n', "\r\n")), &[]).map(drop)
}

#[test]
fn a_file_is_loaded_and_one_that_is_not_there_is_named() -> Result<(), Errors> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("c.toml");
    let environment = Environment::default();
    let error = crate::config::load(&path, &environment).expect_err("it is not there");
    assert!(error.to_string().contains("c.toml: cannot be read: No such file"), "{error}");

    fs::write(&path, b"\xff").expect("the folder is writable");
    let error = crate::config::load(&path, &environment).expect_err("it is not UTF-8");
    assert!(error.to_string().contains("is not UTF-8"), "{error}");

    fs::write(&path, LEAST).expect("the folder is writable");
    crate::config::load(&path, &environment).map(drop)
}

#[test]
fn the_shipped_file_points_at_the_service_and_pages_its_endpoints() -> Result<(), Errors> {
    let config = load(SHIPPED, &[])?;
    assert_eq!(config.api.base_url.host_str(), Some("api.mapiq.com"));
    let endpoints = config.sync.endpoints.iter();
    let names: Vec<_> = endpoints.map(|endpoint| endpoint.name.as_str()).collect();
    assert_eq!(names, ["users", "buildings", "reservations"]);
    let jobs: Vec<_> = config.schedules.iter().map(|job| job.job.as_str()).collect();
    assert_eq!(jobs, ["bookings", "directory"]);
    Ok(())
}

#[test]
fn the_shipped_file_is_turned_to_a_simulator_by_variables_alone() -> Result<(), Errors> {
    let config = load(
        SHIPPED,
        &[
            ("MAPIQ_SYNC__API__BASE_URL", "http://127.0.0.1:40000"),
            ("MAPIQ_SYNC__API__TOKEN_URL", "http://127.0.0.1:40000/oauth2/token"),
            ("MAPIQ_SYNC__RATE_LIMIT__PER", "6s"),
            ("MAPIQ_SYNC__DATABASE__PATH", "/tmp/demo/mapiq.db"),
        ],
    )?;
    assert_eq!(config.api.base_url.as_str(), "http://127.0.0.1:40000/");
    assert_eq!(config.api.token_url.as_str(), "http://127.0.0.1:40000/oauth2/token");
    assert_eq!(config.store.path, PathBuf::from("/tmp/demo/mapiq.db"));
    let limit = Limit { requests: 20, per: Duration::from_secs(6) };
    assert!(config.sync.endpoints.iter().all(|endpoint| endpoint.limit == limit));
    Ok(())
}
