//! Sets of rows, by their ids: pure.

use std::{io, ops};

use roaring::RoaringTreemap;

/// A set of rows of one table. Ids that lie close together, as those do that SQLite gives, take some bits each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowSet(RoaringTreemap);

impl RowSet {
    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many it holds.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Adds a row.
    pub fn insert(&mut self, id: i64) {
        self.0.insert(unsigned(id));
    }

    /// Whether it holds a row.
    pub fn contains(&self, id: i64) -> bool {
        self.0.contains(unsigned(id))
    }

    /// How many rows it has in common with another set.
    pub fn common(&self, other: &Self) -> u64 {
        self.0.intersection_len(&other.0)
    }

    /// Its rows, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = i64> {
        self.0.iter().map(|id| id.cast_signed() ^ i64::MIN)
    }

    /// As it is stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut set = self.0.clone();
        // Rows that follow each other, as those of a page mostly do, as runs.
        set.optimize();
        let mut bytes = Vec::with_capacity(set.serialized_size());
        set.serialize_into(&mut bytes).expect("a Vec takes whatever is written to it");
        bytes
    }

    /// Reads what was stored.
    pub(super) fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        RoaringTreemap::deserialize_from(bytes).map(Self)
    }
}

/// As the set has an id: in the same order.
fn unsigned(id: i64) -> u64 {
    (id ^ i64::MIN).cast_unsigned()
}

impl FromIterator<i64> for RowSet {
    fn from_iter<I: IntoIterator<Item = i64>>(ids: I) -> Self {
        Self(ids.into_iter().map(unsigned).collect())
    }
}

impl ops::BitOrAssign<&Self> for RowSet {
    fn bitor_assign(&mut self, other: &Self) {
        self.0 |= &other.0;
    }
}

impl ops::SubAssign<&Self> for RowSet {
    fn sub_assign(&mut self, other: &Self) {
        self.0 -= &other.0;
    }
}

impl ops::BitAnd for &RowSet {
    type Output = RowSet;

    fn bitand(self, other: Self) -> RowSet {
        RowSet(&self.0 & &other.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_ids_come_back_in_order(ids in proptest::collection::btree_set(any::<i64>(), 0..50)) {
            let set: RowSet = ids.iter().copied().collect();
            let read = RowSet::from_bytes(&set.to_bytes()).expect("it was just written");
            prop_assert_eq!(&read, &set);
            prop_assert!(read.iter().eq(ids.iter().copied()));
            prop_assert!(ids.iter().all(|id| read.contains(*id)));
        }
    }

    #[test]
    fn two_million_rows_take_less_than_two_mebibytes() {
        // Every seventh one is missing, so that there are no long runs.
        let set: RowSet = (1..=2_333_333).filter(|id| id % 7 != 0).collect();
        assert_eq!(set.len(), 2_000_000);
        assert!(set.to_bytes().len() < 1 << 20, "{}", set.to_bytes().len());
    }

    #[test]
    fn what_was_not_written_by_it_is_no_set() {
        assert!(RowSet::from_bytes(b"no set").is_err());
    }
}
