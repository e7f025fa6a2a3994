//! Sweeps and their checkpoints: a plan is fixed when it is made, and a later run finishes it.

use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::{Row, SqliteConnection};

use super::{
    Reading, RunId, Store, StoreError,
    coverage::{self, moment},
    error::Doing,
    history, missing,
};
use crate::clock::format_utc;

/// One complete reading of an endpoint, as `_sync_sweeps` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SweepId(pub i64);

/// What a slice asks for: the bounds are local date-times that are sorted as text; a snapshot has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The lower bound.
    pub lower: Option<String>,
    /// The upper bound, which the slice ends just before.
    pub upper: Option<String>,
    /// The moment since when changes are asked for; `None`: everything is.
    pub since: Option<DateTime<Utc>>,
}

/// A sweep that is to be begun, or taken up where an earlier run has left one open that was planned with these settings.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'p> {
    /// The settings that it depends on.
    pub fingerprint: &'p str,
    /// The dates of a backfill, which is a sweep of its own; only the same dates take it up.
    pub backfill: Option<Dates>,
    /// What it asks for.
    pub slices: &'p [Bounds],
    /// Whether it is to be judged which rows of its endpoint are missing: by a sweep that asks for everything.
    pub judges: bool,
    /// Whether it is noted at its end what it has covered.
    pub covers: bool,
    /// Whether what is known by earlier sweeps is of no use from now on.
    pub forgets: bool,
}

impl Plan<'_> {
    /// The moment since when it asks for changes; `None`: it asks for everything.
    fn since(&self) -> Option<DateTime<Utc>> {
        self.slices.iter().filter_map(|slice| slice.since).min()
    }
}

/// The dates that a backfill asks for, both included; shown and stored as `2026-01-01/2026-03-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    /// The first one.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
}

impl fmt::Display for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.from, self.to)
    }
}

/// A slice of a sweep that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its number within the sweep.
    pub number: i64,
    /// What it asks for.
    pub bounds: Bounds,
    /// Where its pagination stands; `None`: nothing asked yet.
    pub state: Option<String>,
    /// Pages stored so far.
    pub pages: u64,
}

/// A sweep to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Its number.
    pub id: SweepId,
    /// What is left of it, in order.
    pub slices: Vec<Slice>,
    /// How it came to be.
    pub origin: Origin,
    /// Pages stored so far, those of finished slices included.
    pub pages: u64,
    /// When the last of them was stored, or else the sweep begun, by the wall clock; nothing where that cannot be read.
    pub moved_at: Option<DateTime<Utc>>,
    /// Where its plan ends: the last upper bound, that of a finished slice included.
    pub end: Option<String>,
    /// The moment since when it asks for changes, at least of some dates; `None`: it asks for everything.
    pub since: Option<DateTime<Utc>>,
    /// What its pages are remembered for.
    pub reading: Reading,
    /// How wide its slices are, once the API has refused wider ones.
    pub width: Option<TimeDelta>,
}

/// How a sweep came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// There was no open one.
    New,
    /// An earlier run left it open.
    Resumed,
    /// An earlier run left one open that was made with other settings, given here as they were.
    Replaced {
        /// The fingerprint of the sweep that was given up.
        fingerprint: String,
    },
}

impl Store {
    /// Takes up the endpoint's open sweep, or begins a new one as planned; one that was made with other settings is given up.
    /// A new one is remembered, if it is to be judged by it which rows are missing; one that was not remembered from its
    /// first page on cannot be.
    ///
    /// # Errors
    /// Where the sweep cannot be stored.
    pub async fn open_sweep(
        &self,
        run: RunId,
        endpoint: &str,
        plan: &Plan<'_>,
    ) -> Result<Sweep, StoreError> {
        let doing = "open a sweep";
        let now = self.clock.now();
        let stamp = format_utc(now.wall);
        let wanted = Wanted {
            endpoint,
            plan,
            backfill: plan.backfill.map(|dates| dates.to_string()),
            now: &stamp,
            kept_from: format_utc(now.wall - TimeDelta::days(history::DAYS)),
            now_ns: now.boot.as_nanos(),
            boot_id: self.clock.boot_id(),
        };
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(doing).await?;
        let sweep = open(&mut transaction, &wanted).await.doing(doing)?;
        sqlx::query(
            "UPDATE _sync_endpoint_runs SET sweep_id = ? WHERE run_id = ? AND endpoint = ?",
        )
        .bind(sweep.id.0)
        .bind(run.0)
        .bind(endpoint)
        .execute(&mut *transaction)
        .await
        .doing(doing)?;
        transaction.commit().await.doing(doing)?;
        Ok(sweep)
    }

    /// Gives a sweep up: the next one starts over.
    ///
    /// # Errors
    /// Where that cannot be stored.
    pub async fn abandon_sweep(&self, sweep: SweepId) -> Result<(), StoreError> {
        let now = format_utc(self.clock.now().wall);
        let doing = "give a sweep up";
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(doing).await?;
        supersede(&mut transaction, sweep.0, &now).await.doing(doing)?;
        transaction.commit().await.doing(doing)
    }
}

async fn supersede(
    connection: &mut SqliteConnection,
    sweep: i64,
    now: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE _sync_sweeps SET finished_at = ?, result = 'superseded' WHERE sweep_id = ?",
    )
    .bind(now)
    .bind(sweep)
    .execute(&mut *connection)
    .await?;
    let endpoint: String =
        sqlx::query_scalar("SELECT endpoint FROM _sync_sweeps WHERE sweep_id = ?")
            .bind(sweep)
            .fetch_one(&mut *connection)
            .await?;
    missing::drop_unjudged(connection, &endpoint).await
}

