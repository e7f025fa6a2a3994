//! The people of the tenant.

use chrono::NaiveDate;

use super::{
    Data, Dice, Kind,
    calendar::{Moment, SECONDS_PER_DAY, write_date_time},
};
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
        self.write_email(out.key("email"));
    }

    /// Writes the e-mail address, which no other user has.
    pub(crate) fn write_email(&self, out: &mut Writer) {
        out.quoted(|out| {
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

/// A user as they stand at some moment.
pub(crate) struct User<'a> {
    data: &'a Data,
    person: Person,
    is_active: bool,
    department: Option<&'static str>,
    created: Created,
    /// When they were last changed, if they have been since the start.
    changed: Option<Moment>,
}

/// When a user was made.
enum Created {
    /// On a day that lies before the calendar, at a second of it.
    Before(NaiveDate, u64),
    /// Since the start of the simulation.
    Since(Moment),
}

impl<'a> User<'a> {
    /// How many users there are or have been at `now`: some join.
    pub(crate) fn count(data: &Data, now: Moment) -> u64 {
        let since = now.0.saturating_sub(data.calendar.first_change().0);
        data.users.saturating_add(since / joining_interval(data.users))
    }

    /// The user at an index below [`Self::count`].
    pub(crate) fn at(data: &'a Data, index: u64, now: Moment) -> Self {
        let (person, mut dice) = Person::with_dice(data.seed, index);
        let is_active = dice.percent(93);
        let has_department = dice.percent(90);
        let department = has_department.then(|| dice.pick(&DEPARTMENTS));
        if !has_department {
            dice.next();
        }
        let first_change = data.calendar.first_change();
        let created = if index < data.users {
            let day = data.calendar.date_before(dice.below(LONGEST_MEMBERSHIP_DAYS));
            Created::Before(day, dice.below(SECONDS_PER_DAY))
        } else {
            let after = (index - data.users + 1).saturating_mul(joining_interval(data.users));
            Created::Since(Moment(first_change.0.saturating_add(after)))
        };

        let from = match created {
            Created::Before(..) => first_change,
            Created::Since(joined) => joined,
        };
        let mut fate = Dice::of(data.seed, Kind::UserChange, index);
        let mut happens = |percent, days| {
            let moment = Moment(from.0 + 60 + fate.below(days * SECONDS_PER_DAY));
            (fate.percent(percent) && moment <= now).then_some(moment)
        };
        // People change departments, and leave.
        let (transferred, left) = (happens(30, 365), happens(15, 2 * 365));
        Self {
            data,
            person,
            is_active: is_active && left.is_none(),
            department: if transferred.is_some() {
                Some(fate.pick(&DEPARTMENTS))
            } else {
                department
            },
            created,
            changed: transferred.max(left),
        }
    }

    /// When they were made or last changed; what lies before the start is the calendar's beginning.
    pub(crate) fn touched(&self) -> Moment {
        match (self.changed, &self.created) {
            (Some(changed), _) => changed,
            (None, Created::Since(joined)) => *joined,
            (None, Created::Before(..)) => Moment(0),
        }
    }

    /// Writes them as one object.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.key("id").guid(self.person.id);
            self.person.write_name(out);
            self.person.write_external_id(out.key("externalId"));
            out.key("active").boolean(self.is_active);
            match self.department {
                Some(department) => out.key("department").text(department),
                None => out.key("department").null(),
            }
            let out = out.key("createdAt");
            match &self.created {
                Created::Before(date, second) => {
                    write_date_time(out, &date.to_string(), *second, "Z");
                }
                Created::Since(joined) => self.data.calendar.write(out, *joined, "Z"),
            }
        });
    }
}

/// How many seconds lie between two who join: of a thousand users, one joins a day. Where there is nobody, nobody
/// joins.
fn joining_interval(users: u64) -> u64 {
    match (1_000 * SECONDS_PER_DAY).checked_div(users) {
        Some(interval) => interval.max(1),
        None => u64::MAX,
    }
}
