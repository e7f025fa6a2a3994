//! Growth: whether a table that is a hundred times as long is filled as fast, and in as much memory.
//!
//! First syncs into a new file, and then second ones, in which nothing has changed. The rate is from the arrival of the request for the first page to the end of the process,
//! so that neither its start nor the token counts, which a short table would feel most, but the closing of the file does.
//! The shortest is over so soon that a sample is made of several. The floor beside it tells what the longer index costs
//! anybody: its keys are met all over.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{
    Bench,
    child::Cost,
    clock,
    figures::{Figures, Goal, mebibytes, number, rate, real},
    floor::{self, Rows},
    program::{self, Sandbox, Settings},
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
    floor: Samples,
    program: Samples,
    unchanged: Samples,
}

/// Rows a second, and the most memory.
#[derive(Default)]
struct Samples {
    rates: Vec<f64>,
    peaks: Vec<f64>,
}

impl Samples {
    fn add(&mut self, rows: u64, syncs: &[(Duration, u64)]) {
        let spent: Duration = syncs.iter().map(|(spent, _)| *spent).sum();
        let peak = syncs.iter().map(|(_, peak)| *peak).max().unwrap_or(0);
        self.rates.push(rate(rows * syncs.len() as u64, spent));
        self.peaks.push(mebibytes(peak));
    }
}

impl Length {
    fn new(pages: u64, syncs: u64, every: usize) -> Self {
        let (floor, program, unchanged) = Default::default();
        Self { pages, syncs, every, floor, program, unchanged }
    }

    /// Its rows, as they are named in a figure.
    fn rows(&self) -> String {
        number(real(self.pages * PAGE_SIZE))
    }

    /// Takes a sample of floor and program each.
    fn measure(&mut self, bench: &Bench) -> Result<()> {
        let settings = server::Settings::unlimited(self.pages, PAGE_SIZE);
        // As many as are kept ready in a quick run are too few for its longest: identifiers are set anew there, too.
        let settings =
            if bench.quick { server::Settings { ready: 2, ..settings } } else { settings };
        let mut server = Server::start(&settings)?;
        let folder = bench.folder.join("growth");
        let floor_file = folder.join("floor.db");
        let sandbox = Sandbox::new(
            &bench.binary,
            folder,
            &Settings {
                address: server.address(),
                endpoints: &["reservations"],
                page_size: PAGE_SIZE,
                rate_limit: "requests = 0",
                schedule: "0 0 0 * * *",
            },
        )?;
        let (mut floor, mut program, mut unchanged) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.syncs {
            bench.settle();
            let cost = floor::measure(server.address(), &floor_file, PAGE_SIZE, Rows::Written)?;
            floor.push((since_first_page(&cost, &mut server, &settings)?, cost.peak));
            program::remove_database(&floor_file)?;

            bench.settle();
            let cost = sandbox.run_now()?;
            program.push((since_first_page(&cost, &mut server, &settings)?, cost.peak));
            sandbox.expect_rows("reservations", settings.rows())?;

            bench.settle();
            let cost = sandbox.run_now()?;
            unchanged.push((since_first_page(&cost, &mut server, &settings)?, cost.peak));
            sandbox.expect_rows("reservations", settings.rows())?;
            sandbox.remove_database()?;
        }
        self.floor.add(settings.rows(), &floor);
        self.program.add(settings.rows(), &program);
        self.unchanged.add(settings.rows(), &unchanged);
        Ok(())
    }
}

/// From the arrival of the request for the first page to the end of the process, which must have asked for each once.
fn since_first_page(
    cost: &Cost,
    server: &mut Server,
    settings: &server::Settings,
) -> Result<Duration> {
    let notes = server.take_notes()?;
    let (asked, pages) = (notes.pages, settings.pages);
    ensure!(asked == pages, "{asked} pages were asked for, not {pages}");
    let first = notes.first_page.context("no page was asked for")?;
    Ok(clock::between(first, cost.ended))
}

/// Measures, checks and tells.
pub(crate) fn run(bench: &Bench, figures: &mut Figures) -> Result<()> {
    // The longest takes minutes: three times must do.
    let mut lengths = if bench.quick {
        [Length::new(1, 2, 1), Length::new(2, 1, 1), Length::new(6, 1, 1)]
    } else {
        [Length::new(40, 5, 1), Length::new(400, 1, 1), Length::new(4_000, 1, 2)]
    };
    let (mut floors, mut slowdowns, mut swellings) = (Vec::new(), Vec::new(), Vec::new());
    let mut unchanged = Vec::new();
    for round in 0..bench.samples(5) {
        for length in &mut lengths {
            if round.is_multiple_of(length.every) {
                eprintln!("growth: round {}, {} rows", round + 1, length.rows());
                length.measure(bench)?;
            }
        }
        let [short, _, long] = &lengths;
        if round.is_multiple_of(long.every) {
            let latest = |samples: &[f64]| samples.last().copied().unwrap_or(f64::NAN);
            floors.push(latest(&long.floor.rates) / latest(&short.floor.rates));
            slowdowns.push(latest(&long.program.rates) / latest(&short.program.rates));
            unchanged.push(latest(&long.unchanged.rates) / latest(&short.unchanged.rates));
            let peaks = || {
                let samples =
                    lengths.iter().flat_map(|length| [&length.program, &length.unchanged]);
                samples.map(|samples| latest(&samples.peaks))
            };
            swellings.push(peaks().fold(0.0, f64::max) / peaks().fold(f64::INFINITY, f64::min));
        }
    }
    let [short, .., long] = &lengths;
    let slowdown = format!("{} ÷ {} rows", long.rows(), short.rows());
    for length in &lengths {
        let name = format!("growth: {} rows", length.rows());
        figures.tell(format!("{name}, floor"), "rows/s", length.floor.rates.clone());
        figures.tell(format!("{name}, program"), "rows/s", length.program.rates.clone());
        let peaks = length.program.peaks.clone();
        figures.tell(format!("{name}, program, peak memory"), "MiB", peaks);
        let rates = length.unchanged.rates.clone();
        figures.tell(format!("{name}, program, unchanged"), "rows/s", rates);
    }
    figures.tell(format!("growth: {slowdown}, floor"), "", floors);
    let name = format!("growth: {slowdown}, program");
    figures.hold(name, "", Goal::AtLeast(0.8), slowdowns);
    let name = format!("growth: {slowdown}, program, unchanged");
    figures.hold(name, "", Goal::AtLeast(0.8), unchanged);
    let name = "growth: program, peak memory, largest ÷ smallest";
    figures.hold(name, "", Goal::AtMost(1.1), swellings);
    Ok(())
}
