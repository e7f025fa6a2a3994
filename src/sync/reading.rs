//! What an endpoint is asked at a place of its listing, and what the answer holds: the same for a sweep, which stores it, and
//! for who only looks. Pure.

use url::Url;

use super::EndpointSettings;
use crate::{
    api::{
        Client,
        page::{self, Digest, Page, PageError},
        pagination::{Request, State},
    },
    rows::{Flattener, Record},
    store::RejectedRecord,
};

/// A page's records, as they are stored.
#[derive(Default)]
pub(super) struct Records<'p> {
    pub(super) stored: Vec<Record<'p>>,
    pub(super) rejected: Vec<RejectedRecord>,
    /// How many of those that cannot be stored have no row for sure, since they have no key.
    pub(super) keyless: usize,
}

impl Records<'_> {
    /// Whether one that cannot be stored may have a row.
    pub(super) fn unsure(&self) -> bool {
        self.rejected.len() > self.keyless
    }
}

/// The URL to ask for; `range` are the parameters that ask for a slice of the window, or for changes.
pub(super) fn url(
    client: &Client,
    endpoint: &EndpointSettings,
    range: &[(String, String)],
    state: &State,
) -> Url {
    let paging = match endpoint.pagination.request(state) {
        Request::Params(paging) => paging,
        Request::Url(url) => return url,
    };
    let asked = [range, &paging].concat();
    let fixed =
        endpoint.params.iter().filter(|(name, _)| asked.iter().all(|(other, _)| other != name));
    let params: Vec<_> = fixed.chain(&asked).cloned().collect();
    client.url(&endpoint.path, &params)
}

/// Reads a body as the endpoint's settings say.
///
/// # Errors
/// Says what it is instead of a page.
pub(super) fn parse<'b>(
    endpoint: &EndpointSettings,
    body: &'b [u8],
) -> Result<Page<'b>, PageError> {
    let next = endpoint.pagination.next();
    page::parse(body, endpoint.records.as_ref(), endpoint.total.as_ref(), next)
}

/// Makes of a page's records what is stored of them.
pub(super) fn transform<'p>(flattener: &mut Flattener, page: &Page<'p>) -> Records<'p> {
    let mut records = Records::default();
    for record in &page.records {
        match flattener.flatten(record) {
            Ok(record) => records.stored.push(record),
            Err(reason) => {
                records.keyless += usize::from(!reason.may_have_a_row());
                let record = flattener.redact(record);
                records.rejected.push(RejectedRecord { reason: reason.to_string(), record });
            }
        }
    }
    records
}

/// What tells records from others: their keys, whose parts come first.
pub(super) fn keys(endpoint: &EndpointSettings, records: &[Record<'_>]) -> Vec<Digest> {
    let parts = endpoint.transforms.key.len();
    let key = |record: &Record<'_>| {
        let parts = record.fields.iter().take(parts).map(|(_, value)| value.to_json());
        Digest::of(parts.collect::<Vec<_>>().join(",").as_bytes())
    };
    records.iter().map(key).collect()
}
