//! What can be told before a run: whether all that it needs is there, and what the API answers to its first requests. Makes no
//! database, and leaves nothing behind.

mod files;
mod online;

use std::{path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use secrecy::SecretString;

use self::files::Readers;
pub use self::online::{Online, TokenLook, online};
use super::AppError;
use crate::{
    api::{Client, Credentials, CredentialsSource},
    clock::Clock,
    config::{Config, Whereabouts},
    daemon::{AlertCommand, ScheduleSettings, moments_after},
    store::{self, Presence, Sizes, StoreError, Usable},
    sync::{self, JobSettings},
    telemetry::chain,
};

/// So many of a schedule's times are told.
const TIMES: usize = 5;

/// With less room than this on the database's disk somebody should look, in bytes.
const LITTLE_ROOM: u64 = 100_000_000;

/// What can be told without asking the API.
#[derive(Debug)]
pub struct Offline {
    /// What was looked at.
    pub findings: Vec<Finding>,
    /// When the jobs run.
    pub times: Vec<JobTimes>,
}

impl Offline {
    /// What keeps a run from its work, if anything does; the worst of it.
    pub fn trouble(&self) -> Option<Trouble> {
        let verdicts = self.findings.iter().filter_map(|finding| match &finding.verdict {
            Verdict::Wrong(trouble, _) => Some(*trouble),
            Verdict::Good | Verdict::Doubt(_) => None,
        });
        verdicts.min()
    }
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub what: String,
    /// What was found.
    pub told: String,
    /// What that means.
    pub verdict: Verdict,
}

impl Finding {
    fn good(what: &str, told: impl Into<String>) -> Self {
        Self { what: what.to_owned(), told: told.into(), verdict: Verdict::Good }
    }

    fn doubt(what: &str, told: impl Into<String>, todo: impl Into<String>) -> Self {
        let verdict = Verdict::Doubt(todo.into());
        Self { what: what.to_owned(), told: told.into(), verdict }
    }

    fn wrong(what: &str, told: &str, trouble: Trouble, why: String) -> Self {
        let verdict = Verdict::Wrong(trouble, why);
        Self { what: what.to_owned(), told: told.to_owned(), verdict }
    }
}

/// What a finding means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Good,
    /// It works, and somebody should look: what to do.
    Doubt(String),
    /// It does not work: why, and what to do.
    Wrong(Trouble, String),
}

/// What is wrong, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The configuration, or credentials that are missing.
    Config,
    /// The database.
    Database,
}

/// When a job runs.
#[derive(Clone, Debug)]
pub struct JobTimes {
    /// Its schedule.
    pub schedule: ScheduleSettings,
    /// Its next times, in order, the jitter of this machine included.
    pub times: Vec<DateTime<Utc>>,
}

/// Looks at all that runs of these jobs need; asks nobody.
///
/// # Errors
/// Where the clocks cannot be read.
pub async fn offline(
    config: &Config,
    file: &Path,
    jobs: &[JobSettings],
) -> Result<Offline, AppError> {
    let now = Clock::system().map_err(AppError::Clock)?.now().wall;
    let mut findings = vec![configuration(config, file)];
    findings.extend(config.whereabouts().into_iter().map(secret));
    findings.push(client(config));
    findings.extend(alerts(config));
    findings.extend(database(config).await);
    let address = config.monitor.listen;
    findings.extend(address.map(|address| {
        Finding::good("monitor", format!("http://{address}, not tried: the daemon binds it"))
    }));
    let schedules = config.schedules.iter();
    let chosen = schedules.filter(|schedule| jobs.iter().any(|job| job.name == schedule.job));
    let times = chosen.map(|schedule| job_times(schedule, now)).collect();
    Ok(Offline { findings, times })
}

fn job_times(schedule: &ScheduleSettings, now: DateTime<Utc>) -> JobTimes {
    let times = moments_after(schedule, now).take(TIMES).collect();
    JobTimes { schedule: schedule.clone(), times }
}

/// The file, which has been read without an error.
fn configuration(config: &Config, file: &Path) -> Finding {
    let what = "configuration";
    let sync::Settings { endpoints, jobs, .. } = &config.sync;
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let told = format!(
        "{}: {} endpoint{}, {} job{}, no error",
        file.display(),
        endpoints.len(),
        plural(endpoints.len()),
        jobs.len(),
        plural(jobs.len())
    );
    let idle = endpoints.iter().map(|endpoint| endpoint.name.as_str());
    let idle: Vec<&str> = idle
        .filter(|name| !jobs.iter().any(|job| job.endpoints.iter().any(|named| named == name)))
        .collect();
    let mut todo = Vec::new();
    if !idle.is_empty() {
        todo.push(format!("no job names {}: add it to the `endpoints` of one", idle.join(", ")));
    }
    todo.extend(files::others_may_write(file));
    if config.holds_secret
        && let Readers::Others(mode) = files::readers(file)
    {
        todo.push(format!(
            "{} holds the proxy's password, and others may read it (mode {mode:04o}): chmod 0600, or 0640 with the service's group",
            file.display()
        ));
    }
    if todo.is_empty() {
        Finding::good(what, told)
    } else {
        Finding::doubt(what, told, todo.join("; "))
    }
}

