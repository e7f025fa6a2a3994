//! Who reserved which workspace, when, and whether they came.

use chrono::Weekday;

use super::{
    Data, Dice, Kind,
    buildings::{Building, Floor},
    calendar::{Day, Moment},
    life::{Birth, Life, Move},
    users::Person,
};
use crate::simulator::json::{Guid, Writer};

/// Start and end of a stay, in minutes of the local day; the whole day is what most people take.
pub(crate) const STAYS: [(u64, u64); 8] = [
    (9 * 60, 17 * 60),
    (9 * 60, 17 * 60),
    (9 * 60, 17 * 60),
    (8 * 60 + 30, 17 * 60),
    (8 * 60, 16 * 60 + 30),
    (10 * 60, 18 * 60),
    (8 * 60 + 30, 12 * 60 + 30),
    (13 * 60, 17 * 60 + 30),
];

const SOURCES: [&str; 4] = ["App", "App", "Web", "Outlook"];

/// How a reservation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Booked,
    CheckedIn,
    NoShow,
    Cancelled,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Booked => "Booked",
            Self::CheckedIn => "CheckedIn",
            Self::NoShow => "NoShow",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// What the dice say of the end of a reservation, before anything happens to it.
#[derive(Clone, Copy)]
enum Drawn {
    Cancelled,
    Open,
    Settled { is_no_show: bool },
}

impl Drawn {
    /// How a reservation of this building ended, or that it has not by the start of the simulation.
    fn of(dice: &mut Dice, is_past: bool, no_show_percent: u64) -> Self {
        if dice.percent(8) {
            Self::Cancelled
        } else if is_past {
            Self::Settled { is_no_show: dice.percent(no_show_percent) }
        } else {
            Self::Open
        }
    }
}

/// How many of a hundred nobody turns up for. Fridays are reserved in good faith.
const fn no_show_percent(day: &Day, building: &Building) -> u64 {
    building.no_show_percent
        + match day.weekday {
            Weekday::Fri => 17,
            Weekday::Mon => 8,
            _ => 4,
        }
}

/// A reservation as it stands at some moment.
pub(crate) struct Reservation<'a> {
    data: &'a Data,
    pub(crate) id: Guid,
    pub(crate) person: Person,
    building: Building,
    floor: Floor,
    /// The place of its day.
    place: usize,
    /// Start and end, in minutes of that day.
    stay: (u64, u64),
    created: Moment,
    /// When it was last changed, if it has been.
    pub(crate) changed: Option<Moment>,
    pub(crate) status: Status,
    /// When whoever made it arrives, in UTC, if they do.
    pub(crate) arrives: Moment,
    /// Which other desk it was moved to, as a draw.
    other_desk: Option<u64>,
    /// The draws for the rest of it.
    dice: Dice,
}

impl<'a> Reservation<'a> {
    /// The reservation at an index, unless it is not yet made, or gone. Draws come in one order whatever is made of
    /// them, so that a record depends on nothing but its own index and the moment.
    pub(crate) fn at(data: &'a Data, index: u64, now: Moment) -> Option<Self> {
        let calendar = &data.calendar;
        let mut dice = Dice::of(data.seed, Kind::Reservation, index);
        let id = dice.guid();
        let booked_for = calendar.place_of(index, data.reservations);
        let day = calendar.day(booked_for);
        let person = dice.below(data.users);
        // The lower of two draws: the first buildings are the popular ones.
        let building = dice.below(data.buildings).min(dice.below(data.buildings));
        let building = Building::at(data.seed, building);
        let floor = building.pick_floor(&mut dice);
        let no_show_percent = no_show_percent(day, &building);
        let drawn = Drawn::of(&mut dice, booked_for < calendar.today(), no_show_percent);
        let mut stay = dice.pick(&STAYS);
        let minutes_late = dice.below(45);
        let lead = Birth::draw_lead(&mut dice);
        let minute = 6 * 60 + dice.below(14 * 60);

        let mut fate = Dice::of(data.seed, Kind::ReservationChange, index);
        let birth = Birth {
            place: booked_for,
            is_new: index >= data.reservations,
            lead,
            minute,
            is_cancelled: matches!(drawn, Drawn::Cancelled),
        };
        let life = Life::drawn(&mut fate, calendar, birth);
        let place = life.place(booked_for, now);
        if !life.is_there(now) || place + calendar.retention() < now.place() {
            return None;
        }

        let mut other_desk = None;
        match life.moved_by(now) {
            Some((_, Move::Place(choice))) => other_desk = Some(choice),
            Some((_, Move::Hours(choice))) => stay = super::cycled(&STAYS, choice),
            Some((_, Move::Day(_))) | None => {}
        }
        let late = fate.percent(no_show_percent);
        let is_no_show = match drawn {
            Drawn::Settled { is_no_show } => is_no_show,
            Drawn::Open | Drawn::Cancelled => late,
        };
        let ahead = calendar.day(place).hours_ahead_of_utc;
        let arrives = Moment::at(place, stay.0 + minutes_late - ahead * 60);
        let settled = if is_no_show { Moment::at(place + 1, 0) } else { arrives };
        // What lies before the start was settled by then; the rest is when the data begin to change.
        let settled = if booked_for < calendar.today() {
            settled
        } else {
            settled.max(calendar.first_change())
        };

        let moved = life.moved_by(now).map(|(moved, _)| moved);
        let (status, changed) = match life.cancelled_by(now) {
            Some(cancelled) => (Status::Cancelled, Some(cancelled)),
            None if settled > now => (Status::Booked, moved),
            None if is_no_show => (Status::NoShow, Some(settled)),
            None => (Status::CheckedIn, Some(settled)),
        };
        Some(Self {
            data,
            id,
            person: Person::at(data.seed, person),
            building,
            floor,
            place,
            stay,
            created: life.created,
            changed,
            status,
            arrives,
            other_desk,
            dice,
        })
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
        let date = &calendar.day(self.place).date;
        out.object(|out| {
            out.key("id").guid(self.id);
            out.key("userId").guid(self.person.id);
            self.person.write_external_id(out.key("userExternalId"));
            self.person.write_name(out);
            out.key("date").text(date);
            calendar.write(out.key("localStart"), self.starts(), "");
            calendar.write(out.key("localEnd"), Moment::at(self.place, self.stay.1), "");
            out.key("status").text(self.status.name());
            calendar.write(out.key("createdAt"), self.created, "Z");
            match self.changed {
                Some(changed) => calendar.write(out.key("updatedAt"), changed, "Z"),
                None => out.key("updatedAt").null(),
            }
            if self.status == Status::CheckedIn {
                calendar.write(out.key("checkedInAt"), self.arrives, "Z");
            } else {
                out.key("checkedInAt").null();
            }
            let (desk, is_desk) = self.draw_desk();
            self.write_workspace(desk, is_desk, out);
            write_rare_licence_plate(&mut self.dice, out.key("licensePlate"));
            out.key("source").text(self.dice.pick(&SOURCES));
            write_attendees(self.data, &mut self.dice, out.key("attendees"));
        });
    }

