//! The alert of a database that cannot be used: its record is a file beside the database, as it cannot be in it.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use futures_util::future::join;

use super::{Channels, message::Message, record::Turn};
use crate::{
    clock::format_utc,
    store::{Alert, AlertKind},
};

/// The file: the moment in its first line, why in the others. Its name does not begin with the database's, as it is to stay where
/// that is removed or put aside with all that belongs to it: the end of the outage is still to be told.
fn record(database: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(database.file_name().unwrap_or_default());
    name.push("-alert");
    database.with_file_name(name)
}

/// Tells of an outage that is there for that reason, or, without one, of the end of an outage that was told of. What nobody
/// could be told is told with the next news.
pub(super) async fn tell(
    channels: &Channels,
    database: &Path,
    message: Option<String>,
    now: DateTime<Utc>,
) {
    let path = record(database);
    match (message, told_before(&path)) {
        (Some(message), None) => {
            let outage = Alert::begun(AlertKind::Database, "", &message, now);
            if tell_all(channels, &outage, Turn::Began, database).await
                && let Err(error) =
                    fs::write(&path, format!("{}\n{}\n", format_utc(now), outage.message))
            {
                tracing::warn!(error = &error as &dyn std::error::Error, file = %path.display(), "that an alert was told cannot be noted: it is told again");
            }
        }
        (None, Some(mut outage)) => {
            outage.ended_at = Some(now);
            if tell_all(channels, &outage, Turn::Ended, database).await {
                forget(&path);
            }
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
}

/// Whether anybody was told.
async fn tell_all(channels: &Channels, outage: &Alert, turn: Turn, database: &Path) -> bool {
    let message = Message { alert: outage, turn, database };
    let (posted, run) = join(channels.post(&message), channels.run(&message)).await;
    posted || run
}

fn told_before(path: &Path) -> Option<Alert> {
    let text = fs::read_to_string(path).ok()?;
    let (since, message) = text.split_once('\n')?;
    Some(Alert::begun(AlertKind::Database, "", message.trim_end(), since.parse().ok()?))
}

fn forget(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(error = &error as &dyn std::error::Error, file = %path.display(), "the note of an alert that is over cannot be removed");
    }
}
