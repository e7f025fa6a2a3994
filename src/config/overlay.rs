//! Lays the environment over the file: `MAPIQ_SYNC__RATE_LIMIT__PER=6s`, members by name:
//! `MAPIQ_SYNC__ENDPOINT__USERS__PATH=/v2/x`.

use super::{
    environment::{Environment, PREFIX},
    mend,
    reader::Diagnostics,
    tree::{self, Entry, Node, Origin, Table, Value},
};

/// The lists whose members are named in a variable's name.
const NAMED: [&str; 2] = ["endpoint", "job"];

/// The tables whose keys are the user's own, and case matters.
const OWN_KEYS: [&str; 2] = ["params", "types"];

/// What is wrong with a variable's name, and the mend.
struct Refusal(String, Option<String>);

/// Sets in the tree what the environment sets.
///
/// Whether a key exists is not checked here: the reader takes what it knows, and reports the rest by its origin.
pub(super) fn apply(root: &mut Table, environment: &Environment, diagnostics: &Diagnostics) {
    // Members are known by the names in the file, even while a variable renames one.
    let names = NAMED.map(|list| (list, member_names(root, list)));
    for (rest, variable, value) in environment.settings() {
        if let Err(Refusal(message, help)) = set(root, &names, rest, variable, value) {
            let origin = Origin::Environment(variable.to_owned());
            if names.iter().any(|(list, _)| member_part(rest, list).is_some()) {
                // With a fault in the file's syntax, the member may be in the faulty line.
                diagnostics.absent(Some(&origin), message, help);
            } else {
                diagnostics.report(&origin, message, help);
            }
        }
    }
}

fn set(
    root: &mut Table,
    names: &[(&str, Vec<Option<String>>)],
    rest: &str,
    variable: &str,
    value: &str,
) -> Result<(), Refusal> {
    for (list, names) in names {
        if rest.eq_ignore_ascii_case(list) {
            let help = format!("name the {list} and its key: {}", example(list, "NAME"));
            return Err(Refusal(format!("sets no key: `{list}` is a list"), Some(help)));
        }
        if let Some(part) = member_part(rest, list) {
            let (index, keys) = find_member(list, names, part)?;
            let member =
                root.0.iter_mut().find(|entry| entry.key == *list).and_then(
                    |entry| match &mut entry.node.value {
                        Value::List(items) => items.get_mut(index),
                        _ => None,
                    },
                );
            if let Some(Node { value: Value::Table(table), .. }) = member {
                return set_key(table, keys, variable, value);
            }
        }
    }
    set_key(root, rest, variable, value)
}

fn set_key(mut table: &mut Table, keys: &str, variable: &str, value: &str) -> Result<(), Refusal> {
    let mut segments: Vec<&str> = keys.split("__").collect();
    let last = segments.pop().unwrap_or_default();
    if last.is_empty() || segments.iter().any(|segment| segment.is_empty()) {
        let help =
            format!("join the parts of a dotted key by two underscores: {PREFIX}API__TIMEOUT");
        return Err(Refusal("names no key".into(), Some(help)));
    }
    let origin = Origin::Environment(variable.to_owned());
    let mut own_keys = false;
    for segment in segments {
        let key = spelled(table, segment, own_keys);
        own_keys = OWN_KEYS.contains(&key.as_str());
        let node = entry(table, &key, &origin);
        let kind = node.value.kind();
        let Value::Table(inner) = &mut node.value else {
            return Err(Refusal(format!("sets a key within `{key}`, which is {kind}"), None));
        };
        table = inner;
    }
    let key = spelled(table, last, own_keys);
    let node = tree::parse_variable(variable, value);
    if let Some(Entry { key_origin: Origin::Environment(other), .. }) = table.take(&key)
        && other != variable
    {
        return Err(Refusal(format!("sets the same key as {other}"), Some("keep one".into())));
    }
    table.0.push(Entry { key, key_origin: origin, node });
    Ok(())
}