/// What a sweep is to be.
struct Wanted<'w> {
    endpoint: &'w str,
    plan: &'w Plan<'w>,
    backfill: Option<String>,
    now: &'w str,
    /// Since when sweeps are kept that are over.
    kept_from: String,
    now_ns: i64,
    boot_id: &'w str,
}

async fn open(
    connection: &mut SqliteConnection,
    wanted: &Wanted<'_>,
) -> Result<Sweep, sqlx::Error> {
    // What was asked once more, and is left unfinished, the next read decides as well: it asks for all of it again.
    sqlx::query(
        "UPDATE _sync_sweeps SET finished_at = ?, result = 'superseded' WHERE endpoint = ? AND read = 2 AND finished_at IS NULL",
    )
    .bind(wanted.now)
    .bind(wanted.endpoint)
    .execute(&mut *connection)
    .await?;
    missing::drop_unjudged(connection, wanted.endpoint).await?;
    let left = sqlx::query(
        "SELECT sweep_id, fingerprint, judges FROM _sync_sweeps WHERE endpoint = ? AND backfill IS ? AND finished_at IS NULL",
    )
    .bind(wanted.endpoint)
    .bind(&wanted.backfill)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(left) = left else {
        return begin(connection, wanted, Origin::New).await;
    };
    let (id, made_with): (i64, String) = (left.try_get(0)?, left.try_get(1)?);
    if made_with == wanted.plan.fingerprint {
        if left.try_get::<bool, _>(2)? && !wanted.plan.judges {
            missing::do_not_judge(connection, id, wanted.endpoint).await?;
        }
        return load(connection, id, Origin::Resumed).await;
    }
    supersede(connection, id, wanted.now).await?;
    begin(connection, wanted, Origin::Replaced { fingerprint: made_with }).await
}

async fn begin(
    connection: &mut SqliteConnection,
    wanted: &Wanted<'_>,
    origin: Origin,
) -> Result<Sweep, sqlx::Error> {
    let plan = wanted.plan;
    let since = plan.since();
    let inserted = sqlx::query(
        "INSERT INTO _sync_sweeps (endpoint, fingerprint, backfill, judges, since, covers, started_at, started_ns, boot_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(wanted.endpoint)
    .bind(plan.fingerprint)
    .bind(&wanted.backfill)
    .bind(plan.judges && since.is_none())
    .bind(since.map(format_utc))
    .bind(plan.covers)
    .bind(wanted.now)
    .bind(wanted.now_ns)
    .bind(wanted.boot_id)
    .execute(&mut *connection)
    .await?;
    let id = inserted.last_insert_rowid();
    history::drop_sweeps(connection, wanted.endpoint, &wanted.kept_from).await?;
    if !plan.judges {
        // It may return them, and nobody will know.
        missing::forget(connection, wanted.endpoint).await?;
    }
    if plan.forgets {
        coverage::forget(connection, wanted.endpoint).await?;
    }
    add_slices(connection, id, 0, plan.slices, wanted.now).await?;
    load(connection, id, origin).await
}

/// Adds slices to a sweep; the first one gets the number given.
pub(super) async fn add_slices(
    connection: &mut SqliteConnection,
    sweep: i64,
    first: i64,
    slices: &[Bounds],
    now: &str,
) -> Result<(), sqlx::Error> {
    for (number, bounds) in (first..).zip(slices) {
        sqlx::query("INSERT INTO _sync_checkpoints (sweep_id, slice, lower, upper, since, updated_at) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(sweep)
            .bind(number)
            .bind(&bounds.lower)
            .bind(&bounds.upper)
            .bind(bounds.since.map(format_utc))
            .bind(now)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Reads a sweep.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    id: i64,
    origin: Origin,
) -> Result<Sweep, sqlx::Error> {
    let whole = sqlx::query(
        "SELECT coalesce(sum(pages), 0), max(upper), width_ms, coalesce(max(updated_at) FILTER (WHERE pages > 0 OR c.finished_at IS NOT NULL), started_at), judges, read, _sync_sweeps.since \
         FROM _sync_sweeps LEFT JOIN _sync_checkpoints AS c USING (sweep_id) WHERE sweep_id = ?1",
    )
    .bind(id)
    .fetch_one(&mut *connection)
    .await?;
    Ok(Sweep {
        id: SweepId(id),
        slices: unfinished(connection, id).await?,
        origin,
        pages: u64::try_from(whole.try_get::<i64, _>(0)?).unwrap_or(0),
        moved_at: moment(&whole, 3)?,
        end: whole.try_get(1)?,
        since: moment(&whole, 6)?,
        reading: match (whole.try_get(4)?, whole.try_get(5)?, moment(&whole, 6)?) {
            (false, _, Some(_)) => Reading::Changes,
            (false, _, None) => Reading::Unjudged,
            (true, 2_i64, _) => Reading::Second,
            (true, _, _) => Reading::First,
        },
        width: whole.try_get::<Option<i64>, _>(2)?.map(TimeDelta::milliseconds),
    })
}

/// What is left of a sweep, in order.
pub(super) async fn unfinished(
    connection: &mut SqliteConnection,
    sweep: i64,
) -> Result<Vec<Slice>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT slice, lower, upper, since, state, pages FROM _sync_checkpoints WHERE sweep_id = ? AND finished_at IS NULL ORDER BY slice",
    )
    .bind(sweep)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Slice {
                number: row.try_get(0)?,
                bounds: Bounds {
                    lower: row.try_get(1)?,
                    upper: row.try_get(2)?,
                    since: moment(row, 3)?,
                },
                state: row.try_get(4)?,
                pages: u64::try_from(row.try_get::<i64, _>(5)?).unwrap_or(0),
            })
        })
        .collect()
}
