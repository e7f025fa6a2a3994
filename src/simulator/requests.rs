//! What was asked for, for tests and benches to look at.

use std::{collections::VecDeque, time::SystemTime};

use serde::Serialize;

/// So many requests are remembered.
const REMEMBERED: usize = 20_000;

/// A request, and how it was answered.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Request {
    /// Counted from 1, in the order of arrival.
    pub(crate) number: u64,
    /// When it arrived, by the real clock.
    at: String,
    method: String,
    pub(crate) path: String,
    query: String,
    /// Nothing until it is answered, and where it never is.
    status: Option<u16>,
}

/// The latest requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    latest: VecDeque<Request>,
    count: u64,
}

impl Requests {
    /// Notes a request; returns its number.
    pub(crate) fn arrive(&mut self, at: SystemTime, method: &str, path: &str, query: &str) -> u64 {
        self.count += 1;
        if self.latest.len() == REMEMBERED {
            self.latest.pop_front();
        }
        let at = chrono::DateTime::<chrono::Utc>::from(at);
        self.latest.push_back(Request {
            number: self.count,
            at: at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            status: None,
        });
        self.count
    }

    /// Notes how a request is answered, if it is still remembered.
    pub(crate) fn answer(&mut self, number: u64, status: u16) {
        let back = self.count.saturating_sub(number).saturating_add(1);
        let place = usize::try_from(back).ok().and_then(|back| self.latest.len().checked_sub(back));
        if let Some(request) = place.and_then(|place| self.latest.get_mut(place)) {
            request.status = Some(status);
        }
    }

    /// The latest requests, oldest first.
    pub(crate) fn latest(&self) -> impl Iterator<Item = &Request> {
        self.latest.iter()
    }

    /// How many there were.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_requests_are_remembered_and_each_gets_its_own_status() {
        let mut requests = Requests::default();
        let mut arrive = |path: &str| requests.arrive(SystemTime::UNIX_EPOCH, "GET", path, "");
        let first = arrive("/first");
        for _ in 1..REMEMBERED {
            arrive("/middle");
        }
        let last = arrive("/last");

        requests.answer(first, 500);
        requests.answer(last, 200);
        assert_eq!(requests.count(), REMEMBERED as u64 + 1);
        let known: Vec<_> = requests.latest().collect();
        assert_eq!((known.len(), known[0].status), (REMEMBERED, None), "the first is forgotten");
        let last = known[REMEMBERED - 1];
        assert_eq!((last.path.as_str(), last.status), ("/last", Some(200)));
        assert_eq!(last.at, "1970-01-01T00:00:00.000Z");
    }
}
