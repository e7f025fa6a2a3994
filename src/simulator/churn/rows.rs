//! The records of a listing that changes between requests, kept as they are.

use std::sync::Arc;

use chrono::NaiveDateTime;
use serde_json::{Map, Value, value::RawValue};

use super::{
    Change, Churn,
    history::{Event, History},
};
use crate::simulator::{
    data::{Data, Dice, Endpoint, Filter, Kind, Moment, Selection},
    json::Writer,
};

/// The distance between the places of two records at the start: room for others between them.
const STEP: u64 = 1 << 32;

/// A listing that changes before each answer.
pub(crate) struct Churned {
    asked: Churn,
    dice: Dice,
    /// In the order of their places.
    rows: Vec<Row>,
    /// Those that have gone, as they were.
    gone: Vec<Row>,
    /// The records at the start, which those that come are made like.
    first: Vec<Map<String, Value>>,
    history: History,
    /// So many answers were given.
    answers: u64,
    /// So many changes were made: no content is given twice.
    changes: u64,
}

/// A record.
#[derive(Clone, Debug)]
struct Row {
    /// Where it stands: what a cursor tells.
    place: u64,
    id: String,
    record: Map<String, Value>,
    /// The record as it is sent.
    text: Arc<RawValue>,
    happens: Option<Moment>,
    /// When it came or last changed.
    touched: Moment,
}

/// The records of a changing listing that pass a filter, at one moment, each with its place.
pub(crate) struct Kept(Vec<(u64, Arc<RawValue>)>);

impl Churned {
    /// A listing that has the records of the simulator's data at their start.
    pub(crate) fn new(asked: Churn, data: &Data, seed: u64, now: Moment) -> Self {
        let endpoint = asked.endpoint;
        let selection = Selection::new(data, endpoint, Filter::default(), now);
        let mut out = Writer::default();
        out.array(|out| {
            selection.write(data, 0, u64::MAX, out);
        });
        let first: Vec<Map<String, Value>> =
            serde_json::from_slice(&out.into_bytes()).expect("the simulator writes JSON objects");
        let rows: Vec<Row> = (1..)
            .zip(&first)
            .map(|(rank, record)| Row::new(data, endpoint, rank * STEP, record.clone(), Moment(0)))
            .collect();
        let history = History::new(rows.iter().map(|row| row.id.clone()));
        let dice = Dice::of(seed, Kind::Churn, endpoint as u64);
        Self { asked, dice, rows, gone: Vec::new(), first, history, answers: 0, changes: 0 }
    }

    /// Whether it is the listing of this endpoint.
    pub(crate) fn is_of(&self, endpoint: Endpoint) -> bool {
        self.asked.endpoint == endpoint
    }

    /// From now on so many changes befall it before each answer.
    pub(crate) fn set_rate(&mut self, rate: f64) {
        self.asked.rate = rate;
    }

    /// What happened, and what there is, for those who test: the history of the requests after `from` up to `to`.
    pub(crate) fn shown(&self, from: u64, to: u64) -> Value {
        let records: Vec<&RawValue> = self.rows.iter().map(|row| &*row.text).collect();
        serde_json::json!({
            "path": self.asked.endpoint.path(),
            "rate": self.asked.rate,
            "answers": self.answers,
            "records": records,
            "throughout": self.history.throughout(from, to),
            "history": self.history.between(from, to),
        })
    }

