use std::sync::LazyLock;

use super::*;

mod leads;
mod moving;
mod properties;

/// The page that a response came from, where a test says nothing else.
static HERE: LazyLock<Url> = LazyLock::new(|| url("https://api.example/v2/users?size=2"));

static NO_HEADERS: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);

fn url(text: &str) -> Url {
    text.parse().expect("the test's URL is valid")
}

fn seen<'r>(records: u64, total: Option<u64>, next: Option<&'r str>, content: &str) -> Seen<'r> {
    let digest = Digest::of(content.as_bytes());
    Seen {
        records,
        total,
        next,
        digest,
        keys: &[],
        reordered: false,
        url: &HERE,
        headers: &NO_HEADERS,
        base: &HERE,
    }
}

/// The end of a listing that did not move.
fn ended(records: u64, total: Option<u64>) -> End {
    End { records, total, ..End::default() }
}

fn page_style(size: Option<u64>, first: u64) -> Style {
    let size = size.map(|size| ("pageSize".to_owned(), size));
    Style::Page { page_param: "page".into(), size, first }
}

fn offset_style(limit: Option<u64>) -> Style {
    let limit = limit.map(|limit| ("limit".to_owned(), limit));
    Style::Offset { offset_param: "offset".into(), limit }
}

fn cursor_style() -> Style {
    let next = "next".parse().expect("the test's path is valid");
    Style::Cursor { param: "after".into(), next }
}

fn next_url_style() -> Style {
    Style::NextUrl { next: "next".parse().expect("the test's path is valid") }
}

fn params(style: &Style, state: &State) -> Vec<(String, String)> {
    match style.request(state) {
        Request::Params(params) => params,
        Request::Url(url) => panic!("{url} is asked for"),
    }
}

fn param(params: &[(String, String)], name: &str) -> Option<String> {
    params.iter().find(|(param, _)| param == name).map(|(_, value)| value.clone())
}

/// The state after a step that was not the last.
fn next(step: Result<Step, ListingError>) -> State {
    match step {
        Ok(Step::Next(state)) => state,
        other => panic!("the listing does not go on: {other:?}"),
    }
}

