//! Every listing is read whole and once, and every server, however hostile, comes to an end.

use http::{HeaderValue, header::LINK};
use proptest::{collection::vec, option, prelude::*};

use super::*;

/// What a model API answers to a page after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PastTheEnd {
    Empty,
    NotFound,
    LastAgain,
}

/// A listing of the numbers below `records`, in pages of what is asked for but at most `cap`.
#[derive(Clone, Copy, Debug)]
struct Model {
    records: u64,
    cap: u64,
    past_the_end: PastTheEnd,
    states_total: bool,
}

impl Model {
    /// The page of that number, counted from 0; `None` is a 404.
    fn page(&self, index: u64, size: u64) -> Option<Vec<u64>> {
        let last = self.records.saturating_sub(1) / size;
        let index = match self.past_the_end {
            _ if index <= last => index,
            PastTheEnd::Empty => return Some(Vec::new()),
            PastTheEnd::NotFound => return None,
            PastTheEnd::LastAgain => last,
        };
        Some((index * size..self.records.min((index + 1) * size)).collect())
    }

    /// The page that begins after so many records; `None` is a 404.
    fn from(&self, offset: u64, size: u64) -> Option<Vec<u64>> {
        let offset = match self.past_the_end {
            _ if offset < self.records.max(1) => offset,
            PastTheEnd::Empty => return Some(Vec::new()),
            PastTheEnd::NotFound => return None,
            PastTheEnd::LastAgain => self.records.saturating_sub(size),
        };
        Some((offset..self.records.min(offset + size)).collect())
    }

    /// The page that is asked for.
    fn answer(&self, style: &Style, params: &[(String, String)]) -> Option<Vec<u64>> {
        let number = |name| param(params, name).map(|digits| digits.parse().expect("digits"));
        let size = number("pageSize").or(number("limit")).unwrap_or(self.cap).min(self.cap);
        match style {
            Style::Page { first, .. } => {
                self.page(number("page").expect("a page is asked") - first, size)
            }
            _ => self.from(number("offset").expect("an offset is asked"), size),
        }
    }
}

fn text(records: &[u64]) -> String {
    format!("{records:?}")
}

fn through_its_text(state: &State) -> State {
    let text = serde_json::to_string(state).expect("a state is JSON");
    serde_json::from_str(&text).expect("a state reads its own text")
}

/// Goes through the model's listing as a sweep does, every checkpoint by way of its text.
fn read(style: &Style, model: Model) -> Result<(Vec<u64>, End, u64), ListingError> {
    let mut state = style.start();
    let mut records: Vec<u64> = Vec::new();
    for requests in 1..=model.records + 3 {
        state = through_its_text(&state);
        let Some(page) = model.answer(style, &params(style, &state)) else {
            let Some(Step::End(end)) = style.not_found(&state) else {
                panic!("a 404 comes only after the first page");
            };
            return Ok((records, end, requests));
        };
        let total = model.states_total.then_some(model.records);
        let step = style.advance(&state, &seen(page.len() as u64, total, None, &text(&page)))?;
        // An upsert: a page that is sent again adds nothing.
        records.extend(page.iter().filter(|record| !records.contains(record)).collect::<Vec<_>>());
        match step {
            Step::Next(next) => state = next,
            Step::End(end) => return Ok((records, end, requests)),
        }
    }
    panic!("the listing does not end");
}

/// How a page names the next one's URL: each in its own way relative to the page's own.
fn reference(way: usize, number: usize) -> String {
    match way % 4 {
        0 => format!("https://api.example/v2/users?page={number}"),
        1 => format!("/v2/users?page={number}"),
        2 => format!("users?page={number}#rows"),
        _ => format!("?page={number}"),
    }
}

/// The `Link` header of a page, amid others.
fn link(next: Option<&String>) -> HeaderMap {
    let next = next.map(|next| format!("<{next}>; title=\"a, b; c\"; rel=\"last NEXT\""));
    let links = [Some("<https://api.example/x>; rel=prev".into()), next, Some("</y>".into())];
    links
        .into_iter()
        .flatten()
        .map(|link| (LINK, HeaderValue::try_from(link).expect("it is legal")))
        .collect()
}

/// What the model answers, and where it was asked: the number of a page of a listing that names its next ones.
fn asked_number(style: &Style, state: &State) -> Option<usize> {
    let digits = match style.request(state) {
        Request::Params(params) => param(&params, "after"),
        Request::Url(url) => {
            let pairs = url.query_pairs();
            pairs.into_iter().find(|(name, _)| name == "page").map(|(_, value)| value.into_owned())
        }
    };
    digits.map(|digits| digits.parse().expect("digits"))
}

