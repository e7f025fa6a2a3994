//! Bodies that are too large, that do not end, or that are no JSON text.

use std::{convert::Infallible, fs, path::Path, process::Command, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::stream;

use super::{Answer, Asked, Case, SECOND_PAGE, STORED, Sent, World, record, second, text};

/// The memory that the program may take for data and stacks where the largest body allowed has 16 MiB, in KiB.
const MEMORY: &str = "ulimit -d 98304; exec \"$@\"";

/// The file in which the folder keeps how many bytes were sent.
const BYTES: &str = "bytes";

/// The same bytes again and again, with nothing but a `[` before them; counted in the folder, a file's byte for 64 KiB.
fn endless(folder: &Path) -> Body {
    let counted = folder.join(BYTES);
    Body::from_stream(stream::unfold(0_usize, move |chunks| {
        let counted = counted.clone();
        async move {
            let begun = if chunks == 0 { b"[".to_vec() } else { vec![b' '; 1 << 16] };
            fs::write(&counted, vec![b'.'; chunks]).expect("the folder is writable");
            Some((Ok::<_, Infallible>(Bytes::from(begun)), chunks + 1))
        }
    }))
}

/// A byte every 20 ms, for ever.
fn dripping() -> Body {
    Body::from_stream(stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
    }))
}

/// How many bytes of an endless body were sent.
fn bytes_sent(world: &World) -> u64 {
    let file = fs::metadata(world.sandbox.path().join(BYTES)).expect("something was sent");
    file.len() << 16
}

/// A gzip stream (RFC 1952) of one deflate block that says "the byte before, 258 times" again and again (RFC 1951,
/// section 3.2.6): a megabyte of it is 160 megabytes of blanks.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut byte, mut filled) = (0_u8, 0_u32);
    // The block's header, the literal `[`, then length code 285 and distance code 0.
    let mut bits = "01010001011".bytes().chain("1100010100000".bytes().cycle());
    while gzip.len() < bytes {
        byte |= u8::from(bits.next() == Some(b'1')) << filled;
        filled += 1;
        if filled == 8 {
            gzip.push(byte);
            (byte, filled) = (0, 0);
        }
    }
    gzip
}

fn small_body(world: &mut World) {
    world.set("API__MAX_BODY", "16MiB");
}

fn little_memory(world: &World) -> Command {
    wrapped(world, &["--run-now"], MEMORY)
}

