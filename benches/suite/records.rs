//! The made-up reservations: their shape, which the floor parses and the server writes, and pages of them.

use serde::{Deserialize, Serialize};

/// Fields of a record once it is flat, the key included.
pub(crate) const FIELDS: usize = 27;

/// A reservation, as the API sends it. All texts are borrowed from the body: those made here need no escapes, and a floor
/// that copied them would be a higher one.
#[derive(Debug, Deserialize, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reservation<'a> {
    pub(crate) id: &'a str,
    #[serde(borrow)]
    pub(crate) user: User<'a>,
    pub(crate) date: &'a str,
    pub(crate) local_start: &'a str,
    pub(crate) local_end: &'a str,
    pub(crate) status: &'a str,
    pub(crate) created_at: &'a str,
    pub(crate) updated_at: Option<&'a str>,
    pub(crate) checked_in_at: Option<&'a str>,
    pub(crate) workspace: Workspace<'a>,
    pub(crate) license_plate: Option<&'a str>,
    pub(crate) source: &'a str,
}

/// Who reserved.
#[derive(Debug, Deserialize, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User<'a> {
    pub(crate) id: &'a str,
    pub(crate) external_id: &'a str,
    pub(crate) first_name: &'a str,
    pub(crate) last_name: &'a str,
    pub(crate) email: &'a str,
}

/// What is reserved.
#[derive(Debug, Deserialize, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Workspace<'a> {
    pub(crate) node_id: &'a str,
    pub(crate) node_type: &'a str,
    pub(crate) desk_id: Option<&'a str>,
    pub(crate) desk_name: Option<&'a str>,
    pub(crate) area_id: &'a str,
    pub(crate) area_name: &'a str,
    pub(crate) floor_id: &'a str,
    pub(crate) floor_name: &'a str,
    pub(crate) floor_number: i64,
    pub(crate) floor_has_map: bool,
    pub(crate) building_id: &'a str,
    pub(crate) building_name: &'a str,
}

/// A page as the floor reads it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing<'a> {
    #[serde(borrow)]
    pub(crate) items: Vec<Reservation<'a>>,
    pub(crate) total_count: u64,
}

/// A page's body, ready to be sent.
pub(crate) struct Page {
    body: Vec<u8>,
    /// Where the identifiers lie in the body.
    identifiers: Vec<usize>,
    /// The number of its first record.
    first: u64,
}

/// What stands before a record's identifier.
const BEFORE_IDENTIFIER: usize = r#"{"id":""#.len();

impl Page {
    /// The page of `size` records whose first has the number `first`, in a listing of `total`.
    pub(crate) fn new(first: u64, size: u64, total: u64) -> Self {
        let mut body = br#"{"items":["#.to_vec();
        let mut identifiers = Vec::new();
        for number in first..first + size {
            if number > first {
                body.push(b',');
            }
            identifiers.push(body.len() + BEFORE_IDENTIFIER);
            write(number, &mut body);
        }
        body.extend_from_slice(format!(r#"],"totalCount":{total}}}"#).as_bytes());
        Self { body, identifiers, first }
    }

    /// The body for another place in the listing: the same records with other identifiers, which are set in place.
    pub(crate) fn at(&mut self, first: u64) -> &[u8] {
        if self.first != first {
            self.first = first;
            for (number, at) in (first..).zip(&self.identifiers) {
                let identifier = identifier(number);
                if let Some(place) = self.body.get_mut(*at..*at + identifier.len()) {
                    place.copy_from_slice(identifier.as_bytes());
                }
            }
        }
        &self.body
    }
}

/// The identifier of a record: as random as a UUID is, so that an index on it is met all over.
fn identifier(number: u64) -> String {
    Dice(number.wrapping_mul(0x2545_F491_4F6C_DD1D)).guid()
}

/// Chance that depends on its seed alone (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        of.get(at).copied().unwrap_or_default()
    }

