//! Growth: whether a table that is a hundred times as long is filled as fast, and in as much memory.
//!
//! First syncs into a new file. The rate is from the arrival of the request for the first page to the end of the process,
//! so that neither its start nor the token counts, which a short table would feel most, but the closing of the file does.
//! The shortest is over so soon that a sample is made of several.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::{
    Bench, clock,
    figures::{Figures, Goal, mebibytes, number, rate, real},
    program::{Sandbox, Settings},
    server::{self, Server},
};

const PAGE_SIZE: u64 = 500;

/// A length of the table, and what was measured at it.
struct Length {
    pages: u64,
    /// Syncs that make one sample.
    syncs: u64,
    /// Every so many rounds it takes part.
    every: usize,
    rates: Vec<f64>,
    peaks: Vec<f64>,
}

impl Length {
    fn new(pages: u64, syncs: u64, every: usize) -> Self {
        Self { pages, syncs, every, rates: Vec::new(), peaks: Vec::new() }
    }

    /// Its rows, as they are named in a figure.
    fn rows(&self) -> String {
        number(real(self.pages * PAGE_SIZE))
    }

    /// Takes a sample.
    fn measure(&mut self, bench: &Bench) -> Result<()> {
        let settings = server::Settings::unlimited(self.pages, PAGE_SIZE);
        // As many as are kept ready in a quick run are too few for its longest: identifiers are set anew there, too.
        let settings =
            if bench.quick { server::Settings { ready: 2, ..settings } } else { settings };
        let mut server = Server::start(&settings)?;
        let sandbox = Sandbox::new(
            &bench.binary,
            bench.folder.join("growth"),
            &Settings {
                address: server.address(),
                endpoints: &["reservations"],
                page_size: PAGE_SIZE,
                rate_limit: "requests = 0",
                schedule: "0 0 0 * * *",
            },
        )?;
        let (mut spent, mut peak) = (Duration::ZERO, 0);
        for _ in 0..self.syncs {
            sandbox.remove_database()?;
            bench.settle();
            let cost = sandbox.run_now()?;
            let first = server.take_notes()?.first_page.context("it has asked for no page")?;
            sandbox.expect_rows("reservations", settings.rows())?;
            spent += clock::between(first, cost.ended);
            peak = peak.max(cost.peak);
        }
        sandbox.remove_database()?;
        self.rates.push(rate(settings.rows() * self.syncs, spent));
        self.peaks.push(mebibytes(peak));
        Ok(())
    }
}

/// Measures, checks and tells.
pub(crate) fn run(bench: &Bench, figures: &mut Figures) -> Result<()> {
    // The longest takes minutes: three times must do.
    let mut lengths = if bench.quick {
        [Length::new(1, 2, 1), Length::new(2, 1, 1), Length::new(6, 1, 1)]
    } else {
        [Length::new(40, 5, 1), Length::new(400, 1, 1), Length::new(4_000, 1, 2)]
    };
    let (mut slowdowns, mut swellings) = (Vec::new(), Vec::new());
    for round in 0..bench.samples(5) {
        eprintln!("growth: round {}", round + 1);
        for length in &mut lengths {
            if round.is_multiple_of(length.every) {
                length.measure(bench)?;
            }
        }
        let [short, _, long] = &lengths;
        if round.is_multiple_of(long.every) {
            let latest = |samples: &[f64]| samples.last().copied().unwrap_or(f64::NAN);
            slowdowns.push(latest(&long.rates) / latest(&short.rates));
            let peaks = || lengths.iter().map(|length| latest(&length.peaks));
            swellings.push(peaks().fold(0.0, f64::max) / peaks().fold(f64::INFINITY, f64::min));
        }
    }
    let [short, .., long] = &lengths;
    let slowdown = format!("growth: {} ÷ {} rows", long.rows(), short.rows());
    for length in &lengths {
        figures.tell(format!("growth: {} rows", length.rows()), "rows/s", length.rates.clone());
    }
    figures.hold(slowdown, "", Goal::AtLeast(0.8), slowdowns);
    for length in &lengths {
        let name = format!("growth: {} rows, peak memory", length.rows());
        figures.tell(name, "MiB", length.peaks.clone());
    }
    let name = "growth: peak memory, largest ÷ smallest";
    figures.hold(name, "", Goal::AtMost(1.1), swellings);
    Ok(())
}
