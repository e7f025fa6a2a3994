//! The ways in which a secret may be written.

use std::fmt::Write;

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What must not be found.
pub(super) struct Needles(Vec<String>);

impl Needles {
    /// Every spelling of every secret.
    pub(super) fn of(secrets: &[&str]) -> Self {
        Self(secrets.iter().flat_map(|secret| spellings(secret)).collect())
    }

    /// Fails where one is in it.
    #[track_caller]
    pub(super) fn expect_none(&self, what: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if let Some(needle) = self.0.iter().find(|needle| text.contains(needle.as_str())) {
            let near = text.lines().find(|line| line.contains(needle.as_str())).unwrap_or_default();
            let near: String = near.chars().take(400).collect();
            panic!("{what}: `{needle}` is told: {near}");
        }
    }
}

fn spellings(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex = |upper: bool| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let written =
                if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") };
            written.expect("a String takes everything");
            text
        })
    };
    let percent = |upper: bool| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
            let written = match (plain, upper) {
                (true, _) => write!(text, "{}", char::from(*byte)),
                (_, true) => write!(text, "%{byte:02X}"),
                (_, false) => write!(text, "%{byte:02x}"),
            };
            written.expect("a String takes everything");
            text
        })
    };
    // As `{:?}` writes bytes.
    let debug = format!("{bytes:?}");
    let quoted = serde_json::Value::from(secret).to_string();
    let mut spellings = vec![
        secret.to_owned(),
        // Even cut off.
        secret.chars().take(secret.len() / 2).collect(),
        secret.chars().skip(secret.len() / 2).collect(),
        quoted.trim_matches('"').to_owned(),
        format!("{secret:?}").trim_matches('"').to_owned(),
        url::form_urlencoded::byte_serialize(bytes).collect(),
        percent(true),
        percent(false),
        hex(true),
        hex(false),
        debug.trim_matches(['[', ']']).to_owned(),
    ];
    for shift in 0..3 {
        let base64 = base64(bytes, shift);
        spellings.push(base64.replace('+', "-").replace('/', "_"));
        spellings.push(base64);
    }
    spellings
}

/// The part of a base64 text that is the same whatever stands before and behind, after so many other bytes.
fn base64(bytes: &[u8], shift: usize) -> String {
    let bits: Vec<u8> = std::iter::repeat_n(&0, shift)
        .chain(bytes)
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let first = (shift * 8).div_ceil(6);
    let sextets = bits.chunks_exact(6).skip(first);
    sextets
        .map(|sextet| usize::from(sextet.iter().fold(0, |number, bit| number << 1 | bit)))
        .map(|number| char::from(BASE64[number]))
        .collect()
}

#[test]
fn every_spelling_is_found() {
    let secret = "Man\"/+ and woman?>";
    let needles = Needles::of(&[secret]);
    for text in [
        "TWFuIi8rIGFuZCB3b21hbj8+",
        "OiBNYW4iLysgYW5kIHdvbWFuPz4=",
        "PTogTWFuIi8rIGFuZCB3b21hbj8-",
        "Man%22%2F%2B%20and%20woman%3F%3E",
        "Man%22%2F%2B+and+woman%3F%3E",
        r#"{"secret":"Man\"/+ and woman?>"}"#,
        "4d616e222f2b20616e6420776f6d616e3f3e",
        "[58, 77, 97, 110, 34, 47, 43, 32, 97, 110, 100, 32, 119, 111, 109, 97, 110, 63, 62]",
    ] {
        let found = std::panic::catch_unwind(|| needles.expect_none("", text.as_bytes()));
        assert!(found.is_err(), "{text}");
    }
    needles.expect_none("", b"a man and a woman");
}