/// Plays pages, each given as (records, what it holds, total), until the end.
fn play(style: &Style, pages: &[(u64, &str, Option<u64>)]) -> Result<(usize, End), ListingError> {
    let mut state = style.start();
    for (index, (records, content, total)) in pages.iter().enumerate() {
        match style.advance(&state, &seen(*records, *total, None, content))? {
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
    assert!(params(&Style::None, &Style::None.start()).is_empty());
}

#[test]
fn a_second_page_that_repeats_a_full_first_one_is_an_error() {
    let by_page = ListingError::PageIgnored { param: "page".into() };
    let by_offset = ListingError::OffsetIgnored { param: "offset".into() };
    for (style, error) in [
        (page_style(Some(2), 1), &by_page),
        (page_style(None, 1), &by_page),
        (offset_style(Some(2)), &by_offset),
        (offset_style(None), &by_offset),
    ] {
        for (records, total) in [(2, None), (9, None), (2, Some(4))] {
            let twice = [(records, "a", total), (records, "a", total)];
            assert_eq!(play(&style, &twice), Err(error.clone()), "{style:?} {twice:?}");
        }
    }
}

#[test]
fn a_first_page_shorter_than_asked_proves_nothing() {
    for style in [page_style(Some(200), 1), offset_style(Some(200))] {
        let capped = [(100, "a", None), (100, "b", None), (40, "c", None)];
        assert_eq!(play(&style, &capped), Ok((3, ended(240, None))));
        let again = [(100, "a", None), (100, "a", None)];
        assert_eq!(play(&style, &again), Ok((2, ended(100, None))));
    }
}

#[test]
fn an_offset_counts_the_records_that_came_and_not_those_asked_for() {
    let style = offset_style(Some(200));
    let mut state = style.start();
    for (offset, records, content) in [("0", 100, "a"), ("100", 100, "b"), ("200", 130, "c")] {
        let asked = params(&style, &state);
        assert_eq!(asked, [("offset".into(), offset.into()), ("limit".into(), "200".into())]);
        state = next(style.advance(&state, &seen(records, None, None, content)));
    }
    assert_eq!(param(&params(&style, &state), "offset").as_deref(), Some("330"));
    let unsized_one = offset_style(None);
    assert_eq!(params(&unsized_one, &unsized_one.start()), [("offset".into(), "0".into())]);
}

#[test]
fn a_short_page_is_not_the_end_while_the_total_says_there_is_more() {
    for (style, last) in [(page_style(Some(10), 1), 3), (offset_style(Some(10)), 4)] {
        let filtered =
            [(10, "a", Some(28)), (8, "b", Some(28)), (10, "c", Some(28)), (0, "", Some(28))];
        assert_eq!(play(&style, &filtered), Ok((last, ended(28, Some(28)))));
        let short = [(10, "a", Some(28)), (8, "b", Some(28)), (0, "", Some(28))];
        let (pages, end) = play(&style, &short).expect("an empty page is the end");
        assert_eq!((pages, end.mismatch()), (3, Some((18, 28))));
    }
}

#[test]
fn records_that_come_twice_do_not_make_up_the_total_of_an_offset_listing() {
    // Thirty records, two of the first twenty are filtered out, and offsets count them all the same.
    for cut in [[8, 10, 10, 2, 0], [10, 8, 10, 2, 0]] {
        let content = ["a", "b", "c", "d", ""];
        let pages: Vec<_> = cut.iter().zip(content).map(|(cut, of)| (*cut, of, Some(28))).collect();
        let (read, end) = play(&offset_style(Some(10)), &pages).expect("nothing repeats");
        assert_eq!((read, end.mismatch()), (5, Some((30, 28))), "{cut:?}");
    }
}

#[test]
fn a_listing_that_starts_over_is_an_error() {
    for style in [page_style(Some(2), 0), offset_style(Some(2))] {
        let pages = [(2, "a", None), (2, "b", None), (2, "c", None), (2, "a", None)];
        assert_eq!(play(&style, &pages), Err(ListingError::PagesRepeat));
    }
}

#[test]
fn a_404_is_the_end_only_after_a_first_page_that_is_counted() {
    for style in [page_style(Some(2), 1), offset_style(Some(2))] {
        assert_eq!(style.not_found(&style.start()), None);
        let state = next(style.advance(&style.start(), &seen(2, Some(9), None, "a")));
        assert_eq!(style.not_found(&state), Some(Step::End(ended(2, Some(9)))));
        assert_eq!((style.start().records(), state.records()), (0, 2));
    }
    for style in [cursor_style(), next_url_style()] {
        let state = next(style.advance(&style.start(), &seen(2, Some(9), Some("b"), "a")));
        assert_eq!(style.not_found(&state), None);
        assert_eq!(state.records(), 2);
    }
}

#[test]
fn a_state_of_another_style_is_refused() {
    let styles = [
        Style::None,
        page_style(None, 1),
        offset_style(None),
        cursor_style(),
        next_url_style(),
        Style::Link,
    ];
    for style in &styles {
        for other in styles.iter().filter(|other| *other != style) {
            let stepped = style.advance(&other.start(), &seen(1, None, None, ""));
            assert_eq!(stepped, Err(ListingError::ForeignState), "{style:?} at {other:?}");
        }
    }
}

#[test]
fn checkpoints_of_the_version_before_are_still_read() {
    let trail = r#"{"first":"0000000000000000000000000000000a","last":"0000000000000000000000000000000b","mark":"0000000000000000000000000000000a","stretch":2,"steps":1}"#;
    let read = |text: &str| serde_json::from_str(text).expect("it is still read");
    let page = read(&format!(
        r#"{{"style":"page","page":3,"longest":10,"first_was_short":false,"trail":{trail},"seen":{{"records":20,"total":35}}}}"#
    ));
    assert_eq!(params(&page_style(None, 1), &page), [("page".into(), "3".into())]);
    let cursor = read(&format!(
        r#"{{"style":"cursor","cursor":"c2","trail":{trail},"seen":{{"records":20,"total":null}}}}"#
    ));
    assert_eq!(params(&cursor_style(), &cursor), [("after".into(), "c2".into())]);
    assert_eq!(read(r#"{"style":"none"}"#), Style::None.start());
    assert!(serde_json::from_str::<State>(r#"{"style":"none","page":1}"#).is_err());
}
