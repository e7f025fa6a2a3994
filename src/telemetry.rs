//! Logging: set up once, by the binary. Logs go to stderr, or where that is systemd's journal, there by its own protocol;
//! stdout is for results.

pub mod journal;

use std::{
    env,
    error::Error,
    ffi::OsStr,
    io::{self, IsTerminal},
    path::Path,
};

use self::journal::Journal;
use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter, warn};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterFn, ParseError},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::{SubscriberInitExt, TryInitError},
};

/// What is logged unless `RUST_LOG` says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// This program's doings, and its libraries' troubles: for a daemon, whose log is its only story.
    Doings,
    /// Troubles alone: for an interactive run, which tells its doings itself.
    Troubles,
}

impl Verbosity {
    fn filter(self) -> &'static str {
        // The certificate verifier logs what the error that comes of it says anyway.
        match self {
            Self::Doings => "warn,mapiq_sync=info,rustls_platform_verifier=off",
            Self::Troubles => "warn,rustls_platform_verifier=off",
        }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people: one line an event, in colour on a terminal.
    Text,
    /// For machines: one JSON object an event.
    Json,
}

/// Logging was set up before.
#[derive(Debug, thiserror::Error)]
#[error("logging is set up already")]
pub struct TelemetryError(#[source] TryInitError);

/// Sets logging up for the whole program, filtered by `RUST_LOG` (else by `verbosity`).
///
/// Without a `format`, events go to the journal where stderr is that; else as text. Lines go to `writer`, which ends at
/// stderr, in colour only on a terminal and where `NO_COLOR` is unset or empty (<https://no-color.org>).
///
/// A `RUST_LOG` that cannot be read is warned about, and the default used.
///
/// # Errors
///
/// When it was called before.
pub fn init<W>(
    format: Option<LogFormat>,
    verbosity: Verbosity,
    writer: W,
) -> Result<(), TelemetryError>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let (filter, unreadable) = filter(env::var_os("RUST_LOG").as_deref(), verbosity);
    // Where the journal does not answer, the stream that it reads stderr by takes text.
    let journal = (format.is_none() && journal::is_stderr())
        .then(|| Journal::connect(Path::new(journal::SOCKET)).ok())
        .flatten();
    let sink = if let Some(journal) = journal {
        journal.boxed()
    } else {
        let colour = in_colour(io::stderr().is_terminal(), env::var_os("NO_COLOR").as_deref());
        lines(format.unwrap_or(LogFormat::Text), colour, writer)
    };
    subscriber(filter, sink).try_init().map_err(TelemetryError)?;
    if let Some(error) = unreadable {
        warn!(
            error = &error as &dyn Error,
            "RUST_LOG cannot be read, using `{}`",
            verbosity.filter()
        );
    }
    Ok(())
}

/// The filter that `RUST_LOG` asks for, or the default with what is wrong about it.
fn filter(rust_log: Option<&OsStr>, verbosity: Verbosity) -> (EnvFilter, Option<ParseError>) {
    let text = rust_log.map(OsStr::to_string_lossy).unwrap_or_default();
    if text.trim().is_empty() {
        return (EnvFilter::new(verbosity.filter()), None);
    }
    match EnvFilter::builder().parse(&text) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(verbosity.filter()), Some(error)),
    }
}

/// Whether an event may be logged at all, whatever `RUST_LOG` asks for.
///
/// At its most talkative level a library may log what it sends and receives, with the token and people's data; this program
/// never does.
fn tells_no_data(metadata: &Metadata<'_>) -> bool {
    let ours = metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    ours || *metadata.level() <= Level::DEBUG
}

/// An error with its causes, in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Whether to write in colour: on a terminal, unless `NO_COLOR` is set and not empty.
pub fn in_colour(terminal: bool, no_color: Option<&OsStr>) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty)
}

/// What is done with an event that is let through.
type Sink<S> = Box<dyn Layer<S> + Send + Sync>;

/// Writes events line by line.
fn lines<W, S>(format: LogFormat, colour: bool, writer: W) -> Sink<S>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    // A line that cannot be written is lost; a complaint about it on the same stderr would panic.
    let lines = fmt::layer().with_writer(writer).with_ansi(colour).log_internal_errors(false);
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    }
}