/// The binary behind a line of shell.
pub(super) fn wrapped(world: &World, arguments: &[&str], script: &str) -> Command {
    let binary = world.sandbox.command(arguments);
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(binary.get_program()).args(binary.get_args());
    command
        .current_dir(world.sandbox.path())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// A second page that is whole, its text changed byte by byte.
fn changed(change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Answer {
    Answer::json(change(text(&[record(3), record(4)], 2).into_bytes()))
}

fn replaced(from: &str, to: &[u8]) -> Answer {
    changed(|page| {
        let at = page.windows(from.len()).position(|found| found == from.as_bytes());
        let (before, rest) = page.split_at(at.expect("it is in the page"));
        [before, to, rest.get(from.len()..).unwrap_or_default()].concat()
    })
}

const TOO_LARGE: Case = Case {
    spoil: small_body,
    command: little_memory,
    told: &[
        "\nerror: users failed: cannot read page 2: the response of 127.0.0.1:",
        "is larger than 16777216 bytes: ask for smaller pages, or raise api.max_body",
    ],
    ..SECOND_PAGE
};

const NOT_UTF_8: Case = Case {
    told: &["\nerror: users failed: page 2 cannot be read: the response is not UTF-8 text"],
    sent: Sent::Again,
    ..SECOND_PAGE
};

const CUT: Case = Case {
    told: &["\nerror: users failed: page 2 cannot be read: the response is not whole, valid JSON"],
    sent: Sent::Again,
    ..SECOND_PAGE
};

const BROKEN_OFF: Case = Case {
    told: &["\nerror: users failed: cannot read page 2: the exchange with 127.0.0.1:", "broke off"],
    sent: Sent::Again,
    ..SECOND_PAGE
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a body of 100 MB that says so",
        answer: |asked, folder| {
            second(asked, || Answer::json(endless(folder)).with("content-length", "104857600"))
        },
        check: |world| assert!(bytes_sent(world) < 16 << 20, "it is refused before it is read"),
        ..TOO_LARGE
    },
    Case {
        name: "a body without a length that does not end",
        answer: |asked, folder| second(asked, || Answer::json(endless(folder))),
        check: |world| assert!(bytes_sent(world) < 64 << 20, "it is cut at the bound"),
        ..TOO_LARGE
    },
    Case {
        name: "a megabyte of gzip that grows to 160",
        answer: |asked, _| {
            second(asked, || Answer::json(bomb(1 << 20)).with("content-encoding", "gzip"))
        },
        ..TOO_LARGE
    },
    Case {
        name: "an error's body that does not end",
        answer: |asked, folder| second(asked, || Answer::status(404, endless(folder))),
        ..TOO_LARGE
    },
    Case {
        name: "a body that drips and never ends",
        answer: |asked, _| second(asked, || Answer::json(dripping())),
        spoil: |world| world.set("API__TIMEOUT", "300ms"),
        mend: |world| world.unset("API__TIMEOUT"),
        status: 69,
        told: &["page 2: 127.0.0.1:", "did not answer in full within 0.3 s (api.timeout)"],
        sent: Sent::Again,
        ..SECOND_PAGE
    },
    Case {
        name: "a body shorter than it says",
        answer: |asked, _| {
            second(asked, || {
                let parts = [Ok(Bytes::from_static(b"{")), Err("cut")];
                Answer::json(Body::from_stream(stream::iter(parts))).with("content-length", "99")
            })
        },
        ..BROKEN_OFF
    },
    Case {
        name: "gzip that is none",
        answer: |asked, _| second(asked, || Answer::json("{}").with("content-encoding", "gzip")),
        ..BROKEN_OFF
    },
    Case {
        name: "a header of a megabyte",
        answer: |asked, _| second(asked, || Answer::json("{}").with("x-long", "x".repeat(1 << 20))),
        ..BROKEN_OFF
    },
    Case {
        name: "no body",
        answer: |asked, _| second(asked, || Answer::json("")),
        told: &["\nerror: users failed: page 2 cannot be read: the response is empty"],
        sent: Sent::Again,
        ..SECOND_PAGE
    },
    Case {
        name: "204, nothing",
        answer: |asked, _| second(asked, || Answer::status(204, "")),
        told: &["page 2: HTTP 204 No Content: the API sends no page there, is `path` right?"],
        ..SECOND_PAGE
    },
    Case {
        name: "invalid UTF-8 in a value",
        answer: |asked, _| second(asked, || replaced("Ada", b"Ad\xe9")),
        ..NOT_UTF_8
    },
    Case {
        name: "invalid UTF-8 in a key",
        answer: |asked, _| second(asked, || replaced("name", b"n\xc3\x28me")),
        ..NOT_UTF_8
    },
    Case {
        name: "UTF-16",
        answer: |asked, _| {
            second(asked, || {
                let wide = |page: Vec<u8>| page.into_iter().flat_map(|byte| [byte, 0]).collect();
                changed(|page| [b"\xff\xfe".to_vec(), wide(page)].concat())
            })
        },
        ..NOT_UTF_8
    },
    Case {
        name: "UTF-8 with a byte order mark",
        answer: |asked, _| {
            second(asked, || changed(|page| [b"\xef\xbb\xbf".to_vec(), page].concat()))
        },
        ..STORED
    },
    Case {
        name: "JSON that is cut",
        answer: |asked, _| second(asked, || changed(|page| page.into_iter().take(60).collect())),
        ..CUT
    },
    Case {
        name: "two JSON texts",
        answer: |asked, _| second(asked, || changed(|page| page.repeat(2))),
        ..CUT
    },
    Case {
        name: "a control character in a string",
        answer: |asked, _| second(asked, || replaced("Ada", b"Ad\x00")),
        ..CUT
    },
    Case {
        name: "NaN",
        answer: |asked, _| second(asked, || replaced(r#""Ada Lovelace 3""#, b"NaN")),
        ..CUT
    },
    Case {
        name: "a hundred thousand brackets that nothing closes",
        answer: |asked: &Asked, _| second(asked, || Answer::json("[".repeat(100_000))),
        ..CUT
    },
    Case {
        name: "a hundred thousand brackets instead of a page",
        answer: |asked, _| {
            second(asked, || Answer::json("[".repeat(100_000) + &"]".repeat(100_000)))
        },
        told: &[r#"nothing lies at records = "items"; the response has no keys, it is an array"#],
        ..SECOND_PAGE
    },
];
