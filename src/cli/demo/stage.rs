//! What the demo plays on: a simulated company on loopback, and a file.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use chrono::{Days, NaiveDate};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::sentences::Met;
use crate::{
    config::{self, Config, Environment},
    simulator::{self, Simulator, TOKEN_PATH},
    store,
};

/// The configuration as shipped: what the demo shows is what it does.
const SHIPPED: &str = include_str!("../../../config.toml");

/// So many buildings, people, and reservations. At 200 a page the latter are 45 requests, so that the limit is met twice.
pub(super) const BUILDINGS: u64 = 4;
pub(super) const USERS: u64 = 600;
pub(super) const RESERVATIONS: u64 = 9_000;

/// With this seed the buildings are neither empty nor fuller than they can be.
const SEED: u64 = 140;

/// The documented limit, requests a minute; the demo's minute is this long.
pub(super) const REQUESTS: u64 = 20;
pub(super) const SCALED_MINUTE: Duration = Duration::from_secs(4);

/// The failure and the refusal that the first sync meets: the latter lasts long enough to be read on a bar, and other
/// endpoints go on meanwhile.
pub(super) const FAILURE: u16 = 503;
const FAULTS: [&str; 2] = ["/v2/reservations=503,skip=11", "/v2/users=429,skip=1,wait=3"];

/// How much time passes between two syncs, in days.
const STEP_DAYS: u64 = 7;

/// The company, and where its data go.
pub(super) struct Stage {
    /// Where the simulator listens.
    pub(super) url: String,
    /// The file.
    pub(super) database: PathBuf,
    /// The simulated day on which it goes on with the file of an earlier demo.
    pub(super) goes_on_from: Option<NaiveDate>,
    simulator: Simulator,
    /// Ends the simulator, which goes on otherwise.
    ended: CancellationToken,
    served: JoinHandle<io::Result<()>>,
}

impl Stage {
    /// Makes the folder, unless it is there, and starts the simulator.
    pub(super) async fn set(dir: Option<PathBuf>) -> Result<Self> {
        let database = folder(dir)?.join("mapiq.db");
        let listener =
            TcpListener::bind("127.0.0.1:0").await.context("cannot listen on loopback")?;
        let url = format!("http://{}", listener.local_addr()?);
        let simulator = Simulator::new(simulated()?);
        let done = latest_change(&database).await.map(days_done);
        simulator.advance(Duration::from_hours(24 * done.unwrap_or(0)));
        let goes_on_from = done.and_then(|days| {
            simulator::Settings::default().now.date().checked_add_days(Days::new(days))
        });
        let ended = CancellationToken::new();
        let tasks = TaskTracker::new();
        let served =
            tasks.spawn(simulator.clone().serve(listener, ended.clone().cancelled_owned()));
        Ok(Self { url, database, goes_on_from, simulator, ended, served })
    }

    /// The shipped configuration, with what a demo must change: where the API is, how long its minute is, where the file
    /// goes.
    pub(super) fn config(&self) -> Result<Config> {
        let (url, simulated) = (&self.url, simulated()?);
        // As it stands there, it would be relative to systemd's folder for state, where there is one.
        let file = std::path::absolute(&self.database)?;
        let file = file.to_str().with_context(|| {
            format!("the path `{}` is not Unicode text: give another --dir", file.display())
        })?;
        let settings = [
            ("MAPIQ_CLIENT_ID", simulated.client_id),
            ("MAPIQ_CLIENT_SECRET", simulated.client_secret),
            ("MAPIQ_SYNC__API__BASE_URL", url.clone()),
            ("MAPIQ_SYNC__API__TOKEN_URL", format!("{url}{TOKEN_PATH}")),
            ("MAPIQ_SYNC__RATE_LIMIT__PER", format!("{}s", SCALED_MINUTE.as_secs())),
            ("MAPIQ_SYNC__DATABASE__PATH", file.to_owned()),
        ];
        let environment: Environment =
            settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(config::parse(SHIPPED, Path::new("config.toml"), &environment)?)
    }

