//! Rows are found whichever way a listing is ordered, beside what it was when they were first stored.

use std::collections::BTreeMap;

use crate::stored::{Stored, keyed};

/// More than are looked up at once, and not a multiple of that.
const MANY: u32 = 450;

/// A listing: keys and values, in its order.
type Listing = Vec<(u32, u32)>;

/// What a listing becomes from one run to the next.
type Change = fn(Listing) -> Listing;

const CHANGES: [(&str, Change); 11] = [
    ("stays", |listing| listing),
    ("is turned round", |listing| listing.into_iter().rev().collect()),
    ("is sorted by value", |mut listing| {
        listing.sort_by_key(|(id, value)| (value % 7, *id));
        listing
    }),
    ("has other values here and there", |listing| {
        listing.into_iter().map(|(id, value)| (id, value + u32::from(id % 90 == 0))).collect()
    }),
    ("has rows that are new, in its middle and at its ends", |mut listing| {
        for (index, id) in [(0, 9001), (201, 9002), (300, 9003), (300, 9004)] {
            listing.insert(index, (id, 1));
        }
        listing.push((9005, 1));
        listing
    }),
    ("lacks its first row and some others", |listing| {
        listing.into_iter().skip(1).filter(|(id, _)| id % 50 != 7).collect()
    }),
    ("has exchanged two neighbours", |mut listing| {
        listing.swap(100, 101);
        listing
    }),
    ("has another beginning", |mut listing| {
        listing.rotate_left(123);
        listing
    }),
    ("has its first row changed and its last one new", |mut listing| {
        listing[0].1 += 1;
        listing.push((9006, 1));
        listing
    }),
    ("is one row", |mut listing| listing.split_off(listing.len() - 1)),
    ("is empty", |_| Vec::new()),
];

fn records(listing: &Listing, spelled: impl Fn(u32) -> String) -> Vec<String> {
    listing.iter().map(|(id, value)| format!(r#"{{{},"value":{value}}}"#, spelled(*id))).collect()
}

/// Stores a listing and then, run by run, what it becomes; holds each run's counts and the table to a plain map.
#[track_caller]
fn follow(key: &[&str], spelled: impl Fn(u32) -> String) {
    let mut stored = Stored::begun(keyed(key));
    let mut listing: Listing = (0..MANY).map(|id| (id * 37 % 997, id)).collect();
    let mut kept: BTreeMap<u32, u32> = listing.iter().copied().collect();
    assert_eq!(stored.stored(&records(&listing, &spelled)).new, u64::from(MANY));
    for (what, change) in CHANGES {
        listing = change(listing);
        stored.begin().expect("the run begins");
        let found = stored.stored(&records(&listing, &spelled));
        let (mut new, mut changed, mut unchanged) = (0, 0, 0);
        for (id, value) in &listing {
            match kept.insert(*id, *value) {
                None => new += 1,
                Some(before) if before == *value => unchanged += 1,
                Some(_) => changed += 1,
            }
        }
        assert_eq!(
            (found.new, found.changed, found.unchanged),
            (new, changed, unchanged),
            "{what}"
        );
        let sum: u32 = kept.values().sum();
        assert_eq!(
            stored.rows("SELECT count(*), sum(value) FROM records"),
            [format!("{}|{sum}", kept.len())],
            "{what}"
        );
    }
}

#[test]
fn rows_are_found_in_any_order_of_the_listing() {
    follow(&["id"], |id| format!(r#""id":{id}"#));
    follow(&["id"], |id| format!(r#""id":"{id:x}-é""#));
    follow(&["day", "desk"], |id| format!(r#""day":{},"desk":"{}""#, id / 100, id % 100));
}

#[test]
fn row_ids_with_gaps_and_at_their_limits_lead_to_no_other_row() {
    let mut stored = Stored::begun(keyed(&["id"]));
    let listing: Vec<String> =
        (0..9).map(|id| format!(r#"{{"id":"{id}","value":{id}}}"#)).collect();
    stored.stored(&listing);
    stored.user(
        "DELETE FROM records WHERE id = '3'; UPDATE records SET _rowid_ = 9223372036854775807 WHERE id = '0'; \
         UPDATE records SET _rowid_ = -9223372036854775808 WHERE id = '8'",
    );
    stored.begin().expect("the run begins");
    let found = stored.stored(&listing[1..]);
    assert_eq!((found.new, found.changed, found.unchanged), (1, 0, 7));
}

#[test]
fn a_row_is_found_behind_the_greatest_row_id() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":"a","value":1}"#, r#"{"id":"b","value":2}"#]);
    stored.user("UPDATE records SET _rowid_ = 9223372036854775807 WHERE id = 'a'");
    stored.begin().expect("the run begins");
    let found = stored.stored(&[r#"{"id":"a","value":1}"#, r#"{"id":"b","value":3}"#]);
    assert_eq!((found.new, found.changed, found.unchanged), (0, 1, 1));
}
