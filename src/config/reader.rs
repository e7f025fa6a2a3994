//! Reads typed values out of the tree and notes what is wrong instead of stopping at it.

use std::{cell::RefCell, collections::BTreeSet, path::Path};

use super::{
    errors::ConfigError,
    mend,
    tree::{Entry, Fault, Node, Origin, Table, Value},
};

/// What is wrong with one value: a predicate of its key, and the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }

    /// The key is of the contract, but this version does not carry it out.
    pub(super) fn not_supported(instead: &str) -> Self {
        Self::new("is not supported yet", instead)
    }

    fn wrong_kind(wanted: &str, found: &Value, example: &str) -> Self {
        Self::new(format!("must be {wanted}, not {}", found.kind()), format!("such as {example}"))
    }
}

#[derive(Debug)]
struct Found {
    origin: Option<Origin>,
    message: String,
    help: Option<String>,
}

/// What one load has found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    found: RefCell<Vec<Found>>,
    faults: RefCell<Vec<Fault>>,
    reliable_until: RefCell<Option<usize>>,
    /// Every key asked for, dotted: what the program knows and the documentation must name.
    known: RefCell<BTreeSet<String>>,
}

impl Diagnostics {
    /// Notes the faults of the syntax, and from which byte on nothing else can be said of the file.
    pub(super) fn syntax(&self, faults: Vec<Fault>, reliable_until: usize) {
        *self.reliable_until.borrow_mut() = Some(reliable_until);
        *self.faults.borrow_mut() = faults;
    }

    /// Notes something wrong at a place.
    pub(super) fn report(&self, origin: &Origin, message: String, help: Option<String>) {
        self.found.borrow_mut().push(Found { origin: Some(origin.clone()), message, help });
    }

    /// Notes that something is not there, at the place where it is missed (none: the file as a whole). With a fault in
    /// the syntax it may have been in the faulty line, and nothing is said.
    pub(super) fn absent(&self, origin: Option<&Origin>, message: String, help: Option<String>) {
        if self.faults.borrow().is_empty() {
            self.found.borrow_mut().push(Found { origin: origin.cloned(), message, help });
        }
    }

    /// How many things are wrong so far.
    pub(super) fn count(&self) -> usize {
        self.found.borrow().len()
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.known.borrow().clone()
    }

    /// All that was found, in the order of the file, the environment last.
    pub(super) fn into_errors(self, text: &str, file: &Path) -> Vec<ConfigError> {
        let reliable_until = self.reliable_until.into_inner().unwrap_or(usize::MAX);
        let faults = self.faults.into_inner().into_iter().map(|fault| Found {
            origin: Some(Origin::File(fault.span)),
            message: fault.message,
            help: fault.help,
        });
        let reliable = self.found.into_inner().into_iter().filter(|found| match &found.origin {
            Some(Origin::File(span)) => span.start < reliable_until,
            Some(Origin::Environment(_)) | None => true,
        });
        let mut found: Vec<Found> = faults.chain(reliable).collect();
        found.sort_by_key(|found| match &found.origin {
            None => (0, 0),
            Some(Origin::File(span)) => (1, span.start),
            Some(Origin::Environment(_)) => (2, 0),
        });
        let error = |Found { origin, message, help }| match origin {
            None => ConfigError::in_file(file, message, help),
            Some(Origin::File(span)) => ConfigError::at(file, text, span, message, help),
            Some(Origin::Environment(name)) => ConfigError::in_environment(name, message, help),
        };
        found.into_iter().map(error).collect()
    }
}

/// A table being read: each key is taken out once, and what is left at the end is unknown.
#[derive(Debug)]
pub(super) struct Section<'d> {
    table: Table,
    origin: Option<Origin>,
    /// The dotted name as documented: `endpoint.pagination`.
    name: String,
    /// The dotted name as shown: `endpoint.users.pagination`.
    shown: String,
    known: Vec<&'static str>,
    diagnostics: &'d Diagnostics,
}

