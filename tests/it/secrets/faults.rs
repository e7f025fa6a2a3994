//! What may be wrong while the secrets are in use.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    process::Command,
};

use super::{KEY, PASSWORD, SECRET, TOKEN};
use crate::{
    machine::{DiskFault, meets_disk_fault},
    support::{Answer, Asked, Sandbox},
};

/// A fault, and how it ends.
pub(super) struct Fault {
    pub(super) name: &'static str,
    /// The answer in the right one's place.
    pub(super) answer: fn(&Asked) -> Option<Answer>,
    /// Spoils the configuration, the environment or the files.
    pub(super) spoil: fn(&mut Sandbox),
    /// Spoils the machine of a command.
    pub(super) meets: fn(&mut Command),
    /// The exit status of `--run-now`.
    pub(super) status: i32,
    /// The daemon's; it is stopped where that is 0.
    pub(super) daemon: i32,
}

const NONE: Fault =
    Fault { name: "", answer: |_| None, spoil: |_| {}, meets: |_| {}, status: 1, daemon: 0 };

/// The configuration is wrong.
const WRONG: Fault = Fault { status: 78, daemon: 78, ..NONE };

/// The database cannot be used.
const UNUSABLE: Fault = Fault { status: 74, daemon: 74, ..NONE };

/// A record whose e-mail address is hashed.
pub(super) fn record() -> &'static str {
    r#"{"id":1,"email":"ada@example.org","date":"2026-01-01"}"#
}

/// All that a request has said, as a careless server or gateway repeats it.
fn repeated(asked: &Asked) -> String {
    let headers: Vec<String> = asked
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or_default()))
        .collect();
    format!("{} {} {}", asked.body, headers.join(" "), secret(asked))
}

/// The secret as it was sent.
fn secret(asked: &Asked) -> String {
    let form = url::form_urlencoded::parse(asked.body.as_bytes());
    form.map(|(_, value)| value.into_owned()).collect::<Vec<_>>().join(" ")
}

fn problem(status: u16, asked: &Asked) -> Answer {
    let text = serde_json::Value::from(repeated(asked)).to_string();
    Answer::status(
        status,
        format!(
            r#"{{"error":"x","error_description":{text},"title":{text},"message":{text},"errors":{{"header":{text}}}}}"#
        ),
    )
}

fn for_page(asked: &Asked, answer: impl FnOnce() -> Answer) -> Option<Answer> {
    (asked.path != "/token").then(answer)
}

fn for_token(asked: &Asked, answer: impl FnOnce() -> Answer) -> Option<Answer> {
    (asked.path == "/token").then(answer)
}

/// Puts a line into the configuration's first table.
fn configure(sandbox: &Sandbox, line: &str) {
    let path = sandbox.path().join("config.toml");
    let text = fs::read_to_string(path).expect("the configuration is there");
    sandbox.write("config.toml", &text.replacen("[api]", &format!("[api]\n{line}"), 1));
}

/// A literal string takes each of the secrets as it is.
fn literal(secret: &str) -> String {
    format!("'{secret}'")
}

fn damage(sandbox: &Sandbox, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(sandbox.database());
    file.and_then(|file| file.write_all_at(bytes, at)).expect("the database is the test's own");
}

