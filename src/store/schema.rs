//! What a data table looks like, and how it must change to hold a page: the decision, without SQL.

use std::collections::{BTreeSet, HashMap};

use super::statements::BOOKKEEPING;
use crate::rows::{self, ColumnType, EXTRA, PathId, Paths, Record};

/// SQLite's own limit (`SQLITE_MAX_COLUMN`) less one: where a table is made anew, its row ids are copied too.
pub(super) const MAX_COLUMNS: usize = 1999;

/// Data columns that a table gets by itself. What is left up to [`MAX_COLUMNS`] is for the bookkeeping ones, the one for all
/// other fields, and those that users add.
pub(super) const DATA_COLUMNS: usize = 1900;

/// A data table as it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    /// The endpoint's name, which is the table's.
    pub(super) name: String,
    /// The data columns in the table's order; the bookkeeping ones follow them or stand among them.
    pub(super) columns: Vec<Column>,
    /// Where the fields are that have no column of their own, once there was one.
    pub(super) extra: Option<Extra>,
    /// Columns that users have added.
    pub(super) added_by_users: Vec<String>,
    /// Whether users have added triggers.
    pub(super) has_triggers: bool,
}

/// A data column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) json_path: String,
    pub(super) declared: ColumnType,
    /// The JSON types seen so far; while there is none the type is provisional.
    pub(super) json_types: BTreeSet<String>,
    /// Its place in the key, from 0.
    pub(super) key_part: Option<usize>,
}

/// The column that holds the fields for which there is no room, as one JSON object by JSON path.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Extra {
    /// The column's name.
    pub(super) column: String,
    pub(super) fields: Vec<Field>,
}

/// A field that has no column of its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) json_path: String,
    /// The JSON types seen so far.
    pub(super) json_types: BTreeSet<String>,
}

/// Where a table has a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The index of its column.
    Column(usize),
    /// Its index among the fields that have none.
    Extra(usize),
}

/// How a table must change before it can hold a page.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    /// Columns to add, in the order first seen.
    pub(super) added: Vec<Column>,
    /// The name of the JSON column, where the first fields come for which there is no room.
    pub(super) extra: Option<String>,
    /// Fields for which there is no room.
    pub(super) overflowed: Vec<Field>,
    /// Columns to rebuild, by index, with their new type.
    pub(super) rebuilt: Vec<(usize, ColumnType)>,
    /// Fields that have met a new JSON type.
    pub(super) json_types: Vec<(Place, BTreeSet<String>)>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.overflowed.is_empty()
            && self.rebuilt.is_empty()
            && self.json_types.is_empty()
    }

    /// How many columns come to the table.
    pub(super) fn width(&self) -> usize {
        self.added.len() + usize::from(self.extra.is_some())
    }
}

impl Table {
    /// A table for records of which none has been seen yet: the key's columns, their types provisional.
    pub(super) fn new(name: &str, paths: &Paths) -> Self {
        let mut table = Self {
            name: name.to_owned(),
            columns: Vec::new(),
            extra: None,
            added_by_users: Vec::new(),
            has_triggers: false,
        };
        for part in 0..paths.key_len() {
            let path = path_id(part);
            let column = Column {
                name: table.free_name(&[], paths.column_name(path)),
                json_path: paths.json_path(path).to_owned(),
                declared: paths.declared_type(path).unwrap_or(ColumnType::Text),
                json_types: BTreeSet::new(),
                key_part: Some(part),
            };
            table.columns.push(column);
        }
        table
    }

    /// The places of the key's parts among the columns, in the key's order.
    pub(super) fn key_positions(&self) -> Vec<usize> {
        let mut key: Vec<usize> = (0..self.columns.len())
            .filter(|&place| self.columns[place].key_part.is_some())
            .collect();
        key.sort_by_key(|&place| self.columns[place].key_part);
        key
    }

    /// The key's columns in the key's order.
    pub(super) fn key(&self) -> Vec<&Column> {
        self.key_positions().into_iter().map(|place| &self.columns[place]).collect()
    }

    /// For every path where its field is, as far as there is a place for it yet.
    pub(super) fn places_of(&self, paths: &Paths) -> Vec<Option<Place>> {
        let columns = self.columns.iter().map(|column| &column.json_path);
        let extra = self.extra.iter().flat_map(|extra| &extra.fields).map(|field| &field.json_path);
        let places: HashMap<&str, Place> = columns
            .enumerate()
            .map(|(index, json_path)| (json_path.as_str(), Place::Column(index)))
            .chain(extra.enumerate().map(|(index, path)| (path.as_str(), Place::Extra(index))))
            .collect();
        (0..paths.len()).map(|path| places.get(paths.json_path(path_id(path))).copied()).collect()
    }

    /// How many columns it has, the bookkeeping ones too.
    pub(super) fn width(&self) -> usize {
        let extra = usize::from(self.extra.is_some());
        self.columns.len() + self.added_by_users.len() + BOOKKEEPING.len() + extra
    }

    /// Whether no row was ever stored in it: a key has always been sent with some type.
    pub(super) fn is_unused(&self) -> bool {
        self.key().iter().all(|column| column.json_types.is_empty())
    }

    /// How many data columns there is room for, one for all other fields being left.
    fn room(&self) -> usize {
        let left = MAX_COLUMNS.saturating_sub(self.width() + usize::from(self.extra.is_none()));
        DATA_COLUMNS.saturating_sub(self.columns.len()).min(left)
    }

    /// A column name that is taken neither by a column, nor by one about to be added, nor by a bookkeeping one.
    fn free_name(&self, added: &[Column], wanted: &str) -> String {
        rows::unique_name(wanted, |name| self.is_taken(added, name))
    }

