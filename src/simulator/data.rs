//! The records: each computed from the seed and its index, so that any number of them takes no memory.

mod buildings;
mod calendar;
mod reservations;
mod users;

use std::ops::Range;

use self::calendar::Calendar;
use super::{
    json::{Guid, Writer},
    settings::Settings,
};

/// A listing that the server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Users,
    Buildings,
    Reservations,
}

impl Endpoint {
    pub(crate) const ALL: [Self; 3] = [Self::Users, Self::Buildings, Self::Reservations];

    /// The path that it is served at.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Users => "/v2/users",
            Self::Buildings => "/v2/buildings",
            Self::Reservations => "/v2/reservations",
        }
    }

    /// A record's usual size, ample.
    const fn record_bytes(self) -> usize {
        match self {
            Self::Users => 320,
            Self::Buildings => 1_280,
            Self::Reservations => 1_152,
        }
    }
}

/// All records of all endpoints.
#[derive(Debug)]
pub(crate) struct Data {
    seed: u64,
    users: u64,
    buildings: u64,
    reservations: u64,
    calendar: Calendar,
}

impl Data {
    /// The data that `settings` describe.
    pub(crate) fn new(settings: &Settings) -> Self {
        let can_reserve = settings.users > 0 && settings.buildings > 0;
        Self {
            seed: settings.seed,
            users: settings.users,
            buildings: settings.buildings,
            reservations: if can_reserve { settings.reservations } else { 0 },
            calendar: Calendar::ending_around(settings.today),
        }
    }

    /// How many records an endpoint has.
    pub(crate) fn count(&self, endpoint: Endpoint) -> u64 {
        match endpoint {
            Endpoint::Users => self.users,
            Endpoint::Buildings => self.buildings,
            Endpoint::Reservations => self.reservations,
        }
    }

    /// How many bytes of room `records` records want.
    pub(crate) fn room_for(endpoint: Endpoint, records: u64) -> usize {
        usize::try_from(records).unwrap_or(0).saturating_mul(endpoint.record_bytes())
    }

    /// Writes the records at `range`, each as one object.
    pub(crate) fn write(&self, endpoint: Endpoint, range: Range<u64>, out: &mut Writer) {
        for index in range {
            match endpoint {
                Endpoint::Users => users::write(self, index, out),
                Endpoint::Buildings => buildings::write(self, index, out),
                Endpoint::Reservations => reservations::write(self, index, out),
            }
        }
    }
}

/// What a stream of draws is for: the same index of another kind draws other numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    User = 1,
    Building,
    Floor,
    Area,
    Desk,
    Reservation,
    Cursor,
    Token,
}

/// The draws of one record: splitmix64, started at a place that the seed, the kind and the index decide.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

/// The step of splitmix64: odd, so that no two of 2^64 steps meet.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Dice {
    /// The draws of the record of this kind at this index.
    pub(crate) const fn of(seed: u64, kind: Kind, index: u64) -> Self {
        // One kind's indices start at different places: `mix` and the odd factor are one-to-one.
        Self(mix(mix(seed ^ (kind as u64).rotate_left(56)).wrapping_add(index.wrapping_mul(STEP))))
    }

    /// The next number, any of 2^64.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// The next number below `bound`; 0 where the bound is 0.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        match self.next().checked_rem(bound) {
            Some(number) => number,
            None => 0,
        }
    }

    /// Whether the next draw falls within so many of a hundred.
    pub(crate) const fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// The next choice from a list that is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        cycled(choices, self.next())
    }

    /// The next identifier.
    pub(crate) const fn guid(&mut self) -> Guid {
        Guid(self.next(), self.next())
    }
}

/// The choice at `index` of a list that repeats without end and is not empty.
fn cycled<T: Copy>(choices: &[T], index: u64) -> T {
    let place = index % choices.len() as u64;
    choices[usize::try_from(place).unwrap_or(0)]
}

/// The finaliser of splitmix64: one-to-one, and every bit depends on every bit.
const fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;
