//! Answers that end, or stand still, at every class of byte of an HTTP message.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::atomic::Ordering,
    thread,
    time::Duration,
};

use super::{Case, SECOND_PAGE, Sent, World, record, text};

/// Where the second page's answer ends.
#[derive(Clone, Copy)]
enum At {
    BeforeStatusLine,
    StatusLine,
    Headers,
    /// Before the empty line.
    EndOfHeaders,
    /// With not one byte of the body.
    BeforeBody,
    /// Of a body whose length is known.
    Body,
    LastByte,
    ChunkSize,
    Chunk,
    /// Before its line ends.
    EndOfChunk,
    LastChunk,
    /// The body is whole by its length, and its gzip is not.
    Gzip,
    /// The gzip would be whole, and the body is not.
    BodyOfGzip,
}

/// What becomes of the connection then.
#[derive(Clone, Copy)]
enum Then {
    /// It is closed in order.
    Closed,
    Reset,
    /// It stays open, and nothing comes any more.
    Silent,
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// What is sent of the second page.
fn begun(at: At) -> Vec<u8> {
    let body = text(&[record(3), record(4)], 2).into_bytes();
    let whole = |head: &str, body: &[u8]| [head.as_bytes(), body].concat();
    let sized = format!("{HEAD}content-length: {}\r\n\r\n", body.len());
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), &body].concat();
    let half = |bytes: &[u8]| bytes.iter().copied().take(bytes.len() / 2).collect::<Vec<u8>>();
    let zipped = gzip(&body);
    let head_of_gzip =
        |length| format!("{HEAD}content-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
    match at {
        At::BeforeStatusLine => Vec::new(),
        At::StatusLine => b"HTTP/1.1 2".to_vec(),
        At::Headers => b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec(),
        At::EndOfHeaders => sized.trim_end().as_bytes().to_vec(),
        At::BeforeBody => sized.into_bytes(),
        At::Body => whole(&sized, &half(&body)),
        At::LastByte => whole(&sized, body.get(..body.len() - 1).unwrap_or_default()),
        At::ChunkSize => whole(&chunked, chunk.get(..1).unwrap_or_default()),
        At::Chunk => whole(&chunked, &half(&chunk)),
        At::EndOfChunk => whole(&chunked, &chunk),
        At::LastChunk => whole(&chunked, &[&chunk[..], b"\r\n0"].concat()),
        At::Gzip => {
            let half = half(&zipped);
            whole(&head_of_gzip(half.len()), &half)
        }
        At::BodyOfGzip => whole(&head_of_gzip(zipped.len()), &half(&zipped)),
    }
}

/// A gzip stream (RFC 1952) that stores its bytes as they are.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("the test's pages are small");
    let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(bytes);
    stream.extend(crc(bytes).to_le_bytes());
    stream.extend(u32::from(length).to_le_bytes());
    stream
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Has another server give the pages, each over a connection of its own; the second one ends so.
fn end(world: &mut World, at: At, then: Then) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let bad = world.bad.clone();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for mut stream in listener.incoming().flatten() {
            if !is_for_second_page(&stream) {
                let body = text(&[record(1), record(2)], 1);
                let head = format!("{HEAD}content-length: {}\r\nconnection: close", body.len());
                // Whether the other side still listens is its own matter, here and below.
                stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok();
                continue;
            }
            bad.fetch_add(1, Ordering::SeqCst);
            stream.write_all(&begun(at)).ok();
            match then {
                Then::Closed => {}
                Then::Reset => {
                    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))
                        .expect("a socket can be closed at once");
                }
                Then::Silent => silent.push(stream),
            }
        }
    });
    world.set("API__BASE_URL", &format!("http://{address}"));
}

/// Reads a request to its end.
fn is_for_second_page(stream: &TcpStream) -> bool {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    lines.first().is_some_and(|line| line.contains("cursor=1"))
}

/// The exchange breaks off, and is tried again.
const CUT: Case = Case {
    mend: |world| world.unset("API__BASE_URL"),
    told: &["\nerror: users failed: cannot read page 2: the exchange with 127.0.0.1:", "broke off"],
    sent: Sent::Again,
    ..SECOND_PAGE
};

/// Nothing comes any more, and it is tried again.
const SILENT: Case = Case {
    mend: |world| {
        world.unset("API__BASE_URL");
        world.unset("API__TIMEOUT");
    },
    status: 69,
    told: &["page 2: 127.0.0.1:", "did not answer in full within 0.3 s (api.timeout)"],
    ..CUT
};

/// The rows of one place: closed, reset and silent.
macro_rules! cut {
    ($at:ident, $name:literal) => {
        [
            Case {
                name: concat!("a connection that is closed ", $name),
                spoil: |world| end(world, At::$at, Then::Closed),
                ..CUT
            },
            Case {
                name: concat!("a connection that is reset ", $name),
                spoil: |world| end(world, At::$at, Then::Reset),
                ..CUT
            },
            Case {
                name: concat!("a connection that falls silent ", $name),
                spoil: |world| {
                    world.set("API__TIMEOUT", "300ms");
                    end(world, At::$at, Then::Silent);
                },
                ..SILENT
            },
        ]
    };
}

pub(super) const CASES: &[[Case; 3]] = &[
    cut!(BeforeStatusLine, "before the status line"),
    cut!(StatusLine, "within the status line"),
    cut!(Headers, "within the headers"),
    cut!(EndOfHeaders, "between the headers and the body"),
    cut!(BeforeBody, "at the first byte of the body"),
    cut!(Body, "within the body"),
    cut!(LastByte, "before the last byte of the body"),
    cut!(ChunkSize, "within the size of a chunk"),
    cut!(Chunk, "within a chunk"),
    cut!(EndOfChunk, "at the end of a chunk"),
    cut!(LastChunk, "before the last chunk has ended"),
    cut!(BodyOfGzip, "within gzip"),
];

/// A gzip stream that ends too early in a body that does not.
pub(super) const GZIP: &[Case] = &[Case {
    name: "gzip that is cut in a body that is whole",
    spoil: |world| end(world, At::Gzip, Then::Closed),
    ..CUT
}];
