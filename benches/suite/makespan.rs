//! Makespan: how much longer than it must a run takes under a limit, without ever meeting it.
//!
//! Three endpoints side by side, each with a limit of its own, one request of each in flight. The server is the suite's own:
//! it counts strictly, at the arrival, in a sliding window. A slot that is free again one period after the response of the
//! request that used it makes the bound: all batches but the last take the period and one latency, the last one as many
//! latencies as it has pages.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{
    Bench, clock,
    figures::{Figures, Goal},
    program::{Sandbox, Settings},
    server::{self, Limit, Server},
};

const ENDPOINTS: [&str; 3] = ["reservations", "check_ins", "parking"];
const LATENCY: Duration = Duration::from_millis(50);

/// The least time in which `pages` can be had, with one request in flight.
fn bound(pages: u32, requests: u32, per: Duration) -> Duration {
    let full = pages.div_ceil(requests).saturating_sub(1);
    (per + LATENCY) * full + LATENCY * (pages - full * requests)
}

/// Measures, checks and tells.
pub(crate) fn run(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let (pages, requests, seconds) = if bench.quick { (8, 4, 1) } else { (100, 20, 6) };
    let per = Duration::from_secs(seconds);
    let bound = bound(pages, requests, per);
    let settings = server::Settings {
        latency: LATENCY,
        limit: Some(Limit { requests: usize::try_from(requests)?, per }),
        ..server::Settings::unlimited(u64::from(pages), 20)
    };
    let (mut spans, mut wholes) = (Vec::new(), Vec::new());
    for _ in 0..bench.samples(5) {
        // A new one each time: its windows are empty.
        let mut server = Server::start(&settings)?;
        let sandbox = Sandbox::new(
            &bench.binary,
            bench.folder.join("makespan"),
            &Settings {
                address: server.address(),
                endpoints: &ENDPOINTS,
                page_size: settings.page_size,
                rate_limit: &format!("requests = {requests}\nper = \"{seconds}s\""),
                schedule: "0 0 0 * * *",
            },
        )?;
        let cost = sandbox.run_now()?;
        let notes = server.take_notes()?;
        ensure!(notes.refused == 0, "{} requests were over the limit", notes.refused);
        let expected = u64::from(pages) * ENDPOINTS.len() as u64;
        ensure!(notes.pages == expected, "{} pages were asked for, not {expected}", notes.pages);
        for endpoint in ENDPOINTS {
            sandbox.expect_rows(endpoint, settings.rows())?;
        }
        let (first, last) =
            notes.first_page.zip(notes.last_page).context("no page was asked for")?;
        let span = clock::between(first, last);
        spans.push(span.div_duration_f64(bound));
        wholes.push(cost.wall().div_duration_f64(bound));
    }
    figures.tell("makespan: the bound", "s", vec![bound.as_secs_f64()]);
    figures.hold("makespan: first request to last response ÷ bound", "", Goal::AtMost(1.02), spans);
    figures.tell("makespan: whole process ÷ bound", "", wholes);
    Ok(())
}
