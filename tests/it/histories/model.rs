//! What a table may hold: a model that knows nothing of pages, slices, sweeps or sets.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Endpoint, Settings};

/// A row's content, as the API lists it and as the table has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    pub(super) value: String,
    pub(super) number: String,
    pub(super) day: i64,
    /// What the configuration may exclude.
    pub(super) extra: Option<String>,
}

/// A row as the table has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) content: Content,
    pub(super) is_deleted: bool,
    pub(super) run: i64,
    pub(super) first_seen_at: String,
    pub(super) changed_at: String,
}

/// A table after a run.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The last run of the endpoint, and whether it ended as `ok`.
    pub(super) last: Option<(i64, bool)>,
    pub(super) rows: BTreeMap<i64, Row>,
}

pub(super) type Listed = BTreeMap<i64, Content>;

/// What a check has found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) is_complete: bool,
    pub(super) is_exact: bool,
    pub(super) tombstones: usize,
    pub(super) unwritten: usize,
}

pub(super) struct Model {
    endpoint: Endpoint,
    /// The table as it was found right.
    rows: BTreeMap<i64, Row>,
    /// What was listed in each run since the last complete one, and by which settings.
    since: Vec<(Listed, Settings)>,
    /// The settings of the last complete run.
    settled: Settings,
    last: i64,
    /// Rows that other settings have changed, or may have: the next sweep that returns them writes them anew.
    redone: BTreeSet<i64>,
}

