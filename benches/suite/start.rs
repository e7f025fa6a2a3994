//! Start: from the start of the process to its first HTTP request, and the size of the binary.
//!
//! The first request is the one for a token. It counts once it has arrived whole at the server.

use std::fs;

use anyhow::{Context, Result};

use crate::{
    Bench, clock,
    figures::{Figures, Goal, mebibytes},
    program::{Sandbox, Settings},
    server::{self, Server},
};

/// Measures and tells.
pub(crate) fn run(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let settings = server::Settings::unlimited(1, 500);
    let mut server = Server::start(&settings)?;
    let sandbox = Sandbox::new(
        &bench.binary,
        bench.folder.join("start"),
        &Settings {
            address: server.address(),
            endpoints: &["reservations"],
            page_size: settings.page_size,
            rate_limit: "requests = 0",
            schedule: "0 0 0 * * *",
        },
    )?;
    let (mut fresh, mut existing) = (Vec::new(), Vec::new());
    for _ in 0..bench.samples(11) {
        sandbox.remove_database()?;
        for samples in [&mut fresh, &mut existing] {
            bench.settle();
            let cost = sandbox.run_now()?;
            let first = server.take_notes()?.first_request.context("it has asked for nothing")?;
            samples.push(clock::between(cost.started, first).as_secs_f64() * 1_000.0);
        }
        sandbox.expect_rows("reservations", settings.rows())?;
    }
    let goal = Goal::AtMost(50.0);
    figures.hold("start: to the first request, new database", "ms", goal, fresh);
    figures.hold("start: to the first request, existing database", "ms", goal, existing);
    let size = mebibytes(fs::metadata(&bench.binary)?.len());
    figures.hold("start: size of the binary", "MiB", Goal::AtMost(15.0), vec![size]);
    Ok(())
}
