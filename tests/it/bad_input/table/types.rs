//! Content types and encodings that are not what they say: what counts is the body.

use super::{Answer, Asked, Case, SECOND_PAGE, STORED, Sent, is_second, second, users};

/// The right page under a wrong name.
macro_rules! named {
    ($header:literal, $value:literal) => {
        Case {
            name: concat!("a page with `", $header, ": ", $value, "`"),
            answer: |asked, _| is_second(asked).then(|| users(asked).with($header, $value)),
            ..STORED
        }
    };
}

fn page_for_people(asked: &Asked, content_type: &'static str) -> Option<Answer> {
    second(asked, || {
        Answer::json("<!DOCTYPE html>\n<title>Sign in</title>").with("content-type", content_type)
    })
}

/// No page, and it may be one a moment later.
const NO_PAGE: Case = Case {
    told: &[
        "\nerror: users failed: page 2 cannot be read: the response is not JSON",
        "<!DOCTYPE html>",
    ],
    sent: Sent::Again,
    ..SECOND_PAGE
};

pub(super) const CASES: &[Case] = &[
    named!("content-type", "text/html"),
    named!("content-type", "text/plain; charset=iso-8859-1"),
    named!("content-type", "application/octet-stream"),
    named!("content-type", "application/json; charset=utf-16"),
    named!("content-type", ""),
    named!("content-type", "no type at all"),
    named!("content-encoding", "identity"),
    named!("content-disposition", "attachment; filename=users.csv"),
    Case {
        name: "a page for people that says so",
        answer: |asked, _| page_for_people(asked, "text/html; charset=utf-8"),
        ..NO_PAGE
    },
    Case {
        name: "a page for people that says it is JSON",
        answer: |asked, _| page_for_people(asked, "application/json"),
        ..NO_PAGE
    },
    Case {
        name: "comma-separated values",
        answer: |asked, _| {
            second(asked, || Answer::json("id,name\n3,Ada\n").with("content-type", "text/csv"))
        },
        told: &["\nerror: users failed: page 2 cannot be read: the response is not JSON"],
        ..NO_PAGE
    },
    Case {
        name: "XML",
        answer: |asked, _| {
            second(asked, || {
                Answer::json("<?xml version=\"1.0\"?><users/>").with("content-type", "text/xml")
            })
        },
        told: &["\nerror: users failed: page 2 cannot be read: the response is not JSON"],
        ..NO_PAGE
    },
    Case {
        name: "an encoding that was not asked for",
        answer: |asked, _| {
            second(asked, || {
                // What a page in Brotli begins with.
                Answer::json(&b"\x8b\x03\x80\x7b\x22"[..]).with("content-encoding", "br")
            })
        },
        told: &["\nerror: users failed: page 2 cannot be read: the response is not UTF-8 text"],
        ..NO_PAGE
    },
];
