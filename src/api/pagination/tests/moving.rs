//! Listings that change while they are read: what was there throughout comes, or it is told that it may not have.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};

use super::*;

/// What happens to a listing.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// A record comes at this place, in thousandths of the listing.
    Insert(usize),
    Delete(usize),
    /// A record moves from one place to another: the listing is sorted by something that has changed.
    Move(usize, usize),
}

/// A listing of records, each a number, that changes before every request but the first.
struct Listing {
    records: Vec<u64>,
    states_total: bool,
    next: u64,
    /// What happens before each request but the first.
    changes: std::vec::IntoIter<Vec<Change>>,
}

impl Listing {
    fn change(&mut self) {
        for change in self.changes.next().unwrap_or_default() {
            self.undergo(change);
        }
    }

    fn undergo(&mut self, change: Change) {
        let place = |thousandth: usize, length: usize| thousandth * length / 1000;
        let length = self.records.len();
        match change {
            Change::Insert(at) => {
                self.records.insert(place(at, length + 1), self.next);
                self.next += 1;
            }
            Change::Delete(at) => {
                if length > 0 {
                    self.records.remove(place(at, length));
                }
            }
            Change::Move(from, to) => {
                if length > 0 {
                    let record = self.records.remove(place(from, length));
                    self.records.insert(place(to, length), record);
                }
            }
        }
    }

    fn answer(&self, style: &Style, params: &[(String, String)]) -> &[u64] {
        let number = |name| param(params, name).map(|digits| digits.parse().expect("digits"));
        let (size, at): (usize, usize) = if let Style::Page { .. } = style {
            let size = number("pageSize").expect("a size is asked for");
            (size, (number("page").expect("a page is asked for") - 1) * size)
        } else {
            let offset = number("offset").expect("an offset is asked for");
            (number("limit").expect("a limit is asked for"), offset)
        };
        let end = self.records.len().min(at + size);
        self.records.get(at..end).unwrap_or_default()
    }
}

/// How a listing was read.
struct Reading {
    /// The records that were there throughout, and did not come.
    lost: BTreeSet<u64>,
    end: End,
    requests: u64,
}

/// Reads a listing as a sweep does.
fn read(style: &Style, listing: Listing) -> Reading {
    try_to_read(style, listing).expect("the listing can be followed")
}

fn try_to_read(style: &Style, mut listing: Listing) -> Result<Reading, ListingError> {
    let mut throughout: BTreeSet<u64> = listing.records.iter().copied().collect();
    let (mut came, mut of_pass) = (BTreeSet::new(), BTreeSet::<u64>::new());
    let mut state = style.start();
    let most = 12 * (listing.records.len() as u64 + 12);
    for requests in 1..most {
        if requests > 1 {
            listing.change();
            throughout.retain(|record| listing.records.contains(record));
        }
        let page = listing.answer(style, &params(style, &state));
        let keys: Vec<_> = page.iter().map(|record| Digest::of(&record.to_le_bytes())).collect();
        let text = format!("{page:?}");
        let total = listing.states_total.then_some(listing.records.len() as u64);
        let page_seen = Seen { keys: &keys, ..seen(page.len() as u64, total, None, &text) };
        let again = page.iter().filter(|record| of_pass.contains(*record)).count() as u64;
        let most = style.may_repeat(&state, &page_seen);
        let reordered = most.is_some_and(|most| again > most);
        let step = style.advance(&state, &Seen { reordered, ..page_seen });
        came.extend(page);
        of_pass.extend(page);
        match step? {
            Step::Next(next) => state = through_its_text(&next),
            Step::End(end) => {
                let lost = &throughout - &came;
                return Ok(Reading { lost, end, requests });
            }
        }
        if state.pass() == (0, true) {
            of_pass.clear();
        }
    }
    panic!("the listing does not end");
}

#[test]
fn an_api_that_begins_pages_at_multiples_of_their_length_is_asked_for_those() {
    let style = offset_style(Some(10));
    let keys: Vec<_> = (0..25_u64).map(|record| Digest::of(&record.to_le_bytes())).collect();
    let (mut state, mut asked) = (style.start(), Vec::new());
    loop {
        let offset = param(&params(&style, &state), "offset").expect("an offset is asked for");
        let offset: usize = offset.parse().expect("digits");
        asked.push(offset);
        let page = offset / 10 * 10..25.min(offset / 10 * 10 + 10);
        let text = format!("{page:?}");
        let seen = seen(page.len() as u64, None, None, &text);
        let keys = keys.get(page).expect("the page lies within the listing");
        match style.advance(&state, &Seen { keys, ..seen }).expect("it can be followed") {
            Step::Next(next) => state = next,
            Step::End(end) => {
                assert_eq!(end, ended(25, None));
                break;
            }
        }
    }
    assert_eq!(asked, [0, 9, 10, 20], "one request more, once");
}

#[test]
fn a_listing_that_comes_the_same_twice_holds_a_key_twice_and_did_not_move() {
    for style in [page_style(Some(2), 1), offset_style(Some(2)), cursor_style()] {
        let pages = [("a", Some("1")), ("b", None)].repeat(3);
        let mut state = style.start();
        for (index, (content, next)) in pages.into_iter().enumerate() {
            // Its second page repeats a row of the first.
            let reordered = content == "b";
            let page = seen(2, Some(4), next, content);
            match style.advance(&state, &Seen { reordered, ..page }).expect("it can be followed") {
                Step::Next(next) => {
                    assert_eq!(next.pass().1, index > 0, "{style:?}");
                    state = next;
                }
                Step::End(end) => {
                    assert_eq!((index, end), (3, ended(4, Some(4))), "{style:?}");
                    break;
                }
            }
        }
    }
}