impl Model {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let (rows, since) = (BTreeMap::new(), Vec::new());
        Self {
            endpoint,
            rows,
            since,
            settled: Settings::default(),
            last: 0,
            redone: BTreeSet::new(),
        }
    }

    /// Holds the table after a run against what the API has listed; the error says what is wrong.
    pub(super) fn check(
        &mut self,
        seen: Seen,
        listed: &Listed,
        settings: &Settings,
    ) -> Result<Verdict, String> {
        self.since.push((listed.clone(), settings.clone()));
        // Killed before it began, a run leaves the one before as the last.
        let is_complete = seen.last.is_some_and(|(run, is_ok)| is_ok && run > self.last);
        let stood_still =
            self.since.iter().all(|state| *state == (listed.clone(), settings.clone()));
        let is_exact = is_complete && stood_still;
        let are_redone = self.are_redone(settings);
        if are_redone {
            self.redone.extend(self.rows.keys());
        }
        let unwritten = self.check_rows(&seen, are_redone)?;
        if !are_redone {
            let was = |id: &i64| self.rows.get(id).map(|row| row.run);
            self.redone.retain(|id| seen.rows.get(id).map(|row| row.run) == was(id));
        }
        let tombstones = self.check_tombstones(&seen, listed)?;
        if is_complete {
            self.check_throughout(&seen)?;
        }
        if is_exact {
            self.check_exact(&seen, listed, settings)?;
        }
        if is_complete {
            self.since.clear();
            self.settled = settings.clone();
        }
        self.last = seen.last.map_or(self.last, |(run, _)| run);
        self.rows = seen.rows;
        Ok(Verdict { is_complete, is_exact, tombstones, unwritten })
    }

    /// Whether settings have changed, since the last complete run, that change what is stored of a record.
    fn are_redone(&self, settings: &Settings) -> bool {
        let is_redone = |other: &Settings| {
            other.excludes != self.settled.excludes || other.types != self.settled.types
        };
        is_redone(settings) || self.since.iter().any(|(_, settings)| is_redone(settings))
    }

    /// No row is lost, none comes from nowhere, and what has not changed is not written; tells how many those are.
    fn check_rows(&self, seen: &Seen, are_redone: bool) -> Result<usize, String> {
        if let Some(id) = self.rows.keys().find(|id| !seen.rows.contains_key(id)) {
            return Err(format!("row {id} is lost"));
        }
        let mut unwritten = 0;
        for (id, row) in &seen.rows {
            let may_be_rewritten = are_redone || self.redone.contains(id);
            let served = self.since.iter().filter_map(|(listed, _)| listed.get(id));
            let before = self.rows.get(id);
            let is_served = served.clone().any(|content| content.like(&row.content));
            let is_kept = before.is_some_and(|before| before.content.like(&row.content));
            if !is_served && !is_kept {
                return Err(format!("row {id} was never so: {row:?}"));
            }
            let Some(before) = before else { continue };
            if row.first_seen_at != before.first_seen_at {
                return Err(format!("row {id} was first seen twice: {before:?}, {row:?}"));
            }
            if row.run == before.run {
                let same =
                    row.changed_at == before.changed_at && row.is_deleted == before.is_deleted;
                let same = same && (row.content == before.content || may_be_rewritten);
                if !same {
                    return Err(format!("row {id} changed without a run: {before:?}, {row:?}"));
                }
                unwritten += 1;
            } else {
                // An interrupted sweep may have gone from one content to the next and back.
                let is_same = row.content == before.content && row.is_deleted == before.is_deleted;
                let may_have_changed = self.since.iter().any(|(listed, _)| {
                    listed.get(id).is_none_or(|content| !content.like(&row.content))
                });
                if is_same && !may_be_rewritten && !may_have_changed {
                    return Err(format!("row {id} was written for nothing: {before:?}, {row:?}"));
                }
                if row.changed_at < before.changed_at || row.run < before.run {
                    return Err(format!("row {id} changed before it did: {before:?}, {row:?}"));
                }
            }
        }
        Ok(unwritten)
    }

    /// A row is marked as deleted only where it was missing throughout; tells how many have come to be.
    fn check_tombstones(&self, seen: &Seen, listed: &Listed) -> Result<usize, String> {
        let was_deleted = |id| self.rows.get(id).is_some_and(|row| row.is_deleted);
        let new: Vec<i64> = seen
            .rows
            .iter()
            .filter(|(id, row)| row.is_deleted && !was_deleted(id))
            .map(|(id, _)| *id)
            .collect();
        for id in &new {
            if listed.contains_key(id) {
                return Err(format!("row {id} is marked as deleted, and is listed"));
            }
            if self.since.iter().all(|(_, settings)| settings.keeps) {
                return Err(format!("row {id} is marked as deleted, which nobody asked for"));
            }
        }
        Ok(new.len())
    }

    /// After a complete sweep of a listing in which rows changed, and none came or went, every row is there, and what did not
    /// change is as it was listed. Where rows went meanwhile, page numbers can pass over others.
    fn check_throughout(&self, seen: &Seen) -> Result<(), String> {
        let Some(((first, settings), others)) = self.since.split_first() else { return Ok(()) };
        let places = |listed: &Listed| -> Vec<(i64, i64)> {
            listed.iter().map(|(id, content)| (*id, content.day)).collect()
        };
        let stands = |(listed, other): &(Listed, Settings)| {
            places(listed) == places(first) && other == settings
        };
        if !others.iter().all(stands) {
            return Ok(());
        }
        for (id, content) in first {
            let is_constant = others.iter().all(|(listed, _)| listed.get(id) == Some(content));
            let is_right = seen
                .rows
                .get(id)
                .is_some_and(|row| !row.is_deleted && (!is_constant || row.content.like(content)));
            if !is_right {
                let found = seen.rows.get(id);
                return Err(format!("row {id} was listed throughout as {content:?}: {found:?}"));
            }
        }
        Ok(())
    }

    /// After a complete sweep of a listing that stood still, the table is that listing.
    fn check_exact(&self, seen: &Seen, listed: &Listed, settings: &Settings) -> Result<(), String> {
        for (id, content) in listed {
            let row =
                seen.rows.get(id).ok_or_else(|| format!("row {id} is listed and not there"))?;
            let mut wanted = content.clone();
            if settings.excludes {
                wanted.extra = None;
            }
            if row.is_deleted || row.content != wanted {
                return Err(format!("row {id} is listed as {wanted:?}, and stored as {row:?}"));
            }
        }
        let missing: BTreeSet<i64> =
            seen.rows.keys().copied().filter(|id| !listed.contains_key(id)).collect();
        for id in missing {
            let row = &seen.rows[&id];
            let was_deleted = self.rows.get(&id).is_some_and(|row| row.is_deleted);
            let wanted = was_deleted || self.is_judged(row, listed, settings);
            if row.is_deleted != wanted {
                return Err(format!("row {id} is missing, and is stored as {row:?}"));
            }
        }
        Ok(())
    }

    /// Whether the absence of a row means that it is gone: it lies within what was asked for, and not where the API may no
    /// longer reach back to.
    fn is_judged(&self, row: &Row, listed: &Listed, settings: &Settings) -> bool {
        if settings.keeps {
            return false;
        }
        if !self.endpoint.has_window {
            return true;
        }
        let earliest = listed.values().map(|content| content.day).min().unwrap_or(0);
        let day = row.content.day;
        settings.covers(day) && (day > 0 || day >= earliest)
    }
}

impl Content {
    /// The same but for what the configuration may have taken away.
    fn like(&self, other: &Self) -> bool {
        let same =
            self.value == other.value && self.number == other.number && self.day == other.day;
        same && (self.extra == other.extra || self.extra.is_none() || other.extra.is_none())
    }
}
