//! How the demo looks on terminals.

use std::thread;

use super::{sandbox, too_wide};
use crate::terminal::Terminal;

/// What a terminal showed, without its escape sequences, and those.
fn parted(shown: &str) -> (String, Vec<String>) {
    let mut pieces = shown.split("\u{1b}[");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    let mut sequences = Vec::new();
    for piece in pieces {
        let (sequence, rest) =
            piece.split_at(piece.find(|c: char| c.is_ascii_alphabetic()).map_or(0, |end| end + 1));
        sequences.push(sequence.to_owned());
        text.push_str(rest);
    }
    (text, sequences)
}

fn on_a_terminal(variables: &[(&str, &str)]) -> String {
    let mut sandbox = sandbox();
    for (name, value) in variables {
        sandbox.set(name, value);
    }
    Terminal::open().run_whole(sandbox.command(&["demo", "--dir", "."]))
}

#[test]
fn terminals_show_bars_waits_and_colours_where_they_can_and_may() {
    // Each takes its time to wait, and little else.
    thread::scope(|scope| {
        scope.spawn(in_colour);
        scope.spawn(without_colour);
        scope.spawn(on_a_dumb_terminal);
    });
}

fn in_colour() {
    let shown = on_a_terminal(&[("TERM", "xterm-256color")]);
    let (text, sequences) = parted(&shown);
    for part in [
        "━━━━━━━━━━━━",
        "(rate limit)",
        "waits 3 s (as the API asks)",
        "waits 1 s (as the API asks)",
    ] {
        assert!(text.contains(part), "{part}: {shown}");
    }
    // Both syncs have bars, and each takes its own away: the summary begins at the left.
    assert_eq!(text.matches("\r\nendpoint      result").count(), 2, "{shown}");
    assert!(!text.contains("page 1:"), "a plain line beside the bars: {shown}");
    for part in
        ["\u{1b}[1m1. The first sync", "\u{1b}[36m█████\u{1b}[0m", "\u{1b}[1mSELECT\u{1b}[0m"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // Weight, and colours that are read on light and dark.
    let painted: Vec<&String> =
        sequences.iter().filter(|sequence| sequence.ends_with('m')).collect();
    assert!(
        painted.iter().all(|code| ["0m", "1m", "2m", "36m"].contains(&code.as_str())),
        "{painted:?}"
    );
    let told = text.rsplit("3. Questions to the file").next().unwrap_or_default();
    let told = told.replace(env!("CARGO_BIN_EXE_mapiq-sync"), "mapiq-sync");
    assert_eq!(too_wide(&told), [""; 0]);
}

fn without_colour() {
    let shown = on_a_terminal(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]);
    let (text, sequences) = parted(&shown);
    assert!(sequences.iter().all(|sequence| !sequence.ends_with('m')), "{shown}");
    assert!(text.contains("━━━━━━━━━━━━") && text.contains("61 █████"), "{shown}");
}

fn on_a_dumb_terminal() {
    let shown = on_a_terminal(&[("TERM", "dumb")]);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(shown.contains("users         page 1: ") && shown.contains("61 █████"), "{shown}");
}
