//! What a data table looks like, and how it must change to hold a page: the decision, without SQL.

use std::collections::BTreeSet;

use super::statements::BOOKKEEPING;
use crate::rows::{self, ColumnType, PathId, Paths, Record};

/// SQLite's own limit (`SQLITE_MAX_COLUMN`) less one: where a table is made anew, its row ids are copied too.
pub(super) const MAX_COLUMNS: usize = 1999;

/// A data table as it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    /// The endpoint's name, which is the table's.
    pub(super) name: String,
    /// The data columns in the table's order; the bookkeeping ones follow them or stand among them.
    pub(super) columns: Vec<Column>,
    /// Columns that users have added.
    pub(super) added_by_users: Vec<String>,
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

/// How a table must change before it can hold a page.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    /// Columns to add, in the order first seen.
    pub(super) added: Vec<Column>,
    /// Columns to rebuild, by index, with their new type.
    pub(super) rebuilt: Vec<(usize, ColumnType)>,
    /// Columns, by index, that have met a new JSON type.
    pub(super) json_types: Vec<(usize, BTreeSet<String>)>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.rebuilt.is_empty() && self.json_types.is_empty()
    }
}

impl Table {
    /// A table for records of which none has been seen yet: the key's columns, their types provisional.
    pub(super) fn new(name: &str, paths: &Paths) -> Self {
        let mut table =
            Self { name: name.to_owned(), columns: Vec::new(), added_by_users: Vec::new() };
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

    /// For every path the index of its column, where there is one.
    pub(super) fn columns_of(&self, paths: &Paths) -> Vec<Option<usize>> {
        (0..paths.len())
            .map(|path| {
                let json_path = paths.json_path(path_id(path));
                self.columns.iter().position(|column| column.json_path == json_path)
            })
            .collect()
    }

    /// How many columns it has, the bookkeeping ones too.
    pub(super) fn width(&self) -> usize {
        self.columns.len() + self.added_by_users.len() + BOOKKEEPING.len()
    }

    /// A column name that is taken neither by a column, nor by one about to be added, nor by a bookkeeping one.
    fn free_name(&self, added: &[Column], wanted: &str) -> String {
        rows::unique_name(wanted, |name| {
            let columns = self.columns.iter().chain(added).map(|column| &column.name);
            columns.chain(&self.added_by_users).any(|taken| taken.eq_ignore_ascii_case(name))
        })
    }

    /// Finds out how the table must change to hold these records.
    pub(super) fn changes_for(&self, paths: &Paths, records: &[Record<'_>]) -> Changes {
        let columns = self.columns_of(paths);
        let needs = needs(self, &columns, paths, records);
        let mut changes = Changes::default();
        for (index, need) in needs.into_iter().enumerate() {
            let (path, column) = (path_id(index), columns.get(index).copied().flatten());
            let Some(needed) = need.column_type else { continue };
            match column.and_then(|index| Some((index, self.columns.get(index)?))) {
                None => changes.added.push(Column {
                    name: self.free_name(&changes.added, paths.column_name(path)),
                    json_path: paths.json_path(path).to_owned(),
                    declared: needed,
                    json_types: need
                        .json_types
                        .iter()
                        .map(|&json_type| json_type.to_owned())
                        .collect(),
                    key_part: None,
                }),
                Some((index, column)) => {
                    if needed != column.declared {
                        changes.rebuilt.push((index, needed));
                    }
                    let mut json_types = column.json_types.clone();
                    json_types
                        .extend(need.json_types.iter().map(|&json_type| json_type.to_owned()));
                    if json_types != column.json_types {
                        changes.json_types.push((index, json_types));
                    }
                }
            }
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
    columns: &[Option<usize>],
    paths: &Paths,
    records: &[Record<'_>],
) -> Vec<Need> {
    let mut needs: Vec<Need> = (0..paths.len())
        .map(|index| {
            let stored =
                columns.get(index).copied().flatten().and_then(|column| table.columns.get(column));
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
