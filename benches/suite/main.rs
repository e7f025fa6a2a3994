//! The bench suite: what the program costs beside a bare floor in the same run, and where the figures are to be.
//!
//! `cargo bench --locked` runs all of it, `cargo bench --locked -- ingest start` some, and `-- --quick` each once and small, to
//! show that it runs. The table goes to stdout and, with the machine, to `target/bench/figures.json` and `.md`. The exit
//! status tells whether it ran and what was copied is right; no time is judged.
//!
//! The program is `$MAPIQ_SYNC_BIN`, or else the binary that was built with this suite. Server, floor and bare client are
//! this executable again, each in a process of its own.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench is there to print")]

mod child;
mod client;
mod clock;
mod figures;
mod floor;
mod growth;
mod idle;
mod ingest;
mod machine;
mod makespan;
mod program;
mod records;
mod server;
mod start;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::figures::Figures;

/// What a bench is given.
pub(crate) struct Bench {
    /// The program under test.
    binary: PathBuf,
    /// Where files go: on the disk of the build, not in memory.
    folder: PathBuf,
    /// Whether to show only that it runs.
    quick: bool,
}

impl Bench {
    /// Has all written that waits to be, so that none of it falls to what is measured next.
    fn settle(&self) {
        if !self.quick {
            rustix::fs::sync();
        }
    }

    /// How often something is measured.
    fn samples(&self, samples: usize) -> usize {
        if self.quick { 1 } else { samples }
    }
}

type Run = fn(&Bench, &mut Figures) -> Result<()>;

const BENCHES: [(&str, Run); 5] = [
    ("makespan", makespan::run),
    ("ingest", ingest::run),
    ("growth", growth::run),
    ("start", start::run),
    ("idle", idle::run),
];

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", settings] => server::serve(settings)?,
        ["fetch", address, pages, size] => client::fetch(address, pages.parse()?, size.parse()?)?,
        ["floor", address, file, size, rows] => {
            floor::run(address, Path::new(file), size.parse()?, rows.parse()?)?;
        }
        arguments => return suite(arguments),
    }
    Ok(ExitCode::SUCCESS)
}

/// What the arguments choose: whether a quick run, and which benches.
fn chosen<'a>(arguments: &[&'a str]) -> Result<(bool, Vec<&'a str>)> {
    let (mut quick, mut names) = (false, Vec::new());
    for &argument in arguments {
        match argument {
            "--quick" => quick = true,
            // Cargo says so to what it benches.
            "--bench" => {}
            name if BENCHES.iter().any(|(bench, _)| *bench == name) => names.push(name),
            unknown => {
                let benches = BENCHES.map(|(name, _)| name).join(", ");
                bail!("no bench is called `{unknown}`: there are {benches}, and the flag --quick");
            }
        }
    }
    Ok((quick, names))
}

fn suite(arguments: &[&str]) -> Result<ExitCode> {
    let (quick, names) = chosen(arguments)?;
    let binary = env::var_os("MAPIQ_SYNC_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_mapiq-sync").into(), PathBuf::from)
        .canonicalize()
        .context("there is no program to measure")?;
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let folder = target.context("the folder lies in that of the build")?.join("bench");
    // Beside a whole run, not in its way.
    let folder = if quick { folder.join("quick") } else { folder };
    fs::create_dir_all(&folder)?;
    let bench = Bench { binary, folder, quick };
    let machine = machine::describe(&bench.binary, &bench.folder)?;

    let mut figures = Figures::new(!quick);
    let mut failed = Vec::new();
    for (name, run) in BENCHES {
        if !names.is_empty() && !names.contains(&name) {
            continue;
        }
        if let Err(error) = run(&bench, &mut figures) {
            eprintln!("{name}: {error:#}");
            failed.push(name);
        }
        // After each: a run that is broken off keeps what it has.
        let report = json!({ "machine": machine, "failed": failed, "figures": figures.to_json() });
        fs::write(bench.folder.join("figures.json"), format!("{report:#}\n"))?;
        let text = format!("{}\n{}", machine::to_markdown(&machine), figures.to_markdown());
        fs::write(bench.folder.join("figures.md"), text)?;
    }
    print!("{}", figures.to_text());
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
