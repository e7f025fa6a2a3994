//! Where cars stand: a parking lot at each building, and who reserved a spot in which.

use super::{
    Data, Dice, Kind,
    buildings::Building,
    calendar::Moment,
    cycled,
    life::{Birth, Life, Move},
    reservations::{STAYS, write_licence_plate},
    users::Person,
};
use crate::simulator::json::{Guid, Writer};

const ZONES: [&str; 3] = ["Visitors", "Staff", "Charging"];

/// The parking lot of a building.
pub(crate) struct ParkingLot<'a> {
    data: &'a Data,
    id: Guid,
    building: Building,
    index: u64,
    /// How many spots each of its zones has.
    spots: [u64; ZONES.len()],
}

impl<'a> ParkingLot<'a> {
    /// The parking lot of the building at an index.
    pub(crate) fn at(data: &'a Data, index: u64) -> Self {
        let mut dice = Dice::of(data.seed, Kind::ParkingLot, index);
        let id = dice.guid();
        let spots = [4 + dice.below(12), 20 + dice.below(80), dice.below(16)];
        Self { data, id, building: Building::at(data.seed, index), index, spots }
    }

    fn capacity(&self) -> u64 {
        self.spots.iter().sum()
    }

    fn write_name(&self, out: &mut Writer) {
        out.quoted(|out| {
            out.raw("P");
            out.digits(self.index + 1, 1);
        });
    }

    /// Writes it as one object.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.key("id").guid(self.id);
            self.write_name(out.key("name"));
            out.key("buildingId").guid(self.building.id);
            self.building.write_name(out.key("buildingName"));
            out.key("capacity").number(self.capacity());
            out.key("zones").array(|out| {
                for (zone, (name, spots)) in (0..).zip(ZONES.into_iter().zip(self.spots)) {
                    let of_tenant = self.index * ZONES.len() as u64 + zone;
                    out.object(|out| {
                        out.key("id")
                            .guid(Dice::of(self.data.seed, Kind::ParkingZone, of_tenant).guid());
                        out.key("name").text(name);
                        out.key("capacity").number(spots);
                    });
                }
            });
        });
    }
}

/// A parking reservation as it stands at some moment.
pub(crate) struct ParkingReservation<'a> {
    data: &'a Data,
    id: Guid,
    person: Person,
    lot: ParkingLot<'a>,
    spot: u64,
    /// The place of its day.
    place: usize,
    /// Start and end, in minutes of that day.
    stay: (u64, u64),
    created: Moment,
    changed: Option<Moment>,
    status: &'static str,
    /// The draws for the rest of it.
    dice: Dice,
}

impl<'a> ParkingReservation<'a> {
    /// The parking reservation at an index, unless it is not yet made, or gone.
    pub(crate) fn at(data: &'a Data, index: u64, now: Moment) -> Option<Self> {
        let calendar = &data.calendar;
        let mut dice = Dice::of(data.seed, Kind::ParkingReservation, index);
        let id = dice.guid();
        let booked_for = calendar.place_of(index, data.parking_reservations);
        let person = Person::at(data.seed, dice.below(data.users));
        let lot = ParkingLot::at(data, dice.below(data.buildings));
        let mut spot = dice.below(lot.capacity());
        let mut stay = dice.pick(&STAYS);
        let birth = Birth {
            place: booked_for,
            is_new: index >= data.parking_reservations,
            lead: Birth::draw_lead(&mut dice),
            minute: 6 * 60 + dice.below(14 * 60),
            is_cancelled: dice.percent(10),
        };

        let mut fate = Dice::of(data.seed, Kind::ParkingReservationChange, index);
        let life = Life::drawn(&mut fate, calendar, birth);
        let place = life.place(booked_for, now);
        if !life.is_there(now) || place + calendar.retention() < now.place() {
            return None;
        }
        match life.moved_by(now) {
            Some((_, Move::Place(choice))) => spot = choice % lot.capacity(),
            Some((_, Move::Hours(choice))) => stay = cycled(&STAYS, choice),
            Some((_, Move::Day(_))) | None => {}
        }
        let over = Moment::at(place + 1, 0);
        let (status, changed) = match life.cancelled_by(now) {
            Some(cancelled) => ("Cancelled", Some(cancelled)),
            None if over <= now => ("Completed", Some(over)),
            None => ("Booked", life.moved_by(now).map(|(moved, _)| moved)),
        };
        let created = life.created;
        Some(Self { data, id, person, lot, spot, place, stay, created, changed, status, dice })
    }

    /// When it begins, in local time.
    pub(crate) fn starts(&self) -> Moment {
        Moment::at(self.place, self.stay.0)
    }

    /// When it was made or last changed.
    pub(crate) fn touched(&self) -> Moment {
        self.changed.unwrap_or(self.created)
    }

    /// Writes it as one object.
    pub(crate) fn write(mut self, out: &mut Writer) {
        let calendar = &self.data.calendar;
        out.object(|out| {
            out.key("id").guid(self.id);
            out.key("userId").guid(self.person.id);
            self.person.write_external_id(out.key("userExternalId"));
            self.person.write_name(out);
            out.key("parkingLotId").guid(self.lot.id);
            self.lot.write_name(out.key("parkingLotName"));
            out.key("spot").quoted(|out| out.digits(self.spot + 1, 3));
            write_licence_plate(&mut self.dice, out.key("licensePlate"));
            out.key("date").text(&calendar.day(self.place).date);
            calendar.write(out.key("localStart"), self.starts(), "");
            calendar.write(out.key("localEnd"), Moment::at(self.place, self.stay.1), "");
            out.key("status").text(self.status);
            calendar.write(out.key("createdAt"), self.created, "Z");
            match self.changed {
                Some(changed) => calendar.write(out.key("updatedAt"), changed, "Z"),
                None => out.key("updatedAt").null(),
            }
        });
    }
}
