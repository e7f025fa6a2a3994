//! Who reserved what, when, and whether they came.

use chrono::Weekday;

use super::{
    Data, Dice, Kind,
    buildings::{Building, Floor},
    calendar::{Day, LONGEST_LEAD, write_date_time},
    users::Person,
};
use crate::simulator::json::Writer;

/// Start and end of a stay, in minutes of the local day; the whole day is what most people take.
const STAYS: [(u64, u64); 8] = [
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Booked,
    CheckedIn,
    NoShow,
    Cancelled,
}

impl Status {
    /// How a reservation of this day and building ended, as the dice fall.
    fn drawn(dice: &mut Dice, day: &Day, building: &Building) -> Self {
        // Fridays are reserved in good faith.
        let no_show_percent = building.no_show_percent
            + match day.weekday {
                Weekday::Fri => 17,
                Weekday::Mon => 8,
                _ => 4,
            };
        if dice.percent(8) {
            Self::Cancelled
        } else if !day.is_past {
            Self::Booked
        } else if dice.percent(no_show_percent) {
            Self::NoShow
        } else {
            Self::CheckedIn
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Booked => "Booked",
            Self::CheckedIn => "CheckedIn",
            Self::NoShow => "NoShow",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// Writes the reservation at an index. Draws come in one order whatever is written of them, so that a record depends on
/// nothing but its own index.
pub(crate) fn write(data: &Data, index: u64, out: &mut Writer) {
    let mut dice = Dice::of(data.seed, Kind::Reservation, index);
    let id = dice.guid();
    let place = data.calendar.place_of(index, data.reservations);
    let day = data.calendar.day(place);
    let person = Person::at(data.seed, dice.below(data.users));
    // The lower of two draws: the first buildings are the popular ones.
    let building_index = dice.below(data.buildings).min(dice.below(data.buildings));
    let building = Building::at(data.seed, building_index);
    let floor = building.pick_floor(&mut dice);
    let status = Status::drawn(&mut dice, day, &building);
    let (start, end) = dice.pick(&STAYS);
    let minutes_late = dice.below(45);
    let lead = 1 + usize::try_from(dice.below(LONGEST_LEAD as u64)).unwrap_or(0);
    let created_at_minute = 6 * 60 + dice.below(14 * 60);

    out.object(|out| {
        out.key("id").guid(id);
        out.key("userId").guid(person.id);
        person.write_external_id(out.key("userExternalId"));
        person.write_name(out);
        out.key("date").text(&day.date);
        write_date_time(out.key("localStart"), &day.date, start * 60, "");
        write_date_time(out.key("localEnd"), &day.date, end * 60, "");
        out.key("status").text(status.name());
        let created_on = &data.calendar.made_on(place, lead).date;
        write_date_time(out.key("createdAt"), created_on, created_at_minute * 60, "Z");
        if status == Status::CheckedIn {
            let minute = start + minutes_late - day.hours_ahead_of_utc * 60;
            write_date_time(out.key("checkedInAt"), &day.date, minute * 60, "Z");
        } else {
            out.key("checkedInAt").null();
        }
        write_workspace(data.seed, &building, &floor, &mut dice, out);
        write_licence_plate(&mut dice, out.key("licensePlate"));
        out.key("source").text(dice.pick(&SOURCES));
        write_attendees(data, &mut dice, out.key("attendees"));
    });
}

fn write_workspace(
    seed: u64,
    building: &Building,
    floor: &Floor,
    dice: &mut Dice,
    out: &mut Writer,
) {
    let desk = dice.below(floor.desks);
    let is_desk = dice.percent(85);
    let (area_id, area_name) = floor.area_of(seed, desk);
    out.key("workspace").object(|out| {
        if is_desk {
            let desk_id = floor.desk_id(seed, desk);
            out.key("nodeId").guid(desk_id);
            out.key("nodeType").text("Desk");
            out.key("deskId").guid(desk_id);
            // Such as `2.07`: looks like a number, and is none.
            out.key("deskName").quoted(|out| {
                out.digits(floor.number, 1);
                out.raw(".");
                out.digits(desk + 1, 2);
            });
        } else {
            // An area has no `deskId` at all, as documented of v1: `deskId?`.
            out.key("nodeId").guid(area_id);
            out.key("nodeType").text("Area");
            out.key("deskName").null();
        }
        out.key("areaId").guid(area_id);
        out.key("areaName").text(area_name);
        out.key("floorId").guid(floor.id);
        floor.write_name(out.key("floorName"));
        out.key("floorNumber").number(floor.number);
        out.key("floorHasMap").boolean(floor.has_map);
        out.key("buildingId").guid(building.id);
        building.write_name(out.key("buildingName"));
    });
}

fn write_licence_plate(dice: &mut Dice, out: &mut Writer) {
    const LETTERS: [&str; 20] = [
        "B", "D", "F", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S", "T", "V", "W", "X", "Z",
        "C", "Q",
    ];
    if dice.percent(88) {
        out.null();
        return;
    }
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
