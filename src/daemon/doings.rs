//! What the daemon is doing: the line that `systemctl status` shows, and whether it still does anything. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    time::Duration,
};

use chrono::{DateTime, Utc};

use crate::clock::BootTime;

/// A longer line tells less: `systemctl status` cuts it at the terminal's width.
const LONGEST: usize = 200;

/// What is known of all that goes on, as told by those who do it.
#[derive(Clone, Debug, Default)]
pub struct Doings {
    /// How many jobs there are.
    pub jobs: usize,
    /// Whether a newer configuration was refused, and the old one goes on.
    pub refused: bool,
    /// The job that is due next, and when.
    pub next: Option<(String, DateTime<Utc>)>,
    endpoints: BTreeMap<String, Doing>,
}

/// What an endpoint's run is at.
#[derive(Clone, Debug)]
struct Doing {
    /// Runs that have the endpoint in hand, or wait for it.
    runs: usize,
    /// What it shares its limit with.
    group: String,
    /// What was stored last of this run.
    place: Option<Place>,
    /// Since when it is at what it is at.
    since: BootTime,
    /// What it waits for.
    wait: Option<(Reason, BootTime)>,
}

/// Where a listing stands: the page, and of a window the slice and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The page that was stored last, from 1.
    pub page: u64,
    /// The slice that it belongs to, from 1, and how many there are.
    pub slice: Option<(u64, u64)>,
}

/// What an endpoint waits for, what is worse last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A slot of its own limit.
    Limit,
    /// The end of a pause that the API has asked for.
    Pause,
    /// The next try after a failure.
    Retry,
}

impl Doings {
    /// Those of a daemon with so many jobs that does nothing yet.
    pub fn new(jobs: usize) -> Self {
        Self { jobs, ..Self::default() }
    }

    /// Notes that a run begins with an endpoint, or waits for another one to be done with it.
    pub fn begin(&mut self, endpoint: &str, group: &str, now: BootTime) {
        let doing = self.endpoints.entry(endpoint.to_owned()).or_insert_with(|| Doing {
            runs: 0,
            group: group.to_owned(),
            place: None,
            since: now,
            wait: None,
        });
        doing.runs += 1;
    }

    /// Notes that a run is done with an endpoint: the next one, where it waits, is at it.
    pub fn end(&mut self, endpoint: &str, now: BootTime) {
        let Some(doing) = self.endpoints.get_mut(endpoint) else { return };
        if doing.runs > 1 {
            *doing = Doing {
                runs: doing.runs - 1,
                group: std::mem::take(&mut doing.group),
                place: None,
                since: now,
                wait: None,
            };
        } else {
            self.endpoints.remove(endpoint);
        }
    }

    /// Notes that something has happened in an endpoint's run, and what it has stored with it.
    pub fn goes_on(&mut self, endpoint: &str, place: Option<Place>, now: BootTime) {
        if let Some(doing) = self.endpoints.get_mut(endpoint) {
            doing.place = place.or(doing.place);
            (doing.since, doing.wait) = (now, None);
        }
    }

    /// Notes that an endpoint waits.
    pub fn waits(&mut self, endpoint: &str, reason: Reason, length: Duration, now: BootTime) {
        if let Some(doing) = self.endpoints.get_mut(endpoint) {
            (doing.since, doing.wait) = (now, Some((reason, now.saturating_add(length))));
        }
    }

    /// Whether nothing is done.
    pub fn is_idle(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// In one line, what is most telling first: `2 jobs; reservations: page 14, waits 41 s; users: page 3`.
    pub fn status(&self, now: BootTime) -> String {
        let jobs = if self.jobs == 1 { "1 job" } else { &format!("{} jobs", self.jobs) };
        let mut line = String::new();
        if self.refused {
            line.push_str("the new configuration is refused, the old one goes on; ");
        }
        line.push_str(jobs);
        if self.is_idle() {
            line.push_str("; idle");
            if let Some((job, moment)) = &self.next {
                let moment = moment.format("%Y-%m-%d %H:%M:%S");
                write!(line, "; next: {job} at {moment} UTC").expect("a text takes any text");
            }
            return line;
        }
        let mut doings: Vec<(&String, &Doing)> = self.endpoints.iter().collect();
        doings.sort_by_key(|(_, doing)| std::cmp::Reverse(doing.wait));
        for (told, (endpoint, doing)) in doings.iter().enumerate() {
            let text = format!("; {endpoint}: {}", doing.text(now));
            if told > 0 && line.len() + text.len() > LONGEST {
                let more = doings.len() - told;
                write!(line, "; and {more} more").expect("a text takes any text");
                break;
            }
            line.push_str(&text);
        }
        line
    }

    /// An endpoint of which nothing was heard for too long: it neither goes on, nor waits for anything whose end is known, nor
    /// is in line behind another of its group that does.
    pub fn stuck(&self, now: BootTime, silence: Duration) -> Option<&str> {
        let is_alive =
            |doing: &Doing| doing.wait.map_or(doing.since, |(_, until)| until.max(doing.since));
        let is_alive = |doing: &Doing| now.since(is_alive(doing)) <= silence;
        let groups: BTreeSet<&str> = self
            .endpoints
            .values()
            .filter(|doing| is_alive(doing))
            .map(|doing| doing.group.as_str())
            .collect();
        let stuck = |doing: &Doing| !is_alive(doing) && !groups.contains(doing.group.as_str());
        self.endpoints.iter().find(|(_, doing)| stuck(doing)).map(|(endpoint, _)| endpoint.as_str())
    }
}

impl Doing {
    fn text(&self, now: BootTime) -> String {
        let place = match self.place {
            None => "begins".to_owned(),
            Some(Place { page, slice: None }) => format!("page {page}"),
            Some(Place { page, slice: Some((slice, slices)) }) => {
                format!("slice {slice} of {slices}, page {page}")
            }
        };
        let Some((reason, until)) = self.wait else { return place };
        let left = until.since(now);
        let left = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        match reason {
            Reason::Limit => format!("{place}, waits {left} s"),
            Reason::Pause => format!("{place}, paused {left} s"),
            Reason::Retry => format!("{place}, failed, tries again in {left} s"),
        }
    }
}

#[cfg(test)]
mod tests;
