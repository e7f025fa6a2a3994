//! The records: each computed from the seed, its index and the moment, so that any number of them takes no memory.
//!
//! The data begin to change at the midnight after the start of the simulation: bookings are made, moved, cancelled and
//! deleted, and those older than the retention go; people join, change departments and leave.

mod buildings;
mod calendar;
mod check_ins;
mod life;
mod parking;
mod reservations;
mod selection;
mod users;

use std::ops::Range;

use chrono::NaiveDateTime;

pub(crate) use self::{
    calendar::Moment,
    selection::{Filter, Selection},
};
use self::{
    calendar::{Calendar, DAYS_AHEAD, LONGEST_MOVE},
    check_ins::CheckIn,
    parking::{ParkingLot, ParkingReservation},
    reservations::Reservation,
    users::User,
};
use super::{
    json::{Guid, Writer},
    settings::Settings,
};

/// A listing that the server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    Users,
    Buildings,
    Reservations,
    CheckIns,
    ParkingLots,
    ParkingReservations,
}

impl Endpoint {
    pub(crate) const ALL: [Self; 6] = [
        Self::Users,
        Self::Buildings,
        Self::Reservations,
        Self::CheckIns,
        Self::ParkingLots,
        Self::ParkingReservations,
    ];

    /// The path that it is served at.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Users => "/v2/users",
            Self::Buildings => "/v2/buildings",
            Self::Reservations => "/v2/reservations",
            Self::CheckIns => "/v2/check-ins",
            Self::ParkingLots => "/v2/parking-lots",
            Self::ParkingReservations => "/v2/parking-reservations",
        }
    }

    /// The endpoint at a path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path)
    }

    /// Whether its records have a time of their own, so that it can be asked for a range of dates.
    pub(crate) const fn has_window(self) -> bool {
        match self {
            Self::Reservations | Self::CheckIns | Self::ParkingReservations => true,
            Self::Users | Self::Buildings | Self::ParkingLots => false,
        }
    }

    /// A record's usual size, ample.
    const fn record_bytes(self) -> usize {
        match self {
            Self::Users => 320,
            Self::Buildings => 24_576,
            Self::Reservations => 1_216,
            Self::CheckIns => 448,
            Self::ParkingLots => 512,
            Self::ParkingReservations => 704,
        }
    }
}

