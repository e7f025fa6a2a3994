//! Readers of single values: a node in, the value or what is wrong with it out.

use std::time::Duration;

use url::{Host, Url};

use super::{
    mend,
    reader::Problem,
    tree::{Node, Value},
};
use crate::rows::FieldPath;

/// The longest duration accepted: clocks can be moved on by it without overflow, and nobody waits longer.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Units of durations, in milliseconds.
const DURATION_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Units of sizes, in bytes.
const SIZE_UNITS: [(&str, u64); 4] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// A string; from an environment variable also what TOML would take for a number or a date.
pub(super) fn text(node: &Node) -> Result<String, Problem> {
    match (&node.value, &node.raw) {
        (Value::Text(text), _) => Ok(text.clone()),
        (Value::Integer(_) | Value::Real(_) | Value::Boolean(_) | Value::Other(_), Some(raw)) => {
            Ok(raw.clone())
        }
        (value, _) => Err(Problem::new(
            format!("must be a string, not {}", value.kind()),
            "put it between double quotes",
        )),
    }
}

/// A string that is not empty.
pub(super) fn filled_text(node: &Node) -> Result<String, Problem> {
    let text = text(node)?;
    if text.trim().is_empty() {
        return Err(Problem::new("is empty", "write a value, or leave the key out"));
    }
    Ok(text)
}

/// A whole number between the two, both included.
pub(super) fn whole<T: TryFrom<i128>>(node: &Node, least: i128, most: i128) -> Result<T, Problem> {
    let out_of_range = || format!("must be a whole number from {least} to {most}");
    match &node.value {
        Value::Integer(number) if (least..=most).contains(number) => {
            T::try_from(*number).map_err(|_| Problem::new(out_of_range(), "choose one of these"))
        }
        Value::Integer(number) => {
            Err(Problem::new(format!("{}, not {number}", out_of_range()), "choose one of these"))
        }
        value => Err(Problem::new(
            format!("must be a whole number, not {}", value.kind()),
            "write digits only, without quotes",
        )),
    }
}

/// A share of a whole: a number from 0 to 1.
pub(super) fn share(node: &Node) -> Result<f64, Problem> {
    let share = match node.value {
        Value::Integer(0) => 0.0,
        Value::Integer(1) => 1.0,
        Value::Real(share) if (0.0..=1.0).contains(&share) => share,
        Value::Integer(_) | Value::Real(_) => {
            return Err(Problem::new("must be from 0 to 1", "a third is 0.33"));
        }
        ref value => {
            let message = format!("must be a number from 0 to 1, not {}", value.kind());
            return Err(Problem::new(message, "write it without quotes: a third is 0.33"));
        }
    };
    Ok(share)
}

/// `true` or `false`.
pub(super) fn boolean(node: &Node) -> Result<bool, Problem> {
    match &node.value {
        Value::Boolean(boolean) => Ok(*boolean),
        value => Err(Problem::new(
            format!("must be true or false, not {}", value.kind()),
            "write it without quotes",
        )),
    }
}

/// One of the words.
pub(super) fn word<T: Copy>(node: &Node, words: &[(&str, T)]) -> Result<T, Problem> {
    let text = text(node)?;
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*meaning);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    Err(Problem {
        message: format!("must be one of {}, not `{text}`", known.join(", ")),
        help: mend::suggest(&text, &known),
    })
}

/// A number and its unit, as a number of the smallest unit.
fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The text of a measure, where the value is one, and what to say of a bare number otherwise.
fn measure_text(node: &Node, what: &str, unit: &str) -> Result<String, Problem> {
    let text = match &node.value {
        Value::Integer(number) => number.to_string(),
        _ => text(node)?,
    };
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        return Err(Problem::new(
            format!("must be {what} with its unit, not {text}"),
            format!("write \"{text}{unit}\""),
        ));
    }
    Ok(text)
}

/// A duration as it is written here, such as `60s`; `None`: the text is none.
pub fn length(text: &str) -> Option<Duration> {
    measure(text, &DURATION_UNITS).map(Duration::from_millis)
}

/// A duration: `500ms`, `60s`, `10m`, `1h`, `7d`.
pub(super) fn duration(node: &Node) -> Result<Duration, Problem> {
    duration_up_to(node, LONGEST, "366d", "s")
}

/// A duration that is no longer than the one given, which is also given as it is written. `unit` is the one that a number
/// without any most likely means.
pub(super) fn duration_up_to(
    node: &Node,
    longest: Duration,
    written: &str,
    unit: &str,
) -> Result<Duration, Problem> {
    let text = measure_text(node, "a duration", unit)?;
    let length = length(&text).ok_or_else(|| {
        Problem::new(
            format!("must be a duration, not `{text}`"),
            "a whole number and one of ms, s, m, h, d, without a space: \"500ms\", \"60s\", \"10m\"",
        )
    })?;
    if length > longest {
        let help = format!("write \"{written}\" at most");
        return Err(Problem::new(format!("is too long: {text}"), help));
    }
    Ok(length)
}

/// A duration that is not zero.
pub(super) fn positive_duration(node: &Node) -> Result<Duration, Problem> {
    let length = duration(node)?;
    if length.is_zero() {
        return Err(Problem::new("must be longer than zero", "such as \"60s\""));
    }
    Ok(length)
}