proptest! {
    #[test]
    fn a_listing_by_pages_or_offsets_ends_with_every_record_seen_once(
        records in 0_u64..120,
        size in option::of(1_u64..40),
        cap in 1_u64..40,
        first in 0_u64..2,
        states_total: bool,
        by_offset: bool,
        past_the_end in prop_oneof![
            Just(PastTheEnd::Empty), Just(PastTheEnd::NotFound), Just(PastTheEnd::LastAgain)
        ],
    ) {
        let model = Model { records, cap, past_the_end, states_total };
        let length = size.unwrap_or(cap).min(cap);
        // One page that is as long as asked, and again: that may as well be an API that ignores the parameter.
        let first_is_full = size.is_none_or(|size| records.min(length) >= size);
        let ambiguous = past_the_end == PastTheEnd::LastAgain
            && !states_total && first_is_full && records > 0 && records <= length;
        let style = if by_offset { offset_style(size) } else { page_style(size, first) };
        match read(&style, model) {
            Err(error) => {
                prop_assert!(ambiguous, "{error}");
                let ignored = matches!(
                    error, ListingError::PageIgnored { .. } | ListingError::OffsetIgnored { .. }
                );
                prop_assert!(ignored, "{error}");
            }
            Ok((seen, end, requests)) => {
                prop_assert!(!ambiguous);
                prop_assert_eq!(seen, (0..records).collect::<Vec<_>>());
                prop_assert_eq!(end.records, records);
                prop_assert_eq!(end.mismatch(), None);
                let pages = records.div_ceil(length).max(1);
                prop_assert!(requests <= pages + u64::from(!states_total), "{requests} requests");
            }
        }
    }

    #[test]
    fn a_listing_that_names_its_next_pages_passes_over_short_and_empty_ones(
        pages in vec((0_u64..5, 0_usize..4), 1..30),
        kind in 0_usize..3,
    ) {
        let style = [cursor_style(), next_url_style(), Style::Link][kind].clone();
        let mut state = style.start();
        let mut here = HERE.clone();
        let mut end = None;
        for (index, (records, way)) in pages.iter().enumerate() {
            state = through_its_text(&state);
            prop_assert_eq!(end, None, "the listing ends before page {}", index);
            prop_assert_eq!(asked_number(&style, &state), (index > 0).then_some(index));
            if let Request::Url(url) = style.request(&state) {
                here = url;
            }
            let named = (index + 1 < pages.len()).then(|| match style {
                Style::Cursor { .. } => (index + 1).to_string(),
                _ => reference(*way, index + 1),
            });
            let headers = if style == Style::Link { link(named.as_ref()) } else { HeaderMap::new() };
            let next = named.as_deref().filter(|_| style != Style::Link);
            // The total is met early: such a listing goes on all the same.
            let page = seen(*records, Some(1), next, "");
            let page = Seen { url: &here, headers: &headers, ..page };
            match style.advance(&state, &page).expect("nothing repeats") {
                Step::Next(next) => state = next,
                Step::End(at) => end = Some(at),
            }
        }
        let end = end.expect("the last page names no next one");
        prop_assert_eq!(end.records, pages.iter().map(|(records, _)| records).sum::<u64>());
        prop_assert_eq!(end.mismatch().is_some(), end.records != 1);
    }

    #[test]
    fn a_server_that_answers_anything_from_a_finite_store_comes_to_an_end(
        store in vec((0_u64..4, option::of(0_u64..60), option::of(0_usize..20), 0_usize..4), 1..20),
        kind in 0_usize..5,
    ) {
        let styles =
            [page_style(Some(2), 1), offset_style(Some(2)), cursor_style(), next_url_style(), Style::Link];
        let style = styles[kind].clone();
        let mut state = style.start();
        let mut requests = 0;
        loop {
            requests += 1;
            prop_assert!(requests <= 12 * (store.len() + 1) + 200, "{} requests", requests);
            let number = match (&style, style.request(&state)) {
                (Style::Page { .. } | Style::Offset { .. }, Request::Params(params)) => {
                    params[0].1.parse().expect("digits")
                }
                _ => asked_number(&style, &state).unwrap_or(0),
            };
            let (records, total, next, way) = store[number % store.len()];
            let named = next.map(|next| match style {
                Style::Cursor { .. } => (next % store.len()).to_string(),
                _ => reference(way, next % store.len()),
            });
            let headers = if style == Style::Link { link(named.as_ref()) } else { HeaderMap::new() };
            let content = (number % store.len()).to_string();
            let page = seen(records, total, named.as_deref(), &content);
            match style.advance(&state, &Seen { headers: &headers, ..page }) {
                Ok(Step::Next(next)) => state = through_its_text(&next),
                Ok(Step::End(_)) | Err(_) => break,
            }
        }
    }
}