    fn guid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFF,
            low >> 52,
            low & 0xFFFF_FFFF_FFFF
        )
    }

    fn moment(&mut self, date: &str) -> String {
        format!("{date}T{:02}:{:02}:{:02}Z", self.below(24), self.below(60), self.below(60))
    }
}

const FIRST_NAMES: [&str; 8] =
    ["Zoë", "Jürgen", "Milan", "Anneliese", "Bram", "Chloé", "Søren", "Thomas"];
const LAST_NAMES: [&str; 6] = ["van den Berg", "Müller", "Groß", "Mulder", "Åkesson", "Rossi"];
const AREAS: [&str; 4] = ["Project space", "Quiet zone", "Café Größenwahn", "Open plan east"];
const BUILDINGS: [&str; 5] =
    ["Rotterdam Centraal", "München Süd", "Antwerpen Centraal", "Malmö Nyhamnen", "Köln"];

/// Writes the record of a number.
fn write(number: u64, out: &mut Vec<u8>) {
    let mut dice = Dice(number);
    let id = identifier(number);
    let person = dice.below(20_000);
    let (first_name, last_name) = (dice.pick(&FIRST_NAMES), dice.pick(&LAST_NAMES));
    let user = Dice(person).guid();
    let external_id = format!("{person:06}");
    let email = format!("colleague.number{person}@example.com");
    let date = format!("2026-{:02}-{:02}", 1 + dice.below(12), 1 + dice.below(28));
    let starts = 7 + dice.below(4);
    let local_start = format!("{date}T{starts:02}:30:00");
    let local_end = format!("{date}T{:02}:00:00", starts + 8);
    let status = dice.pick(&["CheckedIn", "CheckedIn", "Booked", "NoShow", "Cancelled"]);
    let created_at = dice.moment(&date);
    let updated_at = (status != "Booked").then(|| dice.moment(&date));
    let checked_in_at = (status == "CheckedIn").then(|| dice.moment(&date));
    let floor = dice.below(12);
    let floor_number = i64::try_from(floor).unwrap_or(0);
    let (building, desk) = (dice.below(BUILDINGS.len() as u64), dice.below(90));
    let place = building * 1_000 + floor;
    let (building_id, floor_id) = (Dice(building + 70_000).guid(), Dice(place + 80_000).guid());
    let area = desk / 30;
    let area_id = Dice(place * 10 + area + 90_000).guid();
    let desk_id = (dice.below(100) < 85).then(|| Dice(place * 100 + desk + 200_000).guid());
    let desk_name = desk_id.is_some().then(|| format!("{floor}.{desk:02}"));
    let floor_name = format!("Floor {floor}");
    let license_plate = (dice.below(100) < 12).then(|| format!("XK-{:03}-P", dice.below(1_000)));
    let at = |names: &[&'static str], at: u64| {
        usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
    };
    let reservation = Reservation {
        id: &id,
        user: User { id: &user, external_id: &external_id, first_name, last_name, email: &email },
        date: &date,
        local_start: &local_start,
        local_end: &local_end,
        status,
        created_at: &created_at,
        updated_at: updated_at.as_deref(),
        checked_in_at: checked_in_at.as_deref(),
        workspace: Workspace {
            node_id: desk_id.as_deref().unwrap_or(&area_id),
            node_type: if desk_id.is_some() { "Desk" } else { "Area" },
            desk_id: desk_id.as_deref(),
            desk_name: desk_name.as_deref(),
            area_id: &area_id,
            area_name: at(&AREAS, area),
            floor_id: &floor_id,
            floor_name: &floor_name,
            floor_number,
            floor_has_map: !floor.is_multiple_of(3),
            building_id: &building_id,
            building_name: at(&BUILDINGS, building),
        },
        license_plate: license_plate.as_deref(),
        source: dice.pick(&["App", "App", "Web", "Outlook"]),
    };
    serde_json::to_writer(out, &reservation).expect("a vector takes all that is written");
}
