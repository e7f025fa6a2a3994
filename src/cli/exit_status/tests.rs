use std::{path::PathBuf, time::Duration};

use http::StatusCode;

use super::*;
use crate::{
    api::{
        token::{Refusal, TokenError},
        transport::TransportError,
    },
    store::{Effort, RowCounts, RunId, StoreError},
    sync::{EndpointError, Pause},
};

/// How an endpoint's run may end, in the order of the contract's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Database,
    CredentialsRefused,
    Unreachable,
    TokenUnreachable,
    OtherFailure,
    Paused,
    Rejected,
    Mismatch,
    DeletionsWait,
    Done,
}

const ENDS: [End; 10] = [
    End::Database,
    End::CredentialsRefused,
    End::Unreachable,
    End::TokenUnreachable,
    End::OtherFailure,
    End::Paused,
    End::Rejected,
    End::Mismatch,
    End::DeletionsWait,
    End::Done,
];

fn report(end: End) -> EndpointReport {
    let failed = |error| Ending::Failed(error);
    let refusal = Refusal { status: StatusCode::UNAUTHORIZED, error: None, description: None };
    let ending = match end {
        End::Database => {
            failed(EndpointError::Store(StoreError::Foreign { path: PathBuf::from("a.db") }))
        }
        End::CredentialsRefused => failed(EndpointError::Token(TokenError::Refused(refusal))),
        End::Unreachable => {
            failed(EndpointError::Transport { page: 1, source: TransportError::refused() })
        }
        End::TokenUnreachable => {
            failed(EndpointError::Token(TokenError::Transport(TransportError::refused())))
        }
        End::OtherFailure => {
            failed(EndpointError::Store(StoreError::TableGone { table: "users".into() }))
        }
        End::Paused => Ending::Paused(Pause::Stopped),
        End::Rejected | End::Mismatch | End::DeletionsWait | End::Done => Ending::Ok,
    };
    EndpointReport {
        endpoint: "users".into(),
        ending,
        pages: 1,
        since: None,
        rows: RowCounts::default(),
        deleted: 0,
        waiting: (end == End::DeletionsWait).then_some((812, 1_000)),
        rejected: u64::from(end == End::Rejected),
        effort: Effort::default(),
        elapsed: Duration::ZERO,
        moved: 0,
        mismatch: (end == End::Mismatch).then_some((1, 2)),
        schema_changes: Vec::new(),
    }
}

fn job(ends: &[End]) -> JobReport {
    let endpoints = ends.iter().map(|end| report(*end)).collect();
    JobReport { job: "all".into(), run: RunId(1), endpoints, journal: None }
}

#[test]
fn each_end_has_its_number() {
    let numbers = ENDS.map(|end| ExitStatus::of(&[job(&[end])]) as u8);
    assert_eq!(numbers, [74, 77, 69, 69, 1, 75, 65, 65, 65, 0]);
    assert_eq!(ExitStatus::of(&[]) as u8, 0);
    assert_eq!([ExitStatus::Usage as u8, ExitStatus::Config as u8], [2, 78]);
}

/// Every set of ends, in one job and spread over two, in either order.
#[test]
fn of_several_ends_the_first_line_of_the_contract_decides() {
    for set in 0_u32..1 << ENDS.len() {
        let ends: Vec<End> = (0..)
            .zip(ENDS)
            .filter(|(place, _)| set >> place & 1 == 1)
            .map(|(_, end)| end)
            .collect();
        let has = |end| ends.contains(&end);
        let status = if has(End::Database) {
            74
        } else if has(End::CredentialsRefused) {
            77
        } else if has(End::OtherFailure) {
            // Line 69 asks that every endpoint that failed could not reach the service.
            1
        } else if has(End::Unreachable) || has(End::TokenUnreachable) {
            69
        } else if has(End::Paused) {
            75
        } else if has(End::Rejected) || has(End::Mismatch) || has(End::DeletionsWait) {
            65
        } else {
            0
        };
        let (one, other) = ends.split_at(ends.len() / 2);
        for reports in [vec![job(&ends)], vec![job(one), job(other)], vec![job(other), job(one)]] {
            assert_eq!(ExitStatus::of(&reports) as u8, status, "{ends:?}");
        }
    }
}

#[test]
fn a_journal_that_cannot_be_written_is_the_databases_trouble() {
    let mut unwritten = job(&[End::Done]);
    unwritten.journal = Some(StoreError::Foreign { path: PathBuf::from("a.db") });
    assert_eq!(ExitStatus::of(&[job(&[End::OtherFailure]), unwritten]), ExitStatus::Database);
}
