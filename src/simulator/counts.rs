//! What a listing was asked for, in numbers.

use serde::Serialize;

/// What a listing was asked for since the server's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// Those that got a 429, because of the limit or of a fault.
    pub limited: u64,
    /// Those of them that were over the limit.
    pub over_limit: u64,
    /// Those that got a status from 500 to 599, which a fault alone brings about.
    pub failed: u64,
    /// Those that got a 401.
    pub unauthorized: u64,
    /// Those that got a 400.
    pub invalid: u64,
    /// Those that got records.
    pub pages: u64,
    /// The most requests, refused ones included, that any one window of the limit has seen, wherever it lies.
    pub busiest_window: u64,
}
