use proptest::prelude::*;

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
    /// The page of that index; `None` is a 404.
    fn page(&self, index: u64, asked: Option<u64>) -> Option<Vec<u64>> {
        let size = asked.unwrap_or(self.cap).min(self.cap);
        let last = self.records.saturating_sub(1) / size;
        let index = match self.past_the_end {
            _ if index <= last => index,
            PastTheEnd::Empty => return Some(Vec::new()),
            PastTheEnd::NotFound => return None,
            PastTheEnd::LastAgain => last,
        };
        Some((index * size..self.records.min((index + 1) * size)).collect())
    }

    fn seen(&self, records: &[u64]) -> Seen {
        let text: Vec<u8> = records.iter().flat_map(|record| record.to_le_bytes()).collect();
        Seen {
            records: records.len() as u64,
            total: self.states_total.then_some(self.records),
            next: None,
            digest: Digest::of(&text),
        }
    }
}

fn page_style(size: Option<u64>, first: u64) -> Style {
    let size = size.map(|size| ("pageSize".to_owned(), size));
    Style::Page { page_param: "page".into(), size, first }
}

fn cursor_style() -> Style {
    let next = "next".parse().expect("the test's path is valid");
    Style::Cursor { param: "after".into(), next }
}

fn param(params: &[(String, String)], name: &str) -> Option<String> {
    params.iter().find(|(param, _)| param == name).map(|(_, value)| value.clone())
}

/// Goes through the model's listing as a sweep does, every checkpoint by way of its text.
fn read(style: &Style, model: Model, first: u64) -> Result<(Vec<u64>, End, u64), ListingError> {
    let mut state = style.start();
    let mut records: Vec<u64> = Vec::new();
    for requests in 1..=model.records + 3 {
        let text = serde_json::to_string(&state).expect("a state is JSON");
        state = serde_json::from_str(&text).expect("a state reads its own text");
        let params = style.params(&state);
        let number: u64 = param(&params, "page").expect("a page is asked").parse().expect("digits");
        let asked = param(&params, "pageSize").map(|size| size.parse().expect("digits"));
        let Some(page) = model.page(number - first, asked) else {
            let end = style.not_found(&state).expect("a 404 comes only after the first page");
            return Ok((records, end, requests));
        };
        let step = style.advance(&state, &model.seen(&page))?;
        // An upsert: a page that is sent again adds nothing.
        records.extend(page.iter().filter(|record| !records.contains(record)).collect::<Vec<_>>());
        match step {
            Step::Next(next) => state = next,
            Step::End(end) => return Ok((records, end, requests)),
        }
    }
    panic!("the listing does not end");
}