fn subscriber(filter: EnvFilter, sink: Sink<Registry>) -> impl Subscriber + Send + Sync {
    let discreet = FilterFn::new(tells_no_data).with_max_level_hint(LevelFilter::TRACE);
    Registry::default().with(sink).with(filter).with(discreet)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{debug, info, trace};

    use super::*;

    /// A place to log to that can be read afterwards.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panics").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What the events of a run look like.
    fn logged(format: LogFormat, colour: bool, rust_log: Option<&str>) -> String {
        let page = Page::default();
        let writer = page.clone();
        let (filter, _) = filter(rust_log.map(OsStr::new), Verbosity::Doings);
        let subscriber = subscriber(filter, lines(format, colour, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            info!(endpoint.name = "users", "page committed");
            debug!("detail");
            info!(target: "hyper", "chatter");
            warn!(target: "hyper", "trouble");
        });
        let bytes = page.0.lock().expect("no writer panics").clone();
        String::from_utf8(bytes).expect("logs are UTF-8")
    }

    #[test]
    fn by_default_this_program_informs_and_its_libraries_only_warn() {
        let text = logged(LogFormat::Text, false, None);
        assert!(text.contains("page committed endpoint.name=\"users\""), "{text}");
        assert!(text.contains("trouble"), "{text}");
        assert!(!text.contains("detail") && !text.contains("chatter"), "{text}");
    }

    #[test]
    fn rust_log_decides_where_it_can_be_read() {
        let text = logged(LogFormat::Text, false, Some("mapiq_sync=debug"));
        assert!(text.contains("detail") && !text.contains("trouble"), "{text}");
    }

    #[test]
    fn at_its_most_talkative_a_library_is_not_heard() {
        let page = Page::default();
        let writer = page.clone();
        let (filter, _) = filter(Some(OsStr::new("trace,hyper=trace")), Verbosity::Doings);
        let lines = lines(LogFormat::Text, false, move || writer.clone());
        let subscriber = subscriber(filter, lines);
        tracing::subscriber::with_default(subscriber, || {
            trace!(target: "hyper::proto", "every byte");
            trace!(target: "mapiq_sync_of_another", "every row");
            debug!(target: "hyper::proto", "some words");
            trace!("our own");
        });
        let bytes = page.0.lock().expect("no writer panics").clone();
        let text = String::from_utf8(bytes).expect("logs are UTF-8");
        assert!(text.contains("some words") && text.contains("our own"), "{text}");
        assert!(!text.contains("every"), "{text}");
    }

    #[test]
    fn a_rust_log_that_cannot_be_read_falls_back_to_the_default() {
        assert!(filter(Some(OsStr::new("mapiq_sync=loud")), Verbosity::Doings).1.is_some());
        let text = logged(LogFormat::Text, false, Some("mapiq_sync=loud"));
        assert!(text.contains("page committed") && !text.contains("chatter"), "{text}");
    }

    #[test]
    fn an_empty_rust_log_counts_as_absent() {
        assert!(filter(Some(OsStr::new("")), Verbosity::Doings).1.is_none());
        assert!(logged(LogFormat::Text, false, Some("")).contains("page committed"));
    }

    #[test]
    fn json_is_one_object_an_event_with_the_fields_at_the_top() {
        let text = logged(LogFormat::Json, false, None);
        let first = text.lines().next().expect("an event was logged");
        let event: serde_json::Value = serde_json::from_str(first).expect("a line is JSON");
        assert_eq!(event["message"], "page committed");
        assert_eq!(event["endpoint.name"], "users");
        assert_eq!(event["level"], "INFO");
    }

    #[test]
    fn escapes_are_written_only_in_colour() {
        assert!(!logged(LogFormat::Text, false, None).contains('\u{1b}'));
        assert!(logged(LogFormat::Text, true, None).contains('\u{1b}'));
    }

    #[test]
    fn colour_needs_a_terminal_and_nobody_against_it() {
        assert!(in_colour(true, None));
        assert!(in_colour(true, Some(OsStr::new(""))));
        assert!(!in_colour(true, Some(OsStr::new("1"))));
        assert!(!in_colour(false, None));
    }
}
