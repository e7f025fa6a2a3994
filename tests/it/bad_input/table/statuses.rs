//! Every status that means something of its own, and tokens that are revoked.

use std::{fs::OpenOptions, path::Path};

use axum::http::StatusCode;

use super::{Answer, Asked, Case, SECOND_PAGE, STORED, Sent, is_second, second, users};

/// The answer that is given once; the folder keeps the mark.
pub(super) fn once(
    asked: &Asked,
    folder: &Path,
    answer: impl FnOnce() -> Answer,
) -> Option<Answer> {
    let first = || {
        let mark = OpenOptions::new().create_new(true).write(true).open(folder.join("once"));
        mark.is_ok()
    };
    (is_second(asked) && first()).then(answer)
}

/// A status that asking again would not change.
macro_rules! refused {
    ($status:literal, $told:literal) => {
        Case {
            name: concat!("status ", $status),
            answer: |asked, _| second(asked, || Answer::status($status, r#"{"title":"No"}"#)),
            told: &[concat!("\nerror: users failed: page 2: HTTP ", $status, $told)],
            ..SECOND_PAGE
        }
    };
}

/// A status that may pass.
macro_rules! transient {
    ($status:literal, $told:literal) => {
        Case {
            name: concat!("status ", $status),
            answer: |asked, _| second(asked, || Answer::status($status, r#"{"title":"No"}"#)),
            told: &[
                concat!("\nerror: users failed: page 2: HTTP ", $status, $told),
                "trying again in",
            ],
            sent: Sent::Again,
            ..SECOND_PAGE
        }
    };
}

/// A token that is no longer taken, whether or not there is another.
fn revoked(asked: &Asked) -> Option<Answer> {
    second(asked, || Answer::status(401, r#"{"message":"Access token is revoked."}"#))
}

pub(super) const CASES: &[Case] = &[
    refused!(300, " Multiple Choices"),
    refused!(304, " Not Modified"),
    refused!(400, " Bad Request: No"),
    refused!(402, " Payment Required: No"),
    refused!(403, " Forbidden: No: this client lacks the permission"),
    refused!(404, " Not Found: No"),
    refused!(405, " Method Not Allowed: No"),
    refused!(406, " Not Acceptable: No"),
    refused!(409, " Conflict: No"),
    refused!(410, " Gone: No"),
    refused!(413, " Payload Too Large: No"),
    refused!(414, " URI Too Long: No"),
    refused!(415, " Unsupported Media Type: No"),
    refused!(422, " Unprocessable Entity: No"),
    refused!(431, " Request Header Fields Too Large: No"),
    refused!(451, " Unavailable For Legal Reasons: No"),
    transient!(408, " Request Timeout: No"),
    transient!(425, " Too Early: No"),
    transient!(500, " Internal Server Error: No"),
    transient!(501, " Not Implemented: No"),
    transient!(502, " Bad Gateway: No"),
    transient!(503, " Service Unavailable: No"),
    transient!(504, " Gateway Timeout: No"),
    transient!(507, " Insufficient Storage: No"),
    transient!(520, ""),
    transient!(599, ""),
    Case {
        name: "status 500, once",
        answer: |asked, folder| once(asked, folder, || Answer::status(500, "")),
        ..STORED
    },
    Case {
        name: "status 203, a page all the same",
        answer: |asked, _| {
            is_second(asked).then(|| {
                let mut page = users(asked);
                page.status = StatusCode::NON_AUTHORITATIVE_INFORMATION;
                page
            })
        },
        ..STORED
    },
    Case {
        name: "a token that is revoked, once",
        answer: |asked, folder| once(asked, folder, || Answer::status(401, "")),
        check: |world| assert_eq!(world.api.asked_for("/token").len(), 2, "one new token"),
        ..STORED
    },
    Case {
        name: "tokens that are revoked, each of them",
        answer: |asked, _| revoked(asked),
        told: &[
            "\nerror: users failed: page 2: a new access token was refused too (HTTP 401 Unauthorized: Access token is revoked): has the client been disabled, or is `api.scope` wrong?",
        ],
        sent: Sent::Again,
        check: |world| {
            assert_eq!(world.api.asked_for("/token").len(), 2, "one new token");
        },
        ..SECOND_PAGE
    },
    Case {
        name: "a token that is revoked, and credentials too",
        answer: |asked, folder| {
            if folder.join("revoked").exists() && asked.path == "/token" {
                return Some(Answer::status(401, r#"{"error":"invalid_client"}"#));
            }
            let answer = revoked(asked)?;
            std::fs::write(folder.join("revoked"), "").expect("the folder is writable");
            Some(answer)
        },
        status: 77,
        told: &["the token endpoint refuses the credentials: invalid_client (HTTP 401)"],
        sent: Sent::Again,
        ..SECOND_PAGE
    },
    Case {
        name: "a token that is revoked, and a token endpoint that fails",
        answer: |asked, folder| {
            if folder.join("revoked").exists() && asked.path == "/token" {
                return Some(Answer::status(500, ""));
            }
            let answer = revoked(asked)?;
            std::fs::write(folder.join("revoked"), "").expect("the folder is writable");
            Some(answer)
        },
        told: &["cannot get an access token: the token endpoint is in trouble: HTTP 500"],
        sent: Sent::Again,
        ..SECOND_PAGE
    },
];
