//! The buildings of the tenant, with what is in them.

use super::{Data, Dice, Kind, cycled};
use crate::simulator::json::{Guid, Writer};

/// Name, country code, latitude and longitude in millionths of a degree.
type City = (&'static str, &'static str, i64, i64);

/// All keep the same time, see [`super::calendar::Day`].
const CITIES: [City; 12] = [
    ("Amsterdam", "NL", 52_370_216, 4_895_168),
    ("Rotterdam", "NL", 51_922_500, 4_479_170),
    ("Utrecht", "NL", 52_090_737, 5_121_420),
    ("Eindhoven", "NL", 51_441_642, 5_469_722),
    ("Antwerpen", "BE", 51_219_448, 4_402_464),
    ("Brussel", "BE", 50_850_346, 4_351_721),
    ("Berlin", "DE", 52_520_008, 13_404_954),
    ("München", "DE", 48_135_124, 11_581_981),
    ("Paris", "FR", 48_856_613, 2_352_222),
    ("København", "DK", 55_676_098, 12_568_337),
    ("Madrid", "ES", 40_416_775, -3_703_790),
    ("Wien", "AT", 48_208_176, 16_373_819),
];

const SITES: [&str; 8] =
    ["Centraal", "Haven", "Campus", "Parkzicht", "West", "Toren", "Atelier", "Station"];

const STREETS: [&str; 8] = [
    "Stationsplein",
    "Kade",
    "Laan van Europa",
    "Industrieweg",
    "Parkstraat",
    "Marktplein",
    "Ringdijk",
    "Universiteitsweg",
];

const AREAS: [&str; 4] = ["North wing", "South wing", "Quiet zone", "Project space"];

/// What other records tell of a building too.
pub(crate) struct Building {
    pub(crate) id: Guid,
    index: u64,
    floors: u64,
    /// How many of a hundred more reservations than elsewhere nobody turns up for.
    pub(crate) no_show_percent: u64,
    seed: u64,
}

impl Building {
    /// The building at an index, and the draws for the rest of it.
    fn with_dice(seed: u64, index: u64) -> (Self, Dice) {
        let mut dice = Dice::of(seed, Kind::Building, index);
        let id = dice.guid();
        let (floors, no_show_percent) = (2 + dice.below(6), dice.below(10));
        (Self { id, index, floors, no_show_percent, seed }, dice)
    }

    /// The building at an index.
    pub(crate) fn at(seed: u64, index: u64) -> Self {
        Self::with_dice(seed, index).0
    }

    fn city(&self) -> City {
        cycled(&CITIES, self.index)
    }

    /// Writes its name, which no other building has.
    pub(crate) fn write_name(&self, out: &mut Writer) {
        let (city, site) = (self.city().0, cycled(&SITES, self.index / CITIES.len() as u64));
        let round = self.index / (CITIES.len() * SITES.len()) as u64;
        out.quoted(|out| {
            out.raw(city);
            out.raw(" ");
            out.raw(site);
            if round > 0 {
                out.raw(" ");
                out.digits(round + 1, 1);
            }
        });
    }

    fn floor(&self, number: u64) -> Floor {
        let of_tenant = self.index * 8 + number;
        let mut dice = Dice::of(self.seed, Kind::Floor, of_tenant);
        Floor {
            id: dice.guid(),
            number,
            of_tenant,
            desks: 24 + 8 * dice.below(6),
            has_map: dice.percent(85),
        }
    }

    /// One of its floors, as the dice fall.
    pub(crate) fn pick_floor(&self, dice: &mut Dice) -> Floor {
        self.floor(dice.below(self.floors))
    }
}

/// A floor of a building.
pub(crate) struct Floor {
    pub(crate) id: Guid,
    /// 0 is the ground floor.
    pub(crate) number: u64,
    /// Its index among the floors of all buildings.
    of_tenant: u64,
    pub(crate) desks: u64,
    pub(crate) has_map: bool,
}

impl Floor {
    /// Writes its name.
    pub(crate) fn write_name(&self, out: &mut Writer) {
        if self.number == 0 {
            out.text("Ground floor");
        } else {
            out.quoted(|out| {
                out.raw("Floor ");
                out.digits(self.number, 1);
            });
        }
    }

    /// Writes a desk's name, such as `2.07`: it looks like a number, and is none.
    pub(crate) fn write_desk_name(&self, desk: u64, out: &mut Writer) {
        out.quoted(|out| {
            out.digits(self.number, 1);
            out.raw(".");
            out.digits(desk + 1, 2);
        });
    }

    /// Writes its areas, each with its desks.
    fn write_areas(&self, seed: u64, out: &mut Writer) {
        let areas = AREAS.len() as u64;
        out.array(|out| {
            for area in 0..areas {
                let (id, name) = self.area_of(seed, area);
                out.object(|out| {
                    out.key("id").guid(id);
                    out.key("name").text(name);
                    out.key("desks").array(|out| {
                        for desk in (area..self.desks).step_by(AREAS.len()) {
                            out.object(|out| {
                                out.key("id").guid(self.desk_id(seed, desk));
                                self.write_desk_name(desk, out.key("name"));
                            });
                        }
                    });
                });
            }
        });
    }

    /// The area that a desk stands in: its identifier and its name.
    pub(crate) fn area_of(&self, seed: u64, desk: u64) -> (Guid, &'static str) {
        let areas = AREAS.len() as u64;
        let id = Dice::of(seed, Kind::Area, self.of_tenant * areas + desk % areas).guid();
        (id, cycled(&AREAS, desk))
    }

    /// The identifier of a desk.
    pub(crate) fn desk_id(&self, seed: u64, desk: u64) -> Guid {
        // No floor has as many desks, so that no two desks of the tenant share a place.
        Dice::of(seed, Kind::Desk, self.of_tenant * 128 + desk).guid()
    }
}

/// Writes the building at an index.
pub(crate) fn write(data: &Data, index: u64, out: &mut Writer) {
    let (building, mut dice) = Building::with_dice(data.seed, index);
    let (city, country, latitude, longitude) = building.city();
    let street = dice.pick(&STREETS);
    let house_number = 1 + dice.below(240);
    // Within some five kilometres of the centre.
    let mut nearby =
        |centre: i64| centre + i64::try_from(dice.below(100_000)).unwrap_or(0) - 50_000;
    let (latitude, longitude) = (nearby(latitude), nearby(longitude));

    out.object(|out| {
        out.key("id").guid(building.id);
        building.write_name(out.key("name"));
        out.key("address").object(|out| {
            out.key("street").text(street);
            out.key("houseNumber").quoted(|out| out.digits(house_number, 1));
            out.key("city").text(city);
            out.key("country").text(country);
        });
        let capacity = (0..building.floors).map(|number| building.floor(number).desks).sum();
        out.key("capacity").number(capacity);
        out.key("geo").object(|out| {
            out.key("lat").millionths(latitude);
            out.key("long").millionths(longitude);
        });
        out.key("floors").array(|out| {
            for floor in (0..building.floors).map(|number| building.floor(number)) {
                out.object(|out| {
                    out.key("id").guid(floor.id);
                    floor.write_name(out.key("name"));
                    out.key("number").number(floor.number);
                    out.key("hasMap").boolean(floor.has_map);
                    out.key("capacity").number(floor.desks);
                    floor.write_areas(data.seed, out.key("areas"));
                });
            }
        });
    });
}
