//! The configuration as a tree whose every part knows where it was written.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Where a key or value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the file, at these bytes.
    File(Range<usize>),
    /// In this environment variable.
    Environment(String),
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
    /// The whole value of an environment variable, as it stands: a key that wants text takes it whatever TOML makes of it.
    pub(super) raw: Option<String>,
}

/// What the configuration's keys can hold; no key takes a value of another TOML type.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i128),
    Real(f64),
    Boolean(bool),
    /// A value of a type that no key takes, by the type's name.
    Other(&'static str),
    List(Vec<Node>),
    Table(Table),
}

impl Value {
    /// The kind of value, for a person.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Real(_) => "a number with a fraction",
            Self::Boolean(_) => "a boolean",
            Self::Other(name) => name,
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_origin: Origin,
    pub(super) node: Node,
}

/// Keys and values in the order in which they were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(pub(super) Vec<Entry>);

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        let index = self.0.iter().position(|entry| entry.key == key)?;
        Some(self.0.remove(index))
    }
}

/// What is wrong with the syntax, and where.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) span: Range<usize>,
}

/// A file's content.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: Table,
    pub(super) faults: Vec<Fault>,
    /// The byte from which on the tree cannot be trusted, because a fault may have changed what belongs to what.
    pub(super) reliable_until: usize,
}

/// Parses TOML as far as it goes.
///
/// Lines with a fault are left out and the rest is parsed again, so that one missing quote does not hide what else is
/// wrong. Where that cannot be done safely (the head of a table is broken, a list is never closed), only what stands
/// before the first fault is reliable.
pub(super) fn parse(text: &str) -> Tree {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut root = table.into_inner();
    let mut reliable_until = usize::MAX;
    let mut faults: Vec<Fault> = errors.iter().map(|error| fault(text, error)).collect();
    faults.sort_by_key(|fault| fault.span.start);
    // The first fault of a line is the cause of the others on it.
    faults.dedup_by_key(|fault| line_at(text, fault.span.start));

    let mended = without_faulty_lines(text, &faults);
    if let Some(first) = faults.first() {
        let retried = mended.as_deref().map(DeTable::parse_recoverable);
        match retried {
            Some((table, errors)) if errors.is_empty() => {
                let mut table = table.into_inner();
                table.make_owned();
                root = table;
            }
            _ => reliable_until = line_at(text, first.span.start).start,
        }
    }
    Tree { root: table_of(root, &Source::File), faults, reliable_until }
}

/// Reads the value of an environment variable: as TOML, else as text.
pub(super) fn parse_variable(variable: &str, text: &str) -> Node {
    let text = text.trim();
    let source = Source::Environment(variable);
    match DeValue::parse(text) {
        Ok(value) => Node { raw: Some(text.to_owned()), ..node_of(value, &source) },
        Err(_) => Node {
            value: Value::Text(text.to_owned()),
            origin: source.origin(0..0),
            raw: Some(text.to_owned()),
        },
    }
}

enum Source<'a> {
    File,
    Environment(&'a str),
}

impl Source<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        match self {
            Self::File => Origin::File(span),
            Self::Environment(variable) => Origin::Environment((*variable).to_owned()),
        }
    }
}

fn table_of(table: DeTable<'_>, source: &Source<'_>) -> Table {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.into_iter().map(|(key, value)| Entry {
        key_origin: source.origin(key.span()),
        key: key.into_inner().into_owned(),
        node: node_of(value, source),
    });
    Table(entries.collect())
}

fn node_of(value: Spanned<DeValue<'_>>, source: &Source<'_>) -> Node {
    let origin = source.origin(value.span());
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i128::from_str_radix(&digits, number.radix())
                .map_or(Value::Other("a number out of range"), Value::Integer)
        }
        DeValue::Float(number) => number
            .as_str()
            .replace('_', "")
            .parse()
            .map_or(Value::Other("a number out of range"), Value::Real),
        DeValue::Boolean(boolean) => Value::Boolean(boolean),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(items) => {
            Value::List(items.into_iter().map(|item| node_of(item, source)).collect())
        }
        DeValue::Table(table) => Value::Table(table_of(table, source)),
    };
    Node { value, origin, raw: None }
}

fn fault(text: &str, error: &toml::de::Error) -> Fault {
    let span = error.span().unwrap_or(text.len()..text.len());
    let message = error.message();
    let unquoted = message.starts_with("string values must be quoted");
    let (message, help) = match message {
        _ if unquoted && span.is_empty() => ("a value is missing", Some("write one after the `=`")),
        _ if unquoted => ("a string must be quoted", Some("put it between double quotes")),
        "duplicate key" => ("this is set a second time", Some("keep one of the two")),
        other => (other, None),
    };
    Fault { message: message.to_owned(), help: help.map(str::to_owned), span }
}

/// The line around a byte, its end excluded.
pub(super) fn line_at(text: &str, at: usize) -> Range<usize> {
    let at = at.min(text.len());
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let end = after.find('\n').map_or(text.len(), |newline| at + newline);
    start..end
}

/// The text with spaces in the place of faulty lines, so that every byte keeps its place; `None` where such a line opens
/// a table.
fn without_faulty_lines(text: &str, faults: &[Fault]) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    for fault in faults {
        let line = line_at(text, fault.span.start);
        if text.get(line.clone())?.trim_start().starts_with('[') {
            return None;
        }
        bytes.get_mut(line)?.fill(b' ');
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(tree: &Tree) -> Vec<&str> {
        tree.faults.iter().map(|fault| fault.message.as_str()).collect()
    }

    #[test]
    fn a_missing_quote_does_not_hide_the_rest() {
        let tree = parse("a = 60s\nb = 1\nb = 2\n[t]\nc = \n");
        assert_eq!(
            messages(&tree),
            ["a string must be quoted", "this is set a second time", "a value is missing"]
        );
        assert_eq!(tree.reliable_until, usize::MAX);
        assert!(tree.root.get("a").is_none());
        assert!(matches!(tree.root.get("b"), Some(Node { value: Value::Integer(1), .. })));
    }

    #[test]
    fn after_a_broken_head_of_a_table_nothing_is_reliable() {
        assert_eq!(parse("a = 1\n[t\nb = 2\n").reliable_until, 6);
    }

    #[test]
    fn after_a_list_that_is_never_closed_nothing_is_reliable() {
        assert_eq!(parse("a = 1\nb = [1, 2\nc = 3\nd = 4\n").reliable_until, 16);
    }

    #[test]
    fn keys_keep_the_order_of_the_file() {
        let tree = parse("z = 1\na = 2\n");
        let keys: Vec<_> = tree.root.0.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["z", "a"]);
    }

    #[test]
    fn a_variable_is_toml_or_else_text() {
        let value = |text| parse_variable("V", text).value;
        assert!(matches!(value("20 "), Value::Integer(20)));
        assert!(matches!(value(r#"["a"]"#), Value::List(items) if items.len() == 1));
        assert!(matches!(value("6s"), Value::Text(text) if text == "6s"));
        assert!(matches!(value(""), Value::Text(text) if text.is_empty()));
    }
}
