//! What a run has met, in a line for a person. Names of fields, never their values.

use std::fmt;

use indexmap::IndexMap;

use super::{Change, SchemaChange};

/// So many fields are named in one line.
const NAMED: usize = 5;

/// So many characters of a field's path.
const PATH_LENGTH: usize = 60;

/// Changes of one endpoint as a person reads them: `` new field `source`; `badge` changed from number to string: the column
/// was rebuilt as TEXT ``.
#[derive(Clone, Copy, Debug)]
pub struct Told<'c>(pub &'c [SchemaChange]);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In the order met, what one field has gone through together.
        let mut fields: IndexMap<&str, Vec<&SchemaChange>> = IndexMap::new();
        for change in self.0 {
            fields.entry(&change.json_path).or_default().push(change);
        }
        for (index, (path, changes)) in fields.iter().take(NAMED).enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{}", field(&shown(path), changes))?;
        }
        match fields.len().saturating_sub(NAMED) {
            0 => Ok(()),
            1 => f.write_str("; and 1 more field, see `_sync_schema_changes`"),
            more => write!(f, "; and {more} more fields, see `_sync_schema_changes`"),
        }
    }
}

fn field(path: &str, changes: &[&SchemaChange]) -> String {
    let mut text = format!("`{path}`");
    let of = |wanted| changes.iter().filter(move |change| change.change == wanted);
    for change in changes {
        text = match change.change {
            Change::NewField => format!("new field `{path}`"),
            Change::NoRoom => format!("new field `{path}`, without room for a column"),
            Change::VanishedField => format!("vanished field `{path}`"),
            Change::FieldIsBack => format!("field `{path}` is back"),
            Change::ChangedType | Change::RebuiltColumn => continue,
        };
    }
    let types = |types: Option<&String>| types.map_or(String::new(), |t| t.replace(',', " and "));
    if let Some(first) = of(Change::ChangedType).next() {
        let to: Vec<String> =
            of(Change::ChangedType).map(|change| types(change.after.as_ref())).collect();
        let comma = if text.starts_with('`') { "" } else { "," };
        let from = types(first.before.as_ref());
        text = format!("{text}{comma} changed from {from} to {}", to.join(" and "));
    }
    if let Some(last) = of(Change::RebuiltColumn).next_back() {
        let to = last.after.as_deref().unwrap_or_default();
        text = format!("{text}: the column was rebuilt as {to}");
    }
    text
}

/// A path as it fits a line: an API may send keys of any length and with any characters.
fn shown(path: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut shown: String = path.chars().take(PATH_LENGTH).map(plain).collect();
    if path.chars().nth(PATH_LENGTH).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(change: Change, json_path: &str, before: &str, after: &str) -> SchemaChange {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (before, after) = (text(before), text(after));
        SchemaChange { change, json_path: json_path.into(), column: "c".into(), before, after }
    }

    #[test]
    fn what_one_field_has_gone_through_is_told_together() {
        let changes = [
            change(Change::NewField, "source", "", "string"),
            change(Change::ChangedType, "badge", "number", "string"),
            change(Change::RebuiltColumn, "badge", "INTEGER", "REAL"),
            change(Change::RebuiltColumn, "share", "INTEGER", "REAL"),
            change(Change::ChangedType, "badge", "number,string", "boolean"),
            change(Change::RebuiltColumn, "badge", "REAL", "TEXT"),
            change(Change::ChangedType, "source", "string", "array,object"),
            change(Change::VanishedField, "desk.id", "", ""),
        ];
        assert_eq!(
            Told(&changes).to_string(),
            "new field `source`, changed from string to array and object; \
             `badge` changed from number to string and boolean: the column was rebuilt as TEXT; \
             `share`: the column was rebuilt as REAL; vanished field `desk.id`"
        );
    }

    #[test]
    fn a_line_stays_short_whatever_the_api_sends() {
        let mut changes: Vec<_> = (0..9)
            .map(|number| change(Change::NoRoom, &format!("f{number}"), "", "string"))
            .collect();
        changes.push(change(Change::ChangedType, "f8", "string", "number"));
        let told = Told(&changes).to_string();
        assert!(
            told.ends_with(
                "new field `f4`, without room for a column; and 4 more fields, see `_sync_schema_changes`"
            ),
            "{told}"
        );
        assert!(Told(&changes[..6]).to_string().contains("; and 1 more field, see"));
        let long = [change(Change::FieldIsBack, &format!("a\n{}", "x".repeat(5000)), "", "")];
        let told = Told(&long).to_string();
        assert_eq!(told, format!("field `a\u{fffd}{}…` is back", "x".repeat(58)));
    }
}
