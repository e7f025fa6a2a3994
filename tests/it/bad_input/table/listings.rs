//! Listings that lead nowhere, and answers that lead elsewhere.

use super::{Answer, Asked, Case, SECOND_PAGE, STORED, Sent, TOKEN, listing, record, second};

/// A second page that names that as the next cursor.
fn next_cursor(asked: &Asked, next: &str) -> Option<Answer> {
    second(asked, || {
        Answer::json(format!(r#"{{"items":[{},{}],"next":{next}}}"#, record(3), record(4)))
    })
}

const NO_CURSOR: Case =
    Case { told: &["page 2 cannot be read: ", "lies at next = \"next\""], ..SECOND_PAGE };

/// What sets the users' style of paging.
const PAGINATION: &str = "ENDPOINT__USERS__PAGINATION";

/// The next page lies where the token must not go.
const NEXT_ELSEWHERE: Case = Case {
    told: &[
        "\nerror: users failed: page 2: the listing cannot be followed: ",
        "the API named a next page at http://127.0.0.1:1, which is not the origin of `api.base_url`, http://127.0.0.1:",
        "does not get the token: is `api.base_url` right?",
    ],
    ..SECOND_PAGE
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "an empty page in the middle",
        answer: |asked, _| match asked.param("cursor") {
            "1" => Some(Answer::json(r#"{"items":[],"next":"then"}"#)),
            "then" => Some(listing(&[record(3), record(4)], 2)),
            _ => None,
        },
        sent: Sent::Whatever,
        check: |world| assert_eq!(world.api.asked_for("/v2/users").len(), 4),
        ..STORED
    },
    Case {
        name: "a cursor that does not move",
        answer: |asked, _| next_cursor(asked, r#""1""#),
        told: &[
            "\nerror: users failed: page 2: the listing cannot be followed: ",
            "the API named a cursor that it had named before",
            "check the cursor parameter `cursor` and the path `next`",
        ],
        // Its checkpoint would lead to the same place.
        resumes: false,
        ..SECOND_PAGE
    },
    Case {
        name: "an empty cursor",
        answer: |asked, _| next_cursor(asked, r#""""#),
        check: |_| {},
        stored: 4,
        ..STORED
    },
    Case {
        name: "a cursor that is an object",
        answer: |asked, _| next_cursor(asked, r#"{"after":2}"#),
        ..NO_CURSOR
    },
    Case {
        name: "a cursor that is no Unicode text",
        answer: |asked, _| next_cursor(asked, r#""\ud800""#),
        ..NO_CURSOR
    },
    Case {
        name: "a cursor of a megabyte",
        answer: |asked, _| next_cursor(asked, &format!(r#""{}""#, "x".repeat(1_000_000))),
        told: &[
            "\nerror: users failed: page 2: the listing cannot be followed: ",
            "the API named a next page in 1000000 bytes, and no more than 8192 are followed",
        ],
        ..SECOND_PAGE
    },
    Case {
        name: "a cursor as long as a request can be",
        answer: |asked, _| match asked.param("cursor") {
            cursor if cursor.len() > 8_000 => Some(listing(&[record(5), record(6)], 3)),
            _ => next_cursor(asked, &format!(r#""{}""#, "&".repeat(8_192))),
        },
        sent: Sent::Whatever,
        ..STORED
    },
    Case {
        name: "a next URL of another origin",
        answer: |asked, _| {
            second(asked, || {
                let next = "http://127.0.0.1:1/v2/users?key=hunter";
                Answer::json(format!(r#"{{"items":[{}],"next_url":"{next}"}}"#, record(3)))
            })
        },
        spoil: |world| world.set(PAGINATION, r#"{ style = "next-url", next = "next_url" }"#),
        ..NEXT_ELSEWHERE
    },
    Case {
        name: "a next link to another origin",
        answer: |asked, _| {
            second(asked, || {
                let link = r#"<http://127.0.0.1:1/v2/users?key=hunter>; rel="next""#;
                listing(&[record(3)], 2).with("link", link)
            })
        },
        spoil: |world| world.set(PAGINATION, r#"{ style = "link" }"#),
        ..NEXT_ELSEWHERE
    },
    Case {
        name: "a redirect to another origin",
        answer: |asked, _| {
            second(asked, || {
                Answer::status(302, "").with("location", "http://127.0.0.1:1/v2/users?key=hunter")
            })
        },
        told: &[
            "page 2: redirected to http://127.0.0.1:1/v2/users, which is not of `api.base_url`'s origin",
            "does not get the token: is `api.base_url` right?",
        ],
        ..SECOND_PAGE
    },
    Case {
        name: "a redirect to a file",
        answer: |asked, _| {
            second(asked, || Answer::status(301, "").with("location", "file:///etc/passwd"))
        },
        told: &["page 2: redirected to file:, which is not of `api.base_url`'s origin"],
        ..SECOND_PAGE
    },
    Case {
        name: "a redirect to nowhere",
        answer: |asked, _| second(asked, || Answer::status(307, "")),
        told: &["page 2: HTTP 307 Temporary Redirect: the redirect does not say where to"],
        ..SECOND_PAGE
    },
    Case {
        name: "an error that repeats the token",
        answer: |asked, _| {
            second(asked, || {
                Answer::status(400, format!(r#"{{"message":"Bearer {TOKEN} is odd"}}"#))
            })
        },
        told: &["page 2: HTTP 400 Bad Request: Bearer … is odd"],
        ..SECOND_PAGE
    },
    Case {
        name: "a page for people that repeats the token",
        answer: |asked, _| second(asked, || Answer::json(format!("you sent {TOKEN}"))),
        told: &["page 2 cannot be read: the response is not JSON", "It begins with `you sent …`"],
        sent: Sent::Again,
        ..SECOND_PAGE
    },
    Case {
        name: "an error that repeats the token where it is cut",
        answer: |asked, _| {
            second(asked, || Answer::status(400, format!("{}{TOKEN}", "-".repeat(292))))
        },
        told: &["page 2: HTTP 400 Bad Request: ---"],
        ..SECOND_PAGE
    },
];