    fn is_taken(&self, added: &[Column], name: &str) -> bool {
        let columns = self.columns.iter().chain(added).map(|column| &column.name);
        columns.chain(&self.added_by_users).any(|taken| taken.eq_ignore_ascii_case(name))
    }

    /// The name of the JSON column: no field gets it, but a user may have taken it.
    fn extra_name(&self, added: &[Column]) -> String {
        if self.is_taken(added, EXTRA) { self.free_name(added, EXTRA) } else { EXTRA.to_owned() }
    }

    /// Takes the columns in that were added to it.
    pub(super) fn extend(&mut self, changes: &Changes) {
        self.columns.extend(changes.added.iter().cloned());
        if let Some(column) = &changes.extra {
            self.extra = Some(Extra { column: column.clone(), fields: Vec::new() });
        }
    }

    fn json_types(&self, place: Place) -> Option<&BTreeSet<String>> {
        match place {
            Place::Column(index) => self.columns.get(index).map(|column| &column.json_types),
            Place::Extra(index) => {
                self.extra.as_ref()?.fields.get(index).map(|field| &field.json_types)
            }
        }
    }

    /// Notes the JSON types of a field; gives its path.
    pub(super) fn set_json_types(
        &mut self,
        place: Place,
        json_types: BTreeSet<String>,
    ) -> Option<&str> {
        let (json_path, stored) = match place {
            Place::Column(index) => {
                let column = self.columns.get_mut(index)?;
                (&column.json_path, &mut column.json_types)
            }
            Place::Extra(index) => {
                let field = self.extra.as_mut()?.fields.get_mut(index)?;
                (&field.json_path, &mut field.json_types)
            }
        };
        *stored = json_types;
        Some(json_path)
    }

    /// Finds out how the table must change to hold these records.
    pub(super) fn changes_for(&self, paths: &Paths, records: &[Record<'_>]) -> Changes {
        let places = self.places_of(paths);
        let needs = needs(self, &places, paths, records);
        let room = self.room();
        let mut changes = Changes::default();
        for (index, need) in needs.into_iter().enumerate() {
            let path = path_id(index);
            let Some(needed) = need.column_type else { continue };
            let json_types = need.json_types.iter().map(|&json_type| json_type.to_owned());
            let Some(place) = places.get(index).copied().flatten() else {
                let json_path = paths.json_path(path).to_owned();
                if changes.added.len() < room {
                    changes.added.push(Column {
                        name: self.free_name(&changes.added, paths.column_name(path)),
                        json_path,
                        declared: needed,
                        json_types: json_types.collect(),
                        key_part: None,
                    });
                } else {
                    changes.overflowed.push(Field { json_path, json_types: json_types.collect() });
                }
                continue;
            };
            if let Place::Column(index) = place
                && self.columns.get(index).is_some_and(|column| column.declared != needed)
            {
                changes.rebuilt.push((index, needed));
            }
            let Some(before) = self.json_types(place) else { continue };
            let mut after = before.clone();
            after.extend(json_types);
            if after != *before {
                changes.json_types.push((place, after));
            }
        }
        if self.extra.is_none() && !changes.overflowed.is_empty() {
            changes.extra = Some(self.extra_name(&changes.added));
        }
        changes
    }
}

/// What a page's values of one path need.
#[derive(Clone, Default)]
struct Need {
    column_type: Option<ColumnType>,
    json_types: Vec<&'static str>,
}

fn needs(
    table: &Table,
    places: &[Option<Place>],
    paths: &Paths,
    records: &[Record<'_>],
) -> Vec<Need> {
    let mut needs: Vec<Need> = (0..paths.len())
        .map(|index| {
            let stored = match places.get(index).copied().flatten() {
                Some(Place::Column(column)) => table.columns.get(column),
                Some(Place::Extra(_)) | None => None,
            };
            let declared = paths.declared_type(path_id(index));
            let column_type = match stored {
                Some(column) if column.json_types.is_empty() => declared,
                // A column only ever widens: whatever else is declared later, TEXT alone holds every value there is.
                Some(_) if declared == Some(ColumnType::Text) => declared,
                Some(column) => Some(column.declared),
                None => None,
            };
            Need { column_type, json_types: Vec::new() }
        })
        .collect();
    let mut widened = false;
    for (path, value) in records.iter().flat_map(|record| &record.fields) {
        let Some(need) = needs.get_mut(path.0 as usize) else { continue };
        let present = need.column_type.or_else(|| paths.declared_type(*path));
        let needed = present.map_or_else(
            || ColumnType::of(value),
            |present| if present.fits(value) { present } else { present.widen(value) },
        );
        widened |= need.column_type.is_some_and(|before| before != needed);
        need.column_type = Some(needed);
        let json_type = value.json_type();
        if !need.json_types.contains(&json_type) {
            need.json_types.push(json_type);
        }
    }
    if widened {
        hold_every_value(&mut needs, records);
    }
    needs
}

/// A type that was widened for a later value may not hold an earlier one of the same page: 2^60, then 0.5.
fn hold_every_value(needs: &mut [Need], records: &[Record<'_>]) {
    for (path, value) in records.iter().flat_map(|record| &record.fields) {
        if let Some(need) = needs.get_mut(path.0 as usize)
            && need.column_type.is_some_and(|needed| !needed.fits(value))
        {
            need.column_type = Some(ColumnType::Text);
        }
    }
}

fn path_id(index: usize) -> PathId {
    PathId(
        u32::try_from(index).expect("a page's paths are far fewer than 2^32: its body is bounded"),
    )
}

#[cfg(test)]
mod tests;
