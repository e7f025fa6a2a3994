//! What is left of a group's budget: pure.

use chrono::{DateTime, Utc};

use crate::{
    clock::Now,
    limits::{self, Admission, Limit},
    store::GroupOutlook,
};

/// A group's budget, at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The group.
    pub group: String,
    /// Its limit.
    pub limit: Limit,
    /// Requests that may be made at once; `None`: there is no limit.
    pub left: Option<u32>,
    /// When the next request may go at the earliest; `None`: at once.
    pub free_at: Option<DateTime<Utc>>,
    /// The pause that holds for it, with what the API said.
    pub pause: Option<(DateTime<Utc>, String)>,
}

impl Budget {
    pub(super) fn new(group: &str, limit: Limit, used: GroupOutlook, now: Now) -> Self {
        let free_at = match limits::admit(now.boot, limit, &used.counts_from, used.not_before()) {
            Admission::Now => None,
            Admission::Wait { until, .. } => Some(now.wall_at(until)),
        };
        let taken = limits::used(now.boot, limit, &used.counts_from);
        Self {
            group: group.to_owned(),
            limit,
            left: (limit.requests > 0).then(|| limit.requests.saturating_sub(taken)),
            free_at,
            pause: used.pause.map(|(until, reason)| (now.wall_at(until), reason)),
        }
    }
}
