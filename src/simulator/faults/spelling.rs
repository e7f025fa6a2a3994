//! How a fault is asked for: by a text of the command line, or by JSON.

use std::{str::FromStr, time::Duration};

use serde_json::{Map, Value};

use super::{CutAt, CutEnd, Fault, FaultKind, Told};

/// How long a refusal tells to wait, where nothing else is asked for, in seconds.
const DEFAULT_WAIT: u64 = 1;

/// The longest piece of a drip.
const MOST_BYTES: usize = 1 << 20;

/// The kinds that have a name; each status has its number.
const KINDS: [&str; 16] = [
    "quota",
    "forbidden",
    "invalid-client",
    "reset-before",
    "reset-middle",
    "reset-end",
    "close-before",
    "close-middle",
    "close-end",
    "cut-json",
    "html",
    "empty",
    "slow",
    "endless",
    "hang",
    "redirect",
];

/// The options, each with what it must be.
struct Options {
    told: Option<Told>,
    wait: u64,
    bytes: usize,
    every: Duration,
    to: Option<String>,
    query: Option<String>,
    skip: u64,
    times: u64,
}

impl Options {
    fn read<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let mut options = Self {
            told: None,
            wait: DEFAULT_WAIT,
            bytes: 64,
            every: Duration::from_millis(100),
            to: None,
            query: None,
            skip: 0,
            times: 1,
        };
        for (name, value) in pairs {
            let number = || {
                value.parse().map_err(|_| format!("`{name}` must be a whole number, not `{value}`"))
            };
            match name {
                "told" => options.told = Some(told(value)?),
                "wait" => options.wait = number()?,
                "bytes" => {
                    options.bytes =
                        usize::try_from(number()?).unwrap_or(MOST_BYTES).clamp(1, MOST_BYTES);
                }
                "every-ms" => options.every = Duration::from_millis(number()?),
                "to" => options.to = Some(value.to_owned()),
                "query" => options.query = Some(value.to_owned()),
                "skip" => options.skip = number()?,
                "times" => options.times = number()?,
                _ => {
                    return Err(format!(
                        "`{name}` is not an option of a fault; those are told, wait, bytes, every-ms, to, query, skip and \
                         times"
                    ));
                }
            }
        }
        Ok(options)
    }

    fn kind(&self, name: &str) -> Result<FaultKind, String> {
        let cut = |at, end| Ok(FaultKind::Cut { at, end });
        let (bytes, every, wait) = (self.bytes, self.every, self.wait);
        match name {
            "401" => Ok(FaultKind::Revoked),
            "quota" => Ok(FaultKind::Quota { wait }),
            "forbidden" => Ok(FaultKind::Forbidden),
            "invalid-client" => Ok(FaultKind::InvalidClient),
            "reset-before" => cut(CutAt::Before, CutEnd::Reset),
            "reset-middle" => cut(CutAt::Middle, CutEnd::Reset),
            "reset-end" => cut(CutAt::End, CutEnd::Reset),
            "close-before" => cut(CutAt::Before, CutEnd::Close),
            "close-middle" => cut(CutAt::Middle, CutEnd::Close),
            "close-end" => cut(CutAt::End, CutEnd::Close),
            "cut-json" => Ok(FaultKind::CutJson),
            "html" => Ok(FaultKind::Html),
            "empty" => Ok(FaultKind::Empty),
            "slow" => Ok(FaultKind::Slow { bytes, every }),
            "endless" => Ok(FaultKind::Endless { bytes, every }),
            "hang" => Ok(FaultKind::Hang),
            "redirect" => {
                let to = self.to.clone().ok_or("a redirect needs `to`, a URL")?;
                let is_text = to.bytes().all(|byte| byte.is_ascii_graphic());
                if is_text {
                    Ok(FaultKind::Redirect { to })
                } else {
                    Err(format!("`{to}` is no URL"))
                }
            }
            _ => match name.parse() {
                Ok(status @ 400..=599) => {
                    let usual = if status == 429 { Told::Both } else { Told::Silent };
                    Ok(FaultKind::Status { status, told: self.told.unwrap_or(usual), wait })
                }
                _ => Err(format!(
                    "`{name}` is not a fault; those are a status from 400 to 599, {}",
                    KINDS.join(", ")
                )),
            },
        }
    }
}

fn told(value: &str) -> Result<Told, String> {
    let found = Told::ALL.into_iter().find(|(name, _)| *name == value);
    found.map(|(_, told)| told).ok_or_else(|| {
        format!("`told` must be one of {}", Told::ALL.map(|(name, _)| name).join(", "))
    })
}

impl Fault {
    fn read<'a>(
        path: &str,
        kind: &str,
        pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<Self, String> {
        if !path.starts_with('/') {
            return Err(format!("`{path}` is not a path: it must begin with /"));
        }
        let options = Options::read(pairs.clone())?;
        let spelled = pairs.fold(format!("{path}={kind}"), |mut spelled, (name, value)| {
            spelled.extend([",", name, "=", value]);
            spelled
        });
        Ok(Self {
            path: path.to_owned(),
            kind: options.kind(kind)?,
            query: options.query,
            skip: options.skip,
            times: options.times,
            spelled,
        })
    }

    /// Reads a fault from JSON: an object with `path`, `kind` and the options, numbers as such or as texts.
    ///
    /// # Errors
    /// Something is missing or not understood: what, in words.
    pub(crate) fn from_json(object: &Map<String, Value>) -> Result<Self, String> {
        let texts: Vec<(String, String)> = object
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) => (name.clone(), text.clone()),
                other => (name.clone(), other.to_string()),
            })
            .collect();
        let required = |wanted: &str| {
            let found = texts.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).ok_or_else(|| format!("`{wanted}` is missing"))
        };
        let options = texts
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !matches!(*name, "path" | "kind"));
        Self::read(required("path")?, required("kind")?, options)
    }
}

impl FromStr for Fault {
    type Err = String;

    /// Reads a fault as the command line has it: `PATH=KIND`, then options such as `,times=3`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (path, rest) =
            text.split_once('=').ok_or("a fault is spelled PATH=KIND[,OPTION=VALUE]…")?;
        let mut parts = rest.split(',');
        let kind = parts.next().unwrap_or_default();
        let pairs: Vec<(&str, &str)> =
            parts.map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
        Self::read(path, kind, pairs.into_iter())
    }
}
