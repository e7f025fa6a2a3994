//! `backup FILE`: a copy of the database.

use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{
    ExitStatus, fail,
    look::Look,
    print_result,
    table::{Align, counted, size, table, thousands},
};
use crate::{
    clock::Clock,
    config::Config,
    store::{self, Backup, BackupError},
    sync::seconds,
};

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The copy; an earlier backup of this name is replaced once the new one is whole
    file: PathBuf,
}

/// Writes the backup, and says what it has in it.
pub(super) async fn run(
    config: &Config,
    args: &BackupArgs,
    stop: &CancellationToken,
) -> ExitStatus {
    let backup = match store::backup(&config.store, &args.file, stop).await {
        Ok(backup) => backup,
        Err(error) => return fail(status(&error), &anyhow::Error::new(error)),
    };
    match print_result(&told(config, &backup)) {
        Ok(()) => ExitStatus::Done,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}

fn status(error: &BackupError) -> ExitStatus {
    match error {
        BackupError::Itself { .. }
        | BackupError::Occupied { .. }
        | BackupError::InUse { .. }
        | BackupError::Unspeakable(_) => ExitStatus::Usage,
        BackupError::Stopped => ExitStatus::Unfinished,
        BackupError::Missing { .. }
        | BackupError::NoRoom { .. }
        | BackupError::Write { .. }
        | BackupError::Unsound { .. }
        | BackupError::Database(_) => ExitStatus::Database,
    }
}

fn told(config: &Config, backup: &Backup) -> String {
    let header = [("table", Align::Left), ("rows", Align::Right)];
    let rows: Vec<Vec<String>> =
        backup.tables.iter().map(|(name, rows)| vec![name.clone(), thousands(*rows)]).collect();
    let age = match (backup.newest_run, Clock::system()) {
        (None, _) => "no run in it yet".to_owned(),
        (Some(began), Ok(clock)) => {
            let age = (clock.now().wall - began).to_std().unwrap_or_default();
            format!("its newest run began {} ago", seconds(age))
        }
        (Some(began), Err(_)) => format!("its newest run began at {began}"),
    };
    format!(
        "{}\n{}: a whole copy of {}, {}, {}; {age}",
        Look::of_stdout().table(&table(&header, &rows)),
        backup.path.display(),
        config.store.path.display(),
        counted(u64::try_from(backup.tables.len()).unwrap_or(u64::MAX), "table"),
        size(backup.bytes),
    )
}
