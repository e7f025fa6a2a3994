//! What happened to a changing listing: the oracle that a copy of it is held against.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json, value::RawValue};

use super::Change;

/// All that happened, in order.
#[derive(Debug)]
pub(super) struct History {
    /// The records at the start, by id.
    first: Vec<String>,
    events: Vec<Event>,
}

/// Something that happened to a record before the answer to a request.
#[derive(Debug)]
pub(super) struct Event {
    request: u64,
    change: Change,
    id: String,
    /// The record from then on; nothing where it has gone.
    record: Option<Arc<RawValue>>,
}

impl Event {
    pub(super) fn new(
        request: u64,
        change: Change,
        id: &str,
        record: Option<Arc<RawValue>>,
    ) -> Self {
        Self { request, change, id: id.to_owned(), record }
    }

    fn shown(&self) -> Value {
        json!({
            "request": self.request,
            "event": self.change.name(),
            "id": self.id,
            "record": self.record.as_deref(),
        })
    }
}

impl History {
    /// A history that begins with these records.
    pub(super) fn new(first: impl Iterator<Item = String>) -> Self {
        Self { first: first.collect(), events: Vec::new() }
    }

    pub(super) fn add(&mut self, event: Event) {
        self.events.push(event);
    }

    /// What happened after the answer to the request `from`, up to that to `to`.
    pub(super) fn between(&self, from: u64, to: u64) -> Vec<Value> {
        let (from, to) = (self.after(from), self.after(to));
        self.events.get(from..to).unwrap_or_default().iter().map(Event::shown).collect()
    }

    /// The records that were there at the answer to the request `from`, and did not go before that to `to`.
    pub(super) fn throughout(&self, from: u64, to: u64) -> BTreeSet<&str> {
        let mut there: BTreeSet<&str> = self.first.iter().map(String::as_str).collect();
        let (from, to) = (self.after(from), self.after(to));
        for (place, event) in self.events.iter().take(to).enumerate() {
            if event.change == Change::Delete {
                there.remove(event.id.as_str());
            } else if place < from {
                there.insert(&event.id);
            }
        }
        there
    }

    /// How many events had happened by the answer to a request.
    fn after(&self, request: u64) -> usize {
        self.events.partition_point(|event| event.request <= request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_were_there_throughout_that_neither_came_nor_went_meanwhile() {
        let mut history = History::new(["stays", "goes", "gone"].map(str::to_owned).into_iter());
        for (request, change, id) in [
            (2, Change::Delete, "gone"),
            (3, Change::Insert, "came"),
            (3, Change::Alter, "stays"),
            (4, Change::Delete, "goes"),
            (5, Change::Insert, "comes"),
            (6, Change::Return, "goes"),
        ] {
            history.add(Event::new(request, change, id, None));
        }
        let throughout = |from, to| history.throughout(from, to).into_iter().collect::<Vec<_>>();
        assert_eq!(throughout(0, 0), ["goes", "gone", "stays"]);
        assert_eq!(throughout(3, 3), ["came", "goes", "stays"]);
        assert_eq!(
            throughout(3, 6),
            ["came", "stays"],
            "one that came back was not there throughout"
        );
        assert_eq!(throughout(6, u64::MAX), ["came", "comes", "goes", "stays"]);
        let requests = |from, to| -> Vec<Value> {
            history.between(from, to).iter().map(|event| event["request"].clone()).collect()
        };
        assert_eq!(requests(2, 4), [3, 3, 4].map(Value::from));
        assert!(requests(4, 2).is_empty(), "the wrong way round there is nothing");
    }
}