/// A number of bytes that is not zero: `64MiB`.
pub(super) fn size(node: &Node) -> Result<u64, Problem> {
    let text = measure_text(node, "a size", "B")?;
    match measure(&text, &SIZE_UNITS) {
        Some(0) => Err(Problem::new("must be more than zero", "such as \"64MiB\"")),
        Some(bytes) => Ok(bytes),
        None => Err(Problem::new(
            format!("must be a size, not `{text}`"),
            "a whole number and one of B, KiB, MiB, GiB, without a space: \"64MiB\"",
        )),
    }
}

/// A dotted path to one value: not into every element of an array.
pub(super) fn field(node: &Node) -> Result<FieldPath, Problem> {
    field_name(&text(node)?)
}

/// The same, of a text.
pub(super) fn field_name(text: &str) -> Result<FieldPath, Problem> {
    let path = parse_path(text)?;
    if path.reaches_into_arrays() {
        return Err(Problem::new(
            format!("must name one value, and `{text}` reaches into every element of an array"),
            "leave `[]` out: only `exclude` and `hash` reach into arrays",
        ));
    }
    Ok(path)
}

/// A dotted path that may reach into arrays: `attendees[].email`.
pub(super) fn path(node: &Node) -> Result<FieldPath, Problem> {
    parse_path(&text(node)?)
}

fn parse_path(text: &str) -> Result<FieldPath, Problem> {
    text.parse().map_err(|reason: String| {
        Problem::new(
            format!("must be a dotted path: {reason}"),
            "such as \"id\" or \"workspace.nodeId\"",
        )
    })
}

fn url(node: &Node, example: &str) -> Result<Url, Problem> {
    let help = format!("such as \"{example}\"");
    // The value itself is not repeated: it may hold a password.
    let url: Url = text(node)?
        .parse()
        .map_err(|reason| Problem::new(format!("must be a URL: {reason}"), help.as_str()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(Problem::new("must be an https or http URL", help));
    }
    if url.fragment().is_some() {
        return Err(Problem::new("must not have a fragment", "leave out `#` and what follows"));
    }
    Ok(url)
}

fn without_credentials(url: Url, mend: &str) -> Result<Url, Problem> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(url);
    }
    Err(Problem::new("must not have a user or a password in it", mend))
}

/// A URL that nobody on the way may read what is sent to: https, or plain http on this machine alone, without credentials.
fn safe_url(node: &Node, example: &str, credentials: &str, plain: &str) -> Result<Url, Problem> {
    let url = without_credentials(url(node, example)?, credentials)?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "http" && !loopback {
        return Err(Problem::new(
            format!("must be https: plain http would send {plain} unencrypted"),
            "write https://, plain http is for this machine only (localhost, 127.0.0.1)",
        ));
    }
    Ok(url)
}

/// A URL of the service: https, or plain http on this machine alone, without credentials.
pub(super) fn service_url(node: &Node) -> Result<Url, Problem> {
    let credentials = "give the client's credentials by MAPIQ_CLIENT_ID and MAPIQ_CLIENT_SECRET";
    safe_url(node, "https://api.mapiq.com", credentials, "the credentials")
}

/// The URL that alerts are posted to: https, or plain http on this machine alone.
pub(super) fn webhook(node: &Node) -> Result<Url, Problem> {
    let credentials = "a receiver that asks for them needs `command` instead, such as with curl";
    safe_url(node, "https://chat.example.com/hooks/…", credentials, "alerts")
}

/// The URL that request paths are appended to: no query, and no slash at its end.
pub(super) fn base_url(node: &Node) -> Result<Url, Problem> {
    let mut url = service_url(node)?;
    if url.query().is_some() {
        return Err(Problem::new(
            "must not have a query",
            "put fixed parameters in the `params` of the endpoints",
        ));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// The URL of a proxy: a host and a port, http or https.
pub(super) fn proxy(node: &Node) -> Result<Url, Problem> {
    let url = without_credentials(
        url(node, "http://proxy.example.com:3128")?,
        "set HTTPS_PROXY in the environment instead, where they stay out of this file",
    )?;
    if url.path() != "/" || url.query().is_some() {
        return Err(Problem::new(
            "must be no more than a scheme, a host and a port",
            "such as \"http://proxy.example.com:3128\"",
        ));
    }
    Ok(url)
}

/// The bits of a file's mode, in octal.
pub(super) fn mode(node: &Node) -> Result<u32, Problem> {
    const HELP: &str = "\"0600\" for the owner alone, \"0640\" lets the file's group read";
    if matches!(node.value, Value::Integer(_)) && node.raw.is_none() {
        return Err(Problem::new("must be a string of octal digits, not a number", HELP));
    }
    let text = text(node)?;
    let octal = (3..=4).contains(&text.len()) && text.chars().all(|c| c.is_digit(8));
    let bits = if octal { u32::from_str_radix(&text, 8).ok() } else { None };
    let bits = bits.ok_or_else(|| {
        Problem::new(format!("must be three or four octal digits, not `{text}`"), HELP)
    })?;
    if bits & 0o600 != 0o600 {
        return Err(Problem::new(format!("must let the owner read and write, not {text}"), HELP));
    }
    if bits & !0o666 != 0 {
        return Err(Problem::new(
            format!("must have no bits but those to read and write, not {text}"),
            HELP,
        ));
    }
    Ok(bits)
}

#[cfg(test)]
mod tests;
