//! What the manual tells beside the arguments: exit statuses, files, environment, signals.

use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::EXIT_STATUS_HELP;

/// A section: its heading, and what it tells.
pub(super) enum Section {
    /// Terms with their meanings.
    List(&'static str, &'static [(&'static str, &'static str)]),
    /// The exit statuses, as the help tells them.
    ExitStatus,
    /// Paragraphs.
    Text(&'static str, &'static [&'static str]),
}

/// Those of the program's page.
pub(super) const PROGRAM: &[Section] =
    &[Section::ExitStatus, FILES, ENVIRONMENT, SIGNALS, CONFIGURATION];

/// Those of each command's.
pub(super) const COMMAND: &[Section] = &[Section::Text(
    "EXIT STATUS, FILES, ENVIRONMENT",
    &["As in mapiq-sync(1), together with the options that every command takes."],
)];

const FILES: Section = Section::List(
    "FILES",
    &[
        ("/etc/mapiq-sync/config.toml", "The configuration of the service that systemd starts."),
        (
            "/etc/mapiq-sync/client_id, /etc/mapiq-sync/client_secret",
            "Its credentials, readable by root alone: systemd hands the service copies of them.",
        ),
        (
            "mapiq.db",
            "The SQLite database (database.path), for the service in /var/lib/mapiq-sync. With -wal and -shm at its end: what SQLite keeps beside it, and what belongs to it. With -lock, or -lock- and an endpoint's name: empty files that processes lock.",
        ),
    ],
);

const ENVIRONMENT: Section = Section::List(
    "ENVIRONMENT",
    &[
        ("MAPIQ_SYNC_CONFIG", "The configuration file, where --config names none."),
        (
            "MAPIQ_SYNC__SECTION__KEY",
            "Sets a key of the configuration: MAPIQ_SYNC__RATE_LIMIT__PER=6s, or MAPIQ_SYNC__ENDPOINT__USERS__PATH=/v2/users.",
        ),
        (
            "MAPIQ_CLIENT_ID, MAPIQ_CLIENT_SECRET",
            "The credentials; they come before every other place.",
        ),
        ("MAPIQ_HASH_KEY", "The key of hashed fields."),
        (
            "CREDENTIALS_DIRECTORY",
            "Set by systemd's LoadCredential=: the folder with the files client_id, client_secret and hash_key.",
        ),
        (
            "STATE_DIRECTORY",
            "Set by systemd's StateDirectory=: the folder that a relative database.path begins at.",
        ),
        (
            "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
            "The proxies for requests, and what is asked without one.",
        ),
        (
            "SSL_CERT_FILE, SSL_CERT_DIR",
            "The certificate authorities that are trusted, instead of the system's.",
        ),
        ("RUST_LOG", "What is logged, such as debug or warn,mapiq_sync=debug."),
        ("NO_COLOR", "Where it is set and not empty: no colours on a terminal."),
    ],
);

const SIGNALS: Section = Section::List(
    "SIGNALS",
    &[
        (
            "SIGTERM, SIGINT",
            "Ends the program once the pages in hand are stored; a second one ends it at once. Nothing that was stored is lost, and the next run goes on where this one has stopped.",
        ),
        (
            "SIGHUP",
            "Has the daemon load its configuration anew, with its credentials, for the runs that begin from then on. One with an error is refused, and the one before goes on.",
        ),
        ("SIGUSR1", "Has the daemon run all jobs now, but for those that run already."),
    ],
);

const CONFIGURATION: Section = Section::Text(
    "CONFIGURATION",
    &[
        "The configuration file is TOML. The one that is shipped is complete and commented; docs/configuration.md, which is shipped too, has every key.",
    ],
);

/// A section as roff.
pub(super) fn render(section: &Section) -> Roff {
    let mut roff = Roff::new();
    match section {
        Section::List(heading, terms) => list(&mut roff, heading, terms.iter().copied()),
        Section::ExitStatus => {
            let statuses = exit_statuses(EXIT_STATUS_HELP);
            let terms = statuses.iter().map(|(status, meaning)| (*status, meaning.as_str()));
            list(&mut roff, "EXIT STATUS", terms);
        }
        Section::Text(heading, paragraphs) => {
            roff.control("SH", [*heading]);
            for paragraph in *paragraphs {
                roff.control("PP", []).text([roman(*paragraph)]);
            }
        }
    }
    roff
}

fn list<'t>(roff: &mut Roff, heading: &str, terms: impl Iterator<Item = (&'t str, &'t str)>) {
    roff.control("SH", [heading]);
    for (term, meaning) in terms {
        roff.control("TP", []).text([bold(term)]).text([roman(meaning)]);
    }
}

/// The statuses of the help, each with all of its lines.
fn exit_statuses(help: &str) -> Vec<(&str, String)> {
    let mut statuses: Vec<(&str, String)> = Vec::new();
    for line in help.lines().skip(1).map(str::trim) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        match statuses.last_mut() {
            _ if first.parse::<u8>().is_ok() => statuses.push((first, rest.trim().to_owned())),
            Some((_, meaning)) => *meaning = format!("{meaning} {line}"),
            None => {}
        }
    }
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_all_the_lines_of_the_help() {
        let statuses =
            exit_statuses("Exit status:\n   0  all done\n  75  run again: a\n      limit\n");
        assert_eq!(
            statuses,
            [("0", "all done".to_owned()), ("75", "run again: a limit".to_owned())]
        );
    }
}
