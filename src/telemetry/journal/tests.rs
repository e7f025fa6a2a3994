use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt};

use tracing::{debug, error, info, info_span, warn};
use tracing_subscriber::{Registry, layer::SubscriberExt};

use super::*;

/// A journal of the test's own.
struct Listening {
    socket: UnixDatagram,
    journal: Option<Journal>,
    folder: tempfile::TempDir,
}

impl Listening {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("socket");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let journal = Journal::connect(&path).expect("a journal that listens");
        Self { socket, journal: Some(journal), folder }
    }

    /// What is logged meanwhile, entry by entry.
    fn entries(&mut self, log: impl FnOnce()) -> Vec<BTreeMap<String, String>> {
        let journal = self.journal.take().expect("logged to once");
        tracing::subscriber::with_default(Registry::default().with(journal), log);
        self.socket.set_nonblocking(true).expect("a socket that does not wait");
        let mut entries = Vec::new();
        let mut buffer = vec![0; 1 << 20];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            entries.push(parse(buffer.get(..length).expect("what was received")));
        }
        entries
    }
}

/// Reads an entry as journald does.
fn parse(mut entry: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while !entry.is_empty() {
        let end = entry.iter().position(|byte| matches!(byte, b'=' | b'\n')).expect("a name");
        let (name, rest) = entry.split_at(end);
        let (length, value) = if rest.starts_with(b"=") {
            let value = rest.get(1..).expect("a value");
            (value.iter().position(|byte| *byte == b'\n').expect("an end"), value)
        } else {
            let (length, value) =
                rest.get(1..).and_then(<[u8]>::split_first_chunk).expect("a length");
            (usize::try_from(u64::from_le_bytes(*length)).expect("a size"), value)
        };
        let (value, rest) = value.split_at(length);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        assert!(fields.insert(text(name), text(value)).is_none(), "{}", text(name));
        entry = rest.strip_prefix(b"\n").expect("a line's end");
    }
    fields
}

#[test]
fn an_event_has_its_level_its_fields_and_those_of_its_spans() {
    let entries = Listening::new().entries(|| {
        let run = info_span!("run", run.id = 7, job.name = "all");
        let endpoint = info_span!(parent: &run, "endpoint", endpoint.name = "users");
        let _entered = endpoint.enter();
        warn!(endpoint.name = "bookings", wait_ms = 20, "tries {}", "again");
    });
    let expected = [
        ("MAPIQ_ENDPOINT_NAME", "bookings"),
        ("MAPIQ_JOB_NAME", "all"),
        ("MAPIQ_RUN_ID", "7"),
        ("MAPIQ_WAIT_MS", "20"),
        ("MESSAGE", r#"tries again endpoint.name="bookings" wait_ms=20 run.id=7 job.name="all""#),
        ("PRIORITY", "4"),
        ("SYSLOG_IDENTIFIER", "mapiq-sync"),
    ];
    let expected: BTreeMap<_, _> =
        expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(entries, [expected]);
}

#[test]
fn levels_are_those_of_syslog() {
    let entries = Listening::new().entries(|| {
        error!("e");
        warn!("w");
        info!("i");
        debug!("d");
    });
    let priorities: Vec<&str> =
        entries.iter().filter_map(|entry| entry.get("PRIORITY")).map(String::as_str).collect();
    assert_eq!(priorities, ["3", "4", "6", "7"]);
}

#[test]
fn an_error_is_told_with_its_causes_and_a_text_of_several_lines_whole() {
    let entries = Listening::new().entries(|| {
        let cause = io::Error::other("refused\nMESSAGE=forged");
        let error = Journal::connect(Path::new("/nowhere/at/all")).expect_err("nobody listens");
        error!(error = &error as &dyn Error, detail = %cause, "failed");
    });
    let entry = entries.first().expect("an entry");
    assert_eq!(
        entry.get("MAPIQ_DETAIL").map(String::as_str),
        Some("refused\nMESSAGE=forged"),
        "{entry:?}"
    );
    let message = entry.get("MESSAGE").expect("a message");
    assert!(message.starts_with("failed error=\"No such file"), "{message}");
}

#[test]
fn a_journal_that_has_gone_harms_nothing() {
    let mut listening = Listening::new();
    fs::remove_file(listening.folder.path().join("socket")).expect("the socket's name");
    listening.socket = UnixDatagram::unbound().expect("a socket");
    assert_eq!(listening.entries(|| info!("to stderr")), []);
}

#[test]
fn only_the_very_stream_that_systemd_names_is_the_journal() {
    let file = tempfile::tempfile().expect("a temporary file");
    let stat = file.metadata().expect("its inode");
    let named = |text: String| is_stream(&file, Some(OsStr::new(&text)));
    assert!(named(format!("{}:{}", stat.dev(), stat.ino())));
    assert!(!named(format!("{}:{}", stat.dev(), stat.ino() + 1)));
    assert!(!named("nonsense".to_owned()) && !named(String::new()));
    assert!(!is_stream(&file, None));
}