/// The key that a part of a variable's name means: one that is there, else the part in lower case, or as it stands where
/// keys are the user's own.
fn spelled(table: &Table, segment: &str, own_keys: bool) -> String {
    let keys = || table.0.iter().map(|entry| entry.key.as_str());
    keys()
        .find(|key| *key == segment)
        .or_else(|| keys().find(|key| key.eq_ignore_ascii_case(segment)))
        .map_or_else(
            || if own_keys { segment.to_owned() } else { segment.to_ascii_lowercase() },
            str::to_owned,
        )
}

/// The value of a key, made an empty table where it is not there.
fn entry<'t>(table: &'t mut Table, key: &str, origin: &Origin) -> &'t mut Node {
    let index = table.0.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let value = Value::Table(Table::default());
        let node = Node { value, origin: origin.clone(), raw: None };
        table.0.push(Entry { key: key.to_owned(), key_origin: origin.clone(), node });
        table.0.len() - 1
    });
    &mut table.0.get_mut(index).expect("the index was found or made just now").node
}

/// What follows `ENDPOINT__`, in a variable that sets something of an endpoint.
fn member_part<'a>(rest: &'a str, list: &str) -> Option<&'a str> {
    let (head, part) = rest.split_at_checked(list.len())?;
    head.eq_ignore_ascii_case(list).then(|| part.strip_prefix("__")).flatten()
}

/// The names of a list's members as they stand in variables' names.
fn member_names(root: &Table, list: &str) -> Vec<Option<String>> {
    let Some(Node { value: Value::List(items), .. }) = root.get(list) else {
        return Vec::new();
    };
    let name = |item: &Node| match &item.value {
        Value::Table(table) => match &table.get("name")?.value {
            Value::Text(name) => Some(in_variable(name)),
            _ => None,
        },
        _ => None,
    };
    items.iter().map(name).collect()
}

/// A name as it stands in a variable's name, where only letters, digits and underscores may.
fn in_variable(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(letter).collect()
}

/// Finds the member whose name stands first in `part` (the longest, names may hold underscores), and the keys behind it.
fn find_member<'a>(
    list: &str,
    names: &[Option<String>],
    part: &'a str,
) -> Result<(usize, &'a str), Refusal> {
    let matches = names.iter().enumerate().filter_map(|(index, name)| {
        let name = name.as_deref()?;
        let (head, keys) = part.split_at_checked(name.len())?;
        let keys = in_variable(head).eq(name).then(|| keys.strip_prefix("__")).flatten()?;
        Some((name, index, keys))
    });
    if let Some((name, index, keys)) = matches.max_by_key(|(name, ..)| name.len()) {
        if names.iter().flatten().filter(|other| *other == name).count() > 1 {
            let message = format!(
                "may mean more than one {list}: their names are spelled the same in a variable's name"
            );
            return Err(Refusal(
                message,
                Some(format!("rename all but one {list} of them, or set the key in the file")),
            ));
        }
        return Ok((index, keys));
    }
    let written = part.split("__").next().unwrap_or_default();
    if names.iter().flatten().any(|name| in_variable(written) == *name) {
        return Err(Refusal(
            format!("names a whole {list}"),
            Some(format!("name a key of it: {}", example(list, written))),
        ));
    }
    let upper = in_variable(written);
    let help = match mend::nearest(&upper, names.iter().flatten().map(String::as_str)) {
        Some(name) => format!("did you mean {}?", example(list, name)),
        None => {
            format!(
                "a variable changes what the file has: add a [[{list}]] of that name to the file"
            )
        }
    };
    Err(Refusal(format!("there is no {list} `{}`", written.to_lowercase()), Some(help)))
}

fn example(list: &str, name: &str) -> String {
    let key = if list == "job" { "SCHEDULE" } else { "PATH" };
    format!("{PREFIX}{}__{name}__{key}", list.to_uppercase())
}
