//! The limiter's arithmetic and `Retry-After`: pure, the time is an argument.

use std::time::Duration;

/// How many requests a group may make in any period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests a period; 0 means no limit, and no ledger.
    pub requests: u32,
    /// The period.
    pub per: Duration,
}
