//! How long a response that says "too many" asks to wait: `Retry-After` (RFC 9110, section 10.2.3), else the message.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use super::LONGEST_PAUSE;

/// Added to every wait that a server states. It states whole seconds, and one that cuts the fraction off the wait, or off
/// the date when it ends, would refuse a request that comes by the letter; and being refused costs a whole wait more.
const ROUNDING: Duration = Duration::from_secs(1);

/// The shortest period that a pause may fall back on, so that a pause is never nothing.
const SHORTEST_PERIOD: Duration = Duration::from_secs(1);

/// How many words of a message are looked at: what comes later is no longer the sentence about the wait.
const WORDS: usize = 200;

/// The words that come right before the wait in a message, the surest first.
const LEADS: [&[&str]; 8] = [
    &["again", "in"],
    &["again", "after"],
    &["retry", "in"],
    &["retry", "after"],
    &["replenished", "in"],
    &["wait"],
    &["in"],
    &["after"],
];

/// What a limiting response said. The texts come from outside and may be anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints<'a> {
    /// The value of `Retry-After`: seconds or an HTTP date.
    pub retry_after: Option<&'a str>,
    /// The value of `Date`, which a date in `Retry-After` is held against: the server's clock need not be ours.
    pub date: Option<&'a str>,
    /// The message in the body, such as `Rate limit is exceeded. Try again in 289 seconds.`
    pub message: Option<&'a str>,
}

/// Tells how long to pause after a limiting response: more than nothing and at most [`LONGEST_PAUSE`].
///
/// `Retry-After` decides, else the wait in the message, else one whole period `per`. A value that is zero, past or
/// nonsense counts as one whole period; where it is that of `Retry-After`, a message that asks for more is heeded.
pub fn pause_length(hints: &Hints<'_>, per: Duration, now_wall: DateTime<Utc>) -> Duration {
    let message = hints.message.and_then(in_message).map(rounded_up);
    let header =
        hints.retry_after.map(|value| in_header(value, hints.date, now_wall).map(rounded_up));
    let per = per.max(SHORTEST_PERIOD);
    let length = match (header, message) {
        (Some(Some(header)), _) => header,
        (Some(None), Some(message)) => message.max(per),
        (None, Some(message)) => message,
        (_, None) => per,
    };
    length.min(LONGEST_PAUSE)
}

fn rounded_up(stated: Duration) -> Duration {
    stated.saturating_add(ROUNDING)
}

/// The wait in a `Retry-After`, where it says a usable one.
fn in_header(value: &str, date: Option<&str>, now_wall: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    let wait = if let Some(seconds) = number(value) {
        length(seconds, 1.0)
    } else {
        let end = httpdate::parse_http_date(value).ok()?;
        let from = date.and_then(|text| httpdate::parse_http_date(text.trim()).ok());
        end.duration_since(from.unwrap_or_else(|| SystemTime::from(now_wall))).ok()?
    };
    usable(wait)
}

/// The wait that a message states, where it states a usable one.
fn in_message(message: &str) -> Option<Duration> {
    let words: Vec<&str> = message
        .split(|letter: char| letter.is_whitespace() || "()[]\"'".contains(letter))
        .map(|word| word.trim_matches(|letter: char| ".,:;!?".contains(letter)))
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .collect();
    let led = LEADS.iter().find_map(|lead| {
        let mut starts = words.windows(lead.len()).enumerate();
        starts.find_map(|(start, found)| {
            let same = found.iter().zip(*lead).all(|(word, lead)| word.eq_ignore_ascii_case(lead));
            if same { words.get(start + lead.len()..).and_then(led_wait) } else { None }
        })
    });
    led.or_else(|| (0..words.len()).find_map(|start| words.get(start..).and_then(stated_wait)))
        .and_then(usable)
}

/// The wait at the start of `words`, which follow a lead such as "again in": a number without a unit is one of seconds.
fn led_wait(words: &[&str]) -> Option<Duration> {
    stated_wait(words).or_else(|| Some(length(number(words.first()?)?, 1.0)))
}

/// The wait at the start of `words` that is plainly one: `01:22:33`, `1.02:03:04`, `289 seconds`, `1 hour and 5 minutes`.
fn stated_wait(words: &[&str]) -> Option<Duration> {
    if let Some(wait) = clock_face(words.first()?) {
        return Some(wait);
    }
    let mut rest = words;
    let mut sum: Option<Duration> = None;
    while let Some((wait, after)) = number_with_unit(rest) {
        sum = Some(sum.unwrap_or_default().saturating_add(wait));
        rest = match after {
            [and, after @ ..] if and.eq_ignore_ascii_case("and") => after,
            after => after,
        };
    }
    sum
}

/// A number and its unit, in two words or in one (`30s`), and the words after them.
fn number_with_unit<'a, 'b>(words: &'a [&'b str]) -> Option<(Duration, &'a [&'b str])> {
    let (first, rest) = words.split_first()?;
    if let Some(count) = number(first) {
        let (second, rest) = rest.split_first()?;
        return Some((length(count, unit(second)?), rest));
    }
    let digits = first.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (count, name) = first.split_at_checked(digits)?;
    Some((length(number(count)?, unit(name)?), rest))
}

/// A length as .NET writes one: `[d.]hh:mm:ss[.fffffff]`.
fn clock_face(word: &str) -> Option<Duration> {
    let mut parts = word.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let parts = [(days, 86_400.0), (hours, 3_600.0), (minutes, 60.0), (seconds, 1.0)];
    parts.into_iter().try_fold(Duration::ZERO, |sum, (text, unit)| {
        Some(sum.saturating_add(length(number(text)?, unit)))
    })
}

/// A unit's length in seconds.
fn unit(name: &str) -> Option<f64> {
    let seconds = match name.to_ascii_lowercase().as_str() {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    };
    Some(seconds)
}

/// A number without a sign: digits, a fraction at most.
fn number(text: &str) -> Option<f64> {
    let starts_with_digit = text.starts_with(|first: char| first.is_ascii_digit());
    let plain = text.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    if starts_with_digit && plain { text.parse().ok() } else { None }
}

/// So many units; a length that cannot be told counts as the longest pause.
fn length(count: f64, unit: f64) -> Duration {
    Duration::try_from_secs_f64(count * unit).unwrap_or(LONGEST_PAUSE)
}

/// Zero is no wait to go by.
fn usable(wait: Duration) -> Option<Duration> {
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests;
