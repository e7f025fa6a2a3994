//! What goes wrong on request: which requests it befalls, and what becomes of them.

mod spelling;

use std::{collections::VecDeque, time::Duration};

use url::form_urlencoded;

/// A fault, as it is asked for: `PATH=KIND`, and options after commas, as in `/v2/users=503,wait=2,times=3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path that it befalls.
    path: String,
    /// Only requests whose query has this among its parameters, as `page=3`.
    query: Option<String>,
    /// So many requests pass before it.
    skip: u64,
    /// So many requests it befalls; 0 means all that follow.
    times: u64,
    /// What becomes of them.
    kind: FaultKind,
    /// How it was asked for.
    spelled: String,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// Another status, with the gateway's body.
    Status { status: u16, told: Told, wait: u64 },
    /// The gateway's 403 for a quota that is spent.
    Quota { wait: u64 },
    /// The 403 for a permission that the client lacks.
    Forbidden,
    /// All tokens given out so far are good no more.
    Revoked,
    /// The token endpoint's no to the credentials.
    InvalidClient,
    /// The connection ends before its time.
    Cut { at: CutAt, end: CutEnd },
    /// Half of the body, with the length of that half.
    CutJson,
    /// A page for people, with status 200.
    Html,
    /// No body, with status 200.
    Empty,
    /// The body in pieces of so many bytes, so long apart.
    Slow { bytes: usize, every: Duration },
    /// A body that goes on for ever.
    Endless { bytes: usize, every: Duration },
    /// No answer at all.
    Hang,
    /// A 302 to another URL.
    Redirect { to: String },
}

impl FaultKind {
    /// Whether the client never learns the status.
    pub(crate) const fn leaves_no_answer(&self) -> bool {
        matches!(self, Self::Hang | Self::Cut { at: CutAt::Before, .. })
    }
}

/// Where a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CutAt {
    /// Before the first byte of the response.
    Before,
    /// After half of the body.
    Middle,
    /// Before the last byte of the body.
    End,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CutEnd {
    /// With a reset (RST).
    Reset,
    /// As if all had been sent (FIN).
    Close,
}

/// How a 429 or a 503 tells how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Seconds in `Retry-After`, and in the message: as documented of a 429.
    Both,
    /// Seconds in `Retry-After`.
    Header,
    /// An HTTP date in `Retry-After`.
    Date,
    /// An HTTP date that has passed.
    Past,
    /// Seconds in the message.
    Message,
    /// `Retry-After: 0`.
    Zero,
    /// A `Retry-After` that is neither seconds nor a date.
    Nonsense,
    /// Nothing.
    Silent,
}

impl Told {
    const ALL: [(&'static str, Self); 8] = [
        ("both", Self::Both),
        ("header", Self::Header),
        ("date", Self::Date),
        ("past", Self::Past),
        ("message", Self::Message),
        ("zero", Self::Zero),
        ("nonsense", Self::Nonsense),
        ("silent", Self::Silent),
    ];
}

impl Fault {
    /// Whether a request is one that it is about.
    fn concerns(&self, path: &str, query: &str) -> bool {
        let has = |wanted: &str| {
            let wanted: Vec<_> = form_urlencoded::parse(wanted.as_bytes()).collect();
            let sent: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
            wanted.iter().all(|pair| sent.contains(pair))
        };
        self.path == path && self.query.as_deref().is_none_or(has)
    }
}

/// The faults that are still to come, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Faults(VecDeque<Fault>);

impl Faults {
    /// Those faults.
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self(faults.into())
    }

    /// Adds one.
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push_back(fault);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What becomes of a request: that of the first fault that it concerns. Faults for one path follow one another.
    pub(crate) fn befall(&mut self, path: &str, query: &str) -> Option<FaultKind> {
        let place = self.0.iter().position(|fault| fault.concerns(path, query))?;
        let fault = self.0.get_mut(place)?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        let kind = fault.kind.clone();
        match fault.times {
            0 => {}
            1 => drop(self.0.remove(place)),
            _ => fault.times -= 1,
        }
        Some(kind)
    }

    /// How those that are left were asked for.
    pub(crate) fn spelled(&self) -> Vec<&str> {
        self.0.iter().map(|fault| fault.spelled.as_str()).collect()
    }
}

#[cfg(test)]
mod tests;
