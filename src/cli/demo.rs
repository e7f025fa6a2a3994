//! `demo`: the whole job against the built-in simulator on loopback, then a question on the file.

use std::{
    fmt::Write,
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    ExitStatus, fail, print_result, run_now,
    table::{Align, table, thousands},
};
use crate::{
    config::{self, Config, Environment},
    simulator::{self, Simulator},
    store,
};

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// The folder for the database (default: a new one in the system's temporary folder)
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The configuration as shipped: what the demo shows is what it does.
const SHIPPED: &str = include_str!("../../config.toml");

/// At 200 a page 45 requests, so that the limit is met twice.
const RESERVATIONS: u64 = 9_000;

/// The documented limit is 20 requests a minute; the demo's minute is this long.
const SCALED_MINUTE: Duration = Duration::from_secs(6);

const QUESTION: &str = "Which weekday fills which building,\nand how many do not turn up?";

const SQL: &str = "\
SELECT workspace_building_name AS building,
       substr('SunMonTueWedThuFriSat', 1 + 3 * strftime('%w', date), 3)
         AS weekday,
       count(*) AS reservations,
       printf('%.1f', 100.0 * sum(status = 'NoShow') / count(*))
         AS no_show_percent
FROM reservations
WHERE status <> 'Cancelled' AND status <> 'Booked'
GROUP BY building, weekday
ORDER BY reservations DESC
LIMIT 8";

/// Runs the demo.
pub(super) async fn run(args: DemoArgs, stop: &CancellationToken) -> ExitStatus {
    match show(args, stop).await {
        Ok(status) => status,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}

async fn show(args: DemoArgs, stop: &CancellationToken) -> Result<ExitStatus> {
    let (folder, made) = if let Some(folder) = args.dir {
        let made = fs::create_dir_all(&folder);
        (folder, made)
    } else {
        // Where others may write too: a new folder of one's own, or none.
        let folder = std::env::temp_dir().join(format!("mapiq-sync-demo-{}", std::process::id()));
        let made = DirBuilder::new().mode(0o700).create(&folder);
        (folder, made)
    };
    made.with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let database = folder.join("mapiq.db");

    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on loopback")?;
    let url = format!("http://{}", listener.local_addr()?);
    let ended = CancellationToken::new();
    let simulator = TaskTracker::new();
    let served = simulator
        .spawn(Simulator::new(simulated()).serve(listener, ended.clone().cancelled_owned()));
    simulator.close();

    print_result(&format!(
        "A simulator of the Mapiq API listens on {url}. It has {}\n\
         reservations, and the documented limit of 20 requests a minute an endpoint, with\n\
         a minute of {} seconds. Now the jobs of the shipped config.toml, once:\n",
        thousands(RESERVATIONS),
        SCALED_MINUTE.as_secs(),
    ))?;
    let config = configured(&url, &database)?;
    let jobs = config.sync.jobs.clone();
    let status = run_now::sync(config, &jobs, store::Trigger::RunNow, stop).await;
    ended.cancel();
    served.await.context("the simulator broke down")?.context("the simulator broke down")?;
    simulator.wait().await;
    if status != ExitStatus::Done {
        return Ok(status);
    }
    print_result(&answered(&database).await?)?;
    Ok(ExitStatus::Done)
}

fn simulated() -> simulator::Settings {
    simulator::Settings {
        reservations: RESERVATIONS,
        requests: 20,
        per: SCALED_MINUTE,
        ..simulator::Settings::default()
    }
}

/// The shipped configuration, with what a demo must change: where the API is, how long its minute is, where the file goes.
fn configured(url: &str, database: &Path) -> Result<Config> {
    let simulated = simulated();
    let settings = [
        ("MAPIQ_CLIENT_ID", simulated.client_id),
        ("MAPIQ_CLIENT_SECRET", simulated.client_secret),
        ("MAPIQ_SYNC__API__BASE_URL", url.to_owned()),
        ("MAPIQ_SYNC__API__TOKEN_URL", format!("{url}{}", simulator::TOKEN_PATH)),
        ("MAPIQ_SYNC__RATE_LIMIT__PER", format!("{}s", SCALED_MINUTE.as_secs())),
        ("MAPIQ_SYNC__DATABASE__PATH", database.display().to_string()),
    ];
    let environment: Environment =
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(config::parse(SHIPPED, Path::new("config.toml"), &environment)?)
}

async fn answered(database: &Path) -> Result<String> {
    let answer = store::query(database, SQL).await?;
    let header: Vec<(&str, Align)> = answer
        .columns
        .iter()
        .map(|name| {
            (
                name.as_str(),
                if matches!(name.as_str(), "building" | "weekday") {
                    Align::Left
                } else {
                    Align::Right
                },
            )
        })
        .collect();
    let mut text = format!("\nA question for the database: {QUESTION}\n\n");
    for line in SQL.lines() {
        writeln!(text, "    {line}")?;
    }
    write!(text, "\n{}", table(&header, &answer.rows))?;
    write!(
        text,
        "\nIt stays at {file}\nAsk on with any SQLite tool, for example:\n\n    sqlite3 -box {file} 'SELECT * FROM _sync_runs'",
        file = database.display()
    )?;
    Ok(text)
}
