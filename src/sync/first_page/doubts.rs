//! What may be wrong with an endpoint's settings, though nothing has failed.

use std::fmt;

use crate::{
    api::{page::Page, pagination::Style},
    rows::{
        FieldPath,
        json::{self, Kind, Member},
    },
    sync::{EndpointSettings, Width},
};

/// How many records servers put on a page, mostly: as many may mean that there are more.
const USUAL: [u64; 9] = [10, 20, 25, 50, 100, 200, 250, 500, 1000];

/// So many members are named that may be meant instead.
const NAMED: usize = 4;

/// What may be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The first page has no record, so that neither its key nor its columns can be judged.
    NoRecords {
        /// Whether it was asked for the days around today alone.
        has_window: bool,
    },
    /// The listing seems to end with the first page, though there may well be more.
    EndsEarly {
        /// The records on it.
        records: u64,
        /// How many there are by the API's own word.
        total: Option<u64>,
        /// What names the next page by the configuration.
        next: NextPage,
        /// Members of the answer that look like it.
        instead: Vec<String>,
    },
    /// Nothing lies at `total`.
    NoTotal {
        /// The configured path.
        path: FieldPath,
        /// Members of the answer that look like it.
        instead: Vec<String>,
    },
    /// No record has a field that the configuration names.
    Unmet {
        /// The setting that names it.
        setting: &'static str,
        /// The field.
        path: FieldPath,
    },
    /// The API refuses so wide a range of dates.
    TooWide {
        /// How wide it was.
        refused: Width,
        /// How wide one was that it took.
        taken: Width,
    },
}

/// What names the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextPage {
    /// Nothing: `pagination` is left out, or says `none`.
    Nothing,
    /// The member at `pagination.next`.
    Member(FieldPath),
    /// A `Link` header.
    Link,
    /// The count of records or pages.
    Count,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecords { has_window } => {
                let asked = if *has_window { " around today" } else { "" };
                write!(
                    f,
                    "the first page{asked} has no record, so that key and columns cannot be judged: are `path` and `params` right, and does this client see any?"
                )
            }
            Self::EndsEarly { records, total, next, instead } => {
                match total {
                    Some(total) => write!(f, "the API has {total} records, and")?,
                    None => write!(
                        f,
                        "the first page has {records} records, a usual size of pages, and no total is stated:"
                    )?,
                }
                match next {
                    NextPage::Nothing => f.write_str(" nothing would be read behind the first page, as there is no `pagination`: is the listing paged?")?,
                    NextPage::Member(path) => write!(f, " nothing lies at pagination.next = \"{path}\", which ends the listing: is it spelled as the API does?")?,
                    NextPage::Link => f.write_str(" no `Link` header names a next page, which ends the listing: is the style right?")?,
                    NextPage::Count => f.write_str(" the listing ends with the first page: check `pagination`")?,
                }
                write_instead(f, instead)
            }
            Self::NoTotal { path, instead } => {
                write!(
                    f,
                    "nothing lies at total = \"{path}\", so that nobody notices records that are left out: is it spelled as the API does?"
                )?;
                write_instead(f, instead)
            }
            Self::Unmet { setting, path } => {
                write!(
                    f,
                    "no record of the first page has the field of {setting} = \"{path}\": is it spelled as the API does?"
                )
            }
            Self::TooWide { refused, taken } => {
                write!(
                    f,
                    "the API refuses a range of {refused} and takes one of {taken}: a sync finds that out by itself, `window.slice` saves it the requests"
                )
            }
        }
    }
}

fn write_instead(f: &mut fmt::Formatter<'_>, instead: &[String]) -> fmt::Result {
    if instead.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = instead.iter().map(|path| format!("`{path}`")).collect();
    write!(f, " The answer has {}", named.join(", "))
}

/// What an answer has beside its records.
pub(super) struct Envelope {
    /// The scalars by their dotted paths, up to two levels deep.
    scalars: Vec<(String, Kind)>,
}

impl Envelope {
    pub(super) fn new(members: &[Member<'_>], endpoint: &EndpointSettings) -> Self {
        let records = endpoint.records.as_ref().map(FieldPath::as_str);
        let mut scalars = Vec::new();
        for (key, value) in members.iter().filter(|(key, _)| Some(&**key) != records) {
            match json::kind(value) {
                Kind::Object => {
                    let inner = json::members(value).unwrap_or_default();
                    let inner =
                        inner.iter().map(|(inner, value)| (format!("{key}.{inner}"), *value));
                    scalars.extend(inner.map(|(path, value)| (path, json::kind(value))));
                }
                kind => scalars.push((key.clone().into_owned(), kind)),
            }
        }
        Self { scalars }
    }

    /// The members of such a kind whose names have one of these words, but for the one that is configured.
    fn like(&self, words: &[&str], kinds: &[Kind], configured: Option<&FieldPath>) -> Vec<String> {
        let is_like = |path: &str| {
            let path = path.to_ascii_lowercase();
            words.iter().any(|word| path.contains(word))
        };
        let found = self.scalars.iter().filter(|(path, kind)| {
            kinds.contains(kind)
                && is_like(path)
                && configured.is_none_or(|own| own.as_str() != path)
        });
        found.map(|(path, _)| path.clone()).take(NAMED).collect()
    }
}

/// Whether a listing seems to end too early.
pub(super) fn of_end(
    endpoint: &EndpointSettings,
    page: &Page<'_>,
    is_all: bool,
    envelope: &Envelope,
) -> Option<Doubt> {
    let records = page.records.len() as u64;
    if !is_all || records == 0 {
        return None;
    }
    let next = match &endpoint.pagination {
        Style::None => NextPage::Nothing,
        Style::Cursor { next, .. } | Style::NextUrl { next } => NextPage::Member(next.clone()),
        Style::Link => NextPage::Link,
        Style::Page { .. } | Style::Offset { .. } => NextPage::Count,
    };
    let configured = match &next {
        NextPage::Member(path) => Some(path),
        NextPage::Nothing | NextPage::Link | NextPage::Count => None,
    };
    let words = ["next", "cursor", "continuation"];
    let instead = envelope.like(&words, &[Kind::String, Kind::Number], configured);
    let looks_full = || {
        let as_asked = |value: &str| value.parse() == Ok(records);
        endpoint.params.iter().any(|(_, value)| as_asked(value)) || USUAL.contains(&records)
    };
    let is_early = match page.total {
        Some(total) => total > records,
        // By count an end is told only by a page that is not full.
        None => next != NextPage::Count && (looks_full() || !instead.is_empty()),
    };
    is_early.then_some(Doubt::EndsEarly { records, total: page.total, next, instead })
}

/// Whether the total that the configuration counts on is stated.
pub(super) fn of_total(
    endpoint: &EndpointSettings,
    page: &Page<'_>,
    envelope: &Envelope,
) -> Option<Doubt> {
    let path = endpoint.total.as_ref().filter(|_| page.total.is_none())?;
    let words = ["total", "count"];
    let instead = envelope.like(&words, &[Kind::Number, Kind::String], Some(path));
    Some(Doubt::NoTotal { path: path.clone(), instead })
}
