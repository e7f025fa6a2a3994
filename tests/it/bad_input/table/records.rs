//! Records and values that are odd, and those that cannot be stored.

use super::{Answer, Asked, Case, STORED, Sent, World, listing, record, second};

/// A second page with another record in the place of the third user.
fn third(asked: &Asked, third: &str) -> Option<Answer> {
    second(asked, || listing(&[third, &record(4)], 2))
}

/// What is stored of the third user.
fn expect_third(world: &World, columns: &str, values: &str) {
    let sql = format!("SELECT {columns} FROM users WHERE id IN (3, '3')");
    assert_eq!(world.sandbox.lines(&sql), [values]);
}

fn expect_reject(world: &World, reason: &str) {
    assert_eq!(world.sandbox.lines("SELECT reason FROM _sync_rejects"), [reason]);
}

/// One record is put aside, the others are stored.
const REJECTED: Case = Case {
    status: 65,
    stored: 5,
    told: &[
        "\nerror: users: 1 record cannot be stored; see `SELECT reason, record FROM _sync_rejects WHERE endpoint = 'users'`",
    ],
    ..STORED
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a key that is an object",
        answer: |asked, _| third(asked, r#"{"id":{"a":3},"name":"Ada Lovelace"}"#),
        check: |world| expect_reject(world, "key part `id` is an object, not a scalar"),
        ..REJECTED
    },
    Case {
        name: "a key that is an array",
        answer: |asked, _| third(asked, r#"{"id":[3]}"#),
        check: |world| expect_reject(world, "key part `id` is an array, not a scalar"),
        ..REJECTED
    },
    Case {
        name: "a key that is null",
        answer: |asked, _| third(asked, r#"{"id":null}"#),
        check: |world| expect_reject(world, "key part `id` is null"),
        ..REJECTED
    },
    Case {
        name: "a key that is missing",
        answer: |asked, _| third(asked, r#"{"name":"Ada Lovelace"}"#),
        check: |world| expect_reject(world, "key part `id` is missing"),
        ..REJECTED
    },
    Case {
        name: "a key that is an empty string",
        answer: |asked, _| third(asked, r#"{"id":""}"#),
        check: |world| {
            assert_eq!(world.sandbox.count("SELECT count(*) FROM users WHERE id = ''"), 1);
        },
        in_the_end: 7,
        ..STORED
    },
    Case {
        name: "a record that is a number",
        answer: |asked, _| third(asked, "3"),
        check: |world| expect_reject(world, "the record is a number, not an object"),
        ..REJECTED
    },
    Case {
        name: "half a surrogate pair in a value",
        answer: |asked, _| third(asked, r#"{"id":3,"name":"Lovelace \ud800"}"#),
        check: |world| expect_reject(world, "field `name` holds a string that is no Unicode text"),
        ..REJECTED
    },
    Case {
        name: "half a surrogate pair in a key",
        answer: |asked, _| third(asked, r#"{"id":3,"\ud800":1}"#),
        check: |world| expect_reject(world, r#"a key is no Unicode text: "\ud800""#),
        ..REJECTED
    },
    Case {
        name: "NUL in a string and in a key",
        answer: |asked, _| third(asked, r#"{"id":3,"name":"a\u0000b","\u0000x":1}"#),
        check: |world| {
            expect_third(world, "hex(name)", "610062");
            let mapped = "SELECT hex(json_path) FROM _sync_columns WHERE column_name = 'x'";
            assert_eq!(world.sandbox.lines(mapped), ["0078"]);
        },
        ..STORED
    },
    Case {
        name: "arrays ten thousand deep",
        answer: |asked, _| {
            let deep = "[".repeat(10_000) + &"]".repeat(10_000);
            third(asked, &format!(r#"{{"id":3,"deep":{deep}}}"#))
        },
        check: |world| expect_third(world, "length(deep)", "20000"),
        ..STORED
    },
    Case {
        name: "objects ten thousand deep",
        answer: |asked, _| {
            let deep = r#"{"d":"#.repeat(10_000) + "7" + &"}".repeat(10_000);
            third(asked, &format!(r#"{{"id":3,"deep":{deep}}}"#))
        },
        check: |world| {
            let deepest = "SELECT column_name FROM _sync_columns WHERE json_path LIKE 'deep.%'";
            let columns = world.sandbox.lines(deepest);
            let [column] = columns.as_slice() else { panic!("{columns:?}") };
            let levels = world
                .sandbox
                .count(&format!("SELECT length({column}) / 6 FROM users WHERE id = 3"));
            // Five characters open a level and one closes it: the seven stands where they meet.
            let place = format!("length({column}) % 6, instr({column}, '7') - 5 * {levels}");
            expect_third(world, &place, "1|1");
            assert!(levels > 9_900, "{levels}");
        },
        ..STORED
    },
    Case {
        name: "the same member twice",
        answer: |asked, _| {
            third(
                asked,
                r#"{"id":9,"name":"early","id":3,"at":{"x":1,"y":2},"name":"late","at":{"y":3}}"#,
            )
        },
        check: |world| {
            expect_third(
                world,
                "name, at_y, (SELECT count(*) FROM pragma_table_info('users') WHERE name = 'at_x')",
                "late|3|0",
            );
        },
        ..STORED
    },
    Case {
        name: "the same member of a page twice",
        answer: |asked, _| {
            second(asked, || {
                let page = format!(
                    r#"{{"items":[],"next":"9","next":"2","items":[{},{}]}}"#,
                    record(3),
                    record(4)
                );
                Answer::json(page)
            })
        },
        ..STORED
    },
    Case {
        name: "a number of 400 digits",
        answer: |asked, _| third(asked, &format!(r#"{{"id":3,"n":{}}}"#, "7".repeat(400))),
        check: |world| expect_third(world, "typeof(n), n", &format!("text|{}", "7".repeat(400))),
        ..STORED
    },
    Case {
        name: "numbers that no machine has",
        answer: |asked, _| {
            third(
                asked,
                r#"{"id":3,"a":1e400,"b":-1e-400,"c":1e99999999999999999999,"d":-0,"e":0.1000000000000000055511151231257827}"#,
            )
        },
        check: |world| {
            let stored =
                "1e400|-1e-400|1e99999999999999999999|0|0.1000000000000000055511151231257827";
            expect_third(world, "a, b, c, d, e", stored);
        },
        ..STORED
    },
    Case {
        name: "a key of 400 digits",
        answer: |asked, _| third(asked, &format!(r#"{{"id":{}}}"#, "7".repeat(400))),
        sent: Sent::Once,
        in_the_end: 7,
        ..STORED
    },
];
