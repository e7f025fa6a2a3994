//! The API of the benches: a process of its own, so that its work is not the measured program's.

mod answers;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

pub(crate) use self::answers::serve;
use crate::client::Connection;

/// What a server serves: any path below `/v2/` is the same listing, in numbered pages.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    /// Pages of the listing.
    pub(crate) pages: u64,
    /// Records of every page.
    pub(crate) page_size: u64,
    /// Pages that are kept ready: those of a longer listing are these again, with other identifiers.
    pub(crate) ready: u64,
    /// How long every answer is held back.
    pub(crate) latency: Duration,
    /// Requests that a path takes within any `per`; none is no limit.
    pub(crate) limit: Option<Limit>,
}

/// 200,000 reservations at 500 a page, some 180 MB.
const READY: u64 = 400;

impl Settings {
    /// A listing that is served as fast as can be.
    pub(crate) fn unlimited(pages: u64, page_size: u64) -> Self {
        Self { pages, page_size, ready: READY, latency: Duration::ZERO, limit: None }
    }

    /// Records of the listing.
    pub(crate) fn rows(&self) -> u64 {
        self.pages * self.page_size
    }
}

/// So many requests a path in any window of this length, counted as they arrive.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Limit {
    pub(crate) requests: usize,
    pub(crate) per: Duration,
}

/// What a server has seen, by the clock that all processes share.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Notes {
    /// When the first request had arrived, whatever it was for.
    pub(crate) first_request: Option<Duration>,
    /// When the first one for a page had arrived.
    pub(crate) first_page: Option<Duration>,
    /// When the last page was handed to the network.
    pub(crate) last_page: Option<Duration>,
    /// Pages served.
    pub(crate) pages: u64,
    /// Requests over the limit, each answered by a 429.
    pub(crate) refused: u64,
}

/// A server that runs; it ends with this.
pub(crate) struct Server {
    child: Child,
    address: String,
    control: Connection,
}

/// Where the notes are asked for. They are no request of the program's.
const NOTES: &str = "/_notes";

impl Server {
    /// Starts a server, and waits until it has made its pages and listens.
    pub(crate) fn start(settings: &Settings) -> Result<Self> {
        let settings = serde_json::to_string(settings)?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", &settings])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let stdout = child.stdout.take().context("the server's output is a pipe")?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        let address = address.trim_end().to_owned();
        ensure!(!address.is_empty(), "the server has ended at once");
        let control = Connection::open(&address)?;
        Ok(Self { child, address, control })
    }

    /// Where it listens, such as `127.0.0.1:4711`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Takes the notes: those that follow begin anew.
    pub(crate) fn take_notes(&mut self) -> Result<Notes> {
        Ok(serde_json::from_slice(self.control.get(NOTES)?)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends by itself once its input is closed, should this fail.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