/// A secret, and who may read it.
fn secret(whereabouts: Whereabouts) -> Finding {
    let Whereabouts { what, found } = whereabouts;
    let found = match found {
        Ok(found) => found,
        Err(why) => return Finding::wrong(what, "cannot be had", Trouble::Config, why),
    };
    match found.file.as_deref().filter(|_| what != "client id").map(files::readers) {
        Some(Readers::Others(mode)) => {
            let todo = format!(
                "others may read the {what} in {} (mode {mode:04o}): chmod 0600 it, and have a new one made if somebody may have read it",
                found.place
            );
            Finding::doubt(what, found.place, todo)
        }
        Some(Readers::Few) | None => Finding::good(what, found.place),
    }
}

/// The HTTP client, whose certificate authorities and proxy have to be there.
fn client(config: &Config) -> Finding {
    let what = "HTTP client";
    // What there is of credentials was told already.
    let nobody =
        || Credentials { client_id: String::new(), client_secret: SecretString::default() };
    let nobody = CredentialsSource(Arc::new(move || Ok(nobody())));
    let told = |client: &Client| {
        let base = client.base_url();
        let trusts = match &client.settings().ca_file {
            Some(path) => format!(", trusts the system's authorities and {}", path.display()),
            None if base.scheme() == "https" => ", trusts the system's authorities".to_owned(),
            None => String::new(),
        };
        let proxy = if client.settings().proxy.is_some() { ", by api.proxy" } else { "" };
        format!("{}{trusts}{proxy}", base.origin().ascii_serialization())
    };
    match Client::new(config.api.clone(), nobody) {
        Ok(client) => Finding::good(what, told(&client)),
        Err(error) => Finding::wrong(
            what,
            "cannot be set up",
            Trouble::Config,
            chain(&AppError::Client(error)),
        ),
    }
}

/// Who is told of trouble; nobody is told of anything here.
fn alerts(config: &Config) -> Vec<Finding> {
    let (webhook, command) = ("alerts.webhook", "alerts.command");
    let by_webhook = match config.webhook() {
        Ok(url) => url.map(|url| Finding::good(webhook, format!("{}, not tried", url.origin()))),
        Err(error) => {
            Some(Finding::wrong(webhook, "cannot be had", Trouble::Config, chain(&error)))
        }
    };
    let by_command = config.alerts.command.as_ref().map(|AlertCommand { program, .. }| {
        match accessat(CWD, program, Access::EXEC_OK, AtFlags::EACCESS) {
            Ok(()) => Finding::good(command, format!("{program}, not run")),
            Err(error) => {
                let todo = format!("this user cannot run {program}: {error}");
                Finding::doubt(command, program, todo)
            }
        }
    });
    by_webhook.into_iter().chain(by_command).collect()
}

/// The database, what lies beside it, and its disk.
async fn database(config: &Config) -> Vec<Finding> {
    let what = "database";
    let endpoints = config.sync.endpoints.iter().map(|endpoint| endpoint.name.as_str());
    let usable = match store::usable(&config.store, &endpoints.collect::<Vec<_>>()).await {
        Ok(usable) => usable,
        Err(error) => {
            let (told, why) = (config.store.path.display().to_string(), chain(&error));
            return vec![Finding::wrong(what, &told, Trouble::Database, why)];
        }
    };
    let Usable { state, free, of_root, by_root } = usable;
    let path = config.store.path.display();
    let Sizes { database, log } = store::sizes(&config.store.path);
    let told = match state {
        Presence::Absent => format!("{path}: none yet, the first run makes it"),
        Presence::Current => format!("{path}: of this version"),
        Presence::Older => {
            format!("{path}: of an earlier version, the next start brings it up to date")
        }
    };
    let mut findings = vec![Finding::good(what, told)];
    if !of_root.is_empty() {
        let files: Vec<String> = of_root.iter().map(|file| file.display().to_string()).collect();
        let todo = format!(
            "{} belong to root, in a folder of another user, whose runs they keep from their work: chown them to that user",
            files.join(", ")
        );
        findings.push(Finding::doubt("its files", "some are root's", todo));
    }
    if by_root {
        let todo = "root may do what the service may not: check as the service's user too";
        findings.push(Finding::doubt("its user", "this check is made by root", todo));
    }
    findings.extend(free.map(|free| room(free, database + log)));
    findings
}

/// How much room there is; a column that changes its type takes once more what there is.
fn room(free: u64, taken: u64) -> Finding {
    let megabytes = |bytes: u64| format!("{} MB", bytes / 1_000_000);
    let told = format!("{} free, {} in use", megabytes(free), megabytes(taken));
    if free < LITTLE_ROOM.max(taken) {
        let todo = "little room is left on the database's disk: a table that is copied takes its size once more, and a full disk stops the runs";
        Finding::doubt("room", told, todo)
    } else {
        Finding::good("room", told)
    }
}

/// The error of a database of an earlier version, which must not be brought up to date by who only looks.
fn older(config: &Config) -> AppError {
    AppError::Store(StoreError::Older { path: config.store.path.clone() })
}

#[cfg(test)]
mod tests;
