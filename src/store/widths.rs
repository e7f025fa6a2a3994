//! How wide the slices of a window are: plans that grow, plans that are cut anew, and what was learnt of it.

use chrono::TimeDelta;
use sqlx::{Row, SqliteConnection};

use super::{
    Bounds, Slice, Store, StoreError, SweepId,
    error::Doing,
    sweeps::{add_slices, unfinished},
};
use crate::clock::format_utc;

/// How wide a slice an endpoint's API takes, as an earlier sweep has learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearntWidth {
    /// The settings of that sweep.
    pub fingerprint: String,
    /// The width.
    pub width: TimeDelta,
}

impl Store {
    /// What earlier sweeps of an endpoint have learnt.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn learnt_width(&self, endpoint: &str) -> Result<Option<LearntWidth>, StoreError> {
        let mut writer = self.writer().await?;
        of(&mut writer.connection, endpoint).await.doing("read how wide a slice may be")
    }

    /// Adds slices at the end of an open sweep; gives all that is left of it.
    ///
    /// # Errors
    /// Where they cannot be stored.
    pub async fn extend_sweep(
        &self,
        sweep: SweepId,
        slices: &[Bounds],
    ) -> Result<Vec<Slice>, StoreError> {
        let doing = "extend a sweep";
        let now = format_utc(self.clock.now().wall);
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(doing).await?;
        let first: i64 = sqlx::query_scalar(
            "SELECT coalesce(max(slice) + 1, 0) FROM _sync_checkpoints WHERE sweep_id = ?",
        )
        .bind(sweep.0)
        .fetch_one(&mut *transaction)
        .await
        .doing(doing)?;
        add_slices(&mut transaction, sweep.0, first, slices, &now).await.doing(doing)?;
        let left = unfinished(&mut transaction, sweep.0).await.doing(doing)?;
        transaction.commit().await.doing(doing)?;
        Ok(left)
    }

    /// Puts other slices, no wider than `width`, in the place of all that is left of a sweep, of which nothing was read yet;
    /// gives what is left then.
    ///
    /// # Errors
    /// Where they cannot be stored.
    pub async fn recut_sweep(
        &self,
        sweep: SweepId,
        slices: &[Bounds],
        width: TimeDelta,
    ) -> Result<Vec<Slice>, StoreError> {
        let doing = "cut the rest of a sweep anew";
        let now = format_utc(self.clock.now().wall);
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(doing).await?;
        let first: Option<i64> = sqlx::query_scalar(
            "SELECT min(slice) FROM _sync_checkpoints WHERE sweep_id = ? AND finished_at IS NULL",
        )
        .bind(sweep.0)
        .fetch_one(&mut *transaction)
        .await
        .doing(doing)?;
        sqlx::query("DELETE FROM _sync_checkpoints WHERE sweep_id = ? AND finished_at IS NULL")
            .bind(sweep.0)
            .execute(&mut *transaction)
            .await
            .doing(doing)?;
        let first = first.unwrap_or(0);
        add_slices(&mut transaction, sweep.0, first, slices, &now).await.doing(doing)?;
        sqlx::query("UPDATE _sync_sweeps SET width_ms = ? WHERE sweep_id = ?")
            .bind(width.num_milliseconds())
            .bind(sweep.0)
            .execute(&mut *transaction)
            .await
            .doing(doing)?;
        let left = unfinished(&mut transaction, sweep.0).await.doing(doing)?;
        transaction.commit().await.doing(doing)?;
        Ok(left)
    }
}

/// What earlier sweeps of an endpoint have learnt.
pub(super) async fn of(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<Option<LearntWidth>, sqlx::Error> {
    let learnt = sqlx::query("SELECT fingerprint, width_ms FROM _sync_widths WHERE endpoint = ?")
        .bind(endpoint)
        .fetch_optional(connection)
        .await?;
    let Some(learnt) = learnt else { return Ok(None) };
    Ok(Some(LearntWidth {
        fingerprint: learnt.try_get(0)?,
        width: TimeDelta::milliseconds(learnt.try_get(1)?),
    }))
}

/// Notes how wide the slices of a sweep were in the end, once all of it is read: a width that was only tried proves nothing,
/// and where a wider slice was read before, it was not its width that the API refused another one for.
pub(super) async fn learn(
    connection: &mut SqliteConnection,
    sweep: SweepId,
    now: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO _sync_widths (endpoint, fingerprint, width_ms, learnt_at) \
         SELECT endpoint, fingerprint, width_ms, ?1 FROM _sync_sweeps WHERE sweep_id = ?2 AND result = 'complete' AND width_ms IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM _sync_checkpoints WHERE sweep_id = ?2 AND (julianday(upper) - julianday(lower)) * 86400000 > width_ms + 500) \
         ON CONFLICT (endpoint) DO UPDATE SET fingerprint = excluded.fingerprint, width_ms = excluded.width_ms, learnt_at = excluded.learnt_at",
    )
    .bind(now)
    .bind(sweep.0)
    .execute(connection)
    .await?;
    Ok(())
}
