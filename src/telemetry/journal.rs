//! Events to systemd's journal, with their levels and fields.
//!
//! The message is what the text form would say, since `journalctl` shows nothing else by default; beside it each field of the
//! event and of its spans is one of the entry: `endpoint.name` is `MAPIQ_ENDPOINT_NAME` there. Sent by the journal's
//! [native protocol](https://systemd.io/JOURNAL_NATIVE_PROTOCOL/).

use std::{
    env,
    error::Error,
    ffi::OsStr,
    fmt::{self, Write as _},
    io::{self, Write},
    os::{fd::AsFd, unix::net::UnixDatagram},
    path::Path,
    time::Duration,
};

use super::chain;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// Where journald listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// How long a journal that takes nothing may hold an event up.
const TIME_OUT: Duration = Duration::from_secs(1);

/// What stands before the names of fields, so that they mean nothing else to the journal.
const PREFIX: &str = "MAPIQ_";

/// The field that is the message itself.
const MESSAGE: &str = "message";

/// Whether stderr is a stream to the journal: systemd names the stream's file by its device and inode in `$JOURNAL_STREAM`.
pub fn is_stderr() -> bool {
    is_stream(io::stderr().as_fd(), env::var_os("JOURNAL_STREAM").as_deref())
}

fn is_stream(file: impl AsFd, named: Option<&OsStr>) -> bool {
    let Some((device, inode)) = named.and_then(OsStr::to_str).and_then(|text| text.split_once(':'))
    else {
        return false;
    };
    rustix::fs::fstat(file)
        .is_ok_and(|stat| device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino))
}

/// The priority as syslog numbers it (RFC 5424, section 6.2.1).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// Writes each line of a text to stderr as an error of the journal, which takes a level before each line of a stream.
///
/// # Errors
/// When stderr cannot be written to.
pub fn write_error(text: &str) -> io::Result<()> {
    write_lines(priority(Level::ERROR), text)
}

fn write_lines(priority: u8, text: &str) -> io::Result<()> {
    let mut lines = Vec::new();
    for line in text.lines() {
        writeln!(lines, "<{priority}>{line}")?;
    }
    io::stderr().write_all(&lines)
}

/// The layer that sends events.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
}

impl Journal {
    /// Connects to the journal that listens at `socket`.
    ///
    /// # Errors
    /// When none does.
    pub(super) fn connect(socket: &Path) -> io::Result<Self> {
        let connected = UnixDatagram::unbound()?;
        connected.connect(socket)?;
        connected.set_write_timeout(Some(TIME_OUT))?;
        Ok(Self { socket: connected })
    }
}

impl<S> Layer<S> for Journal
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.add_missing(of_span);
            }
        }
        let priority = priority(*event.metadata().level());
        if self.socket.send(&fields.entry(priority)).is_err() {
            // The stream to the same journal, which takes no fields; if that fails as well, nobody listens.
            write_lines(priority, &fields.text()).ok();
        }
    }
}

/// Names and values, in the order in which they were stated.
#[derive(Debug, Default)]
struct Fields(Vec<(&'static str, Value)>);

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    /// A number, a moment, or another thing that is shown as it is.
    Bare(String),
}

impl Value {
    fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Bare(text) => text,
        }
    }
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        match self.0.iter_mut().find(|(name, _)| *name == field.name()) {
            Some((_, before)) => *before = value,
            None => self.0.push((field.name(), value)),
        }
    }

    /// Takes over what an outer span says and no inner one has said.
    fn add_missing(&mut self, outer: &Self) {
        for (name, value) in &outer.0 {
            if !self.0.iter().any(|(known, _)| known == name) {
                self.0.push((name, value.clone()));
            }
        }
    }

    /// The event in one line, as the text form has it behind the level.
    fn text(&self) -> String {
        let mut text = String::new();
        for (_, value) in self.0.iter().filter(|(name, _)| *name == MESSAGE) {
            text.push_str(value.as_str());
        }
        for (name, value) in self.0.iter().filter(|(name, _)| *name != MESSAGE) {
            let written = match value {
                Value::Text(value) => write!(text, " {name}={value:?}"),
                Value::Bare(value) => write!(text, " {name}={value}"),
            };
            // Writing to a string never fails.
            written.ok();
        }
        text
    }

    /// The entry in the journal's native form.
    fn entry(&self, priority: u8) -> Vec<u8> {
        let mut entry = Vec::new();
        push(&mut entry, "PRIORITY", &priority.to_string());
        push(&mut entry, "SYSLOG_IDENTIFIER", env!("CARGO_PKG_NAME"));
        push(&mut entry, "MESSAGE", &self.text());
        for (name, value) in self.0.iter().filter(|(name, _)| *name != MESSAGE) {
            push(&mut entry, &journal_name(name), value.as_str());
        }
        entry
    }
}

/// A field's name as the journal takes it: capitals, digits and underscores, 64 at most.
fn journal_name(name: &str) -> String {
    let rest = name
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_uppercase() } else { '_' });
    PREFIX.chars().chain(rest).take(64).collect()
}

/// Adds a field to an entry: with an equals sign, or, where the value has several lines, with its length.
fn push(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::Text(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, Value::Text(chain(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, Value::Bare(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests;