/// A record as it stands at some moment.
enum Record<'a> {
    User(User<'a>),
    Building(&'a Data, u64),
    Reservation(Reservation<'a>),
    CheckIn(CheckIn<'a>),
    ParkingLot(ParkingLot<'a>),
    ParkingReservation(ParkingReservation<'a>),
}

impl Record<'_> {
    /// When it is: what a window of dates is about. Records that are no events have no such time.
    fn happens(&self) -> Option<Moment> {
        match self {
            Self::User(_) | Self::Building(..) | Self::ParkingLot(_) => None,
            Self::Reservation(reservation) => Some(reservation.starts()),
            Self::CheckIn(check_in) => Some(check_in.happened()),
            Self::ParkingReservation(reservation) => Some(reservation.starts()),
        }
    }

    /// When it was made or last changed; what never does has been there from the beginning.
    fn touched(&self) -> Moment {
        match self {
            Self::User(user) => user.touched(),
            Self::Building(..) | Self::ParkingLot(_) => Moment(0),
            Self::Reservation(reservation) => reservation.touched(),
            Self::CheckIn(check_in) => check_in.touched(),
            Self::ParkingReservation(reservation) => reservation.touched(),
        }
    }

    fn write(self, out: &mut Writer) {
        match self {
            Self::User(user) => user.write(out),
            Self::Building(data, index) => buildings::write(data, index, out),
            Self::Reservation(reservation) => reservation.write(out),
            Self::CheckIn(check_in) => check_in.write(out),
            Self::ParkingLot(lot) => lot.write(out),
            Self::ParkingReservation(reservation) => reservation.write(out),
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
    parking_reservations: u64,
    calendar: Calendar,
}

impl Data {
    /// The data that `settings` describe.
    pub(crate) fn new(settings: &Settings) -> Self {
        let can_reserve = settings.users > 0 && settings.buildings > 0;
        let retention = usize::try_from(settings.retention_days).unwrap_or(usize::MAX);
        Self {
            seed: settings.seed,
            users: settings.users,
            buildings: settings.buildings,
            reservations: if can_reserve { settings.reservations } else { 0 },
            parking_reservations: if can_reserve { settings.parking_reservations } else { 0 },
            calendar: Calendar::around(settings.now.date(), retention.min(LONGEST_RETENTION)),
        }
    }

    /// The moment of a date and time; those outside the calendar are its beginning, or far ahead.
    pub(crate) fn moment(&self, date_time: NaiveDateTime) -> Moment {
        self.calendar.moment(date_time)
    }

    /// The moment that the data are seen from when the clock shows `clock`. They change once a minute at most, not
    /// before the first midnight, and not for ever.
    pub(crate) fn seen_from(&self, clock: Moment) -> Moment {
        let start = Moment::at(self.calendar.today(), 0);
        if clock < self.calendar.first_change() {
            return start;
        }
        let clock = clock.min(self.calendar.end());
        Moment(clock.0 - clock.0 % 60)
    }

    /// The indices among which all records are that are there at `now` and, where it is given, happen within `span`.
    fn candidates(&self, endpoint: Endpoint, now: Moment, span: (Moment, Moment)) -> Range<u64> {
        let bookings = |count| {
            if count == 0 {
                return 0..0;
            }
            let first = now.place().saturating_sub(self.calendar.retention());
            // A check-in's time is in UTC, and may lie on another day than its reservation's.
            let first = first.max(span.0.place().saturating_sub(1)).saturating_sub(LONGEST_MOVE);
            let last = (now.place() + DAYS_AHEAD).min(span.1.place().saturating_add(1));
            let end = self.calendar.first_index(last.saturating_add(1), count);
            self.calendar.first_index(first, count).min(end)..end
        };
        match endpoint {
            Endpoint::Users => 0..User::count(self, now),
            Endpoint::Buildings | Endpoint::ParkingLots => 0..self.buildings,
            Endpoint::Reservations | Endpoint::CheckIns => bookings(self.reservations),
            Endpoint::ParkingReservations => bookings(self.parking_reservations),
        }
    }

    /// Whether all candidates are there at `now`: so it is where nothing goes, and of reservations at the start.
    fn are_all_there(&self, endpoint: Endpoint, now: Moment) -> bool {
        match endpoint {
            Endpoint::Users | Endpoint::Buildings | Endpoint::ParkingLots => true,
            Endpoint::Reservations | Endpoint::ParkingReservations => {
                now == Moment::at(self.calendar.today(), 0)
            }
            Endpoint::CheckIns => false,
        }
    }

    /// The record at an index, if it is there at `now`.
    fn record(&self, endpoint: Endpoint, index: u64, now: Moment) -> Option<Record<'_>> {
        match endpoint {
            Endpoint::Users => Some(Record::User(User::at(self, index, now))),
            Endpoint::Buildings => Some(Record::Building(self, index)),
            Endpoint::Reservations => Reservation::at(self, index, now).map(Record::Reservation),
            Endpoint::CheckIns => CheckIn::at(self, index, now).map(Record::CheckIn),
            Endpoint::ParkingLots => Some(Record::ParkingLot(ParkingLot::at(self, index))),
            Endpoint::ParkingReservations => {
                ParkingReservation::at(self, index, now).map(Record::ParkingReservation)
            }
        }
    }

    /// How many bytes of room `records` records want.
    pub(crate) fn room_for(endpoint: Endpoint, records: u64) -> usize {
        usize::try_from(records).unwrap_or(0).saturating_mul(endpoint.record_bytes())
    }
}

/// The most days that bookings are kept.
const LONGEST_RETENTION: usize = 3_653;

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
    UserChange,
    ReservationChange,
    CheckIn,
    ParkingLot,
    ParkingZone,
    ParkingReservation,
    ParkingReservationChange,
    Churn,
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
