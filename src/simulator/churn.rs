//! Listings that change between two requests: which, how much and how, as it is asked for.

mod history;
mod rows;

use std::str::FromStr;

pub(crate) use self::rows::{Churned, Kept};
use super::data::Endpoint;

/// The most changes between two requests.
const MOST: f64 = 1_000.0;

/// What can befall a record between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// One comes that never was, anywhere in the listing.
    Insert,
    /// One goes.
    Delete,
    /// One that has gone comes back as it was, anywhere in the listing.
    Return,
    /// One is given another content, and keeps its place.
    Alter,
    /// One is given the times of another, which may lie in another slice; it keeps its place.
    Move,
    /// One is given another content and goes to the end, as where a listing is sorted by the time of the last change.
    Resort,
    /// The same, to the front.
    ResortFront,
}

impl Change {
    const ALL: [Self; 7] = [
        Self::Insert,
        Self::Delete,
        Self::Return,
        Self::Alter,
        Self::Move,
        Self::Resort,
        Self::ResortFront,
    ];

    /// Its name, as the flag and the history have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Delete => "delete",
            Self::Return => "return",
            Self::Alter => "change",
            Self::Move => "move",
            Self::Resort => "resort",
            Self::ResortFront => "resort-front",
        }
    }
}

/// A listing that changes between two requests, as it is asked for: `PATH=RATE`, and options after commas, as in
/// `/v2/users=2.5,kinds=insert+delete,requests=100`.
#[derive(Clone, Debug, PartialEq)]
pub struct Churn {
    pub(crate) endpoint: Endpoint,
    /// So many changes befall it before each answer, on average.
    pub(crate) rate: f64,
    /// One of these each time.
    kinds: Vec<Change>,
    /// After so many answers it changes no more; nothing: never.
    requests: Option<u64>,
}

impl FromStr for Churn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let spelling = "a changing listing is spelled PATH=RATE[,OPTION=VALUE]…";
        let (path, rest) = text.split_once('=').ok_or(spelling)?;
        let endpoint = Endpoint::at(path).ok_or_else(|| {
            format!(
                "`{path}` is no listing; those are {}",
                Endpoint::ALL.map(Endpoint::path).join(", ")
            )
        })?;
        let mut parts = rest.split(',');
        let rate = rate(parts.next().unwrap_or_default())?;
        let mut churn = Self {
            endpoint,
            rate,
            kinds: vec![Change::Insert, Change::Delete, Change::Alter],
            requests: None,
        };
        for part in parts {
            match part.split_once('=') {
                Some(("kinds", names)) => {
                    churn.kinds = names
                        .split('+')
                        .map(|name| kind(name, endpoint))
                        .collect::<Result<_, _>>()?;
                }
                Some(("requests", number)) => {
                    let number = number.parse().map_err(|_| {
                        format!("`requests` must be a whole number, not `{number}`")
                    })?;
                    churn.requests = Some(number);
                }
                _ => {
                    return Err(format!("`{part}` is not an option; those are kinds and requests"));
                }
            }
        }
        Ok(churn)
    }
}

/// Reads how many changes befall a listing before each answer.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=MOST).contains(&rate) => Ok(rate),
        _ => Err(format!("`{text}` is not a number of changes from 0 to {MOST}")),
    }
}

fn kind(name: &str, endpoint: Endpoint) -> Result<Change, String> {
    match Change::ALL.into_iter().find(|change| change.name() == name) {
        Some(Change::Move) if !endpoint.has_window() => {
            Err(format!("nothing moves in {}: its records have no time", endpoint.path()))
        }
        Some(change) => Ok(change),
        None => {
            let names = Change::ALL.map(Change::name).join(", ");
            Err(format!("`{name}` is not a change; those are {names}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changing_listing_is_spelled_as_a_fault_is() {
        let churn: Churn = "/v2/users=0.5".parse().expect("a rate is enough");
        assert_eq!((churn.endpoint, churn.rate, churn.requests), (Endpoint::Users, 0.5, None));
        let churn: Churn =
            "/v2/reservations=3,kinds=move+resort-front,requests=7".parse().expect("all options");
        assert_eq!(churn.kinds, [Change::Move, Change::ResortFront]);
        assert_eq!(churn.requests, Some(7));
    }

    #[test]
    fn what_is_no_changing_listing_is_refused_with_the_reason() {
        for (text, reason) in [
            ("/v2/users", "is spelled"),
            ("/v2/nobody=1", "is no listing"),
            ("/v2/users=-1", "not a number of changes"),
            ("/v2/users=many", "not a number of changes"),
            ("/v2/users=1,kinds=insert+grow", "`grow` is not a change"),
            ("/v2/users=1,kinds=move", "nothing moves in /v2/users"),
            ("/v2/users=1,requests=-1", "must be a whole number"),
            ("/v2/users=1,seed=2", "`seed=2` is not an option"),
        ] {
            let refused = text.parse::<Churn>().expect_err(text);
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