    /// Its desk among those of the floor, and whether it is for that desk and not the area around it.
    pub(crate) fn draw_desk(&mut self) -> (u64, bool) {
        let (drawn, is_desk) = (self.dice.below(self.floor.desks), self.dice.percent(85));
        (self.other_desk.map_or(drawn, |choice| choice % self.floor.desks), is_desk)
    }

    /// The identifier of what is reserved: a desk, or an area.
    pub(crate) fn node_id(&self, desk: u64, is_desk: bool) -> Guid {
        if is_desk {
            self.floor.desk_id(self.data.seed, desk)
        } else {
            self.floor.area_of(self.data.seed, desk).0
        }
    }

    /// The identifier of its building.
    pub(crate) const fn building_id(&self) -> Guid {
        self.building.id
    }

    fn write_workspace(&self, desk: u64, is_desk: bool, out: &mut Writer) {
        let (area_id, area_name) = self.floor.area_of(self.data.seed, desk);
        out.key("workspace").object(|out| {
            out.key("nodeId").guid(self.node_id(desk, is_desk));
            if is_desk {
                out.key("nodeType").text("Desk");
                out.key("deskId").guid(self.floor.desk_id(self.data.seed, desk));
                self.floor.write_desk_name(desk, out.key("deskName"));
            } else {
                // An area has no `deskId` at all, as documented of v1: `deskId?`.
                out.key("nodeType").text("Area");
                out.key("deskName").null();
            }
            out.key("areaId").guid(area_id);
            out.key("areaName").text(area_name);
            out.key("floorId").guid(self.floor.id);
            self.floor.write_name(out.key("floorName"));
            out.key("floorNumber").number(self.floor.number);
            out.key("floorHasMap").boolean(self.floor.has_map);
            out.key("buildingId").guid(self.building.id);
            self.building.write_name(out.key("buildingName"));
        });
    }
}

/// Few who come to a desk tell their licence plate.
fn write_rare_licence_plate(dice: &mut Dice, out: &mut Writer) {
    if dice.percent(88) {
        out.null();
    } else {
        write_licence_plate(dice, out);
    }
}

/// Writes a licence plate, as the dice fall.
pub(crate) fn write_licence_plate(dice: &mut Dice, out: &mut Writer) {
    const LETTERS: [&str; 20] = [
        "B", "D", "F", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S", "T", "V", "W", "X", "Z",
        "C", "Q",
    ];
    out.quoted(|out| {
        out.raw(dice.pick(&LETTERS));
        out.raw(dice.pick(&LETTERS));
        out.raw("-");
        out.digits(dice.below(1_000), 3);
        out.raw("-");
        out.raw(dice.pick(&LETTERS));
    });
}

fn write_attendees(data: &Data, dice: &mut Dice, out: &mut Writer) {
    let attendees = if dice.percent(8) { 1 + dice.below(3) } else { 0 };
    out.array(|out| {
        for _ in 0..attendees {
            let person = Person::at(data.seed, dice.below(data.users));
            out.object(|out| {
                out.key("userId").guid(person.id);
                person.write_name(out);
            });
        }
    });
}