impl<'d> Section<'d> {
    /// The file itself.
    pub(super) fn root(table: Table, diagnostics: &'d Diagnostics) -> Self {
        let (name, shown) = (String::new(), String::new());
        Self { table, origin: None, name, shown, known: Vec::new(), diagnostics }
    }

    pub(super) fn diagnostics(&self) -> &'d Diagnostics {
        self.diagnostics
    }

    /// Where the table was written; none for one that is left out.
    pub(super) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Where a value that has not been read yet was written.
    pub(super) fn origin_of(&self, key: &str) -> Option<Origin> {
        self.table.get(key).map(|node| node.origin.clone())
    }

    /// A text that has not been read yet, unchecked.
    pub(super) fn peek(&self, key: &str) -> Option<String> {
        match &self.table.get(key)?.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// Reads a key that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Node) -> Result<T, Problem>,
    ) -> Option<T> {
        let entry = self.entry(key)?;
        read(&entry.node).map_err(|problem| self.report(&entry.node.origin, key, problem)).ok()
    }

    /// Reads a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Node) -> Result<T, Problem>,
    ) -> Option<T> {
        if self.table.get(key).is_none() {
            self.missing(key, example);
        }
        self.optional(key, read)
    }

    /// Reads a list item by item, each with its place.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Node) -> Result<T, Problem>,
    ) -> Option<Vec<(T, Origin)>> {
        let Entry { node, .. } = self.entry(key)?;
        let Value::List(items) = node.value else {
            let problem = Problem::wrong_kind("a list", &node.value, r#"["id"]"#);
            self.report(&node.origin, key, problem);
            return None;
        };
        let mut read_items = Vec::with_capacity(items.len());
        for item in items {
            match read(&item) {
                Ok(value) => read_items.push((value, item.origin)),
                Err(problem) => self.report(&item.origin, key, problem),
            }
        }
        Some(read_items)
    }

    /// Reads a list that must be there and hold something.
    pub(super) fn required_list<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl Fn(&Node) -> Result<T, Problem>,
    ) -> Option<Vec<(T, Origin)>> {
        match self.table.get(key) {
            None => self.missing(key, example),
            Some(Node { value: Value::List(items), origin, .. }) if items.is_empty() => {
                self.report(origin, key, Problem::new("is empty", format!("such as {example}")));
            }
            Some(_) => {}
        }
        self.list(key, read)
    }

    /// Reads a table with keys of the user's own; a table within it (TOML makes one of `a.b = …`) extends the dotted key.
    pub(super) fn map<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl Fn(&str, &Node) -> Result<T, Problem>,
    ) -> Vec<T> {
        let Some(Entry { node, .. }) = self.entry(key) else {
            return Vec::new();
        };
        let Value::Table(table) = node.value else {
            self.report(&node.origin, key, Problem::wrong_kind("a table", &node.value, example));
            return Vec::new();
        };
        let mut leaves = Vec::new();
        flatten("", table, &mut leaves);
        let mut values = Vec::with_capacity(leaves.len());
        for (name, node) in leaves {
            match read(&name, &node) {
                Ok(value) => values.push(value),
                Err(problem) => self.report(&node.origin, &format!("{key}.{name}"), problem),
            }
        }
        values
    }

    /// Opens a table; one that is left out is an empty one.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let (name, shown) = (dotted(&self.name, key), dotted(&self.shown, key));
        let diagnostics = self.diagnostics;
        let entry = self.entry(key);
        let origin = entry.as_ref().map(|entry| entry.node.origin.clone());
        let table = match entry.map(|entry| entry.node) {
            None => Table::default(),
            Some(Node { value: Value::Table(table), .. }) => table,
            Some(Node { value, origin, .. }) => {
                let help = if self.name.is_empty() {
                    format!("write its keys below a line `[{key}]`")
                } else {
                    format!("such as {key} = {{ … }}")
                };
                let message = format!("must be a table, not {}", value.kind());
                self.report(&origin, key, Problem::new(message, help));
                Table::default()
            }
        };
        Self { table, origin, name, shown, known: Vec::new(), diagnostics }
    }

    /// Opens a table that may be left out; one that is no table has been refused.
    pub(super) fn optional_section(&mut self, key: &'static str) -> Option<Self> {
        let is_table = matches!(self.table.get(key), Some(Node { value: Value::Table(_), .. }));
        let section = self.section(key);
        is_table.then_some(section)
    }

    /// Opens every table of a `[[key]]`, of which there must be one at least.
    pub(super) fn members(&mut self, key: &'static str) -> Vec<Self> {
        let help = format!("write its keys below a line `[[{key}]]`, one for each {key}");
        let Some(Entry { key_origin, node, .. }) = self.entry(key) else {
            self.diagnostics.absent(None, format!("there is no {key}"), Some(help));
            return Vec::new();
        };
        let Value::List(items) = node.value else {
            let message = format!("must be a list of tables, not {}", node.value.kind());
            self.report(&key_origin, key, Problem::new(message, help));
            return Vec::new();
        };
        if items.is_empty() {
            self.diagnostics.absent(None, format!("there is no {key}"), Some(help));
            return Vec::new();
        }
        let mut members = Vec::with_capacity(items.len());
        for Node { value, origin, .. } in items {
            let Value::Table(table) = value else {
                let message = format!("must hold tables only, not {}", value.kind());
                self.report(&origin, key, Problem::new(message, help.clone()));
                continue;
            };
            let (diagnostics, known) = (self.diagnostics, Vec::new());
            let (name, shown, origin) = (dotted(&self.name, key), key.to_owned(), Some(origin));
            let mut member = Self { table, origin, name, shown, known, diagnostics };
            if let Some(own) = member.peek("name") {
                member.shown = dotted(key, &own);
            }
            members.push(member);
        }
        members
    }

    /// Refuses a known key where it is there.
    pub(super) fn refuse(&mut self, key: &'static str, problem: Problem) {
        if let Some(entry) = self.entry(key) {
            self.report(&entry.key_origin, key, problem);
        }
    }

    /// Notes something wrong with a key of this table.
    pub(super) fn report(&self, origin: &Origin, key: &str, Problem { message, help }: Problem) {
        let message = format!("`{}` {message}", dotted(&self.shown, key));
        self.diagnostics.report(origin, message, help);
    }

    /// Ends the reading: every key that nothing asked for is unknown.
    pub(super) fn finish(self) {
        for Entry { key, key_origin, .. } in &self.table.0 {
            let elsewhere = |variable: &str| {
                format!(
                    "a secret does not belong into this file: set {variable}, or name a file that \
                     holds it with `{key}_file`"
                )
            };
            let help = match (self.name.as_str(), key.as_str()) {
                ("api", "client_secret") => Some(elsewhere("MAPIQ_CLIENT_SECRET")),
                ("api", "hash_key") => Some(elsewhere("MAPIQ_HASH_KEY")),
                _ => mend::suggest(key, &self.known),
            };
            let message = format!("unknown key `{}`", dotted(&self.shown, key));
            self.diagnostics.report(key_origin, message, help);
        }
    }

    fn missing(&self, key: &str, example: &str) {
        let message = format!("`{}` is missing", dotted(&self.shown, key));
        let help = format!("add {key} = {example}");
        self.diagnostics.absent(self.origin.as_ref(), message, Some(help));
    }

    fn entry(&mut self, key: &'static str) -> Option<Entry> {
        self.known.push(key);
        self.diagnostics.known.borrow_mut().insert(dotted(&self.name, key));
        self.table.take(key)
    }
}

fn dotted(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

fn flatten(prefix: &str, table: Table, leaves: &mut Vec<(String, Node)>) {
    for Entry { key, node, .. } in table.0 {
        let name = dotted(prefix, &key);
        match node.value {
            Value::Table(inner) => flatten(&name, inner, leaves),
            _ => leaves.push((name, node)),
        }
    }
}
