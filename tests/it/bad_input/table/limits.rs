//! Every form in which a limit says how long it lasts, and those that say nothing.

use super::{Answer, Case, SECOND_PAGE, STORED, Sent, World, second, statuses::once};

/// What would count as an hour is longer than the longest wait.
fn an_hour(world: &mut World) {
    world.set("RATE_LIMIT__PER", "1h");
}

/// The wait is read, and waited for.
const READ: Case = Case { spoil: an_hour, ..STORED };

/// The wait cannot be read, so that a whole period is waited for: by the next run.
const A_PERIOD: Case = Case {
    spoil: an_hour,
    mend: time_passes,
    status: 75,
    result: Some("paused"),
    told: &["users  paused: "],
    check: |world| expect_pause(world, 3500, 3700),
    ..SECOND_PAGE
};

/// No wait is longer than a day.
const A_DAY: Case = Case { check: |world| expect_pause(world, 86_000, 86_500), ..A_PERIOD };

/// How many seconds the stored pause has left: the next run obeys it.
#[track_caller]
fn expect_pause(world: &World, least: i64, most: i64) {
    let left = "SELECT CAST((julianday(not_before_at) - julianday('now')) * 86400 AS INTEGER) \
                FROM _sync_endpoint_runs";
    let left = world.sandbox.count(left);
    assert!((least..=most).contains(&left), "{left} seconds are left");
    super::run(&world.sandbox, &["--run-now"]).expect_status(75);
    let asked = world.api.asked_for("/v2/users").len();
    assert_eq!(asked, 2, "nothing is asked before the pause is over");
}

/// The hour, or the day, passes.
fn time_passes(world: &mut World) {
    world.sandbox.execute("DELETE FROM _sync_pauses");
}

/// A refusal for the limit with a `Retry-After`.
macro_rules! limited {
    ($case:expr, $status:literal, $value:literal, $name:literal) => {
        Case {
            name: concat!($name, ", status ", $status, ", `", $value, "`"),
            answer: |asked, folder| {
                once(asked, folder, || Answer::status($status, "").with("retry-after", $value))
            },
            ..$case
        }
    };
}

/// A refusal for the limit that says in its text how long it lasts.
macro_rules! limited_by_message {
    ($case:expr, $status:literal, $text:literal) => {
        Case {
            name: concat!("status ", $status, ", `", $text, "`"),
            answer: |asked, folder| {
                once(asked, folder, || {
                    Answer::status($status, concat!(r#"{"message":""#, $text, r#""}"#))
                })
            },
            ..$case
        }
    };
}

pub(super) const CASES: &[Case] = &[
    limited!(READ, 429, "1", "a wait in seconds"),
    limited!(READ, 503, "1", "a wait in seconds"),
    limited!(READ, 429, "001", "a wait in seconds"),
    limited!(READ, 429, "0.5", "a wait in seconds"),
    limited!(A_PERIOD, 429, "0", "a wait of nothing"),
    limited!(A_PERIOD, 503, "0", "a wait of nothing"),
    limited!(A_PERIOD, 429, "-1", "a wait that is negative"),
    limited!(A_PERIOD, 429, "soon", "a wait that is no wait"),
    limited!(A_PERIOD, 429, "", "a wait that is empty"),
    limited!(A_PERIOD, 429, "1, 1", "two waits"),
    limited!(A_PERIOD, 429, "NaN", "a wait that is no number"),
    limited!(A_PERIOD, 429, "Thu, 01 Jan 1970 00:00:00 GMT", "a date that is past"),
    limited!(A_PERIOD, 429, "Thu, 32 Jan 2099 00:00:00 GMT", "a date that there is not"),
    limited!(A_DAY, 429, "Thu, 01 Jan 2099 00:00:00 GMT", "a date that is far away"),
    limited!(A_DAY, 429, "999999999", "a wait of years"),
    limited!(A_DAY, 429, "99999999999999999999999999", "a wait beyond all numbers"),
    limited_by_message!(READ, 429, "Rate limit is exceeded. Try again in 1 seconds."),
    limited_by_message!(
        READ,
        403,
        "Out of call volume quota. Quota will be replenished in 00:00:01."
    ),
    limited_by_message!(A_PERIOD, 429, "Rate limit is exceeded."),
    limited_by_message!(A_PERIOD, 429, "Rate limit is exceeded. Try again in a while."),
    Case {
        name: "a limit that never ends",
        answer: |asked, _| second(asked, || Answer::status(429, "").with("retry-after", "0")),
        spoil: |world| {
            world.set("RATE_LIMIT__PER", "1s");
        },
        sent: Sent::Again,
        check: |_| {},
        told: &["users  paused: ", "10 times"],
        ..A_PERIOD
    },
];
