//! Ingest: how fast a listing is copied where no limit slows it, beside a bare loop that does nothing but copy.
//!
//! Floor and program take turns on the same server. A first sync finds no file, a second one finds that nothing has changed.
//! Each is a whole process, from its start to its end. The floor of a second sync has a file of its own, whose rows have
//! their hashes beside them: the floor of a first one is not to pay for these.

use std::fs;

use anyhow::{Result, ensure};

use crate::{
    Bench,
    child::{self, Cost},
    figures::{Figures, Goal, mebibytes, rate, real},
    floor::{self, Rows},
    program::{self, Sandbox},
    server::{self, Server},
};

const PAGE_SIZE: u64 = 500;

/// What floor and program have cost: a sample a round, at the same place in both.
#[derive(Default)]
struct Costs {
    floor: Vec<Cost>,
    program: Vec<Cost>,
}

/// Measures, checks and tells.
pub(crate) fn run(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let settings = server::Settings::unlimited(if bench.quick { 4 } else { 400 }, PAGE_SIZE);
    let rows = settings.rows();
    let mut server = Server::start(&settings)?;
    let folder = bench.folder.join("ingest");
    let sandbox = Sandbox::new(
        &bench.binary,
        folder.clone(),
        &program::Settings {
            address: server.address(),
            endpoints: &["reservations"],
            page_size: PAGE_SIZE,
            rate_limit: "requests = 0",
            schedule: "0 0 0 * * *",
        },
    )?;
    let (bare, hashed) = (folder.join("floor.db"), folder.join("hashed.db"));
    floor::measure(server.address(), &hashed, PAGE_SIZE, Rows::Compared)?;

    let (mut serving, mut first, mut second) = (Vec::new(), Costs::default(), Costs::default());
    for round in 0..bench.samples(7) {
        eprintln!("ingest: round {}", round + 1);
        serving.push(fetch(&server, &settings)?);

        program::remove_database(&bare)?;
        sandbox.remove_database()?;
        bench.settle();
        first.floor.push(floor::measure(server.address(), &bare, PAGE_SIZE, Rows::Written)?);
        bench.settle();
        first.program.push(run_program(&sandbox, &mut server, &settings)?);
        sandbox.expect_rows("reservations", rows)?;
        let stored = || program::digest(&sandbox.database(), "rowid, *", "rowid");
        let before = stored()?;

        bench.settle();
        second.floor.push(floor::measure(server.address(), &hashed, PAGE_SIZE, Rows::Compared)?);
        bench.settle();
        second.program.push(run_program(&sandbox, &mut server, &settings)?);
        let unchanged = sandbox.number("SELECT sum(rows_unchanged) FROM _sync_endpoint_runs")?;
        ensure!(unchanged == rows, "{unchanged} rows were found unchanged, not {rows}");
        ensure!(
            before == stored()?,
            "a second sync has changed rows although no record had changed"
        );
    }
    // Both have copied the same: rows, columns, values and their types.
    let columns = floor::COLUMNS.map(|(name, _)| name).join(", ");
    let copied = program::digest(&sandbox.database(), &columns, "id")?;
    for floor in [&bare, &hashed] {
        let floors = program::digest(floor, &columns, "id")?;
        ensure!(copied == floors, "program and floor have copied something else");
    }

    figures.tell("ingest: the server, bare client", "rows/s", serving);
    first.tell("ingest: first sync", rows, figures);
    second.tell("ingest: second sync", rows, figures);
    for (who, database) in [("floor", &bare), ("program", &sandbox.database())] {
        let size = real(fs::metadata(database)?.len()) / real(rows);
        figures.tell(format!("ingest: file, {who}"), "bytes/row", vec![size]);
    }
    Ok(())
}

impl Costs {
    fn tell(&self, sync: &str, rows: u64, figures: &mut Figures) {
        for (who, costs) in [("floor", &self.floor), ("program", &self.program)] {
            let each = |what: &dyn Fn(&Cost) -> f64| costs.iter().map(what).collect::<Vec<f64>>();
            let name = format!("{sync}, {who}");
            figures.tell(name.clone(), "rows/s", each(&|cost| rate(rows, cost.wall())));
            figures.tell(format!("{name}, processor"), "s", each(&|cost| cost.cpu.as_secs_f64()));
            let written = each(&|cost| real(cost.written) / real(rows));
            figures.tell(format!("{name}, written"), "bytes/row", written);
            let (peak, peaks) =
                (format!("{name}, peak memory"), each(&|cost| mebibytes(cost.peak)));
            match who {
                "program" => figures.hold(peak, "MiB", Goal::AtMost(30.0), peaks),
                _ => figures.tell(peak, "MiB", peaks),
            }
        }
        // The same rows in both: the rates are to each other as the times, turned round.
        let pairs = self.floor.iter().zip(&self.program);
        let ratios = pairs.map(|(floor, program)| floor.wall().div_duration_f64(program.wall()));
        figures.hold(format!("{sync}, program ÷ floor"), "", Goal::AtLeast(0.6), ratios.collect());
    }
}

/// Runs the bare client; how many rows a second have come in.
fn fetch(server: &Server, settings: &server::Settings) -> Result<f64> {
    let (pages, size) = (settings.pages.to_string(), settings.page_size.to_string());
    let cost = child::measure_role(&["fetch", server.address(), &pages, &size])?;
    Ok(rate(settings.rows(), cost.wall()))
}

/// Runs the program, which must ask for every page once.
fn run_program(
    sandbox: &Sandbox,
    server: &mut Server,
    settings: &server::Settings,
) -> Result<Cost> {
    // Those of the floor before it.
    server.take_notes()?;
    let cost = sandbox.run_now()?;
    let asked = server.take_notes()?.pages;
    ensure!(asked == settings.pages, "{asked} pages were asked for, not {}", settings.pages);
    Ok(cost)
}
