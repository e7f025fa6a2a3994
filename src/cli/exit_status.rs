//! What the program's exit status says: a contract, since scripts and units trust it.

use std::process::ExitCode;

use crate::sync::{Ending, EndpointReport, FailureClass, JobReport};

/// The exit status. The numbers from 64 on are those of `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// All done.
    Done = 0,
    /// An endpoint failed.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// Of `status --monitor` alone, whose statuses 0 to 3 are those of a Nagios plugin: nothing is known.
    Unknown = 3,
    /// All done, but something needs a person.
    Attention = 65,
    /// The service could not be reached.
    Unreachable = 69,
    /// The database cannot be used.
    Database = 74,
    /// Unfinished for now: run again later.
    Unfinished = 75,
    /// The credentials were refused.
    Credentials = 77,
    /// Wrong configuration, or missing credentials.
    Config = 78,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

impl ExitStatus {
    /// The status of some runs: the first line of the contract that applies.
    pub fn of(reports: &[JobReport]) -> Self {
        let endpoints: Vec<&EndpointReport> =
            reports.iter().flat_map(|report| &report.endpoints).collect();
        let failures: Vec<FailureClass> = endpoints
            .iter()
            .filter_map(|report| match &report.ending {
                Ending::Failed(error) => Some(error.class()),
                Ending::Ok | Ending::Paused(_) => None,
            })
            .collect();
        let attention = |report: &&EndpointReport| {
            report.rejected > 0
                || report.mismatch.is_some()
                || report.moved > 0
                || report.waiting.is_some()
        };
        let is_unfinished =
            endpoints.iter().any(|report| matches!(report.ending, Ending::Paused(_)));
        if reports.iter().any(|report| report.journal.is_some()) {
            return Self::Database;
        }
        Self::first_that_applies(&failures, is_unfinished, endpoints.iter().any(attention))
    }

    /// The first line of the contract that applies to these failures, else to what is unfinished, or needs a person.
    pub(super) fn first_that_applies(
        failures: &[FailureClass],
        is_unfinished: bool,
        needs_person: bool,
    ) -> Self {
        if failures.contains(&FailureClass::Database) {
            Self::Database
        } else if failures.contains(&FailureClass::Credentials) {
            Self::Credentials
        } else if !failures.is_empty()
            && failures.iter().all(|class| *class == FailureClass::Unreachable)
        {
            Self::Unreachable
        } else if !failures.is_empty() {
            Self::Failed
        } else if is_unfinished {
            Self::Unfinished
        } else if needs_person {
            Self::Attention
        } else {
            Self::Done
        }
    }
}

#[cfg(test)]
mod tests;