#[test]
fn a_listing_that_moves_in_every_pass_is_read_three_times_and_is_not_sure() {
    for style in [page_style(Some(2), 1), offset_style(Some(2)), cursor_style()] {
        let mut state = style.start();
        let contents = ["a", "b", "c", "d", "e", "f"];
        for (index, content) in contents.into_iter().enumerate() {
            let next = (index % 2 == 0).then_some("1");
            let page = Seen { reordered: index % 2 > 0, ..seen(2, Some(4), next, content) };
            match style.advance(&state, &page).expect("it can be followed") {
                Step::Next(next) => state = next,
                Step::End(end) => {
                    assert!(end.moved && !end.is_sure(), "{style:?} {end:?}");
                    assert_eq!((index, end.mismatch()), (5, None), "{style:?}");
                    break;
                }
            }
        }
    }
}

fn through_its_text(state: &State) -> State {
    let text = serde_json::to_string(state).expect("a state is JSON");
    serde_json::from_str(&text).expect("a state reads its own text")
}

/// Some rows come, or some go: both between the same two requests may hide each other from page numbers.
fn insert_or_delete(most: usize) -> impl Strategy<Value = Vec<Change>> {
    prop_oneof![
        2 => Just(Vec::new()),
        1 => vec((0..1000_usize).prop_map(Change::Insert), 1..=most),
        1 => vec((0..1000_usize).prop_map(Change::Delete), 1..=most),
    ]
}

fn movement() -> impl Strategy<Value = Vec<Change>> {
    vec((0..1000_usize, 0..1000_usize).prop_map(|(from, to)| Change::Move(from, to)), 0..=1)
}

fn styles(size: u64, by_offset: bool) -> Style {
    if by_offset { offset_style(Some(size)) } else { page_style(Some(size), 1) }
}

proptest! {
    #[test]
    fn rows_that_come_or_go_one_at_a_time_cost_no_other_row(
        length in 0_u64..160,
        size in 2_u64..30,
        by_offset: bool,
        changes in vec(insert_or_delete(1), 0..80),
    ) {
        let listing = Listing {
            records: (0..length).collect(),
            states_total: true,
            next: length,
            changes: changes.into_iter(),
        };
        let Reading { lost, end, requests } = read(&styles(size, by_offset), listing);
        prop_assert!(lost.is_empty() || end.moved, "{lost:?} lost after {requests} requests");
        // Where as many rows go as are read, no request catches up with them.
        prop_assert!(!end.moved || size < 8, "moved: {end:?} after {requests} requests");
        prop_assert_eq!(end.mismatch(), None);
    }

    #[test]
    fn however_many_come_or_go_at_once_no_row_is_lost_without_a_word(
        length in 0_u64..160,
        size in 2_u64..30,
        by_offset: bool,
        changes in vec(insert_or_delete(40), 0..30),
    ) {
        let listing = Listing {
            records: (0..length).collect(),
            states_total: true,
            next: length,
            changes: changes.into_iter(),
        };
        match try_to_read(&styles(size, by_offset), listing) {
            Ok(Reading { lost, end, requests }) => {
                prop_assert!(lost.is_empty() || end.moved, "{lost:?} lost after {requests} requests");
            }
            // A page that comes to hold what an earlier one has held looks like a listing without an end.
            Err(error) => prop_assert_eq!(error, ListingError::PagesRepeat),
        }
    }

    #[test]
    fn an_offset_needs_no_total_for_that(
        length in 0_u64..160,
        size in 10_u64..30,
        changes in vec(insert_or_delete(1), 0..80),
    ) {
        let listing = Listing {
            records: (0..length).collect(),
            states_total: false,
            next: length,
            changes: changes.into_iter(),
        };
        let Reading { lost, end, requests } = read(&offset_style(Some(size)), listing);
        prop_assert!(lost.is_empty() || end.moved, "{lost:?} lost after {requests} requests");
    }

    #[test]
    fn a_listing_that_is_sorted_anew_loses_no_row_without_a_word(
        length in 0_u64..160,
        size in 2_u64..30,
        by_offset: bool,
        changes in vec(movement(), 0..80),
    ) {
        let listing = Listing {
            records: (0..length).collect(),
            states_total: true,
            next: length,
            changes: changes.into_iter(),
        };
        let Reading { lost, end, .. } = read(&styles(size, by_offset), listing);
        prop_assert!(lost.is_empty() || !end.is_sure(), "{lost:?} lost without a word: {end:?}");
    }

    #[test]
    fn a_listing_that_holds_still_is_asked_for_once(
        length in 0_u64..400,
        size in 1_u64..30,
        by_offset: bool,
        states_total: bool,
    ) {
        let records = (0..length).collect();
        let changes = Vec::new().into_iter();
        let listing = Listing { records, states_total, next: length, changes };
        let Reading { lost, end, requests } = read(&styles(size, by_offset), listing);
        prop_assert!(lost.is_empty() && end.is_sure());
        let step = if by_offset && size >= 10 { size - 1 } else { size };
        prop_assert!(requests <= length / step + 2, "{requests} requests");
    }
}
