//! The people of the tenant.

use super::{Data, Dice, Kind, calendar::write_date_time};
use crate::simulator::json::{Guid, Writer};

/// A name, and how it is spelled in an e-mail address.
type Name = (&'static str, &'static str);

/// Some beyond ASCII, as in any real tenant.
const FIRST_NAMES: [Name; 32] = [
    ("Anna", "anna"),
    ("Zoë", "zoe"),
    ("Bram", "bram"),
    ("Chloé", "chloe"),
    ("Daan", "daan"),
    ("Emma", "emma"),
    ("Fatima", "fatima"),
    ("Finn", "finn"),
    ("Hannah", "hannah"),
    ("Ibrahim", "ibrahim"),
    ("Jörg", "joerg"),
    ("Julia", "julia"),
    ("Kees", "kees"),
    ("Lars", "lars"),
    ("Łukasz", "lukasz"),
    ("Maria", "maria"),
    ("Mehmet", "mehmet"),
    ("Milan", "milan"),
    ("Noor", "noor"),
    ("Olivia", "olivia"),
    ("Pieter", "pieter"),
    ("Priya", "priya"),
    ("Ruben", "ruben"),
    ("Sanne", "sanne"),
    ("Søren", "soeren"),
    ("Sofia", "sofia"),
    ("Tess", "tess"),
    ("Thomas", "thomas"),
    ("Wei", "wei"),
    ("Yasmin", "yasmin"),
    ("Youssef", "youssef"),
    ("晴", "haru"),
];

const LAST_NAMES: [Name; 32] = [
    ("Bakker", "bakker"),
    ("van den Berg", "vandenberg"),
    ("de Boer", "deboer"),
    ("Bos", "bos"),
    ("Brouwer", "brouwer"),
    ("Çelik", "celik"),
    ("Chen", "chen"),
    ("Dekker", "dekker"),
    ("Dijkstra", "dijkstra"),
    ("García", "garcia"),
    ("de Groot", "degroot"),
    ("Hendriks", "hendriks"),
    ("Jansen", "jansen"),
    ("de Jong", "dejong"),
    ("Kowalski", "kowalski"),
    ("Lindström", "lindstroem"),
    ("Meijer", "meijer"),
    ("Mulder", "mulder"),
    ("Müller", "mueller"),
    ("Nguyen", "nguyen"),
    ("O'Brien", "obrien"),
    ("Okafor", "okafor"),
    ("Peters", "peters"),
    ("Rossi", "rossi"),
    ("Schmidt", "schmidt"),
    ("Silva", "silva"),
    ("Smit", "smit"),
    ("Tanaka", "tanaka"),
    ("Visser", "visser"),
    ("de Vries", "devries"),
    ("de Wit", "dewit"),
    ("Yılmaz", "yilmaz"),
];

const DEPARTMENTS: [&str; 8] = [
    "Engineering",
    "Finance",
    "Human Resources",
    "Legal",
    "Marketing",
    "Operations",
    "Research & Development",
    "Sales",
];

/// The first personnel number; with six digits, so that it starts with zeros that a number would lose.
const FIRST_EXTERNAL_ID: u64 = 1_007;

/// How long before the first reservations users were made, at most: four years.
const LONGEST_MEMBERSHIP_DAYS: u64 = 1_461;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// What other records tell of a user too.
pub(crate) struct Person {
    pub(crate) id: Guid,
    index: u64,
    first_name: Name,
    last_name: Name,
}

impl Person {
    /// The user at an index, and the draws for the rest of them.
    fn with_dice(seed: u64, index: u64) -> (Self, Dice) {
        let mut dice = Dice::of(seed, Kind::User, index);
        let id = dice.guid();
        let (first_name, last_name) = (dice.pick(&FIRST_NAMES), dice.pick(&LAST_NAMES));
        (Self { id, index, first_name, last_name }, dice)
    }

    /// The user at an index.
    pub(crate) fn at(seed: u64, index: u64) -> Self {
        Self::with_dice(seed, index).0
    }

    /// Writes `firstName`, `lastName` and `email`.
    pub(crate) fn write_name(&self, out: &mut Writer) {
        out.key("firstName").text(self.first_name.0);
        out.key("lastName").text(self.last_name.0);
        out.key("email").quoted(|out| {
            out.raw(self.first_name.1);
            out.raw(".");
            out.raw(self.last_name.1);
            // Names repeat, addresses do not.
            out.digits(self.index + 1, 1);
            out.raw("@example.com");
        });
    }

    /// Writes the personnel number.
    pub(crate) fn write_external_id(&self, out: &mut Writer) {
        out.quoted(|out| out.digits(FIRST_EXTERNAL_ID.saturating_add(self.index), 6));
    }
}

/// Writes the user at an index.
pub(crate) fn write(data: &Data, index: u64, out: &mut Writer) {
    let (person, mut dice) = Person::with_dice(data.seed, index);
    out.object(|out| {
        out.key("id").guid(person.id);
        person.write_name(out);
        person.write_external_id(out.key("externalId"));
        out.key("active").boolean(dice.percent(93));
        let has_department = dice.percent(90);
        let department = dice.pick(&DEPARTMENTS);
        if has_department {
            out.key("department").text(department);
        } else {
            out.key("department").null();
        }
        let created_on = data.calendar.date_before(dice.below(LONGEST_MEMBERSHIP_DAYS));
        let second = dice.below(SECONDS_PER_DAY);
        write_date_time(out.key("createdAt"), &created_on.to_string(), second, "Z");
    });
}
