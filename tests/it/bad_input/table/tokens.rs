//! What a token endpoint may answer instead of a token, and with one.

use std::{convert::Infallible, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::stream;

use super::{AT_FIRST, Answer, Case, STORED, Sent, TOKEN, for_token};

fn with_life(life: &str) -> Answer {
    Answer::json(format!(r#"{{"access_token":"{TOKEN}","token_type":"bearer"{life}}}"#))
}

fn with_token(token: &str) -> Answer {
    Answer::json(format!(r#"{{"access_token":{token},"token_type":"Bearer","expires_in":3599}}"#))
}

/// An answer of 200 that has no token.
const NO_TOKEN: Case = Case {
    told: &[
        "\nerror: users failed: cannot get an access token: the token endpoint's answer has no usable token: access_token",
    ],
    ..AT_FIRST
};

const NOT_JSON: Case = Case {
    told: &[
        "\nerror: users failed: cannot get an access token: the token endpoint's answer is not JSON, is api.token_url right?",
    ],
    sent: Sent::Again,
    ..AT_FIRST
};

/// A token that serves one request each time it is asked for, or all of them.
const TAKEN: Case = Case { sent: Sent::Whatever, ..STORED };

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a token answer without a token",
        answer: |asked, _| {
            for_token(asked, || Answer::json(r#"{"token_type":"Bearer","expires_in":3599}"#))
        },
        ..NO_TOKEN
    },
    Case {
        name: "a token that is null",
        answer: |asked, _| for_token(asked, || with_token("null")),
        ..NO_TOKEN
    },
    Case {
        name: "a token that is empty",
        answer: |asked, _| for_token(asked, || with_token(r#""""#)),
        ..NO_TOKEN
    },
    Case {
        name: "a token that would begin another header",
        answer: |asked, _| for_token(asked, || with_token(r#""hunter\r\nx-admin: 1""#)),
        ..NO_TOKEN
    },
    Case {
        name: "a token that is no ASCII",
        answer: |asked, _| for_token(asked, || with_token(r#""hunter\u00e9""#)),
        ..NO_TOKEN
    },
    Case {
        name: "a token of 100 kB",
        answer: |asked, _| {
            for_token(asked, || with_token(&format!(r#""{}""#, "hunter".repeat(17_000))))
        },
        told: &["access_token is longer than 64 KiB"],
        ..NO_TOKEN
    },
    Case {
        name: "a token of 1 MB",
        answer: |asked, _| {
            for_token(asked, || with_token(&format!(r#""{}""#, "hunter".repeat(170_000))))
        },
        told: &[
            "the token endpoint's answer has no usable token: it is larger than 256 KiB, is api.token_url right?",
        ],
        ..NO_TOKEN
    },
    Case {
        name: "a token of another type",
        answer: |asked, _| {
            for_token(asked, || Answer::json(r#"{"access_token":"hunter","token_type":"mac"}"#))
        },
        told: &["no usable token: token_type is not Bearer"],
        ..NO_TOKEN
    },
    Case {
        name: "a list instead of a token answer",
        answer: |asked, _| for_token(asked, || Answer::json("[]")),
        told: &["no usable token: it is not an object"],
        ..NO_TOKEN
    },
    Case {
        name: "a sign-in page instead of a token answer",
        answer: |asked, _| for_token(asked, || Answer::json("<!DOCTYPE html><title>Hello</title>")),
        ..NOT_JSON
    },
    Case {
        name: "a token answer that is cut",
        answer: |asked, _| for_token(asked, || Answer::json(r#"{"access_token":"hunter"#)),
        ..NOT_JSON
    },
    Case {
        name: "a token answer that never ends",
        answer: |asked, _| {
            for_token(asked, || {
                Answer::json(Body::from_stream(stream::unfold((), |()| async {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
                })))
            })
        },
        spoil: |world| world.set("API__TIMEOUT", "300ms"),
        mend: |world| world.unset("API__TIMEOUT"),
        status: 69,
        told: &["no answer from the token endpoint: 127.0.0.1:", "within 0.3 s (api.timeout)"],
        sent: Sent::Again,
        ..AT_FIRST
    },
    Case {
        name: "a token endpoint that leads to another origin",
        answer: |asked, _| {
            for_token(asked, || Answer::status(308, "").with("location", "http://127.0.0.1:1/t"))
        },
        told: &["the token endpoint refuses the request: HTTP 308", "look at api.token_url"],
        ..AT_FIRST
    },
    Case {
        name: "a refusal that repeats the secret where it is cut",
        answer: |asked, _| {
            for_token(asked, || {
                let said = format!("{}hunter2-secret", "-".repeat(194));
                Answer::status(400, format!(r#"{{"error":"x","error_description":"{said}"}}"#))
            })
        },
        told: &["x: ---", "look at api.token_url and api.scope"],
        ..AT_FIRST
    },
    Case {
        name: "a life that is a text",
        answer: |asked, _| for_token(asked, || with_life(r#","expires_in":"3599""#)),
        sent: Sent::Once,
        ..TAKEN
    },
    Case {
        name: "a life that is not stated",
        answer: |asked, _| for_token(asked, || with_life("")),
        sent: Sent::Once,
        ..TAKEN
    },
    Case {
        name: "a life that is no number",
        answer: |asked, _| for_token(asked, || with_life(r#","expires_in":"NaN""#)),
        sent: Sent::Once,
        ..TAKEN
    },
    Case {
        name: "a life beyond all numbers",
        answer: |asked, _| {
            for_token(asked, || with_life(&format!(r#","expires_in":{}"#, "9".repeat(400))))
        },
        sent: Sent::Once,
        ..TAKEN
    },
    Case {
        name: "a life of nothing",
        answer: |asked, _| for_token(asked, || with_life(r#","expires_in":0"#)),
        sent: Sent::Again,
        ..TAKEN
    },
    Case {
        name: "a life that is over",
        answer: |asked, _| for_token(asked, || with_life(r#","expires_in":"-5""#)),
        sent: Sent::Again,
        ..TAKEN
    },
];
