//! Clocks that are a day off: the server's, ours, and the one that has stamped the ledger.

use std::{
    fs::OpenOptions,
    path::Path,
    time::{Duration, SystemTime},
};

use rusqlite::Connection;

use super::{Answer, Asked, Case, STORED, Sent, TOKEN, World, for_token, is_second, run};

const DAY: Duration = Duration::from_hours(24);

/// An HTTP date by our clock.
#[expect(clippy::disallowed_methods, reason = "a test's server has no Clock")]
fn date(shift: impl FnOnce(SystemTime) -> SystemTime) -> String {
    httpdate::fmt_http_date(shift(SystemTime::now()))
}

/// The first time, a refusal that ends a second after the server's time.
fn limited(
    asked: &Asked,
    folder: &Path,
    shift: impl Fn(SystemTime) -> SystemTime,
) -> Option<Answer> {
    let first = || {
        let mark = OpenOptions::new().create_new(true).write(true).open(folder.join("limited"));
        mark.is_ok()
    };
    (is_second(asked) && first()).then(|| {
        Answer::status(429, "")
            .with("date", date(&shift))
            .with("retry-after", date(|now| shift(now) + Duration::from_secs(1)))
    })
}

/// A token that says by the server's clock alone how long it lives.
fn dated_token(shift: impl Fn(SystemTime) -> SystemTime) -> Answer {
    let end = shift_seconds(&shift) + 3600;
    let token =
        format!(r#"{{"access_token":"{TOKEN}","token_type":"Bearer","expires_on":"{end}"}}"#);
    Answer::json(token).with("date", date(shift))
}

#[expect(clippy::disallowed_methods, reason = "a test's server has no Clock")]
fn shift_seconds(shift: impl FnOnce(SystemTime) -> SystemTime) -> u64 {
    let since = shift(SystemTime::now()).duration_since(SystemTime::UNIX_EPOCH);
    since.expect("it is later than 1970").as_secs()
}

/// A whole run with a limit that is used up, and what a clock that was wrong then would have left.
fn restamp(world: &mut World, sql: &str) {
    world.set("RATE_LIMIT__REQUESTS", "3");
    world.set("RATE_LIMIT__PER", "1s");
    run(&world.sandbox, &["--run-now"]).expect_status(0);
    let connection = Connection::open(world.sandbox.database()).expect("the database is there");
    let changed = connection.execute(sql, []).expect("the SQL is valid");
    assert!(changed > 0, "there is nothing to stamp anew");
}

/// A refusal without a time that can be read would count for an hour, which is longer than the longest wait.
const LIMITED: Case = Case { spoil: |world| world.set("RATE_LIMIT__PER", "1h"), ..STORED };

/// A stamp that is not counted as now would mean a wait longer than the longest.
const STAMPED: Case = Case { sent: Sent::Whatever, ..STORED };

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a limit's end by a clock that is a day ahead",
        answer: |asked, folder| limited(asked, folder, |now| now + DAY),
        ..LIMITED
    },
    Case {
        name: "a limit's end by a clock that is a day behind",
        answer: |asked, folder| limited(asked, folder, |now| now - DAY),
        ..LIMITED
    },
    Case {
        name: "a token's end by a clock that is a day ahead",
        answer: |asked, _| for_token(asked, || dated_token(|now| now + DAY)),
        ..STORED
    },
    Case {
        name: "a token's end by a clock that is a day behind",
        answer: |asked, _| for_token(asked, || dated_token(|now| now - DAY)),
        ..STORED
    },
    Case {
        name: "a ledger by a clock that was a day ahead, before a reboot",
        spoil: |world| {
            restamp(
                world,
                "UPDATE _sync_requests SET boot_id = 'another', counts_from_ns = 9e18, \
                 counts_from_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '1 day')",
            );
        },
        ..STAMPED
    },
    Case {
        name: "a ledger by a clock that is set back a day in the same boot",
        spoil: |world| {
            restamp(
                world,
                "UPDATE _sync_requests SET \
                 counts_from_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '1 day')",
            );
        },
        ..STAMPED
    },
    Case {
        name: "a pause by a clock that was a day ahead, before a reboot",
        spoil: |world| {
            restamp(
                world,
                "INSERT INTO _sync_pauses SELECT '/v2/users', '', \
                 strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '1 day'), 1000, \
                 strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '1 day', '1 second'), 9e18, 'another'",
            );
        },
        ..STAMPED
    },
];