pub(super) const FAULTS: &[Fault] = &[
    Fault { name: "none", status: 65, ..NONE },
    Fault {
        name: "a token that the API does not take, and repeats",
        answer: |asked| for_page(asked, || problem(401, asked)),
        ..NONE
    },
    Fault {
        name: "a request that is forbidden, and repeated",
        answer: |asked| for_page(asked, || problem(403, asked)),
        ..NONE
    },
    Fault {
        name: "a request that is wrong, and repeated",
        answer: |asked| for_page(asked, || problem(400, asked)),
        ..NONE
    },
    Fault {
        name: "an outage that repeats the request",
        answer: |asked| for_page(asked, || problem(500, asked)),
        ..NONE
    },
    Fault {
        name: "a limit that repeats the request",
        answer: |asked| for_page(asked, || problem(429, asked).with("retry-after", "3600")),
        status: 75,
        ..NONE
    },
    Fault {
        name: "a page for people that repeats the request",
        answer: |asked| {
            for_page(asked, || Answer::json(format!("<title>{}</title>", repeated(asked))))
        },
        ..NONE
    },
    Fault {
        name: "JSON that is cut within what it repeats",
        answer: |asked| {
            for_page(asked, || Answer::json(format!(r#"{{"items":[],"next":"{}"#, repeated(asked))))
        },
        ..NONE
    },
    Fault {
        name: "a redirect elsewhere with the token in it",
        answer: |asked| {
            let to = format!("http://elsewhere.example/?t={TOKEN}");
            for_page(asked, || problem(302, asked).with("location", to))
        },
        ..NONE
    },
    Fault {
        name: "a cursor that is the token",
        answer: |asked| {
            for_page(asked, || Answer::json(format!(r#"{{"items":[],"next":{{"a":"{TOKEN}"}}}}"#)))
        },
        ..NONE
    },
    Fault {
        name: "a secret that is refused, and repeated",
        answer: |asked| {
            for_token(asked, || {
                let text = serde_json::Value::from(repeated(asked)).to_string();
                let body = format!(r#"{{"error":"invalid_client","error_description":{text}}}"#);
                Answer::status(401, body)
            })
        },
        status: 77,
        daemon: 77,
        ..NONE
    },
    Fault {
        name: "a token endpoint that repeats the form",
        answer: |asked| for_token(asked, || problem(400, asked)),
        ..NONE
    },
    Fault {
        name: "a token endpoint that fails and repeats the form",
        answer: |asked| for_token(asked, || problem(500, asked)),
        ..NONE
    },
    Fault {
        name: "a token endpoint that is limited and repeats the form",
        answer: |asked| for_token(asked, || problem(429, asked).with("retry-after", "3600")),
        status: 75,
        ..NONE
    },
    Fault {
        name: "a token that no header can hold",
        answer: |asked| {
            for_token(asked, || {
                Answer::json(format!(
                    r#"{{"access_token":"{TOKEN}\r\nx: y","token_type":"Bearer"}}"#
                ))
            })
        },
        ..NONE
    },
    Fault {
        name: "a token of another type",
        answer: |asked| {
            for_token(asked, || {
                Answer::json(format!(r#"{{"access_token":"{TOKEN}","token_type":"{TOKEN}"}}"#))
            })
        },
        ..NONE
    },
    Fault {
        name: "a service that cannot be reached",
        spoil: |sandbox| sandbox.set("MAPIQ_SYNC__API__BASE_URL", "http://127.0.0.1:1"),
        status: 69,
        ..NONE
    },
    Fault {
        name: "a proxy of the environment that cannot be reached",
        spoil: |sandbox| {
            sandbox.set("HTTP_PROXY", &format!("http://user:{PASSWORD}@127.0.0.1:1"));
            sandbox.set("MAPIQ_SYNC__API__BASE_URL", "http://localhost:1");
        },
        status: 69,
        ..NONE
    },
    Fault {
        name: "a secret in the configuration",
        spoil: |sandbox| configure(sandbox, &format!("client_secret = {}", literal(SECRET))),
        ..WRONG
    },
    Fault {
        name: "a secret in the configuration that is no TOML",
        spoil: |sandbox| configure(sandbox, &format!("client_secret = '{SECRET}")),
        ..WRONG
    },
    Fault {
        name: "the key of hashes in the configuration",
        spoil: |sandbox| configure(sandbox, &format!("hash_key = {}", literal(KEY))),
        ..WRONG
    },
    Fault {
        name: "secrets in the places of the files that have them",
        spoil: |sandbox| {
            configure(
                sandbox,
                &format!(
                    "client_secret_file = {}\nhash_key_file = {}",
                    literal(SECRET),
                    literal(KEY)
                ),
            );
            sandbox.unset("MAPIQ_CLIENT_SECRET");
            sandbox.unset("MAPIQ_HASH_KEY");
        },
        ..WRONG
    },
    Fault {
        name: "secrets in variables that are no keys",
        spoil: |sandbox| {
            sandbox.set("MAPIQ_SYNC__API__CLIENT_SECRET", SECRET);
            sandbox.set("MAPIQ_SYNC__API__HASH_KEY", KEY);
        },
        ..WRONG
    },
    Fault {
        name: "a password in the URLs of the configuration",
        spoil: |sandbox| {
            sandbox.unset("MAPIQ_SYNC__API__BASE_URL");
            let path = sandbox.path().join("config.toml");
            let text = fs::read_to_string(path).expect("the configuration is there");
            let text = text.replace("http://127", &format!("http://user:{PASSWORD}@127"));
            sandbox.write("config.toml", &text);
            configure(sandbox, &format!("proxy = 'http://user:{PASSWORD}@127.0.0.1:1'"));
        },
        ..WRONG
    },
    Fault {
        name: "a password in the URLs of the environment",
        spoil: |sandbox| {
            let url = format!("http://user:{PASSWORD}@127.0.0.1:1");
            sandbox.set("MAPIQ_SYNC__API__BASE_URL", &url);
            sandbox.set("MAPIQ_SYNC__API__TOKEN_URL", &format!("{url}/token?secret={SECRET}"));
            sandbox.set("MAPIQ_SYNC__API__PROXY", &url);
        },
        ..WRONG
    },
    Fault {
        name: "a database whose header is damaged",
        spoil: |sandbox| damage(sandbox, 16, &[0xa5; 2]),
        ..UNUSABLE
    },
    Fault {
        name: "a database whose pages are damaged",
        spoil: |sandbox| {
            let page = sandbox.count("SELECT rootpage FROM sqlite_schema WHERE name = 'users'");
            let at = u64::try_from(page - 1).expect("pages count from 1") * 4096;
            damage(sandbox, at, &[0xa5; 4096]);
        },
        ..UNUSABLE
    },
    Fault {
        name: "a full disk",
        meets: |command| meets_disk_fault(command, DiskFault::Full),
        ..UNUSABLE
    },
    Fault {
        name: "a disk that fails",
        meets: |command| meets_disk_fault(command, DiskFault::Broken),
        ..UNUSABLE
    },
];
