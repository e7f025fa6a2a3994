//! Sweeps and their checkpoints: a plan is fixed when it is made, and a later run finishes it.

use sqlx::{Row, SqliteConnection};

use super::{RunId, Store, StoreError, error::Doing};
use crate::clock::format_utc;

/// One complete reading of an endpoint, as `_sync_sweeps` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SweepId(pub i64);

/// The bounds of a slice, as they are asked; a snapshot has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The lower bound.
    pub lower: Option<String>,
    /// The upper bound.
    pub upper: Option<String>,
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
    /// Takes up the endpoint's open sweep, or begins a new one of the slices given; one that was made with other settings
    /// is given up.
    ///
    /// # Errors
    /// Where the sweep cannot be stored.
    pub async fn open_sweep(
        &self,
        run: RunId,
        endpoint: &str,
        fingerprint: &str,
        plan: &[Bounds],
    ) -> Result<Sweep, StoreError> {
        let doing = "open a sweep";
        let now = format_utc(self.clock.now().wall);
        let mut writer = self.writer.lock().await;
        let mut transaction = writer.begin(doing).await?;
        let sweep = open(&mut transaction, endpoint, fingerprint, plan, &now).await.doing(doing)?;
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
        let mut writer = self.writer.lock().await;
        supersede(&mut writer.connection, sweep.0, &now).await.doing("give a sweep up")
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
    .execute(connection)
    .await?;
    Ok(())
}

async fn open(
    connection: &mut SqliteConnection,
    endpoint: &str,
    fingerprint: &str,
    plan: &[Bounds],
    now: &str,
) -> Result<Sweep, sqlx::Error> {
    let left = sqlx::query(
        "SELECT sweep_id, fingerprint FROM _sync_sweeps WHERE endpoint = ? AND finished_at IS NULL",
    )
    .bind(endpoint)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(left) = left else {
        return begin(connection, endpoint, fingerprint, plan, Origin::New, now).await;
    };
    let (id, made_with): (i64, String) = (left.try_get(0)?, left.try_get(1)?);
    if made_with == fingerprint {
        let slices = unfinished(connection, id).await?;
        return Ok(Sweep { id: SweepId(id), slices, origin: Origin::Resumed });
    }
    supersede(connection, id, now).await?;
    begin(connection, endpoint, fingerprint, plan, Origin::Replaced { fingerprint: made_with }, now)
        .await
}

async fn begin(
    connection: &mut SqliteConnection,
    endpoint: &str,
    fingerprint: &str,
    plan: &[Bounds],
    origin: Origin,
    now: &str,
) -> Result<Sweep, sqlx::Error> {
    let inserted = sqlx::query(
        "INSERT INTO _sync_sweeps (endpoint, fingerprint, started_at) VALUES (?, ?, ?)",
    )
    .bind(endpoint)
    .bind(fingerprint)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    let id = inserted.last_insert_rowid();
    for (number, bounds) in (0_i64..).zip(plan) {
        sqlx::query("INSERT INTO _sync_checkpoints (sweep_id, slice, lower, upper, updated_at) VALUES (?, ?, ?, ?, ?)")
            .bind(id)
            .bind(number)
            .bind(&bounds.lower)
            .bind(&bounds.upper)
            .bind(now)
            .execute(&mut *connection)
            .await?;
    }
    let slices = unfinished(connection, id).await?;
    Ok(Sweep { id: SweepId(id), slices, origin })
}

async fn unfinished(
    connection: &mut SqliteConnection,
    sweep: i64,
) -> Result<Vec<Slice>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT slice, lower, upper, state, pages FROM _sync_checkpoints WHERE sweep_id = ? AND finished_at IS NULL ORDER BY slice",
    )
    .bind(sweep)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Slice {
                number: row.try_get(0)?,
                bounds: Bounds { lower: row.try_get(1)?, upper: row.try_get(2)? },
                state: row.try_get(3)?,
                pages: u64::try_from(row.try_get::<i64, _>(4)?).unwrap_or(0),
            })
        })
        .collect()
}
