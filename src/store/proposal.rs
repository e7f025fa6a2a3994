//! The columns that records would have, told without making any.

use super::{
    Store, StoreError, columns,
    schema::{Changes, Column, Table},
};
use crate::rows::{ColumnType, Paths, Record};

/// What a table would become to hold some records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Whether there is a table already.
    pub is_there: bool,
    /// Its columns as they would be: those of a table that is there only where the records have their field.
    pub columns: Vec<ProposedColumn>,
    /// How many fields there would be no room for: they share one JSON column.
    pub without_room: usize,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether it is a part of the key.
    pub is_key: bool,
    /// What becomes of it.
    pub change: ColumnChange,
}

/// What becomes of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnChange {
    /// It is there, and holds what there is.
    Stays,
    /// It is not there yet.
    New,
    /// It is there, and would be copied from this type.
    Widened(ColumnType),
}

impl Store {
    /// Tells what an endpoint's table would become to hold these records; changes nothing.
    ///
    /// # Errors
    /// Where the stored table has another key, or cannot be made one of this program's.
    pub async fn propose(
        &self,
        endpoint: &str,
        paths: &Paths,
        records: &[Record<'_>],
    ) -> Result<Proposal, StoreError> {
        let mut writer = self.writer().await?;
        let stored =
            columns::load(&mut writer.connection, endpoint, "read the endpoint's columns").await?;
        if let Some(table) = &stored {
            table.make_sure_of_key(paths)?;
        }
        Ok(propose(endpoint, stored, paths, records))
    }
}

fn propose(
    endpoint: &str,
    stored: Option<Table>,
    paths: &Paths,
    records: &[Record<'_>],
) -> Proposal {
    let is_there = stored.is_some();
    let table = stored.unwrap_or_else(|| Table::new(endpoint, paths));
    let Changes { added, overflowed, rebuilt, .. } = table.changes_for(paths, records);
    // The type of a column of which no value was seen yet is only provisional.
    let is_new = |column: &Column| !is_there || column.json_types.is_empty();
    let met: Vec<&str> = paths.ids().map(|path| paths.json_path(path)).collect();
    let present = table.columns.iter().enumerate().filter(|(_, column)| {
        column.key_part.is_some() || met.contains(&column.json_path.as_str())
    });
    let present = present.map(|(index, column)| {
        let widened = rebuilt.iter().find(|(place, _)| *place == index).map(|(_, to)| *to);
        ProposedColumn {
            name: column.name.clone(),
            column_type: widened.unwrap_or(column.declared),
            is_key: column.key_part.is_some(),
            change: match widened {
                _ if is_new(column) => ColumnChange::New,
                Some(_) => ColumnChange::Widened(column.declared),
                None => ColumnChange::Stays,
            },
        }
    });
    let added = added.iter().map(|column| ProposedColumn {
        name: column.name.clone(),
        column_type: column.declared,
        is_key: false,
        change: ColumnChange::New,
    });
    Proposal { is_there, columns: present.chain(added).collect(), without_room: overflowed.len() }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::rows::{Flattener, Transforms};

    /// What becomes of a table that held the first records, in words.
    fn proposed(before: &[&str], now: &[&str]) -> Vec<String> {
        let key = vec!["id".parse().expect("the test's path is valid")];
        let mut flattener = Flattener::new(Transforms { key, ..Transforms::default() });
        let raw = |texts: &[&str]| -> Vec<Box<RawValue>> {
            let raw = texts.iter().map(|text| RawValue::from_string((*text).to_owned()));
            raw.collect::<Result<_, _>>().expect("the test's JSON is valid")
        };
        let (before, now) = (raw(before), raw(now));
        let stored = (!before.is_empty()).then(|| {
            let records: Vec<_> =
                before.iter().filter_map(|record| flattener.flatten(record).ok()).collect();
            let mut table = Table::new("users", flattener.paths());
            let changes = table.changes_for(flattener.paths(), &records);
            table.extend(&changes);
            for (place, json_types) in changes.json_types {
                table.set_json_types(place, json_types);
            }
            table
        });
        let mut flattener = Flattener::new(Transforms {
            key: vec!["id".parse().expect("the test's path is valid")],
            ..Transforms::default()
        });
        let records: Vec<_> =
            now.iter().filter_map(|record| flattener.flatten(record).ok()).collect();
        let proposal = propose("users", stored, flattener.paths(), &records);
        let column = |column: &ProposedColumn| {
            let key = if column.is_key { " key" } else { "" };
            format!("{} {}{key} {:?}", column.name, column.column_type.as_sql(), column.change)
        };
        proposal.columns.iter().map(column).collect()
    }

    #[test]
    fn of_a_table_that_is_not_there_every_column_is_new() {
        let columns = proposed(&[], &[r#"{"name":"Ada","id":7}"#, r#"{"id":8,"floorNumber":1.5}"#]);
        assert_eq!(columns, ["id INTEGER key New", "name TEXT New", "floor_number REAL New"]);
    }

    #[test]
    fn of_a_table_that_is_there_what_would_change_is_told() {
        let columns = proposed(
            &[r#"{"id":"a","n":7,"gone":true}"#],
            &[r#"{"id":"b","n":"seven","more":null}"#, r#"{"id":"c","more":true}"#],
        );
        assert_eq!(columns, ["id TEXT key Stays", "n TEXT Widened(Integer)", "more BOOLEAN New"]);
    }
}