    /// Lets the company's time go on.
    pub(super) fn let_time_pass(&self) {
        self.simulator.advance(Duration::from_hours(24 * STEP_DAYS));
    }

    /// What the simulator was asked for so far, and what of its records is in the file.
    pub(super) async fn met(&self, config: &Config) -> Result<Met> {
        let mut met = Met::default();
        for endpoint in &config.sync.endpoints {
            let path = &endpoint.path;
            let told = self.simulator.counts(path).zip(self.simulator.records(path));
            let (counts, listed) =
                told.with_context(|| format!("the simulator has no listing `{path}`"))?;
            met.limited += counts.limited;
            met.over_limit += counts.over_limit;
            met.failed += counts.failed;
            met.busiest_minute = met.busiest_minute.max(counts.busiest_window);
            let stored = self.count(&endpoint.name).await?;
            met.listed += listed;
            met.missing += listed.saturating_sub(stored);
            met.no_longer_listed += stored.saturating_sub(listed);
        }
        Ok(met)
    }

    /// How many rows are in the file that are not marked as deleted.
    async fn count(&self, table: &str) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {table} WHERE _deleted_at IS NULL");
        let grid = store::query(&self.database, &sql).await?;
        let count = grid.rows.first().and_then(|row| row.first());
        count.and_then(|count| count.parse().ok()).context("SQLite counts no rows")
    }

    /// Ends the simulator.
    pub(super) async fn clear(self) -> Result<()> {
        self.ended.cancel();
        self.served.await.context("the simulator broke down")?.context("the simulator broke down")
    }
}

/// The folder for the file.
fn folder(dir: Option<PathBuf>) -> Result<PathBuf> {
    let (folder, made) = if let Some(folder) = dir {
        let made = fs::create_dir_all(&folder);
        (folder, made)
    } else {
        // Where others may write too: a new folder of one's own, or none.
        let folder = std::env::temp_dir().join(format!("mapiq-sync-demo-{}", std::process::id()));
        let made = DirBuilder::new().mode(0o700).create(&folder);
        (folder, made)
    };
    made.with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    Ok(folder)
}

/// The company. Its time stands still but when it is put forward, so that each demo shows the same.
fn simulated() -> Result<simulator::Settings> {
    let faults = FAULTS.map(str::parse).into_iter().collect::<Result<_, String>>();
    Ok(simulator::Settings {
        users: USERS,
        buildings: BUILDINGS,
        reservations: RESERVATIONS,
        seed: SEED,
        time_scale: 0.0,
        requests: REQUESTS,
        per: SCALED_MINUTE,
        faults: faults.map_err(anyhow::Error::msg)?,
        ..simulator::Settings::default()
    })
}

/// The day of the latest change in an earlier demo's file. There is none where there is no such file, or where it cannot
/// be read, of which the sync tells more.
async fn latest_change(database: &Path) -> Option<NaiveDate> {
    let latest = "SELECT date(max(coalesce(updated_at, created_at))) FROM reservations";
    let grid = store::query(database, latest).await.ok()?;
    grid.rows.first()?.first()?.parse().ok()
}

/// How many days' changes a file has whose latest is of this day: whole steps, as the latest change may lie a little before
/// the end of one.
fn days_done(latest: NaiveDate) -> u64 {
    let start = simulator::Settings::default().now.date();
    let days = u64::try_from(latest.signed_duration_since(start).num_days()).unwrap_or(0);
    days.next_multiple_of(STEP_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_demo_goes_on_where_the_week_of_the_last_one_ended() {
        let days = ["2026-05-01", "2026-06-30", "2026-07-01", "2026-07-07", "2026-07-08"]
            .map(|day| days_done(day.parse().expect("a date")));
        assert_eq!(days, [0, 0, 7, 7, 14]);
    }
}
