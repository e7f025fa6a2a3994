//! What an endpoint's first page shows of its settings: judged without asking for anything more. Pure.

mod doubts;

use std::collections::{BTreeMap, HashSet};

use url::Url;

use self::doubts::Envelope;
pub use self::doubts::{Doubt, NextPage};
use super::{
    EndpointSettings,
    reading::{self, Records},
};
use crate::{
    api::{
        page::{Page, PageError},
        pagination::{ListingError, Seen, Step},
        response::Response,
    },
    rows::{Flattener, json},
};

/// What an endpoint's first page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstPage {
    /// How many records it has.
    pub records: u64,
    /// How many the API says there are in all.
    pub total: Option<u64>,
    /// How many have no key.
    pub keyless: u64,
    /// Why records cannot be stored, and of how many each is true; the reasons name fields, and no value.
    pub rejected: Vec<(String, u64)>,
    /// How many have a key that another one before them has.
    pub duplicates: u64,
    /// Whether it is all that there is to read.
    pub is_all: bool,
    /// What may be wrong with the settings.
    pub doubts: Vec<Doubt>,
}

/// Why a page cannot be judged: a sweep would fail of it.
pub(super) enum Unreadable {
    Page(PageError),
    Listing(ListingError),
}

/// Judges a first page; gives its records too, as they would be stored.
pub(super) fn judge<'r>(
    endpoint: &EndpointSettings,
    flattener: &mut Flattener,
    response: &'r Response,
    base: &Url,
) -> Result<(FirstPage, Records<'r>), Unreadable> {
    let page = reading::parse(endpoint, &response.body).map_err(Unreadable::Page)?;
    let records = reading::transform(flattener, &page);
    let keys = reading::keys(endpoint, &records.stored);
    let style = &endpoint.pagination;
    let seen = Seen::of(&page, &keys, response, base);
    let step = style.advance(&style.start(), &seen).map_err(Unreadable::Listing)?;
    let mut met = HashSet::new();
    let duplicates = keys.iter().filter(|key| !met.insert(**key)).count() as u64;
    let mut rejected: BTreeMap<&str, u64> = BTreeMap::new();
    for reject in &records.rejected {
        *rejected.entry(&reject.reason).or_default() += 1;
    }
    let rejected = rejected.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect();
    let is_all = matches!(step, Step::End(_));
    let judged = FirstPage {
        records: seen.records,
        total: seen.total,
        keyless: records.keyless as u64,
        rejected,
        duplicates,
        is_all,
        doubts: doubts(endpoint, flattener, &page, is_all, &response.body),
    };
    Ok((judged, records))
}

fn doubts(
    endpoint: &EndpointSettings,
    flattener: &Flattener,
    page: &Page<'_>,
    is_all: bool,
    body: &[u8],
) -> Vec<Doubt> {
    let members = match str::from_utf8(body).map(json::document) {
        Ok(Ok(json::Document::Object(members))) => members,
        _ => Vec::new(),
    };
    let envelope = Envelope::new(&members, endpoint);
    let mut doubts: Vec<Doubt> = Vec::new();
    doubts.extend(doubts::of_end(endpoint, page, is_all, &envelope));
    doubts.extend(doubts::of_total(endpoint, page, &envelope));
    if page.records.is_empty() {
        doubts.push(Doubt::NoRecords { has_window: endpoint.window.is_some() });
        return doubts;
    }
    let unmet = flattener.unmet().into_iter();
    doubts.extend(unmet.map(|(setting, path)| Doubt::Unmet { setting, path: path.clone() }));
    let field = endpoint.window.as_ref().and_then(|window| window.field.as_ref());
    let field =
        field.filter(|path| page.records.iter().all(|record| path.resolve(record).is_none()));
    doubts.extend(field.map(|path| Doubt::Unmet { setting: "window.field", path: path.clone() }));
    doubts
}

#[cfg(test)]
mod tests;
