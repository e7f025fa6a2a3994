//! What a table should hold after some pages, worked out from the records alone.

use std::collections::{BTreeMap, BTreeSet};

use mapiq_sync::store::RowCounts;

use super::json::{Decimal, Json, Keys, is_integer, key_text, survives};

/// Up to here every whole number is a double.
const EXACT: u64 = 1 << 53;

/// An endpoint's settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The key's dotted paths.
    pub(crate) key: Vec<&'static str>,
    /// A top-level field that is never stored.
    pub(crate) exclude: &'static str,
    /// A top-level field that is kept as JSON text.
    pub(crate) json: &'static str,
}

/// A row that should be there.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The fields as they were when it was last written.
    pub(crate) fields: BTreeMap<Keys, Json>,
    /// What they say.
    content: BTreeMap<Keys, String>,
    /// The run that last wrote it.
    pub(crate) run: i64,
    /// How often it was written.
    pub(crate) writes: i64,
}

/// Everything that was ever sent for a field.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// The JSON types.
    pub(crate) kinds: BTreeSet<&'static str>,
    /// The numbers.
    numbers: BTreeSet<String>,
}

impl Sent {
    /// Whether a column of this type is the narrowest that can hold it all.
    pub(crate) fn is_narrowest(&self, declared: &str) -> bool {
        let only = |kind: &str| self.kinds.iter().all(|sent| *sent == kind);
        let all =
            |fits: fn(&str) -> bool| only("number") && self.numbers.iter().all(|token| fits(token));
        // Both hold 1 and 1.0: which of them it is, or whether it had to be TEXT, depends on what came first.
        match declared {
            "BOOLEAN" => only("boolean"),
            "INTEGER" => all(fits_integer),
            // What does not fit it may have been sent once, and replaced before the column became REAL.
            "REAL" => only("number") && !all(is_integer),
            "TEXT" => !only("boolean") && !all(is_integer) && !all(fits_real),
            _ => false,
        }
    }
}

fn fits_real(token: &str) -> bool {
    token.parse::<i64>().map_or_else(|_| survives(token), |whole| whole.unsigned_abs() <= EXACT)
}

fn fits_integer(token: &str) -> bool {
    let whole = Decimal::read(token).whole();
    is_integer(token) || whole.is_some_and(|whole| whole.unsigned_abs() <= EXACT)
}

/// The table, by key.
#[derive(Debug)]
pub(crate) struct Model {
    settings: Settings,
    pub(crate) rows: BTreeMap<Vec<String>, Row>,
    pub(crate) sent: BTreeMap<Keys, Sent>,
    pub(crate) rejects: BTreeSet<String>,
}

impl Model {
    pub(crate) fn new(settings: Settings) -> Self {
        let (rows, sent, rejects) = Default::default();
        Self { settings, rows, sent, rejects }
    }

    /// Takes a page in.
    pub(crate) fn page(&mut self, records: &[Json], run: i64) -> RowCounts {
        let mut counts = RowCounts::default();
        let mut page: BTreeMap<Vec<String>, Row> = BTreeMap::new();
        for record in records {
            let fields = self.fields(record);
            let Some(key) = self.key(&fields) else {
                self.rejects.insert(self.redacted(record));
                continue;
            };
            for (keys, value) in &fields {
                let sent = self.sent.entry(keys.clone()).or_default();
                sent.kinds.insert(value.kind());
                if let Json::Number(token) = value {
                    sent.numbers.insert(token.clone());
                }
            }
            let content =
                fields.iter().map(|(keys, value)| (keys.clone(), value.content())).collect();
            let row = Row { fields, content, run, writes: 1 };
            if let Some(earlier) = page.insert(key.clone(), row) {
                if page.get(&key).is_some_and(|row| row.content == earlier.content) {
                    counts.unchanged += 1;
                } else {
                    counts.changed += 1;
                    counts.conflicting += 1;
                }
            }
        }
        for (key, mut row) in page {
            match self.rows.get(&key) {
                None => counts.new += 1,
                Some(stored) if stored.content == row.content => {
                    counts.unchanged += 1;
                    continue;
                }
                Some(stored) => {
                    counts.changed += 1;
                    counts.conflicting += u64::from(stored.run == run);
                    row.writes += stored.writes;
                }
            }
            self.rows.insert(key, row);
        }
        counts
    }

    /// How often rows were written in all.
    pub(crate) fn writes(&self) -> i64 {
        self.rows.values().map(|row| row.writes).sum()
    }

    /// What is kept of a record that cannot be stored.
    fn redacted(&self, record: &Json) -> String {
        match record {
            Json::Object(members) => {
                let kept = members.iter().filter(|(key, _)| key != self.settings.exclude);
                Json::Object(kept.cloned().collect()).text()
            }
            other => other.text(),
        }
    }

    /// A record's fields after the transforms.
    fn fields(&self, record: &Json) -> BTreeMap<Keys, Json> {
        let Json::Object(members) = record else { return BTreeMap::new() };
        let is_json = |key: &str| key == self.settings.json;
        let flat: Vec<_> = members
            .iter()
            .filter(|(key, _)| key != self.settings.exclude && !is_json(key))
            .map(|(key, value)| (self.unfolded(key), value.clone()))
            .collect();
        let mut fields = BTreeMap::new();
        for (keys, value) in flat {
            for (below, value) in value.fields() {
                fields.insert(keys.iter().cloned().chain(below).collect(), value);
            }
        }
        for (key, value) in members {
            if is_json(key) && *value != Json::Null {
                fields.insert(vec![key.clone()], value.clone());
            }
        }
        fields
    }

    /// A key that spells a part of the key with its dots stands for the nested keys.
    fn unfolded(&self, key: &str) -> Keys {
        if self.settings.key.contains(&key) {
            key.split('.').map(str::to_owned).collect()
        } else {
            vec![key.to_owned()]
        }
    }

    fn key(&self, fields: &BTreeMap<Keys, Json>) -> Option<Vec<String>> {
        let part = |path: &&str| {
            let keys: Keys = path.split('.').map(str::to_owned).collect();
            fields.get(&keys).filter(|value| value.kind() != "array").map(key_text)
        };
        self.settings.key.iter().map(part).collect()
    }
}
