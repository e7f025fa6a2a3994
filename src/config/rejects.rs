//! `[rejects]`.

use chrono::TimeDelta;

use super::{reader::Section, values};
use crate::store::RejectBounds;

/// Reads it.
pub(super) fn read(root: &mut Section<'_>) -> RejectBounds {
    let mut rejects = root.section("rejects");
    let keep = rejects.optional("keep", |node| values::whole(node, 0, i128::from(u32::MAX)));
    let days = rejects.optional("days", |node| values::whole(node, 1, 3660));
    rejects.finish();
    RejectBounds { keep: keep.unwrap_or(10_000), age: TimeDelta::days(days.unwrap_or(90)) }
}
