//! What a run shows while it works: bars on a terminal, plain lines in a file.

use std::{fs::OpenOptions, process::Stdio};

use crate::{
    listing::{endpoint, page},
    support::{Answer, Api, Sandbox},
    terminal::Terminal,
};

/// Three pages of users, who state no total, and three of rooms, of which the second has to be asked for twice.
fn served() -> (Api, Sandbox) {
    let refused = std::sync::atomic::AtomicBool::new(false);
    let api = Api::serve(move |asked| {
        let first = |flag: &std::sync::atomic::AtomicBool| {
            !flag.swap(true, std::sync::atomic::Ordering::SeqCst)
        };
        if asked.path == "/rooms" && asked.number("page") == 2 && first(&refused) {
            return Answer::status(429, "").with("retry-after", "1");
        }
        page(asked, 3)
    });
    let endpoints = endpoint("users", "/users", "") + &endpoint("rooms", "/rooms", "");
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    sandbox.set("TERM", "xterm-256color");
    (api, sandbox)
}

#[test]
fn a_terminal_shows_a_bar_an_endpoint_and_what_it_waits_for() {
    let (_api, sandbox) = served();
    let (shown, summary) = Terminal::open().run(sandbox.command(&["--run-now"]));
    for part in [
        "users",
        "rooms",
        "page 1",
        "waits 2 s (as the API asks)",
        "waits 1 s (as the API asks)",
        "ok",
    ] {
        assert!(shown.contains(part), "{part}: {shown:?}");
    }
    assert!(!shown.contains("page 1:"), "a plain line beside the bars: {shown:?}");
    // The last thing written takes the bars away: the summary says how it went.
    let (_, left) = shown.rsplit_once("\u{1b}[2K").expect("the bars are taken off");
    let left = left.trim_start_matches("\u{1b}[1A");
    assert_eq!(left, "\r\n", "the empty line above the summary");
    assert!(summary.contains("users     ok"), "{summary}");
}

#[test]
fn a_log_line_stays_whole_above_the_bars() {
    let (_api, mut sandbox) = served();
    sandbox.set("RUST_LOG", "debug");
    sandbox.set("NO_COLOR", "1");
    let (shown, _) = Terminal::open().run(sandbox.command(&["--run-now"]));
    let logged: Vec<&str> = shown.split("\r\n").filter(|line| line.contains(" DEBUG ")).collect();
    assert!(!logged.is_empty(), "{shown:?}");
    for line in logged {
        // What comes before it are the bars, taken off by the last escape sequence.
        let line = line.rsplit_once('\u{1b}').map_or(line, |(_, rest)| rest);
        let line = line.trim_start_matches(|c| c != 'A' && c != 'K').trim_start_matches(['A', 'K']);
        assert_eq!(line.find(" DEBUG "), Some("2026-01-01T00:00:00.000000Z".len()), "{line:?}");
        assert!(!line.contains("page 1  "), "a bar in a log line: {line:?}");
    }
}

#[test]
fn a_line_for_a_person_stays_whole_above_the_bars() {
    let refused = std::sync::atomic::AtomicBool::new(false);
    let api = Api::serve(move |asked| {
        let again = refused.swap(true, std::sync::atomic::Ordering::SeqCst);
        if again { page(asked, 2) } else { Answer::status(503, "") }
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("TERM", "xterm-256color");
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "1m");
    let (shown, _) = Terminal::open().run(sandbox.command(&["--run-now"]));
    let (_, line) = shown.split_once("HTTP 503 ").expect("the refusal is told");
    let (line, _) = line.split_once("\r\n").expect("the line has an end");
    assert!(line.ends_with(" s") && !line.contains(['·', '\u{1b}']), "a bar in it: {line:?}");
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_plain_lines() {
    let (_api, mut sandbox) = served();
    sandbox.set("TERM", "dumb");
    let (shown, _) = Terminal::open().run(sandbox.command(&["--run-now"]));
    assert!(shown.contains("users  page 1: "), "{shown:?}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn a_file_gets_plain_lines_and_never_a_bar() {
    let (_api, sandbox) = served();
    let file = sandbox.path().join("log");
    let log = OpenOptions::new().create_new(true).write(true).open(&file).expect("a new file");
    let status = sandbox.command(&["--run-now"]).stdout(Stdio::null()).stderr(log).status();
    assert!(status.expect("the binary starts").success());
    let text = std::fs::read_to_string(&file).expect("the log is UTF-8");
    assert!(text.contains("users  page 1: "), "{text}");
    assert!(text.contains("waiting 2 s for rooms: the API has asked for a pause"), "{text}");
    assert!(!text.contains(['\u{1b}', '\r', '━']), "{text:?}");
}