    /// How many records there are.
    pub(crate) fn total(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Lets happen what happens before the answer to a request, and gives the records that it gets.
    pub(crate) fn answer(
        &mut self,
        data: &Data,
        request: u64,
        now: NaiveDateTime,
        filter: Filter,
    ) -> Kept {
        if self.asked.requests.is_none_or(|most| self.answers < most) {
            for _ in 0..self.how_many() {
                self.befall(data, request, now);
            }
        }
        self.answers += 1;
        let passes = |row: &&Row| filter.passes(row.happens, row.touched);
        Kept(self.rows.iter().filter(passes).map(|row| (row.place, row.text.clone())).collect())
    }

    /// The rate's whole part, and sometimes one more.
    fn how_many(&mut self) -> u64 {
        const PARTS: u32 = 1_000;
        let mut number = 0;
        let mut rate = self.asked.rate;
        while rate >= 1.0 {
            number += 1;
            rate -= 1.0;
        }
        let draw = u32::try_from(self.dice.below(u64::from(PARTS))).unwrap_or(PARTS);
        number + u64::from(f64::from(draw) < rate * f64::from(PARTS))
    }

    fn befall(&mut self, data: &Data, request: u64, now: NaiveDateTime) {
        let change = self.dice.pick(&self.asked.kinds);
        let touched = data.moment(now);
        let endpoint = self.asked.endpoint;
        let row = match change {
            Change::Insert => {
                let Some(place) = pick(&mut self.dice, self.first.len()) else { return };
                let mut record = self.first[place].clone();
                record.insert("id".into(), self.new_id().into());
                let place = self.free_place();
                Row::new(data, endpoint, place, record, touched)
            }
            Change::Return => {
                let Some(place) = pick(&mut self.dice, self.gone.len()) else { return };
                let gone = self.gone.swap_remove(place);
                Row { place: self.free_place(), touched, ..gone }
            }
            Change::Delete => {
                let Some(place) = pick(&mut self.dice, self.rows.len()) else { return };
                let row = self.rows.remove(place);
                self.history.add(Event::new(request, change, &row.id, None));
                self.gone.push(row);
                return;
            }
            Change::Alter | Change::Move | Change::Resort | Change::ResortFront => {
                let Some(index) = pick(&mut self.dice, self.rows.len()) else { return };
                let Row { place, mut record, .. } = self.rows.remove(index);
                if change == Change::Move {
                    if let Some(like) = pick(&mut self.dice, self.first.len()) {
                        take_times(endpoint, &mut record, &self.first[like]);
                    }
                } else {
                    self.changes += 1;
                    record
                        .insert(changing(endpoint).into(), content(endpoint, self.changes).into());
                }
                if let Some(updated) = record.get_mut("updatedAt") {
                    *updated = now.format("%Y-%m-%dT%H:%M:%SZ").to_string().into();
                }
                let place = match change {
                    Change::Resort => self.rows.last().map_or(STEP, |last| last.place + STEP),
                    Change::ResortFront => self.before_first(),
                    _ => place,
                };
                Row::new(data, endpoint, place, record, touched)
            }
        };
        self.history.add(Event::new(request, change, &row.id, Some(row.text.clone())));
        let index = self.rows.partition_point(|other| other.place < row.place);
        self.rows.insert(index, row);
    }

    fn new_id(&mut self) -> String {
        let mut out = Writer::default();
        out.guid(self.dice.guid());
        let quoted = String::from_utf8(out.into_bytes()).expect("a GUID is ASCII");
        quoted.trim_matches('"').to_owned()
    }

    /// A place where no record stands: before the first, after the last, or, as often as both, between two others.
    fn free_place(&mut self) -> u64 {
        let after_last = self.rows.last().map_or(STEP, |last| last.place + STEP);
        match self.dice.below(4) {
            0 => self.before_first(),
            1 => after_last,
            _ => {
                let next = pick(&mut self.dice, self.rows.len()).unwrap_or(0);
                let bound = self.rows.get(next).map_or(after_last, |row| row.place);
                let before = next.checked_sub(1).map_or(0, |before| self.rows[before].place);
                between(before, bound).unwrap_or(after_last)
            }
        }
    }

    /// A place before the first record; where there is no room any more, after the last.
    fn before_first(&self) -> u64 {
        let first = self.rows.first().map_or(STEP, |first| first.place);
        let after_last = self.rows.last().map_or(STEP, |last| last.place + STEP);
        between(0, first).unwrap_or(after_last)
    }
}

impl Row {
    fn new(
        data: &Data,
        endpoint: Endpoint,
        place: u64,
        record: Map<String, Value>,
        touched: Moment,
    ) -> Self {
        let text = serde_json::value::to_raw_value(&record).expect("what was JSON is JSON");
        let id = record.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let happens = times(endpoint).first().and_then(|field| record.get(*field)?.as_str());
        let happens = happens.and_then(|time| time.trim_end_matches('Z').parse().ok());
        let happens = happens.map(|time| data.moment(time));
        Self { place, id, record, text: text.into(), happens, touched }
    }
}

impl Kept {
    /// How many records there are.
    pub(crate) fn total(&self) -> u64 {
        self.0.len() as u64
    }

    /// The place of the record that stands at `rank`; the end, if there is none.
    pub(crate) fn place_of(&self, rank: u64) -> u64 {
        let row = usize::try_from(rank).ok().and_then(|rank| self.0.get(rank));
        row.map_or(u64::MAX, |(place, _)| *place)
    }

    /// Writes up to `count` records from a place on, and tells the place of the next, if there is one.
    pub(crate) fn write(&self, from: u64, count: u64, out: &mut Writer) -> Option<u64> {
        let start = self.0.partition_point(|(place, _)| *place < from);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        for (_, text) in self.0.iter().skip(start).take(count) {
            out.json(text.get());
        }
        self.0.get(start.saturating_add(count)).map(|(place, _)| *place)
    }
}

/// The place halfway between two others.
fn between(before: u64, next: u64) -> Option<u64> {
    let middle = before + next.saturating_sub(before) / 2;
    (middle > before).then_some(middle)
}

fn pick(dice: &mut Dice, length: usize) -> Option<usize> {
    (length > 0).then(|| usize::try_from(dice.below(length as u64)).unwrap_or(0))
}

/// The field that is given another content.
const fn changing(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Users => "department",
        Endpoint::Buildings | Endpoint::ParkingLots => "name",
        Endpoint::Reservations | Endpoint::ParkingReservations => "licensePlate",
        Endpoint::CheckIns => "email",
    }
}

fn content(endpoint: Endpoint, number: u64) -> String {
    match endpoint {
        Endpoint::CheckIns => format!("changed{number}@example.com"),
        _ => format!("CH-{number}"),
    }
}

/// Gives a record the times of another.
fn take_times(endpoint: Endpoint, record: &mut Map<String, Value>, like: &Map<String, Value>) {
    for field in times(endpoint) {
        if let Some(time) = like.get(*field) {
            record.insert((*field).to_owned(), time.clone());
        }
    }
}

/// The fields that tell when a record happens, first the one that a range of dates is about.
const fn times(endpoint: Endpoint) -> &'static [&'static str] {
    match endpoint {
        Endpoint::Users | Endpoint::Buildings | Endpoint::ParkingLots => &[],
        Endpoint::Reservations | Endpoint::ParkingReservations => {
            &["localStart", "localEnd", "date"]
        }
        Endpoint::CheckIns => &["checkedInAt"],
    }
}