proptest! {
    #[test]
    fn a_page_listing_ends_with_every_record_seen_once(
        records in 0_u64..120,
        size in proptest::option::of(1_u64..40),
        cap in 1_u64..40,
        first in 0_u64..2,
        states_total: bool,
        past_the_end in prop_oneof![
            Just(PastTheEnd::Empty), Just(PastTheEnd::NotFound), Just(PastTheEnd::LastAgain)
        ],
    ) {
        let model = Model { records, cap, past_the_end, states_total };
        let length = size.unwrap_or(cap).min(cap);
        // One page that is as long as asked, and again: that may as well be an API that ignores the page's number.
        let first_is_full = size.is_none_or(|size| records.min(length) >= size);
        let ambiguous = past_the_end == PastTheEnd::LastAgain
            && !states_total && first_is_full && records > 0 && records <= length;
        match read(&page_style(size, first), model, first) {
            Err(error) => {
                prop_assert!(ambiguous, "{error}");
                prop_assert_eq!(error, ListingError::PageIgnored { param: "page".into() });
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
    fn a_cursor_listing_passes_over_short_and_empty_pages(
        pages in proptest::collection::vec(0_u64..5, 1..30),
    ) {
        let style = cursor_style();
        let mut state = style.start();
        let mut asked = Vec::new();
        let mut end = None;
        for (index, records) in pages.iter().enumerate() {
            asked.push(param(&style.params(&state), "after"));
            let next = (index + 1 < pages.len()).then(|| format!("c{}", index + 1));
            // The total is met early: a cursor listing goes on all the same.
            let seen = Seen { records: *records, total: Some(1), next, digest: Digest::of(b"") };
            match style.advance(&state, &seen).expect("no cursor repeats") {
                Step::Next(next) => state = next,
                Step::End(at) => end = Some((index, at)),
            }
        }
        let (index, end) = end.expect("the last page names no cursor");
        prop_assert_eq!(index, pages.len() - 1);
        prop_assert_eq!(end.records, pages.iter().sum::<u64>());
        prop_assert_eq!(end.mismatch().is_some(), end.records != 1);
        for (index, asked) in asked.iter().enumerate() {
            prop_assert_eq!(asked.clone(), (index > 0).then(|| format!("c{index}")));
        }
    }
}

/// Plays pages, each given as (records, what it holds, total), until the end.
fn play(style: &Style, pages: &[(u64, &str, Option<u64>)]) -> Result<(usize, End), ListingError> {
    let mut state = style.start();
    for (index, (records, content, total)) in pages.iter().enumerate() {
        let digest = Digest::of(content.as_bytes());
        let seen = Seen { records: *records, total: *total, next: None, digest };
        match style.advance(&state, &seen)? {
            Step::Next(next) => state = next,
            Step::End(end) => return Ok((index + 1, end)),
        }
    }
    panic!("the listing goes on after {} pages", pages.len());
}

#[test]
fn the_style_none_is_one_page() {
    let (pages, end) = play(&Style::None, &[(3, "a", Some(5))]).expect("one page");
    assert_eq!((pages, end.mismatch()), (1, Some((3, 5))));
    assert!(Style::None.params(&Style::None.start()).is_empty());
}

#[test]
fn a_second_page_that_repeats_a_full_first_one_is_an_error() {
    let ignored = Err(ListingError::PageIgnored { param: "page".into() });
    assert_eq!(play(&page_style(Some(2), 1), &[(2, "a", None), (2, "a", None)]), ignored);
    assert_eq!(play(&page_style(Some(2), 1), &[(9, "a", None), (9, "a", None)]), ignored);
    assert_eq!(play(&page_style(None, 1), &[(2, "a", None), (2, "a", None)]), ignored);
    assert_eq!(play(&page_style(Some(2), 1), &[(2, "a", Some(4)), (2, "a", Some(4))]), ignored);
}

#[test]
fn a_first_page_shorter_than_asked_proves_nothing() {
    let style = page_style(Some(200), 1);
    let capped = [(100, "a", None), (100, "b", None), (40, "c", None)];
    assert_eq!(play(&style, &capped), Ok((3, End { records: 240, total: None })));
    let again = [(100, "a", None), (100, "a", None)];
    assert_eq!(play(&style, &again), Ok((2, End { records: 100, total: None })));
}

#[test]
fn a_short_page_is_not_the_end_while_the_total_says_there_is_more() {
    let style = page_style(Some(10), 1);
    let filtered = [(10, "a", Some(28)), (8, "b", Some(28)), (10, "c", Some(28))];
    assert_eq!(play(&style, &filtered), Ok((3, End { records: 28, total: Some(28) })));
    let moved = [(10, "a", Some(28)), (8, "b", Some(28)), (0, "", Some(27))];
    let (pages, end) = play(&style, &moved).expect("an empty page is the end");
    assert_eq!((pages, end.mismatch()), (3, Some((18, 27))));
}

#[test]
fn a_listing_that_starts_over_is_an_error() {
    let pages = [(2, "a", None), (2, "b", None), (2, "c", None), (2, "a", None)];
    let error = play(&page_style(Some(2), 0), &pages);
    assert_eq!(error, Err(ListingError::PagesRepeat { page: 3 }));
}

#[test]
fn a_404_is_the_end_only_after_the_first_page() {
    let style = page_style(Some(2), 1);
    assert_eq!(style.not_found(&style.start()), None);
    let seen = Seen { records: 2, total: Some(9), next: None, digest: Digest::of(b"a") };
    let Ok(Step::Next(state)) = style.advance(&style.start(), &seen) else {
        panic!("a full first page is not the end");
    };
    assert_eq!(style.not_found(&state), Some(End { records: 2, total: Some(9) }));
    assert_eq!((style.start().records(), state.records()), (0, 2));
    assert_eq!(cursor_style().not_found(&cursor_style().start()), None);
}

#[test]
fn a_cursor_met_before_is_an_error() {
    let style = cursor_style();
    let mut state = style.start();
    for (cursor, repeats) in [("a", false), ("b", false), ("c", false), ("a", true), ("c", true)] {
        let next = Some(cursor.to_owned());
        let seen = Seen { records: 1, total: None, next, digest: Digest::of(b"") };
        match style.advance(&state, &seen) {
            Ok(Step::Next(next)) if !repeats => state = next,
            Err(ListingError::CursorRepeats { .. }) if repeats => {}
            other => panic!("{cursor}: {other:?}"),
        }
    }
}

#[test]
fn an_empty_cursor_is_none() {
    let style = cursor_style();
    let seen = Seen { records: 1, total: None, next: Some(String::new()), digest: Digest::of(b"") };
    let end = End { records: 1, total: None };
    assert_eq!(style.advance(&style.start(), &seen), Ok(Step::End(end)));
}

#[test]
fn a_state_of_another_style_is_refused() {
    let seen = Seen { records: 1, total: None, next: None, digest: Digest::of(b"") };
    let state = cursor_style().start();
    assert_eq!(page_style(None, 1).advance(&state, &seen), Err(ListingError::ForeignState));
    assert!(page_style(None, 1).params(&state).is_empty());
}
